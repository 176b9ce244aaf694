"""The engine's watch over the program, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.player import engine
from app.player.contract import BEATING, Beating
from app.player.control import Bus, Control, DeckRing
from app.player.engine import Engine, EngineSetup, Housekeeper
from devices.timeline import Timeline


class Watched:
    """A housekeeper whose looks and whose program's beats the test gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(engine, "now", lambda: self.at)
        self.control, self.timeline = Control.create(), Timeline.create()
        self.bus, decks = Bus.create(), [DeckRing.create(), DeckRing.create()]
        self.blocks = [self.control.block, self.bus.block, *(ring.block for ring in decks)]
        self.engine = Engine(self.control, self.bus, self.timeline, decks)
        setup = EngineSetup("", "", "", (), "null", None, 0.2)
        self.keeper = Housekeeper(setup, self.control, self.engine)

    def go_on(self, seconds: float, *beating: Beating, step: float = 0.02) -> list[str]:
        """Let time pass with those that beat; return the kinds of what was told."""
        end = self.at + seconds
        while self.at < end - 1e-9:
            self.at += step
            for who in beating:
                self.control.beat(who, self.at)
            self.keeper._watch()
        return [event.kind for event in self.control.told()]

    def close(self) -> None:
        for block in self.blocks:
            block.close()
        self.timeline.close()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    made = Watched(monkeypatch)
    yield made
    made.close()


def test_who_has_never_beaten_is_not_missed(watched: Watched) -> None:
    """A source may take its time to open: the loop does not run yet."""
    assert watched.go_on(15.0) == []
    assert watched.go_on(15.0, "window") == []


def test_of_loop_and_window_the_older_beat_counts(watched: Watched) -> None:
    assert watched.go_on(3.0, *BEATING) == []
    assert watched.go_on(2.1, "window") == ["heartbeat_lost"]
    assert watched.go_on(0.5, *BEATING) == ["heartbeat_back"]
    assert watched.go_on(2.1, "loop") == ["heartbeat_lost"]
    assert watched.go_on(8.0, "loop") == []  # ten seconds: now the music fades too
    assert watched.engine.mixer._watch_music.target == 0.0
    assert watched.go_on(0.5, *BEATING) == ["heartbeat_back"]
    assert watched.engine.mixer._watch_music.target == 1.0


def test_an_engine_that_was_not_run_blames_nobody(watched: Watched) -> None:
    """Whatever stopped the engine for 13 s may have stopped the program as well."""
    assert watched.go_on(1.0, "loop") == []
    assert watched.go_on(13.0, step=13.0) == []
    assert watched.go_on(1.0, "loop") == []
