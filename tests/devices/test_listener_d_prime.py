"""What d' of a simulated listener is promised to be, measured (11 s: separations need samples)."""

import numpy as np
import pytest
from scipy import signal

from devices.listener import LISTENERS, MONTAGE, Answer, Head, Listener, answer_of
from devices.timeline import HeardTrack, HeardTracks, Timeline
from dsp.checks import InputError
from dsp.grid import FS, RATE
from dsp.quality import Guard
from dsp.reward import FrontalTheta

SFREQ, START, D_PRIME = 250.0, 100.0, 1.5
LAGS = range(26)


class Still:
    """Somebody who feels the same all the time."""

    def __init__(self, felt):
        self.felt = felt

    def step(self, t, play, tracks, chance):
        pass


def seconds_of_eeg(answer, felt, seed, n, feature=None):
    """EEG [shape=(250, 8)] second by second, with its times."""
    timeline, tracks = Timeline.create(local=True), HeardTracks.create(local=True)
    if feature is not None:
        tracks.put(0, HeardTrack(feature, 1.0, 0.5, 0))
    one = Listener(
        "typical", seed=seed, ch_names=MONTAGE, sfreq=SFREQ, timeline=timeline, tracks=tracks,
        head=Head(answer, 7), feeling=Still(felt),
    )  # fmt: skip
    for second in range(n):
        for block in range(100):
            frame = (100 * second + block) * FS // 100
            row = [START + second + 0.01 * block, frame, 480, 0, frame, 1.0, -1, 0, 0, 0, 0, 1]
            timeline.append(row if feature is not None else [*row[:3], -1, *row[4:]])
        times = START + second + np.arange(int(SFREQ)) / SFREQ
        yield one.voltages(times), times


def separation(low, high):
    return (high.mean() - low.mean()) / np.sqrt(0.5 * (low.var() + high.var()))


def theta_means(felt, seed):
    guard = Guard(ch_names=MONTAGE, sfreq=SFREQ)
    theta = FrontalTheta(ch_names=MONTAGE, sfreq=SFREQ)
    answer = Answer(answer_of(D_PRIME).theta_db, 0.0, 0.0)
    scores = []
    for eeg, times in seconds_of_eeg(answer, felt, seed, 240):
        block = guard.push(eeg, times)
        scores += [s.db if s.usable else np.nan for s in theta.push(block)] if block else []
    whole = np.array(scores[6:][: (len(scores) - 6) // 5 * 5])
    return np.nanmean(whole.reshape(-1, 5), axis=1)


def lagged(eeg):
    return np.concatenate([np.roll(eeg, -lag, axis=0) for lag in LAGS], axis=1)


def filtered(felt, seed, feature, n=300):
    answer = Answer(0.0, answer_of(D_PRIME).response, answer_of(D_PRIME).response_slope)
    eeg = np.concatenate([v for v, _ in seconds_of_eeg(answer, felt, seed, n, feature)])
    band = signal.butter(2, [1.0, 12.0], "bandpass", fs=SFREQ, output="sos")
    clipped = np.clip(signal.sosfiltfilt(band, eeg.astype(float), axis=0), -40.0, 40.0)
    return lagged(signal.resample_poly(clipped, 32, 125, axis=0)), feature[: n * RATE]


def test_d_prime_is_the_separation_of_both_channels_combined_ideally():
    # The same noise under both enjoyments: what differs is the answer, and few windows tell it.
    theta = separation(*(np.concatenate([theta_means(e, s) for s in (1, 2)]) for e in (0.25, 0.75)))
    rng = np.random.default_rng(0)
    onsets = (rng.random(400 * RATE) < 0.06) * rng.uniform(0.2, 1.0, 400 * RATE)
    feature = onsets.astype(np.float32)
    x, y = filtered(0.5, 3, feature)
    gram = x.T @ x
    weights = np.linalg.solve(gram + 0.1 * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ y)

    def windows(felt):
        x, y = filtered(felt, 4, feature)
        pairs = zip(*((v.reshape(-1, 10 * RATE)) for v in (x @ weights, y)), strict=True)
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])

    sound = separation(windows(0.25), windows(0.75))
    assert theta == pytest.approx(0.88 * D_PRIME, rel=0.15)
    assert np.hypot(theta, sound) == pytest.approx(D_PRIME, rel=0.15)


def test_a_typical_listener_is_what_scalp_eeg_gives_at_best():
    typical, made = LISTENERS["typical"], answer_of(0.35)
    assert made.theta_db == pytest.approx(typical.theta_db, abs=0.02)
    assert made.response_slope == pytest.approx(typical.response_slope, abs=0.02)
    assert made.response == typical.response


def test_without_d_prime_the_brain_is_silent():
    assert answer_of(0.0) == LISTENERS["silent"]


@pytest.mark.parametrize("wrong", [-0.1, 3.5, float("nan"), "much"])
def test_refusals_of_a_d_prime_name_the_range(wrong):
    with pytest.raises(InputError, match="from 0 to 3"):
        answer_of(wrong)
