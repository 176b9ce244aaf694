from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal

from app.player.decks import ENOUGH, Item
from app.player.glide import Glide
from app.player.mixer import Mixer
from dsp.grid import BLOCK, FS, HOP
from dsp.sound import layer
from dsp.sound.beatgrid import UNKNOWN_GRID
from dsp.sound.layer import PEAK_CAP
from tests.doubles.tones import beats, pulses, tone, write

Sound = npt.NDArray[np.float32]


class Tape:
    """A feed whose filling the test controls."""

    def __init__(self, sound: Sound) -> None:
        self.sound, self.filled, self.at, self.error = sound, sound.shape[0], 0, ""

    def load(self, item: Item) -> None:
        self.at = 0

    def ready(self) -> int:
        return self.filled - self.at

    def complete(self) -> bool:
        return bool(self.error) or self.filled == self.sound.shape[0]

    def failure(self) -> str:
        return self.error

    def read(self, n_frames: int) -> Sound:
        self.skip(n_frames)
        return self.sound[self.at - n_frames : self.at]

    def skip(self, n_frames: int) -> None:
        self.at += n_frames
        assert self.at <= self.filled, "read what was not decoded"


def _item(index: int, n_frames: int, *, gain: float = 1.0) -> Item:
    return Item(index, f"{index}.wav", gain, n_frames, UNKNOWN_GRID, 0.0)


def _out(mixer: Mixer, seconds: float) -> Sound:
    return np.concatenate([mixer.finish(mixer.render()) for _ in range(round(seconds * 100))])


def _hiss(sound: Sound) -> float:
    """Peak above 2 kHz: what a click leaves where a low tone has nothing."""
    taps = signal.firwin(2_001, 2_000, fs=FS, pass_zero=False, window=("kaiser", 12))
    return float(np.abs(signal.oaconvolve(sound[:, 0].astype(float), taps, mode="valid")).max())


def _playing(hz: float = 110.0, *, amplitude: float = 0.4) -> Mixer:
    sound = tone(hz, 30.0, amplitude=amplitude)
    mixer = Mixer([Tape(sound), Tape(tone(1.5 * hz, 30.0, amplitude=amplitude))])
    mixer.play(_item(0, sound.shape[0]), 4 * FS)
    _out(mixer, 0.5)
    return mixer


def test_no_block_waits_for_the_noise_bed_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    layer._bed.cache_clear()
    mixer = Mixer([Tape(tone(220.0, 1.0)), Tape(tone(220.0, 1.0))])
    made = layer._bed.cache_info().misses
    monkeypatch.setattr(np.fft, "irfft", pytest.fail)
    mixer.play(_item(0, FS), 0)
    mixer.set_layer(1.0, FS // 4)
    assert np.any(_out(mixer, 0.5))
    assert layer._bed.cache_info().misses == made == 1


@pytest.mark.parametrize(
    ("what", "most"),
    [("pause", 1e-5), ("volume", 1e-5), ("layer", 1e-5), ("play", 1e-5), ("stop", 4e-4)],
)
def test_no_command_clicks(what: str, most: float) -> None:
    mixer = _playing()
    out = [_out(mixer, 1.0)]
    for k in range(2):
        if what == "pause":
            (mixer.resume if k else mixer.pause)()
        elif what == "volume":
            mixer.set_volume(1.0 if k else 0.1)
        elif what == "layer":
            mixer.set_layer(0.0 if k else 1.0, 0)
        elif what == "play":
            mixer.play(_item(1 + k, 30 * FS), FS // 10)
        else:
            mixer.stop()
        out.append(_out(mixer, 0.03))  # and again in the middle of the ramp
    out.append(_out(mixer, 1.0))
    sound = np.concatenate(out)
    # Relative to the tone itself.
    assert _hiss(sound) / 0.4 < most


def test_stop_fades_within_20_ms_and_then_is_exact_silence() -> None:
    mixer = _playing()
    mixer.set_layer(1.0, 0)
    _out(mixer, 0.5)
    mixer.stop()
    delay = mixer._limiter.delay
    sound = _out(mixer, 0.5)
    assert np.abs(sound[: delay + 480]).max() > 0.1
    assert not sound[delay + 960 :].any()
    assert not mixer.running


def test_the_output_never_passes_the_ceiling_whatever_the_tracks_hold() -> None:
    loud = np.clip(np.random.default_rng(0).normal(0, 2, (10 * FS, 2)), -4, 4).astype("f4")
    mixer = Mixer([Tape(loud), Tape(loud)])
    mixer.play(_item(0, loud.shape[0], gain=2.0), FS)
    mixer.set_layer(1.0, 0)
    _out(mixer, 1.0)
    mixer.play(_item(1, loud.shape[0], gain=2.0), FS)
    assert np.abs(_out(mixer, 2.0)).max() <= 10 ** (-1.0 / 20) * 1.001


def test_samples_that_are_no_numbers_are_muted_and_told() -> None:
    sound = tone(200, 4.0)
    sound[FS : FS + 10] = np.nan
    mixer = Mixer([Tape(sound), Tape(sound)])
    mixer.play(_item(0, sound.shape[0]), 0)
    out = _out(mixer, 3.0)
    assert np.isfinite(out).all()
    assert "bad_sound" in [event.kind for event in mixer.events]
    assert np.abs(out[-FS:]).max() > 0.1


def test_tracks_start_on_a_row_of_the_features() -> None:
    sound = tone(200, 5.0)
    for blocks in range(1, 26):
        mixer = Mixer([Tape(sound), Tape(sound)])
        _out(mixer, blocks / 100)
        mixer.play(_item(0, sound.shape[0]), 0)
        _out(mixer, 0.1)
        deck = next(deck for deck in mixer.decks if deck.playing)
        assert deck.start % HOP == 0
        assert 0 <= deck.start - blocks * BLOCK < HOP


def test_a_decoder_that_falls_behind_fades_and_comes_back_without_a_click() -> None:
    tape = Tape(tone(110, 20.0, amplitude=0.4))
    mixer = Mixer([tape, Tape(tape.sound)])
    tape.filled = FS
    mixer.play(_item(0, tape.sound.shape[0]), 0)
    out = [_out(mixer, 1.5)]
    assert [event.kind for event in mixer.events] == ["track_started", "starved"]
    tape.filled = FS + ENOUGH // 2
    out.append(_out(mixer, 0.3))
    assert not out[-1].any()  # too little to go on with
    tape.filled = 10 * FS
    out.append(_out(mixer, 1.0))
    assert np.abs(out[-1][-FS // 2 :]).max() == pytest.approx(0.4, abs=0.01)
    assert _hiss(np.concatenate(out)) / 0.4 < 2e-5


def test_a_file_cut_in_mid_wave_ends_without_a_click() -> None:
    sound = tone(110, 2.0 + 0.25 / 110, amplitude=0.4)
    mixer = Mixer([Tape(sound), Tape(sound)])
    mixer.play(_item(0, sound.shape[0]), 0)
    out = _out(mixer, 3.0)
    assert not out[-FS // 2 :].any()
    assert _hiss(out) / 0.4 < 2e-5
    assert [event.kind for event in mixer.events] == ["track_started", "track_ended"]


def test_play_then_cue_before_the_first_block_are_both_obeyed() -> None:
    sound = tone(110, 3.0)
    mixer = Mixer([Tape(sound), Tape(sound)])
    mixer.play(_item(0, sound.shape[0]), FS)
    mixer.cue(_item(1, sound.shape[0]), FS)
    _out(mixer, 1.0)
    assert mixer.cued() == 1
    _out(mixer, 1.6)
    assert [(e.kind, e.play) for e in mixer.events] == [("track_started", 0), ("track_started", 1)]


def test_a_newer_wish_replaces_an_older_one_that_has_not_begun() -> None:
    sound = tone(110, 9.0)
    tapes = [Tape(sound), Tape(sound)]
    mixer = Mixer(tapes)
    for tape in tapes:
        tape.filled = 0  # nothing is decoded yet
    mixer.play(_item(0, sound.shape[0]), FS)
    _out(mixer, 0.1)
    mixer.play(_item(1, sound.shape[0]), FS)
    _out(mixer, 0.1)
    for tape in tapes:
        tape.filled = sound.shape[0]
    _out(mixer, 1.0)
    assert [(e.kind, e.play) for e in mixer.events] == [("track_started", 1)]


def test_a_late_cue_keeps_the_music_going() -> None:
    sound = tone(110, 1.0)
    mixer = Mixer([Tape(sound), Tape(sound)])
    mixer.play(_item(0, sound.shape[0]), FS)
    _out(mixer, 2.0)
    mixer.cue(_item(1, sound.shape[0]), FS)
    _out(mixer, 0.5)
    assert ("track_started", 1) in [(e.kind, e.play) for e in mixer.events]


def test_a_cue_after_a_stop_waits() -> None:
    mixer = _playing()
    mixer.stop()
    _out(mixer, 0.1)
    mixer.cue(_item(5, 30 * FS), FS)
    assert not _out(mixer, 1.0)[FS // 4 :].any()
    assert mixer.cued() == 5


def test_unwatched_layer_and_music_fade_and_return() -> None:
    mixer = _playing()
    mixer.set_layer(1.0, 0)
    _out(mixer, 0.5)
    mixer.watch(layer=False, music=True)
    for _ in range(120):
        block = mixer.render()
    assert block.layer is None
    assert np.abs(block.music).max() > 0.3
    mixer.watch(layer=False, music=False)
    _out(mixer, 1.2)
    assert not _out(mixer, 0.2).any()
    assert mixer.running
    mixer.watch(layer=True, music=True)
    _out(mixer, 1.2)
    assert np.abs(_out(mixer, 0.2)).max() > 0.3
    assert mixer.render().layer is not None


def test_the_layer_never_passes_its_cap_through_cross_fades(tmp_path: Path) -> None:
    from app.player.virtual import FileFeed

    tracks = [
        write(tmp_path / f"{k}.wav", pulses(20.0, k), grid=beats(20.0, spacing=0.4 + 0.03 * k))
        for k in range(2)
    ]
    mixer = Mixer([FileFeed(lazy=True), FileFeed(lazy=True)])
    mixer.set_layer(1.0, 0)
    mixer.play(Item.of(0, tracks[0]), FS)
    peak = 0.0
    for k in range(1_200):
        if k % 200 == 150:
            mixer.play(Item.of(k, tracks[(k // 200 + 1) % 2]), FS)
        block = mixer.render()
        if block.layer is not None:
            peak = max(peak, float(np.abs(block.layer).max()))
    assert 0.05 < peak <= PEAK_CAP


def test_a_glide_turned_back_midway_has_no_step() -> None:
    glide = Glide(0.0)
    glide.go(1.0, 4_800)
    parts = [np.broadcast_to(glide.block(480), 480) for _ in range(5)]
    glide.go(0.2, 2_400)
    parts += [np.broadcast_to(glide.block(480), 480) for _ in range(8)]
    assert np.abs(np.diff(np.concatenate(parts))).max() < 1.6 / 2_400
    assert glide.value == 0.2
    assert not glide.moving


def test_opposite_power_glides_keep_their_power() -> None:
    a, b = Glide(1.0), Glide(0.0)
    a.go(0.0, 1_000, power=True, delay=100)
    b.go(1.0, 1_000, power=True, delay=100)
    for _ in range(4):
        np.testing.assert_allclose(
            np.asarray(a.block(300)) ** 2 + np.asarray(b.block(300)) ** 2, 1.0, atol=1e-12
        )
