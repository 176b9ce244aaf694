"""The decoder against `mtrf`, and against itself on other numbers of threads and BLAS kernels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.lab.recordings import own_stimulus
from app.lab.runs import judged
from devices.formats.npz import read_npz
from dsp.tracking.alignment import Aligned
from dsp.tracking.courses import penalty_shape
from dsp.tracking.decoder import PENALTY, Sums, lagged, ridge, strength

RATE = 64
LONGEST = 26  # lags of 0-406 ms


def from_mtrf(
    sound: np.ndarray, eeg: np.ndarray, *, ridge_mass: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [shape=(n_channels, n_lags)] of the field's decoder, and its rebuilt sound."""
    model = pytest.importorskip("mtrf.model", reason="mtrf is not installed")
    theirs = model.TRF(direction=-1)
    theirs.train(sound[:, None], eeg, RATE, 0.0, LONGEST / RATE, ridge_mass / RATE, verbose=False)
    weights = np.asarray(theirs.weights)[:, :, 0] / RATE
    # A backward model counts its lags from sound to brain below zero, the latest one first.
    assert np.array_equal(np.round(theirs.times * RATE), np.arange(-LONGEST, 1))
    rebuilt, _ = theirs.predict(sound[:, None], eeg)
    return weights[:, ::-1], np.asarray(rebuilt[0])[:, 0]


def design_of(eeg: np.ndarray) -> np.ndarray:
    """Our design of all rows; beyond the end there are zeros, as in `mtrf`."""
    ahead = np.concatenate([eeg, np.zeros((LONGEST, eeg.shape[1]))])
    return lagged(ahead, np.arange(LONGEST + 1), len(eeg))


def simulated(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Three minutes of sound and of 1/f noise that answers to it 140 ms later."""
    rng = np.random.default_rng(channels)
    n = 180 * RATE
    sound = np.convolve(rng.standard_normal(n), np.hanning(7), mode="same")
    spectrum = np.fft.rfft(rng.standard_normal((n, channels)), axis=0)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))[:, None]
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, n, axis=0)
    eeg = 8.0 * noise / noise.std() + 0.8 * np.roll(sound, 9)[:, None] / sound.std()
    return sound - sound.mean(), eeg - eeg.mean(axis=0)


def muse(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Feature and filtered EEG of a real run as the tracker has them, 0 where masked."""
    recording = read_npz(path)
    sound = own_stimulus(path, recording, "onset")
    aligned = Aligned(4, sfreq=recording.sfreq, band=(1.0, 8.0), reach=0)
    for block in judged(recording):
        aligned.push_eeg(np.where(block.valid, block.eeg, np.nan), block.times)
    aligned.push_sound(sound.values[:, [0, 2]], sound.times)
    seconds = list(aligned.seconds())
    eeg = np.nan_to_num(np.concatenate([s[1] for s in seconds]))
    return np.nan_to_num(np.concatenate([s[2] for s in seconds])), eeg


def assert_same_decoder(sound: np.ndarray, eeg: np.ndarray, penalty: float) -> None:
    design = design_of(eeg)
    cov, cross = design.T @ design, design.T @ sound
    mass = penalty * float(np.trace(cov)) / len(cov)
    ours = ridge(cov, cross, penalty=penalty)
    theirs, rebuilt = from_mtrf(sound, eeg, ridge_mass=mass)
    assert np.corrcoef(ours, theirs.ravel())[0, 1] > 0.999
    # Same size too, not only same shape; `mtrf` fits a constant besides, here next to nothing.
    assert np.linalg.norm(ours) == pytest.approx(np.linalg.norm(theirs), rel=0.01)
    assert np.corrcoef(design @ ours, rebuilt)[0, 1] > 0.999


@pytest.mark.parametrize("channels", [1, 4, 16])
@pytest.mark.parametrize("penalty", [0.01, 1.0, 10.0])
def test_weights_agree_with_mtrf_for_equal_settings(channels: int, penalty: float) -> None:
    assert_same_decoder(*simulated(channels), penalty)


@pytest.mark.parametrize("run", ["run01", "run02", "run03"])
def test_weights_agree_with_mtrf_on_real_recordings(shared_data: Path, run: str) -> None:
    assert_same_decoder(*muse(shared_data / "eeg" / "muse_tones" / f"{run}.npz"), 1.0)


def test_sums_second_by_second_give_the_batch_solution() -> None:
    """What is solved again and again while music plays is the decoder `mtrf` fits at the end."""
    sound, eeg = simulated(4)
    design = design_of(eeg)
    sums = Sums.zero(design.shape[1])
    for at in range(0, len(sound), RATE):
        sums = sums.plus(design[at : at + RATE], sound[at : at + RATE])
    levels = sums.levels(4)  # each electrode in units of its level
    scaled = sums.scaled(levels, seconds=sums.seconds)
    penalty = strength(sums.seconds, 4)
    ours = ridge(scaled.cov, scaled.cross, penalty=penalty, n_lags=LONGEST + 1)
    # The penalty is the textbook's for electrodes mixed so that it is the same for all.
    shape = penalty_shape(scaled.cov, LONGEST + 1)
    mix = np.linalg.inv(np.linalg.cholesky(shape))
    assert penalty == 4 * PENALTY / sums.seconds
    theirs, _ = from_mtrf(sound, eeg / levels @ mix.T, ridge_mass=penalty)
    assert np.corrcoef(ours, (mix.T @ theirs).ravel())[0, 1] > 0.999


# ---- the same numbers on other threads and kernels

SCENE = """
import json
import numpy as np
from dsp.tracking.calibrate import calibrate
from dsp.quality import Guard
from dsp.tracking.tracker import Tracker

CH, SFREQ, SECONDS = ("Fz", "Cz", "C3", "C4", "T7", "T8", "TP9", "TP10"), 128.0, 60
rng = np.random.default_rng(3)
sound = np.zeros((SECONDS * 64, 3))
onsets = np.cumsum(rng.integers(24, 44, 160))
sound[onsets[onsets < len(sound)], 0] = 1.0
answer = np.convolve(sound[:, 0], np.concatenate([np.zeros(9), np.hanning(15)]))[: len(sound)]
n = int(SECONDS * SFREQ)
sound_times, times = np.arange(len(sound)) / 64, np.arange(n) / SFREQ
noise = np.cumsum(rng.standard_normal((n, 8)), axis=0)
noise -= noise[np.maximum(np.arange(n) - 128, 0)]
eeg = (noise + 2.0 * np.interp(times, sound_times, answer)[:, None]).astype(np.float32)

def go(decoder):
    guard = Guard(ch_names=CH, sfreq=SFREQ)
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder)
    tracker.push_stimulus(sound, sound_times)
    block = guard.push(eeg, times)
    tracker.push_eeg(block)
    said = tracker.estimate(float(times[-1]))
    figures = [said.r, said.r_null95, said.r_low, said.r_high, said.p, said.evidence]
    return block, figures, np.nan_to_num(tracker.rebuilt.read(0, 64 * SECONDS)[:, 0]), said.state

block, figures, rebuilt, state = go(None)
decoder = calibrate([([block], (sound, sound_times))], ch_names=CH, sfreq=SFREQ, search=0.2)
_, more, again, known = go(decoder)
print(json.dumps({
    "figures": figures + more + [decoder.r, decoder.r_null95, decoder.effect],
    "states": [state, known], "lags": decoder.lags.tolist(), "band": decoder.band,
    "rebuilt": np.concatenate([rebuilt[::7], again[::7]]).tolist(),
}))
"""


def scene(**env: str) -> dict[str, list[float]]:
    """Figures of a whole tracker and calibration in a process with these settings of BLAS."""
    # A thread that waits sleeps at once: spinning, it took the core from the one it waits for.
    waiting = {"OPENBLAS_THREAD_TIMEOUT": "4"}
    done = subprocess.run(
        [sys.executable, "-c", SCENE],
        env=os.environ | waiting | env,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    # A kernel that this processor cannot run ends the process by a signal.
    if done.returncode < 0:
        pytest.skip(f"this processor does not run {env}")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def one_thread() -> dict[str, list[float]]:
    return scene(OPENBLAS_NUM_THREADS="1")


@pytest.mark.parametrize(
    "env",
    [
        {"OPENBLAS_NUM_THREADS": "2"},
        pytest.param(
            {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Sandybridge"},
            marks=pytest.mark.slow,
        ),
        {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Nehalem"},
        {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "SkylakeX"},
    ],
    ids=lambda env: "-".join(env.values()),
)
def test_numbers_agree_on_other_threads_and_kernels(
    one_thread: dict[str, list[float]], env: dict[str, str]
) -> None:
    other = scene(**env)
    assert other["states"] == one_thread["states"] == ["following", "following"]
    assert (other["lags"], other["band"]) == (one_thread["lags"], one_thread["band"])
    assert np.isfinite(one_thread["figures"]).all()
    assert np.abs(np.subtract(other["figures"], one_thread["figures"])).max() < 1e-6
    assert np.std(one_thread["rebuilt"]) > 0.01
    assert np.abs(np.subtract(other["rebuilt"], one_thread["rebuilt"])).max() < 1e-6
