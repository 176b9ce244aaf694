"""The machine's side of the screen: what plays, the low-frequency layer, what the player did."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.session.snapshot import Snapshot
from app.window import words
from app.window.parts.gauges import ThinBar
from app.window.parts.icons import cover
from app.window.parts.pieces import Button, Card, Chip, Elided, Paragraph, Text, row
from app.window.theme import DARK, Look, px
from app.words import clock

_LOG_ROWS = 200
_LAYER_FLOOR_DB = 36.0  # dB under the ceiling at which the bar is empty


class NowPlayingCard(Card):
    """The track, why it was chosen, how far it is, and what comes next."""

    def __init__(
        self, look: Look, *, pause: Callable[[], object], next_track: Callable[[], object]
    ) -> None:
        super().__init__("Now playing")
        self._look = look
        self._cover = QLabel()
        self._covered: tuple[str, str, int] | None = None
        self._plays = ""
        self.title = Elided("", size=15, weight=600)
        self.artist = Elided("", size=13, role="2")
        self.why = Paragraph(3)
        self._bar = ThinBar(look, token="text2", name="Position in the track")
        self._played = Text("0:00", size=12, role="2")
        self._whole = Text("0:00", size=12, role="2")
        self.pause = Button(look, "pause", "pause_solid", kind="primary", does=pause, height=50)
        self.next = Button(look, "next", "next_solid", kind="round", does=next_track)
        about = QVBoxLayout()
        about.setSpacing(px(3))
        for widget in (self.title, self.artist, self.why):
            about.addWidget(widget)
        about.addStretch(1)
        top = row(self._cover, gap=14)
        top.addLayout(about, 1)
        top.setAlignment(self._cover, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(top)
        self.body.addWidget(self._bar)
        self.body.addLayout(row(self._played, None, self._whole))
        # The second button is balanced by an empty place, so that pause stays in the middle.
        balance = QWidget()
        balance.setFixedWidth(self.next.width())
        self._transport = QWidget()
        self._transport.setLayout(row(None, balance, self.pause, self.next, None, gap=14))
        self.body.addWidget(self._transport)
        self.next_word = Text("Possible next", size=12, role="2")
        self._deviation = Text("± 1 sd", size=12, role="2")
        self.body.addLayout(row(self.next_word, None, self._deviation))
        self._waiting = [(Elided(size=13), Text(size=12, role="2")) for _ in range(3)]
        self._rows: list[QWidget] = []
        for title, expected in self._waiting:
            line = row(title, expected)
            line.setStretch(0, 1)
            holder = QWidget()
            holder.setLayout(line)
            self._rows.append(holder)
            self.body.addWidget(holder)
        self._compact = False
        self._cover_px = px(80)
        look.changed.connect(self._paint_cover)

    def set_compact(self, compact: bool) -> None:
        """Leave out the round buttons, which the bar at the bottom has too."""
        super().set_compact(compact)
        self._compact = compact
        if hasattr(self, "_transport"):
            self._cover_px = px(60 if compact else 80)
            self._transport.setVisible(not compact)
            self._paint_cover()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show track and queue of a snapshot."""
        track = snapshot.track
        possible = words.possible(snapshot)
        self.pause.setEnabled("pause" in possible)
        self.next.setEnabled("next" in possible)
        paused = snapshot.phase == "paused"
        self.pause.show_icon("play_solid" if paused else "pause_solid")
        self.pause.setAccessibleName("Resume" if paused else "Pause")
        self._plays = track.title if track is not None else ""
        if track is None:
            self.side.show_text("")
            starting = snapshot.phase == "starting"
            self.title.show_text("Preparing the first track" if starting else "Nothing is playing")
            self.artist.show_text("")
            self.why.show_text("")
            self._show_position(0.0, 0.0)
        else:
            self.side.show_text("paused" if paused else words.character(track))
            self.title.show_text(track.title)
            self.artist.show_text(track.artist)
            self.why.show_text(f"Chosen: {track.why}" if track.why else "")
            self._show_position(track.position, track.duration)
        self._paint_cover()
        self._show_next(snapshot)

    def _show_position(self, position: float, duration: float) -> None:
        share = position / duration if duration > 0 else 0.0
        told = f"{clock(position)} of {clock(duration)}"
        self._bar.show_share(share, words=told)
        self._played.show_text(clock(position))
        self._whole.show_text(clock(duration))

    def _show_next(self, snapshot: Snapshot) -> None:
        """Name the track that was drawn; only before that, those that may be."""
        coming = snapshot.coming
        if coming is not None:
            shown = [(coming.track.title, words.coming_note(coming))]
        else:
            shown = [(track.title, words.expected(track)) for track in snapshot.possible_next]
        shown = shown[: 2 if self._compact else len(self._waiting)]
        self.next_word.show_text(words.next_word(snapshot) if shown else "")
        self.next_word.setVisible(bool(shown))
        self._deviation.setVisible(any("±" in note for _, note in shown))
        for i, (holder, (title, expected)) in enumerate(
            zip(self._rows, self._waiting, strict=True)
        ):
            holder.setVisible(i < len(shown))
            if i < len(shown):
                title.show_text(shown[i][0])
                expected.show_text(shown[i][1])

    def _paint_cover(self) -> None:
        wanted = (self._plays, self._look.theme.name, self._cover_px)
        if wanted != self._covered:
            self._covered = wanted
            title, _, size = wanted
            self._cover.setFixedSize(size, size)
            dark = self._look.theme is DARK
            self._cover.setPixmap(cover(title, size, dark=dark) if title else QPixmap())
            self._cover.setAccessibleName("Cover, drawn from the title")


class LayerCard(Card):
    """What the low-frequency layer does, and its locked ceiling."""

    def __init__(self, look: Look) -> None:
        super().__init__("Low-frequency layer")
        self.state = Chip(look, "Low-frequency layer")
        self.side.hide()
        self.head.addWidget(self.state)
        self._bar = ThinBar(look, token="layer", name="Level of the low-frequency layer", knob=True)
        self.level = Text(f"{words.MINUS}∞ dB", size=14, weight=600)
        self.level.setMinimumWidth(px(58))
        self.level.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line = row(self._bar, self.level, gap=10)
        line.setStretch(0, 1)
        self.body.addLayout(line)
        self._recipe = Elided(size=12, role="2")
        self._limit = Text(size=12, role="2")
        foot = row(self._recipe, self._limit)
        foot.setStretch(0, 1)
        self.body.addLayout(foot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the layer of a snapshot."""
        dots = {"off": "○", "fading in": "◐", "on": "●", "fading out": "◑"}
        on = snapshot.layer_state != "off"
        dot = "×" if snapshot.layer_off and not on else dots[snapshot.layer_state]
        word = words.layer_word(snapshot)
        self.state.show_state(word, dot=dot, token="layer" if on else "text3")
        db, ceiling = snapshot.layer_db if on else -math.inf, snapshot.layer_ceiling_db
        share = 1.0 + (db - ceiling) / _LAYER_FLOOR_DB if math.isfinite(db) else 0.0
        self._bar.show_share(share, words=f"{word}, {words.level_db(db)}")
        self.level.show_text(words.level_db(db))
        self._recipe.show_text(snapshot.layer_recipe or "comes in when enjoyment stays low")
        self._limit.show_text(f"limit {words.level_db(ceiling)} · locked")


class LogCard(Card):
    """What the player did, newest first, each with its time and its reason."""

    def __init__(self) -> None:
        super().__init__("What the player did")
        self._rows = QWidget()
        self._grid = QGridLayout(self._rows)
        self._grid.setContentsMargins(0, 0, px(4), 0)
        self._grid.setHorizontalSpacing(px(12))
        self._grid.setVerticalSpacing(px(7))
        self._grid.setColumnStretch(1, 1)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._scroll.setAccessibleName("What the player did, newest first")
        self._scroll.setWidget(self._rows)
        self._scroll.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.body.addWidget(self._scroll, 1)
        self._shown: tuple[object, ...] = ()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the decisions of a snapshot and what the automation does now."""
        self.side.show_text(words.automation(snapshot))
        if snapshot.decisions == self._shown:
            return
        self._shown = snapshot.decisions
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        top = Qt.AlignmentFlag.AlignTop
        newest = list(reversed(snapshot.decisions[-_LOG_ROWS:]))
        for i, line in enumerate(newest):
            self._grid.addWidget(Text(clock(line.t), size=12, role="2"), i, 0, top)
            self._grid.addWidget(Text(line.sentence, size=13, wrap=True), i, 1, top)
        self._grid.setRowStretch(len(newest), 1)
        for i in range(len(newest)):
            self._grid.setRowStretch(i, 0)
