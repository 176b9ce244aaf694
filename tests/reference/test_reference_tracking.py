"""Against the field's own decoder, and against real recordings with and without sound."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.lab import evaluate_silence as silence
from app.lab import evaluate_tracking as tracking
from app.lab import runs
from app.lab.evaluate_silence import evaluate_silence
from app.lab.evaluate_tracking import evaluate_tracking
from app.lab.recordings import file_stimulus, own_stimulus
from app.lab.runs import go_through, windows
from devices.formats.npz import read_npz
from devices.formats.recording import Recording
from dsp.tracking.decoder import lagged, ridge
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, calibrate
from tests.doubles.recordings import AM, SILENT, TONES

needs_data = pytest.mark.skipif(not TONES, reason="the real recordings are not at hand")


def once(judge: Callable[[Recording], Any]) -> Callable[[Recording], Any]:
    """What `judge` gives, for each recording in memory only once."""
    known: dict[int, tuple[Recording, Any]] = {}  # with the recording: its id stays taken

    def found(recording: Recording) -> Any:
        if id(recording) not in known:
            known[id(recording)] = (recording, judge(recording))
        return known[id(recording)][1]

    return found


@pytest.fixture(scope="module", autouse=True)
def opened_once() -> Iterator[None]:
    """Real recordings are opened, judged and calibrated from once for all tests of this file."""
    calibrated = lru_cache(runs.calibrated)
    known = {
        "open_recording": lru_cache(runs.open_recording),
        "judged": once(runs.judged),
        "ticks_of": once(runs.ticks_of),
        "calibrated": lambda paths, *how: calibrated(tuple(paths), *how),
    }
    with pytest.MonkeyPatch.context() as patched:
        for module in (runs, silence, tracking):
            for name in known.keys() & vars(module).keys():
                patched.setattr(module, name, known[name])
        yield


def test_decoder_weights_agree_with_mtrf() -> None:
    from mtrf.model import TRF

    rng = np.random.default_rng(0)
    n, channels, lags = 6_000, 5, np.arange(0, 27)
    sound = np.convolve(rng.standard_normal(n), np.hanning(7), mode="same")
    eeg = rng.standard_normal((n, channels)).cumsum(axis=0)
    eeg -= eeg.mean(axis=0)
    eeg = np.diff(eeg, axis=0, prepend=0) + 0.3 * np.roll(sound, 9)[:, None]
    penalty = 0.01
    theirs = TRF(direction=-1)
    theirs.train(sound[:, None], eeg, 64, 0.0, 26 / 64, penalty * 64, verbose=False)
    design = lagged(np.concatenate([eeg, np.zeros((26, channels))]), lags, n)
    cov, cross = design.T @ design, design.T @ sound
    relative = penalty * 64 * 64 / (np.trace(cov) / cov.shape[0])
    ours = ridge(cov, cross, penalty=relative).reshape(channels, -1)
    weights = np.asarray(theirs.weights)[:, :, 0]
    if theirs.times[0] < 0:
        weights = weights[:, ::-1]
    assert np.corrcoef(ours.ravel(), weights.ravel())[0, 1] > 0.999


@needs_data
@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.slow), 2])
def test_tones_calibrated_on_two_runs(turn: int) -> None:
    others = [p for k, p in enumerate(TONES) if k != turn]
    result = evaluate_tracking([TONES[turn]], calibrations=others)
    run = result["recordings"][0]
    assert run["r"] >= 0.16
    assert run["r"] > 2 * run["r_null95"]
    accuracy = {k: v["accuracy"] for k, v in run["match_mismatch"].items()}
    assert accuracy["5"] >= 0.85
    assert accuracy["10"] >= 0.92
    assert accuracy["30"] >= 0.97
    low, high = result["calibration"]["lags_s"]
    assert high - low <= 0.61


@needs_data
@pytest.mark.slow
def test_tones_calibrated_on_two_runs_on_average() -> None:
    figures = []
    for turn, path in enumerate(TONES):
        others = [p for k, p in enumerate(TONES) if k != turn]
        run = evaluate_tracking([path], calibrations=others)["recordings"][0]
        accuracy = {k: v["accuracy"] for k, v in run["match_mismatch"].items()}
        figures.append([run["r"], accuracy["5"], accuracy["10"], accuracy["30"]])
    r, five, ten, thirty = np.mean(figures, axis=0)
    assert r >= 0.215
    assert five >= 0.88
    assert ten >= 0.95
    assert thirty == 1.0


@needs_data
def test_tones_from_nothing_are_followed_in_the_first_minute() -> None:
    runs_ = evaluate_tracking(TONES)["recordings"]
    first = sorted(run["first_following_s"] for run in runs_)
    assert first[1] <= 50
    assert first[2] <= 75
    assert min(run["following_after_first"] for run in runs_) >= 0.9


@needs_data
def test_an_am_run_from_nothing_is_followed_in_the_first_minute() -> None:
    first = [evaluate_tracking([AM[k]])["recordings"][0]["first_following_s"] for k in (0, 2)]
    assert max(first) <= 60


@needs_data
@pytest.mark.parametrize("turn", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_am_runs_past_only(turn: int) -> None:
    run = evaluate_tracking([AM[turn]], calibrations=AM[:turn])["recordings"][0]
    assert run["match_mismatch"]["30"]["accuracy"] >= 0.9


STARTER = sorted((Path(__file__).parents[2] / "playlists" / "starter").glob("*.ogg"))
ALL = TONES + AM + STARTER[:4]
slow = [pytest.mark.slow, pytest.mark.timeout(900)]


@needs_data
@pytest.mark.parametrize(
    ("calibrations", "silent", "sounds"),
    [
        pytest.param([], SILENT[::2], AM[:1], id="some-from nothing"),
        pytest.param(TONES, SILENT[1::2], TONES[:1], id="some-calibrated"),
        pytest.param([], SILENT, ALL, id="all-from nothing", marks=slow),
        pytest.param(TONES, SILENT, ALL, id="all-calibrated", marks=slow),
    ],
)
def test_recordings_without_sound_do_not_follow(
    calibrations: list[Path], silent: list[Path], sounds: list[Path]
) -> None:
    against = [str(p) for p in sounds]
    result = evaluate_silence(silent, against=against, calibrations=calibrations)
    assert result["rate"] <= 0.02
    assert max(r["rate"] for r in result["recordings"]) <= 0.07
    assert result["ever"] <= 0.05


@needs_data
def test_wrong_sound_is_not_followed() -> None:
    false = count = 0
    for path, other in zip(TONES, [AM[0], *TONES], strict=False):
        result = evaluate_silence([path], against=[str(other)])
        false += result["rate"] * result["windows"]
        count += result["windows"]
    assert false / count <= 0.02


@needs_data
def test_a_hole_in_a_tone_run_is_cannot_tell_at_once() -> None:
    recording = read_npz(TONES[2])
    sound = own_stimulus(TONES[2], recording, "onset")
    eeg = recording.eeg.copy()
    hole = (recording.times >= 1090.5) & (recording.times < 1093.0)
    eeg[hole] = np.nan
    holed = type(recording)(
        recording.name, recording.ch_names, recording.sfreq, eeg, recording.times, None
    )
    states = dict(go_through(holed, sound).seconds)
    assert states[90.0].state == FOLLOWING
    assert states[93.0].state == CANNOT_TELL


@needs_data
def test_later_sound_costs_nothing_after_recalibration() -> None:
    recordings = [runs.open_recording(p, channels=None) for p in TONES]
    sounds = [own_stimulus(p, r, "onset") for p, r in zip(TONES, recordings, strict=True)]
    clean = [runs.judged(r) for r in recordings]
    found = {0.0: runs.calibrated(TONES, "onset", None, None)[0].r}
    for delay in (0.2, 0.4):
        parts = [(c, (s.values, s.times - delay)) for c, s in zip(clean, sounds, strict=True)]
        found[delay] = calibrate(parts, ch_names=recordings[0].ch_names, sfreq=256.0).r
    assert min(found.values()) >= 0.95 * found[0.0]
    for recording, sound, delay in zip(recordings, sounds, (0.2, 0.4, 0.4), strict=True):
        early = type(sound)(sound.name, sound.values, sound.times - delay)
        run = go_through(recording, early)
        assert min(at for at, t in run.seconds if t.state == FOLLOWING) <= 120
        assert set(windows(run)) >= {FOLLOWING}


def test_feature_file_of_a_recording_is_its_onsets() -> None:
    if not TONES:
        pytest.skip("the real recordings are not at hand")
    sound = file_stimulus(TONES[0], start=5.0)
    assert sound.times[0] == 5.0 + 0.5 / 64  # the middle of what the first row sums
    peaks = np.flatnonzero(sound.values[:, 0] > 0.5)
    assert 190 <= np.count_nonzero(np.diff(peaks) > 5) + 1 <= 200
