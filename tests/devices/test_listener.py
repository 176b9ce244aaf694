import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.listener import MONTAGE, Listener
from devices.timeline import HeardTrack, HeardTracks, Timeline
from dsp.checks import InputError

SFREQ = 250.0
START = 100.0


@pytest.fixture(scope="module")
def heard():
    """One track that plays from second 100 on, liked 0.1."""
    timeline, tracks = Timeline.create(local=True), HeardTracks.create(local=True)
    rng = np.random.default_rng(0)
    onsets = rng.random(64 * 90) < 0.08
    feature = (onsets * rng.uniform(0.2, 1.0, onsets.size)).astype(np.float32)
    tracks.put(0, HeardTrack(feature, 0.5, 0.1, 0))
    for i in range(6200):
        timeline.append([START + i * 0.01, i * 480, 480, 0, i * 480, 0.5, -1, 0, 0, 0, 0, 1])
    return timeline, tracks


def listener(heard, kind="clear", seed=1):
    timeline, tracks = heard
    return Listener(
        kind, seed=seed, ch_names=MONTAGE, sfreq=SFREQ, timeline=timeline, tracks=tracks
    )


def times(seconds):
    return START + np.arange(int(seconds * SFREQ)) / SFREQ


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_voltages_are_the_same_however_they_are_asked_for(heard, cuts):
    t = times(12)
    whole = listener(heard).voltages(t)
    one, parts, i = listener(heard), [], 0
    for n in [*cuts, t.size]:
        parts.append(one.voltages(t[i : i + n]))
        i += n
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_another_seed_is_another_head():
    timeline, tracks = Timeline.create(local=True), HeardTracks.create(local=True)
    first, second = (listener((timeline, tracks), seed=s).voltages(times(4)) for s in (1, 2))
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.2


def test_enjoyment_falls_towards_the_liking_of_what_plays(heard):
    one = listener(heard)
    one.voltages(times(50))
    felt = [value for _, value in one.truth()]
    assert felt[0] == pytest.approx(0.5, abs=0.1)
    assert np.mean(felt[-10:]) == pytest.approx(0.1, abs=0.08)


def test_only_listeners_who_answer_follow_the_sound(heard):
    """Correlation of Cz with the flux by lag, over heads: what is no answer averages out."""
    feature = heard[1].get(0).feature.astype(float)
    lag = np.arange(64 * 50)

    def strength(kind):
        found = []
        for seed in range(16):
            eeg = listener(heard, kind, seed).voltages(times(55))[:, MONTAGE.index("Cz")]
            grid = np.interp(lag / 64, np.arange(eeg.size) / SFREQ, eeg)
            fast = grid - np.convolve(grid, np.ones(32) / 32, mode="same")
            found.append(
                [np.corrcoef(fast[k:], feature[: fast.size - k])[0, 1] for k in range(2, 20)]
            )
        return np.max(np.abs(np.mean(found, axis=0)))

    assert strength("clear") > 2 * strength("silent")


def test_refuses_an_unknown_listener_or_electrode(heard):
    with pytest.raises(InputError, match="loud"):
        listener(heard, kind="loud")
    timeline, tracks = heard
    with pytest.raises(InputError, match="Oz"):
        Listener("clear", seed=1, ch_names=("Oz",), sfreq=SFREQ, timeline=timeline, tracks=tracks)
