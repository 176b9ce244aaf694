"""What the tracker says: following, not following, or why it cannot tell."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.quality import CleanBlock
from dsp.tracking.decoder import WIDE_LAGS
from dsp.tracking.doubts.montage import Montage
from dsp.tracking.evidence import KEPT, UPPER, Evidence
from dsp.tracking.tracker import (
    CANNOT_TELL,
    FOLLOWING,
    NOT_FOLLOWING,
    Decoder,
    Tracker,
    Tracking,
    calibrate,
)

SFREQ = 128.0
CH = ("Fz", "Cz", "TP9")
START = 1000.0
KERNEL = np.concatenate([np.zeros(10), -np.hanning(9), 0.8 * np.hanning(13), np.zeros(2)])


def feature(seconds: int, *, seed: int) -> np.ndarray:
    """Onsets on a jittered grid of sixteenths, as spectral flux has them."""
    rng = np.random.default_rng(seed)
    out = np.zeros(seconds * 64)
    at = 0.0
    while at < seconds - 1:
        out[int(at * 64)] += rng.uniform(0.3, 1.0)
        at += rng.choice([0.15, 0.3, 0.45, 0.6]) + rng.normal(0, 0.01)
    return out


def eeg_for(flux: np.ndarray, *, gain: float, seed: int, delay: float = 0.0) -> np.ndarray:
    """1/f noise of 8 µV, and an answer of `gain` µV rms 0.15-0.5 s after each onset."""
    rng = np.random.default_rng(seed)
    n = flux.size * 2
    hz = np.fft.rfftfreq(n, 1 / SFREQ)
    z = rng.standard_normal((hz.size, 3)) + 1j * rng.standard_normal((hz.size, 3))
    noise = np.fft.irfft(z / np.maximum(hz, 0.5)[:, None] ** 0.6, n, axis=0)
    answer = np.convolve(flux, KERNEL)[: flux.size]
    answer = np.roll(answer, round(delay * 64))
    fine = np.interp(np.arange(n) / 2, np.arange(flux.size), answer / answer.std())
    return 8.0 * noise / noise.std() + gain * fine[:, None] * [0.9, 1.0, -0.4]


def blocks(eeg: np.ndarray) -> list[CleanBlock]:
    n = int(SFREQ)
    out = []
    for k in range(len(eeg) // n):
        part = eeg[k * n : (k + 1) * n].astype(np.float32)
        times = START + k + np.arange(n) / SFREQ
        out.append(CleanBlock(part, times, np.isfinite(part), ()))
    return out


def sound(flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.stack([flux, flux, np.zeros_like(flux)], axis=1)
    return rows, START + 0.004 + np.arange(flux.size) / 64


def follow(
    flux: np.ndarray,
    eeg: np.ndarray,
    *,
    decoder: Decoder | None = None,
    skip: range = range(0),
) -> list[Tracking]:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder)
    rows, times = sound(flux)
    out = []
    for k, block in enumerate(blocks(eeg)):
        tracker.push_stimulus(rows[k * 64 : (k + 1) * 64], times[k * 64 : (k + 1) * 64])
        if k not in skip:
            tracker.push_eeg(block)
        out.append(tracker.estimate(START + k + 1.0))
    return out


def correlation(flux: np.ndarray, eeg: np.ndarray, *, decoder: Decoder | None = None) -> float:
    """Of all that was scored."""
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder)
    tracker.push_stimulus(*sound(flux))
    for k, block in enumerate(blocks(eeg)):
        tracker.push_eeg(block)
        tracker.estimate(START + k + 1.0)
    span = int(START) * 64, tracker.scored_until * 64
    y, s = tracker.rebuilt.read(*span)[:, 0], tracker.feature.read(*span)[:, 0]
    ok = np.isfinite(y) & np.isfinite(s)
    return float(np.corrcoef(y[ok], s[ok])[0, 1])


def first(states: list[Tracking]) -> int:
    return next((i + 1 for i, s in enumerate(states) if s.state == FOLLOWING), 10_000)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    recordings = []
    for k in range(4):
        flux = feature(90, seed=50 + k)
        recordings.append((blocks(eeg_for(flux, gain=2.0, seed=60 + k)), sound(flux)))
    return calibrate(recordings, ch_names=CH, sfreq=SFREQ)


def test_calibration_finds_the_delay_and_says_so(decoder: Decoder) -> None:
    assert decoder.found
    assert decoder.r > 2 * decoder.r_null95
    assert decoder.lags[0] / 64 <= 0.3
    assert decoder.lags[-1] / 64 >= 0.4


def test_calibration_on_silence_finds_nothing() -> None:
    recordings = []
    for k in range(3):
        flux = feature(60, seed=70 + k)
        recordings.append((blocks(eeg_for(flux, gain=0.0, seed=80 + k)), sound(flux)))
    assert not calibrate(recordings, ch_names=CH, sfreq=SFREQ).found


def test_an_answer_too_weak_to_be_shown_by_calibration_is_still_a_start() -> None:
    recordings = []
    for k in range(4):
        flux = feature(90, seed=50 + k)
        recordings.append((blocks(eeg_for(flux, gain=0.2, seed=60 + k)), sound(flux)))
    known = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
    assert not known.found
    assert known.lags.size < WIDE_LAGS.size  # the choice is kept, though chance may have made it
    gain = []
    for seed in range(2):
        flux = feature(90, seed=200 + seed)
        eeg = eeg_for(flux, gain=0.2, seed=300 + seed)
        gain.append(correlation(flux, eeg, decoder=known) - correlation(flux, eeg))
    assert np.mean(gain) > 0.02


def test_later_sound_is_found_by_calibration_without_loss(decoder: Decoder) -> None:
    for delay in (0.4,):
        recordings = []
        for k in range(4):
            flux = feature(90, seed=50 + k)
            eeg = eeg_for(flux, gain=2.0, seed=60 + k, delay=delay)
            recordings.append((blocks(eeg), sound(flux)))
        late = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
        assert late.r > 0.93 * decoder.r
        assert late.lags[-1] > decoder.lags[-1]


def test_stored_decoder_follows_within_thirty_seconds(decoder: Decoder) -> None:
    flux = feature(40, seed=1)
    states = follow(flux, eeg_for(flux, gain=2.5, seed=2), decoder=decoder)
    assert first(states) <= 32
    last = states[-1]
    assert last.r > last.r_null95
    assert last.r_low < last.r < last.r_high
    assert last.p < 0.05


def test_from_nothing_follows_after_a_while() -> None:
    flux = feature(100, seed=3)
    assert first(follow(flux, eeg_for(flux, gain=2.5, seed=4))) <= 90


def test_silent_brain_never_follows_with_or_without_a_decoder(decoder: Decoder) -> None:
    for seed in range(2):
        flux = feature(80, seed=10 + seed)
        eeg = eeg_for(flux, gain=0.0, seed=20 + seed)
        for known in (None, decoder):
            assert first(follow(flux, eeg, decoder=known)) == 10_000


def test_a_hole_of_two_seconds_is_cannot_tell_at_once(decoder: Decoder) -> None:
    flux = feature(70, seed=5)
    eeg = eeg_for(flux, gain=2.5, seed=6)
    states = follow(flux, eeg, decoder=decoder, skip=range(50, 53))
    assert states[49].state == FOLLOWING
    assert states[52].state == CANNOT_TELL
    assert "old" in states[52].reasons[0]
    eeg[50 * 128 : 53 * 128] = np.nan
    assert follow(flux, eeg, decoder=decoder)[52].state == CANNOT_TELL


def test_music_that_stops_is_cannot_tell(decoder: Decoder) -> None:
    flux = feature(60, seed=7)
    eeg = eeg_for(flux, gain=2.5, seed=8)
    flux[40 * 64 :] = 0.0
    last = follow(flux, eeg, decoder=decoder)[-1]
    assert last.state == CANNOT_TELL
    assert "heard" in last.reasons[0]


def test_before_any_data_it_cannot_tell() -> None:
    got = Tracker(ch_names=CH, sfreq=SFREQ).estimate(5.0)
    assert got.state == CANNOT_TELL
    assert not got.usable
    assert got.p == 1.0
    assert np.isnan(got.r)
    assert np.isinf(got.age_s)


def test_an_electrode_that_falls_off_is_left_out(decoder: Decoder) -> None:
    flux = feature(80, seed=9)
    eeg = eeg_for(flux, gain=2.5, seed=10)
    eeg[40 * 128 :, 0] = np.nan
    last = follow(flux, eeg, decoder=decoder)[-1]
    assert last.state == FOLLOWING
    assert last.r > 0.15


def test_steady_tone_is_named_and_not_followed() -> None:
    flux = np.zeros(90 * 64)
    flux[:: 64 * 3 // 5] = 1.0
    t = np.arange(90 * 128) / SFREQ
    eeg = 20.0 * np.sin(2 * np.pi * 5.0 * t)[:, None] * [1.0, 0.8, 0.5]
    states = follow(flux, eeg)
    assert first(states) == 10_000
    assert any("steady tone at 5.0 Hz" in reason for reason in states[-1].reasons)


def test_decoder_survives_being_stored(decoder: Decoder) -> None:
    again = Decoder.from_arrays(decoder.to_arrays())
    flux = feature(40, seed=1)
    eeg = eeg_for(flux, gain=2.5, seed=2)
    a, b = follow(flux, eeg, decoder=decoder)[-1], follow(flux, eeg, decoder=again)[-1]
    assert a.r == pytest.approx(b.r, abs=1e-4)
    assert again.ch_names == CH
    assert np.array_equal(again.levels, decoder.levels)
    assert np.all((decoder.levels > 3.0) & (decoder.levels < 9.0))  # µV of 8 µV that lie in 1-8 Hz
    older = {k: v for k, v in decoder.to_arrays().items() if k != "levels"}
    assert Decoder.from_arrays(older).levels.size == 0


def test_electrical_bleed_is_named_and_not_counted(decoder: Decoder) -> None:
    assert not decoder.bleed
    recordings = []
    for k in range(3):
        flux = feature(60, seed=90 + k)
        eeg = eeg_for(flux, gain=0.0, seed=95 + k)
        eeg += 8.0 * np.interp(np.arange(len(eeg)) / 2, np.arange(flux.size), flux)[:, None]
        recordings.append((blocks(eeg), sound(flux)))
    shorted = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
    assert shorted.bleed
    assert Decoder.from_arrays(shorted.to_arrays()).bleed
    flux = feature(40, seed=1)
    last = follow(flux, eeg_for(flux, gain=2.5, seed=2), decoder=shorted)[-1]
    assert last.state == CANNOT_TELL
    assert "electrically" in last.reasons[0]


def test_a_warning_of_changed_sides_is_a_reason_and_changes_nothing_else(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flux = feature(60, seed=9)
    eeg = eeg_for(flux, gain=2.0, seed=10)
    plain = follow(flux, eeg, decoder=decoder)
    monkeypatch.setattr(Montage, "look", lambda self, second: "Left and right.")
    warned = follow(flux, eeg, decoder=decoder)
    assert plain[-1].state == FOLLOWING
    assert [(t.state, t.usable) for t in warned] == [(t.state, t.usable) for t in plain]
    assert warned[-1].reasons == (*plain[-1].reasons, "Left and right.")


def test_a_doubt_takes_back_what_was_gained_and_no_more() -> None:
    fresh, doubted, against = (Evidence(effect=1.0) for _ in range(3))
    for _ in range(30):
        doubted.add(2.0)
        against.add(-1.0)
    assert doubted.ever
    before = against.session
    for evidence in (fresh, doubted, against):
        evidence.void()
    assert fresh.session == -np.inf
    assert -0.1 < doubted.session <= 0.0
    assert not doubted.ever
    assert against.session == before
    blocks = 0
    while not doubted.ever:
        doubted.add(2.0)
        blocks += 1
    assert blocks <= 3  # and not as many more as the session is long


@pytest.mark.parametrize(
    ("before", "now", "state"),
    [
        (False, UPPER, FOLLOWING),
        (False, UPPER - 0.01, CANNOT_TELL),
        (True, KEPT, FOLLOWING),
        (True, KEPT - 0.01, CANNOT_TELL),
    ],
)
def test_following_is_said_by_evidence_of_minutes_and_not_by_one_window(
    unanswered: Tracker, before: bool, now: float, state: str
) -> None:
    unanswered._following = before
    unanswered._evidence = SimpleNamespace(now=now, ever=True, session=3.0, blocks=24)  # type: ignore[assignment]
    said = unanswered.estimate(START + 40.0)
    assert said.p >= 0.05
    assert said.state == state
    unanswered._evidence = SimpleNamespace(now=3.0, ever=False, session=0.0, blocks=24)  # type: ignore[assignment]
    assert unanswered.estimate(START + 40.0).state == CANNOT_TELL


@pytest.fixture(scope="module")
def unanswered() -> Tracker:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    flux = feature(40, seed=5)
    tracker.push_stimulus(*sound(flux))
    for block in blocks(eeg_for(flux, gain=0.0, seed=6)):
        tracker.push_eeg(block)
    tracker.estimate(START + 40.0)
    return tracker


def states_of(said: list[Tracking]) -> set[str]:
    return {t.state for t in said}


def test_without_an_answer_ever_shown_nothing_is_said_of_its_absence() -> None:
    recordings = []
    for k in range(3):
        flux = feature(60, seed=70 + k)
        recordings.append((blocks(eeg_for(flux, gain=0.0, seed=80 + k)), sound(flux)))
    nothing = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
    assert not nothing.found
    flux = feature(95, seed=31)
    for seed, known in ((40, None), (41, nothing)):
        said = follow(flux, eeg_for(flux, gain=0.0, seed=seed), decoder=known)
        assert states_of(said) == {CANNOT_TELL}
        assert any(r.startswith("No answer found so far in ") for t in said for r in t.reasons)
        assert all(np.isnan(t.power) for t in said)


def test_a_person_who_answered_and_now_does_not_is_told_so_after_minutes(decoder: Decoder) -> None:
    flux = feature(80, seed=31)
    said = follow(flux, eeg_for(flux, gain=0.0, seed=42), decoder=decoder)
    assert NOT_FOLLOWING in states_of(said[40:])
    assert NOT_FOLLOWING not in states_of(said[:20])
    assert all(t.power >= 0.8 for t in said if t.state == NOT_FOLLOWING)


@pytest.mark.parametrize(("rate", "late"), [(1.01, 0.0), (1.0, 0.2)])
def test_a_wrong_rate_or_delay_is_not_taken_for_somebody_who_does_not_follow(
    decoder: Decoder, rate: float, late: float
) -> None:
    flux = feature(90, seed=32)
    at = (np.arange(flux.size) / 64 - late) / rate
    heard = np.interp(at, np.arange(flux.size) / 64, flux)
    said = follow(flux, eeg_for(heard, gain=2.0, seed=43), decoder=decoder)
    assert NOT_FOLLOWING not in states_of(said)


def test_a_clock_that_drifts_is_followed_and_told(decoder: Decoder) -> None:
    flux, ms_a_minute = feature(120, seed=33), 30.0
    at = np.arange(flux.size) / 64 / (1.0 + ms_a_minute / 60e3)
    heard = np.interp(at, np.arange(flux.size) / 64, flux)
    eeg = eeg_for(heard, gain=2.0, seed=44)
    last = follow(flux, eeg, decoder=decoder)[-1]
    assert abs(last.drift - ms_a_minute) < 4.0 * last.drift_sd < 30.0
    assert last.delay_change == pytest.approx(0.06, abs=0.02)
    assert last.state == FOLLOWING
    assert any("ms a minute: a clock drifts" in r for r in last.reasons)
