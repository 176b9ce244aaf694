"""Top bar (who, what from, what to), notices, and the bar of actions at the bottom."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QWidget

from app.session.snapshot import Snapshot, where
from app.window import words
from app.window.parts.pieces import Button, Chip, Elided, KeyHint, Notice, Text, pad, row, stack
from app.window.theme import DARK, Look, font, px
from app.words import clock
from devices.sources.source import SourceInfo

_SOURCE_DOTS = {
    "streaming": ("●", "good"),
    "connecting": ("◌", "text2"),
    "stalled": ("◐", "fair"),
    "lost": ("○", "poor"),
    "closed": ("○", "text2"),
    "none": ("○", "text2"),
}


class Actions(Protocol):
    """What the controls of the screen do."""

    def pause(self) -> None:
        """Pause or resume."""

    def next(self) -> None:
        """Go to the next track, which says nothing of this one."""

    def skip(self) -> None:
        """Go to the next track because the client wants to."""

    def undo(self) -> None:
        """Take back the last automatic change or the last rating."""

    def hold(self) -> None:
        """Hold the automation or let it go on."""

    def layer_off(self) -> None:
        """Keep the layer out for this session, or allow it again."""

    def mark(self) -> None:
        """Mark this moment."""

    def rate(self, given: int) -> None:
        """Take a rating."""

    def stop(self) -> None:
        """Stop the session."""

    def without_eeg(self) -> None:
        """Go on without EEG: in this session, or anew where its source cannot be had."""

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
        name = Text(title, size=16, weight=600)
        self._about = Elided("", size=13, role="2")
        self.badge = QFrame()
        self.badge.setObjectName("badge")
        self.badge.setFixedHeight(px(22))
        self._badge_text = QLabel("Simulated listener")
        self._badge_text.setFont(font(11, 600))
        inside = row(self._badge_text)
        inside.setContentsMargins(*pad(10, 0, 10, 0))
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
        self.setFixedHeight(px(54 if compact else 64))
        self._line.setContentsMargins(*pad(*((14, 0, 14, 0) if compact else (22, 0, 20, 0))))
        self._line.setSpacing(px(8 if compact else 12))

    def show_snapshot(self, snapshot: Snapshot, info: SourceInfo | None) -> None:
        """Show the states of a snapshot."""
        self._badge_text.setText(words.badge(snapshot))
        self.badge.setVisible(bool(words.badge(snapshot)))
        about = [
            f"calibration: {snapshot.calibration}",
            words.automation(snapshot).replace("Automation", "automation"),
        ]
        self._about.show_text("  ·  ".join(about))
        live = snapshot.phase in ("running", "paused") and not snapshot.recording_problem
        self.recording.show_state(
            f"{words.recording(snapshot)}  {clock(snapshot.t)}",
            dot="●" if live else "■",
            token="poor" if live or snapshot.recording_problem else "text2",
            tooltip=snapshot.recording_problem or str(snapshot.folder or ""),
        )
        dot, token = _SOURCE_DOTS[snapshot.source_state]
        state = words.source_word(snapshot)
        facts = words.source_facts(snapshot, info)
        streams = facts and snapshot.source_state == "streaming"
        lost = f"{100 * snapshot.lost_share:.1f} % lost" if streams else ""
        self.source.show_state(
            "  ·  ".join(part for part in (facts, state, lost) if part),
            dot=dot,
            token=token,
            tooltip=words.about_sources(snapshot),
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


def without_eeg(look: Look, actions: Actions, *, height: int = 42) -> Button:
    """Return the button that offers to go on without EEG."""
    return Button(
        look,
        "without_eeg",
        "play",
        text="Continue without EEG",
        does=actions.without_eeg,
        height=height,
        tooltip="Go on with ratings and expectations alone; the headset is no longer waited for",
    )


class Notices(QWidget):
    """The sentences that have to be seen, side by side under the top bar, and what is offered."""

    def __init__(self, look: Look, actions: Actions) -> None:
        super().__init__()
        self._look = look
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(px(10))
        self._line = QHBoxLayout()
        self._line.setSpacing(px(10))
        self.without_eeg = without_eeg(look, actions, height=34)
        self.without_eeg.hide()
        line.addLayout(self._line, 1)
        line.addWidget(self.without_eeg)
        self._shown: list[tuple[str, str]] = []
        self.hide()

    @property
    def texts(self) -> list[str]:
        """The sentences that are shown."""
        return [text for _, text in self._shown]

    def show_notices(self, notices: list[tuple[str, str]], *, lost: bool = False) -> None:
        """Show (severity, sentence) of each; where the EEG is `lost`, offer to go on without."""
        self.without_eeg.setVisible(lost)
        if notices == self._shown:
            return
        self._shown = list(notices)
        while (item := self._line.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()  # until it is gone
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
        self.skip = Button(look, "skip", "skip", text="Client skips", does=actions.skip)
        self.layer = Button(look, "layer_off", "wave_off", text="Layer off", does=actions.layer_off)
        self.layer.setCheckable(True)
        self.undo = Button(look, "undo", "undo", text="Undo", does=actions.undo)
        self.mark = Button(look, "mark", "flag", text="Mark", does=actions.mark)
        self.stop = Button(
            look, "stop", "stop", text="Stop session", kind="stop", does=actions.stop
        )
        self.stop.setMinimumWidth(px(158))  # both of its texts fit, so that nothing moves
        self._live = QWidget()
        self._live_line = row(gap=10)
        self._buttons = {
            "pause": self.pause,
            "next": self.next,
            "skip": self.skip,
            "hold": self.hold,
            "layer_off": self.layer,
            "undo": self.undo,
            "mark": self.mark,
        }
        self._hints = [KeyHint(action) for action in self._buttons]
        for button, hint in zip(self._buttons.values(), self._hints, strict=True):
            self._live_line.addWidget(button)
            self._live_line.addWidget(hint)
        self._live_line.addStretch(1)
        self._live_line.addWidget(KeyHint("stop_twice"))
        self._live_line.addWidget(self.stop)
        self._live.setLayout(self._live_line)
        self.ended = Text("", size=14, weight=600)
        self.where = [Elided("", size=12, role="2") for _ in range(2)]
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
        self.without_eeg = without_eeg(look, actions)
        over = QWidget()
        over_line = row(self.ended, gap=16)
        places = stack(*self.where)
        places.insertStretch(0)
        places.addStretch()
        over_line.addLayout(places, 1)
        for button in (self.open_folder, self.leave, self.without_eeg, self.open_report):
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
        self.setFixedHeight(px(58 if compact else 72))
        self._line.setContentsMargins(*pad(*((14, 0, 14, 0) if compact else (20, 0, 20, 0))))
        self._live_line.setSpacing(px(6 if compact else 10))
        for hint in self._hints:
            hint.setVisible(not compact)  # the tooltips and the sheet of keys name them too

    def show_hint(self, on: bool) -> None:
        """Show on the button itself that one more Esc stops the session."""
        self.stop.setText("Press Esc again" if on else "Stop session")
        self.stop.setAccessibleName("Press Esc again to stop" if on else "Stop session")

    def show_snapshot(
        self, snapshot: Snapshot, *, failed: str, ending: bool, no_source: bool = False
    ) -> None:
        """Show the actions that are possible now."""
        self.without_eeg.setVisible(no_source)
        self.without_eeg.setEnabled(not ending)
        over = bool(failed) or snapshot.phase in ("stopped", "ended")
        self._stack.setCurrentIndex(1 if over else 0)
        if over:
            self._show_end(snapshot, failed=failed, ending=ending)
            return
        possible = words.possible(snapshot)
        for action, button in self._buttons.items():
            button.setEnabled(action in possible)
        paused = snapshot.phase == "paused"
        self.pause.setText("Resume" if paused else "Pause")
        self.pause.setAccessibleName(self.pause.text())
        self.pause.show_icon("play" if paused else "pause")
        held = snapshot.on_hold
        self.hold.setChecked(held)
        self.hold.setText("Automation held" if held else "Hold automation")
        self.hold.setAccessibleName(self.hold.text())
        self.layer.setChecked(snapshot.layer_off)
        self.layer.setText("Allow layer" if snapshot.layer_off else "Layer off")
        self.layer.setAccessibleName(self.layer.text())

    def _show_end(self, snapshot: Snapshot, *, failed: str, ending: bool) -> None:
        ready = snapshot.report is not None
        if failed:
            self.ended.show_text("The session did not start" if snapshot.t <= 0 else "Ended")
            lines = [failed]
        else:
            word = "Stopped" if snapshot.phase == "stopped" else "Ended"
            self.ended.show_text(f"{word} after {clock(snapshot.t)}")
            waiting = ["Writing the report …"] if ending and not ready else []
            lines = [*where(snapshot), *waiting]
        for i, label in enumerate(self.where):
            label.show_text(lines[i] if i < len(lines) else "")
            label.setVisible(i < len(lines))
        self.open_report.setEnabled(ready)
        self.open_folder.setEnabled(snapshot.folder is not None)
