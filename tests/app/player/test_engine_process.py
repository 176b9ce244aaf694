"""The engine's housekeeping: its watch over the program, and what it says of its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from app.player import engine_process
from app.player.contract import BEATING, Beating
from app.player.control import Control
from app.player.engine import Engine
from app.player.engine_process import EngineSetup, Housekeeper
from app.player.rings import Bus, DeckRing
from devices.timeline import Timeline
from dsp.grid import BLOCK


class Watched:
    """A housekeeper whose looks and whose program's beats the test gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(engine_process, "now", lambda: self.at)
        self.program, self.timeline = Control.create(), Timeline.create()
        self.control = Control.attach(self.program.name)
        self.bus, decks = Bus.create(), [DeckRing.create(), DeckRing.create()]
        self._shared = (self.control, self.program, self.timeline, self.bus, *decks)
        self.engine = Engine(self.control, self.bus, self.timeline, decks)
        setup = EngineSetup("", "", "", (), "null", None, 0.2)
        self.keeper = Housekeeper(setup, self.control, self.engine)

    def go_on(self, seconds: float, *beating: Beating, step: float = 0.02) -> list[str]:
        """Let time pass with those that beat; return the kinds of what was told."""
        end = self.at + seconds
        while self.at < end - 1e-9:
            self.at += step
            for who in beating:
                self.program.beat(who, self.at)
            self.keeper._watch()
            self.engine.render(BLOCK, self.at)
        return [event.kind for event in self.program.told()]

    def close(self) -> None:
        for one in self._shared:
            one.close()


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


def test_what_other_threads_ask_of_the_mixer_waits_for_the_next_block(watched: Watched) -> None:
    """A stop that came between two steps of a block ended the music with a click."""
    watched.engine.stop()
    watched.engine.watch(layer=False, music=True)
    mixer = watched.engine.mixer
    assert (mixer._stopping, mixer._watch_layer.target) == (False, 1.0)
    watched.engine.render(BLOCK, 0.0)
    assert (mixer._stopping, mixer._watch_layer.target) == (True, 0.0)


class Speaker:
    """An output that plays when the test renders."""

    latency = residual = 0.0
    error = None
    wireless = False

    def __init__(self, name: str, *, is_null: bool) -> None:
        self.name, self.is_null, self.lost_blocks = name, is_null, 0

    def start(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def test_what_is_said_at_the_end_is_what_was_heard(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device lost in the last second made the whole session one that nobody had heard."""
    nothing = partial(Speaker, "silent output", is_null=True)
    monkeypatch.setattr(engine_process, "NullOutput", lambda render: nothing())
    keeper = watched.keeper
    speaker = Speaker("speaker", is_null=False)
    speaker.lost_blocks = 2
    keeper._start(speaker)
    for _ in range(100):
        watched.engine.render(BLOCK, 0.0)
    keeper._lose(speaker)
    for _ in range(50):
        watched.engine.render(BLOCK, 0.0)
    keeper._state(started=1)
    status = watched.program.status()
    assert (status["device_s"], status["silent_s"]) == (1.0, 0.5)
    assert (status["is_null"], status["lost_blocks"]) == (1.0, 2.0)
    assert watched.program.text("output") == "speaker"


def test_without_any_device_the_silent_output_has_the_name(watched: Watched) -> None:
    watched.keeper._start(Speaker("silent output", is_null=True))
    watched.engine.render(BLOCK, 0.0)
    watched.keeper._state(started=1)
    assert watched.program.text("output") == "silent output"
    assert watched.program.status()["device_s"] == 0.0


def test_an_engine_that_waits_for_its_device_shows_that_it_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that was merely slow was given up after 15 s."""
    speaker = Speaker("speaker", is_null=False)
    settled = iter([False] * 20 + [True])
    speaker.settled = lambda: next(settled)  # type: ignore[attr-defined]
    monkeypatch.setattr(engine_process, "_LOOK", 0.0)
    watched.keeper._start(speaker)
    before = watched.program.status()["looks"]
    watched.keeper._settle()
    assert watched.program.status()["looks"] == before + 20
    assert watched.program.status()["started"] == 0


def test_a_headphone_that_connects_while_it_plays_is_told_of(watched: Watched) -> None:
    speaker = Speaker("speaker", is_null=False)
    watched.keeper._start(speaker)
    for known in (False, True, False):
        speaker.wireless = known
        watched.keeper._state(started=1)
        assert watched.program.status()["wireless"] == known
