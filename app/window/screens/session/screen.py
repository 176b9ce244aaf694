"""The live session: the client at the left, the course in the middle, the machine at the right."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.session.contract import RingLike
from app.session.snapshot import Snapshot
from app.window import words
from app.window.parts.pieces import Card, pad, row
from app.window.screens.session.bars import Actions, BottomBar, Notices, TopBar
from app.window.screens.session.client_cards import (
    EnjoymentCard,
    EntrainmentCard,
    RatingCard,
    SessionCard,
)
from app.window.screens.session.player_cards import LayerCard, LogCard, NowPlayingCard
from app.window.screens.session.signal_card import SignalCard
from app.window.theme import Look, px
from devices.sources.source import SourceInfo

COMPACT_BELOW, COMPACT_NARROWER = 820, 1420  # px of height, width: closer together under either


class SessionScreen(QWidget):
    """Shows snapshots and EEG, and turns clicks into actions; holds no state of the session."""

    def __init__(self, look: Look, actions: Actions, *, title: str) -> None:
        super().__init__()
        self.setObjectName("screen")
        self.top = TopBar(look, actions, title)
        self.notices = Notices(look, actions)
        self.enjoyment = EnjoymentCard(look)
        self.entrainment = EntrainmentCard(look)
        self.rating = RatingCard(look, actions.rate)
        self.session = SessionCard(look)
        self.signal = SignalCard(look)
        self.playing = NowPlayingCard(look, pause=actions.pause, next_track=actions.next)
        self.layer = LayerCard(look)
        self.log = LogCard()
        self.bottom = BottomBar(look, actions)
        self._compact: bool | None = None
        self._lay_out()
        self.set_compact(False)

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards, by column."""
        left = (self.enjoyment, self.entrainment, self.rating)
        return (*left, self.session, self.signal, self.playing, self.layer, self.log)

    def _lay_out(self) -> None:
        self._columns = []
        widgets = (
            ((self.enjoyment, 1), (self.entrainment, 1), (self.rating, 0)),
            ((self.session, 53), (self.signal, 47)),
            ((self.playing, 0), (self.layer, 0), (self.log, 1)),
        )
        self._side = []
        self._across = row(gap=16)
        for place, column in enumerate(widgets):
            holder = QWidget()
            layout = QVBoxLayout(holder)
            layout.setContentsMargins(0, 0, 0, 0)
            for card, stretch in column:
                layout.addWidget(card, stretch)
            self._columns.append(layout)
            self._side.append(holder)
            self._across.addWidget(holder, 1 if place == 1 else 0)
        self._content = QVBoxLayout()
        self._content.addWidget(self.notices)
        self._content.addLayout(self._across, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.top)
        whole.addLayout(self._content, 1)
        whole.addWidget(self.bottom)

    def set_compact(self, compact: bool) -> None:
        """Move everything closer together, for windows of 720 px height."""
        if compact == self._compact:
            return
        self._compact = compact
        gap = px(10 if compact else 16)
        self._content.setContentsMargins(*pad(*((14, 10, 14, 10) if compact else (20, 16, 20, 16))))
        self._content.setSpacing(gap)
        self._across.setSpacing(gap)
        for column in self._columns:
            column.setSpacing(gap)
        self._side[0].setFixedWidth(px(244 if compact else 264))
        self._side[2].setFixedWidth(px(308 if compact else 344))
        self.top.set_compact(compact)
        self.bottom.set_compact(compact)
        for card in self.cards:
            card.set_compact(compact)

    def pull(self, ring: RingLike | None, info: SourceInfo | None) -> None:
        """Draw the newest EEG."""
        self.signal.pull(ring, info)

    def show_snapshot(
        self,
        snapshot: Snapshot,
        info: SourceInfo | None,
        *,
        own_notices: list[tuple[str, str]],
        failed: str = "",
        ending: bool = False,
        no_source: bool = False,
    ) -> None:
        """Show a snapshot.

        Parameters
        ----------
        own_notices : list of (str, str)
            Severity and sentence of what the window itself has to say.
        failed : str
            Why the session could not go on, or empty.
        ending : bool
            Whether records and report are being written.
        no_source : bool
            Whether it could not start for want of EEG alone, so that it could without.
        """
        self.top.show_snapshot(snapshot, info)
        lost = "without_eeg" in words.possible(snapshot)
        self.notices.show_notices([*words.notices(snapshot), *own_notices], lost=lost)
        for card in self.cards:
            card.show_snapshot(snapshot)
        self.bottom.show_snapshot(snapshot, failed=failed, ending=ending, no_source=no_source)
