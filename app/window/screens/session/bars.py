"""Top bar (who, what from, what to), notices, and the bar of actions at the bottom."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QWidget

from app.session.snapshot import Snapshot
from app.window import words
from app.window.parts.pieces import Button, Chip, Elided, KeyHint, Notice, Text, row
from app.window.theme import DARK, Look, font
from devices.sources.source import SourceInfo

_SOURCE_DOTS = {
    "streaming": ("●", "good"),
    "connecting": ("◌", "text2"),
    "stalled": ("◐", "fair"),
    "lost": ("○", "poor"),
    "closed": ("○", "text2"),
}


class Actions(Protocol):
    """What the controls of the screen do."""

    def pause(self) -> None:
        """Pause or resume."""

    def next(self) -> None:
        """Go to the next track."""

    def hold(self) -> None:
        """Hold the automation or let it go on."""

    def layer_off(self) -> None:
        """Take the layer out."""

    def mark(self) -> None:
        """Mark this moment."""

    def rate(self, given: int) -> None:
        """Take a rating."""

    def stop(self) -> None:
        """Stop the session."""

    def theme(self) -> None:
        """Change dark and light."""

    def help(self) -> None:
        """Show the keys."""

    def open_report(self) -> None:
        """Open the report."""

    def open_folder(self) -> None:
        """Open the folder of the session."""

    def leave(self) -> None:
        """Close the window."""


class TopBar(QFrame):
    """Name and badge at the left; recording, source and output at the right."""

    def __init__(self, look: Look, actions: Actions, title: str) -> None:
        super().__init__()
        self.setObjectName("bar")
        self.setProperty("edge", "bottom")
        self._look = look
        name = Text(title, px=16, weight=600)
        self._about = Elided("", px=13, role="2")
        self.badge = QFrame()
        self.badge.setObjectName("badge")
        self.badge.setFixedHeight(22)
        self._badge_text = QLabel("Simulated listener")
        self._badge_text.setFont(font(11, 600))
        inside = row(self._badge_text)
        inside.setContentsMargins(10, 0, 10, 0)
        self.badge.setLayout(inside)
        self.badge.hide()
        self.recording = Chip(look, "Recording")
        self.source = Chip(look, "EEG source")
        self.output = Chip(look, "Sound output")
        self._theme = Button(look, "theme", "sun", kind="round", does=actions.theme)
        self._help = Button(look, "help", "help", kind="round", does=actions.help)
        self._line = row(name, self.badge, self._about, gap=12)
        self._line.setStretch(2, 1)
        for chip in (self.recording, self.source, self.output):
            self._line.addWidget(chip)
        self._line.addWidget(self._theme)
        self._line.addWidget(self._help)
        self.setLayout(self._line)
        self.set_compact(False)
        look.changed.connect(self._paint_theme_icon)

    def set_compact(self, compact: bool) -> None:
        """Use less height."""
        self.setFixedHeight(54 if compact else 64)
        self._line.setContentsMargins(*((14, 0, 14, 0) if compact else (22, 0, 20, 0)))
        self._line.setSpacing(8 if compact else 12)

    def show_snapshot(self, snapshot: Snapshot, info: SourceInfo | None) -> None:
        """Show the states of a snapshot."""
        self.badge.setVisible(snapshot.simulated)
        about = [
            f"calibration: {snapshot.calibration}",
            words.automation(snapshot).replace("Automation", "automation"),
        ]
        self._about.show_text("  ·  ".join(about))
        live = snapshot.phase in ("running", "paused") and not snapshot.recording_problem
        self.recording.show_state(
            f"{words.recording(snapshot)}  {words.clock(snapshot.t)}",
            dot="●" if live else "■",
            token="poor" if live or snapshot.recording_problem else "text2",
            tooltip=snapshot.recording_problem or str(snapshot.folder or ""),
        )
        dot, token = _SOURCE_DOTS.get(snapshot.source_state, ("○", "text2"))
        state = words.SOURCE_WORDS.get(snapshot.source_state, snapshot.source_state)
        facts = f"{len(info.ch_names)} ch  {info.sfreq:.0f} Hz" if info is not None else ""
        streams = facts and snapshot.source_state == "streaming"
        lost = f"{100 * snapshot.lost_share:.1f} % lost" if streams else ""
        self.source.show_state(
            "  ·  ".join(part for part in (facts, state, lost) if part),
            dot=dot,
            token=token,
            tooltip=f"{snapshot.source_name or 'EEG source'}: {state}. {snapshot.source_notice}",
        )
        silent = bool(snapshot.output_notice)
        sound = "No sound: silent output" if silent else snapshot.output_name or "opening sound"
        self.output.show_state(
            _short(sound, 26),
            dot="○" if silent else "●" if snapshot.output_name else "◌",
            token="fair" if silent else "good" if snapshot.output_name else "text2",
            tooltip=snapshot.output_notice or sound,
        )

    def _paint_theme_icon(self) -> None:
        self._theme.show_icon("sun" if self._look.theme is DARK else "moon")


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


class Notices(QWidget):
    """The sentences that have to be seen, side by side under the top bar."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(10)
        self._shown: list[tuple[str, str]] = []
        self.hide()

    @property
    def texts(self) -> list[str]:
        """The sentences that are shown."""
        return [text for _, text in self._shown]

    def show_notices(self, notices: list[tuple[str, str]]) -> None:
        """Show (severity, sentence) of each."""
        if notices == self._shown:
            return
        self._shown = list(notices)
        while (item := self._line.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for severity, text in notices:
            self._line.addWidget(Notice(self._look, severity, text), len(text))
        self.setVisible(bool(notices))


class BottomBar(QFrame):
    """The actions with their keys; after the stop, where report and records are."""

    def __init__(self, look: Look, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("bar")
        self.setProperty("edge", "top")
        self.pause = Button(look, "pause", "pause", text="Pause", does=actions.pause)
        self.next = Button(look, "next", "next", text="Next track", does=actions.next)
        self.hold = Button(look, "hold", "hand", text="Hold automation", does=actions.hold)
        self.hold.setCheckable(True)
        self.layer = Button(look, "layer_off", "wave_off", text="Layer off", does=actions.layer_off)
        self.mark = Button(look, "mark", "flag", text="Mark", does=actions.mark)
        self.stop = Button(
            look, "stop", "stop", text="Stop session", kind="stop", does=actions.stop
        )
        self.hint = Text("", px=13, weight=600)
        self._live = QWidget()
        self._live_line = row(gap=10)
        for button, action in (
            (self.pause, "pause"),
            (self.next, "next"),
            (self.hold, "hold"),
            (self.layer, "layer_off"),
            (self.mark, "mark"),
        ):
            self._live_line.addWidget(button)
            self._live_line.addWidget(KeyHint(action))
            self._live_line.addSpacing(4)
        self._live_line.addStretch(1)
        self._live_line.addWidget(self.hint)
        self._live_line.addWidget(KeyHint("stop_twice"))
        self._live_line.addWidget(self.stop)
        self._live.setLayout(self._live_line)
        self.ended = Text("", px=14, weight=600)
        self.where = Elided("", px=12, role="2")
        self.open_report = Button(
            look,
            "open_report",
            "report",
            text="Open report",
            kind="wide",
            does=actions.open_report,
            tooltip="Open the report of this session",
        )
        self.open_folder = Button(
            look,
            "open_folder",
            "folder",
            text="Open folder",
            does=actions.open_folder,
            tooltip="Open the folder with the records of this session",
        )
        self.leave = Button(
            look,
            "leave",
            "close",
            text="Close window",
            does=actions.leave,
            tooltip="Close the window",
        )
        over = QWidget()
        over_line = row(self.ended, self.where, gap=16)
        over_line.setStretch(1, 1)
        for button in (self.open_folder, self.leave, self.open_report):
            over_line.addWidget(button)
        over.setLayout(over_line)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._live)
        self._stack.addWidget(over)
        self._line = row(self._stack)
        self.setLayout(self._line)
        self.set_compact(False)

    def set_compact(self, compact: bool) -> None:
        """Use less height."""
        self.setFixedHeight(58 if compact else 72)
        self._line.setContentsMargins(*((14, 0, 14, 0) if compact else (20, 0, 20, 0)))
        self._live_line.setSpacing(6 if compact else 10)

    def show_hint(self, on: bool) -> None:
        """Show that one more Esc stops the session."""
        self.hint.show_text("Press Esc again to stop" if on else "")

    def show_snapshot(self, snapshot: Snapshot, *, failed: str, ending: bool) -> None:
        """Show the actions that are possible now."""
        over = bool(failed) or snapshot.phase in ("stopped", "ended")
        self._stack.setCurrentIndex(1 if over else 0)
        if over:
            self._show_end(snapshot, failed=failed, ending=ending)
            return
        live = snapshot.phase in ("running", "paused")
        for button in (self.pause, self.next, self.hold, self.mark):
            button.setEnabled(live)
        paused = snapshot.phase == "paused"
        self.pause.setText("Resume" if paused else "Pause")
        self.pause.setAccessibleName(self.pause.text())
        self.pause.show_icon("play" if paused else "pause")
        held = snapshot.automation == "hold"
        self.hold.setChecked(held)
        self.hold.setText("Automation held" if held else "Hold automation")
        self.hold.setAccessibleName(self.hold.text())
        self.layer.setEnabled(live and snapshot.layer_state != "off")

    def _show_end(self, snapshot: Snapshot, *, failed: str, ending: bool) -> None:
        ready = snapshot.report is not None
        if failed:
            self.ended.show_text("The session did not start" if snapshot.t <= 0 else "Ended")
            self.where.show_text(failed)
        else:
            word = "Stopped" if snapshot.phase == "stopped" else "Ended"
            self.ended.show_text(f"{word} after {words.clock(snapshot.t)}")
            place = f"records: {snapshot.folder}" if snapshot.folder else ""
            self.where.show_text("writing the report …" if ending and not ready else place)
        self.open_report.setEnabled(ready)
        self.open_folder.setEnabled(snapshot.folder is not None)
