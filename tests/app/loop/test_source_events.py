"""What the loop makes of a source that has another rate, falls silent, or is left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from app.loop.loop import Loop
from app.loop.ticks import LoopEvent, TickInput, TickResult
from app.session.journal import events_of
from app.settings import load_preset
from dsp.checks import RecordError
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, Heard
from playlists.tracks import Place
from tests.doubles.ticking import POOL

NAMES = ("Fz", "Cz", "F3", "F4", "T7", "Pz")
START, SECONDS, FINE = 1000, 75, 512.0
Eeg = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def heard() -> Heard:
    """A track of irregular onsets."""
    rng, n = np.random.default_rng(1), SECONDS * RATE
    onsets = np.zeros(n)
    at = np.cumsum(rng.choice([16, 24, 32, 48], n // 16))
    onsets[at[at < n]] = rng.uniform(0.5, 1.5, np.count_nonzero(at < n))
    rows = np.zeros((n, len(HEARD_NAMES)), dtype=np.float32)
    rows[:, 0] = rows[:, 1] = np.convolve(onsets, np.hanning(6), "same")
    rows[:, HEARD_NAMES.index("position_s")] = np.arange(n) / RATE
    return Heard(START + np.arange(n) / RATE, rows)


@pytest.fixture(scope="module")
def voltages(heard: Heard) -> tuple[np.ndarray, np.ndarray]:
    """The same brain for every headset, at 512 Hz: noise, theta, and an answer to the music."""
    rng, n = np.random.default_rng(2), round((SECONDS + 1) * FINE)
    times = np.arange(n) / FINE
    answer = np.convolve(heard.values[:, 0], np.hanning(12), "same")
    answer = np.interp(times - 0.15, np.arange(answer.size) / RATE, answer, left=0.0)
    theta = 10.0 * sosfiltfilt(
        butter(2, (5.0, 7.0), "bandpass", fs=FINE, output="sos"), rng.standard_normal(n)
    )
    shape = 1.0 / np.sqrt(np.maximum(np.fft.rfftfreq(n, 1.0 / FINE), 0.5))
    noise = np.fft.irfft(
        np.fft.rfft(rng.standard_normal((len(NAMES), n))) * shape, n
    )  # fmt: skip
    noise = sosfiltfilt(butter(4, 45.0, fs=FINE, output="sos"), noise)
    noise *= 8.0 / noise.std(axis=1, keepdims=True)
    return times, (noise + theta + 2.0 * answer / answer.std()).T


def sampled(voltages: tuple[np.ndarray, np.ndarray], rate: float) -> Eeg:
    """Return what a headset of `rate` sends."""
    times = np.arange(round(SECONDS * rate)) / rate
    columns = [np.interp(times, voltages[0], column) for column in voltages[1].T]
    return np.array(columns, dtype=np.float32).T, START + times


def loop(sfreq: float) -> Loop:
    one = Loop(
        load_preset("default"), pool=POOL, ch_names=NAMES, sfreq=sfreq, calibration=None, seed=1
    )
    one.first(Place(0), now=float(START))
    return one


def run(
    one: Loop,
    eeg: Eeg,
    heard: Heard,
    events: dict[int, tuple[LoopEvent, ...]],
    *,
    until: int = SECONDS,
    silent: range = range(0),
) -> list[TickResult]:
    """Tick through the session; no EEG comes in the seconds `silent`."""
    results, row = [], 0
    for second in range(until):
        now = START + second + 1.0
        stop = row if second in silent else int(np.searchsorted(eeg[1], now))
        if second and second - 1 in silent and second not in silent:
            row = int(np.searchsorted(eeg[1], now - 1.0))
        given = TickInput(
            now, eeg[0][row:stop], eeg[1][row:stop],
            heard[second * RATE : (second + 1) * RATE], events.get(second, ()),
        )  # fmt: skip
        results.append(one.tick(given))
        row = max(row, stop)
    return results


@pytest.mark.parametrize(
    ("stated", "sent"), [(128.0, 256.0), (256.0, 200.0), (250.0, 125.0), (250.0, 203.0)]
)
def test_a_wrong_stated_rate_costs_theta_and_tracking_nothing(
    stated: float, sent: float, voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    eeg = sampled(voltages, sent)
    right = run(loop(sent), eeg, heard, {})
    wrong = run(loop(stated), eeg, heard, {3: (LoopEvent("rate", sent),)})
    # The background under theta is that of 16 s, and those of before the rate was known are out.
    theta = np.array([[a.theta_db, b.theta_db] for a, b in zip(right, wrong, strict=True)][22:])
    assert np.abs(theta[:, 0] - theta[:, 1]).max() < 0.5
    r = np.array([[a.tracking.r, b.tracking.r] for a, b in zip(right, wrong, strict=True)][45:])
    assert r.min() > 0.3
    assert abs(r[:, 1].mean() / r[:, 0].mean() - 1.0) < 0.05
    assert [word for _, _, word in wrong[-1].quality] == [w for _, _, w in right[-1].quality]
    assert wrong[-1].tracking.state == right[-1].tracking.state == "following"


def test_without_the_measured_rate_it_would_be_wrong(
    voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    """So that the test above can fail: half of the samples missing is a gap for ever."""
    results = run(loop(250.0), sampled(voltages, 125.0), heard, {}, until=12)
    assert {word for _, _, word in results[-1].quality} == {"gap"}


def test_eeg_slower_than_can_be_judged_is_a_gap_and_ends_nothing(
    voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    results = run(
        loop(128.0), sampled(voltages, 90.0), heard, {3: (LoopEvent("rate", 90.0),)}, until=16
    )
    assert results[-1].quality == tuple((name, 4, "gap") for name in NAMES)
    assert results[-1].tracking.state == "cannot tell"


def test_while_a_source_is_silent_every_grade_is_a_gap_and_comes_back_with_it(
    voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    events = {20: (LoopEvent("eeg_stalled", True),), 30: (LoopEvent("eeg_stalled", False),)}
    silent = range(19, 30)
    results = run(loop(250.0), sampled(voltages, 250.0), heard, events, until=40, silent=silent)
    words = [{word for _, _, word in result.quality} for result in results]
    assert words[19] == {"good"}
    assert words[20:30] == [{"gap"}] * 10
    assert all(grade == 4 for result in results[20:30] for _, grade, _ in result.quality)
    assert words[-1] == {"good"}


def test_without_eeg_the_session_goes_on_as_its_twin_did(
    voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    events = {10: (LoopEvent("eeg_off"),), 12: (LoopEvent("rating", 0.9), LoopEvent("rate", 99.0))}
    after = run(loop(250.0), sampled(voltages, 250.0), heard, events, until=16)[10:]
    assert all(result.tracking is None and result.quality == () for result in after)
    assert all(result.eeg_weight == 0.0 for result in after)
    reasons = {result.enjoyment.reasons for result in after}
    assert reasons == {("the EEG was left out: ratings and priors alone",)}
    assert all(result.enjoyment.mean == result.twin.mean for result in after)
    assert after[-1].enjoyment.mean > after[0].enjoyment.mean


def test_after_a_computer_that_stood_still_all_begins_anew_at_once(
    voltages: tuple[np.ndarray, np.ndarray], heard: Heard
) -> None:
    one, eeg = loop(250.0), sampled(voltages, 250.0)
    run(one, eeg, heard, {}, until=15)
    hours = 8 * 3600.0
    before = one._senses._tracker
    rows = slice(15 * 250, 25 * 250)
    for second in range(10):
        now = START + 16.0 + second + hours
        part = slice(rows.start + second * 250, rows.start + (second + 1) * 250)
        late = heard[(15 + second) * RATE : (16 + second) * RATE]
        events = (LoopEvent("resumed"),) if second == 0 else ()
        given = TickInput(
            now, eeg[0][part], eeg[1][part] + hours, Heard(late.times + hours, late.values), events
        )
        result = one.tick(given)
    assert {word for _, _, word in result.quality} == {"good"}
    assert before._newest_sound < START + 16.0  # hours of sound that nobody heard are not made up
    assert one._senses._tracker.scored_until > START + hours


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("rate", 254.5, True), ("rate", 0.0, False), ("rate", None, False), ("rate", True, False),
        ("eeg_stalled", True, True), ("eeg_off", None, True), ("resumed", None, True),
    ],
)  # fmt: skip
def test_a_replay_reads_what_the_loop_was_told_of_its_source(
    kind: str, value: object, fits: bool
) -> None:
    logged = [{"kind": kind, "value": value}]
    if fits:
        assert events_of(logged) == (LoopEvent(kind, value),)
    else:
        with pytest.raises(RecordError, match="no loop takes such a one"):
            events_of(logged)
