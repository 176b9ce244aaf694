"""The sound explains the EEG at the delay at which it stands in it, whatever the rhythm."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.tracking.doubts.bleed import EARLY, ELECTRICAL, Bleed, DelayProfile
from dsp.tracking.tracker import FOLLOWING, Decoder
from tests.doubles.answering import noise, onsets, said, wave

LATEST = 77  # grid points, 1.2 s
SECONDS = 60


def filtered(x: np.ndarray) -> np.ndarray:
    return np.apply_along_axis(np.convolve, 0, x, bandpass(1.0, 8.0), mode="same")


def heard(seed: int, *, apart: int | None = None) -> np.ndarray:
    """Onsets at random, or every `apart` grid points of unequal size."""
    rng = np.random.default_rng(seed)
    flux = np.zeros(SECONDS * RATE + LATEST + EARLY)
    if apart is None:
        flux[rng.choice(flux.size, 2 * SECONDS, replace=False)] = 1.0
    else:
        at = np.arange(5, flux.size, apart)
        flux[at] = rng.uniform(0.2, 1.8, at.size)
    return filtered(flux)


def eeg(sound: np.ndarray, delay: int, *, size: float, seed: int = 9) -> np.ndarray:
    """Three electrodes that see the sound `delay` grid points later."""
    rng = np.random.default_rng(seed)
    seen = np.roll(sound, delay)[LATEST : LATEST + SECONDS * RATE]
    noise = filtered(rng.standard_normal((seen.size, 3)))
    return noise / noise.std() + size * seen[:, None] / seen.std() * [1.0, -0.6, 0.3]


def profile(rows: np.ndarray, sound: np.ndarray) -> DelayProfile:
    out = DelayProfile(rows.shape[1], latest=LATEST)
    assert out.before == LATEST
    out.add(rows, sound)
    return out


@pytest.mark.parametrize("apart", [None, 32, 30])
@pytest.mark.parametrize("delay", [-1, 0])
def test_what_stands_in_the_eeg_at_once_is_seen_whatever_the_rhythm(
    apart: int | None, delay: int
) -> None:
    sound = heard(1, apart=apart)
    assert profile(eeg(sound, delay, size=0.4), sound).lead > 1.0


def test_what_stands_in_much_eeg_at_once_leads_about_twice() -> None:
    sound = heard(6)
    assert 1.6 < profile(eeg(sound, 0, size=0.6), sound).lead < 2.6


@pytest.mark.parametrize("apart", [None, 32, 30])
@pytest.mark.parametrize("delay", [6, 10, 20, 45])
def test_what_comes_later_is_no_bleed(apart: int | None, delay: int) -> None:
    sound = heard(2, apart=apart)
    seen = profile(eeg(sound, delay, size=0.4), sound)
    best = int(np.argmax(seen.explained()))
    assert abs(best - EARLY + 1.5 - delay) <= 4
    assert seen.lead < 1.0


def test_what_is_in_the_eeg_by_chance_is_no_bleed() -> None:
    called = []
    for seed in range(40):
        sound = heard(100 + seed)
        called.append(profile(eeg(sound, 0, size=0.0, seed=seed), sound).lead > 1.0)
    assert sum(called) <= 2


def test_what_was_before_a_lead_moved_fades() -> None:
    sound = heard(3)
    seen = DelayProfile(3, latest=LATEST)
    seen.add(eeg(sound, 10, size=0.4), sound)
    assert seen.lead < 1.0
    seen.add(eeg(sound, 0, size=0.4), sound, keep=0.3)
    assert seen.lead > 1.0


def test_masked_samples_lost_electrodes_and_silence_count_for_nothing() -> None:
    sound = heard(4)
    rows = eeg(sound, 0, size=0.4)
    some = rows.copy()
    some[:, 2] = np.nan
    some[500:900, 0] = np.nan
    assert profile(some, sound).lead > 1.0
    assert profile(rows[:, :2], sound).explained() == pytest.approx(
        profile(np.where([True, True, False], rows, np.nan), sound).explained()
    )
    nothing = profile(np.full_like(rows, np.nan), sound)
    assert not nothing.explained().any()
    assert nothing.lead == 0.0
    unheard = profile(rows, np.full_like(sound, np.nan))
    assert unheard.lead == 0.0
    quiet = profile(rows, np.zeros_like(sound))
    assert quiet.lead <= 1.0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, SECONDS * RATE - 1), max_size=8))
def test_where_it_is_cut_changes_nothing(cuts: list[int]) -> None:
    sound = heard(5)
    rows = eeg(sound, 8, size=0.3)
    rows[700:720] = np.nan
    parts = DelayProfile(3, latest=LATEST)
    edges = [0, *sorted(cuts), len(rows)]
    for start, stop in itertools.pairwise(edges):
        parts.add(rows[start:stop], sound[start : stop + LATEST + EARLY])
    assert parts.explained() == pytest.approx(profile(rows, sound).explained(), rel=1e-9)


class Heard:
    """What `Bleed` reads of a tracker's signals."""

    def __init__(self, rows: np.ndarray, sound: np.ndarray) -> None:
        self.eeg, self.feature = Strip(rows.shape[1], keep=5000), Strip(1, keep=5000)
        self.eeg.write(0, rows)
        self.feature.write(-LATEST, sound[:, None])


def test_after_a_clean_calibration_bleed_is_claimed_on_more_than_a_hint() -> None:
    """In looks at half a minute of a weak answer; without a calibration nothing is claimed."""
    said = {True: set[str](), False: set[str]()}
    for seed in range(40):
        sound = heard(100 + seed)
        rows = eeg(sound, 8, size=0.12, seed=200 + seed)
        for calibrated in said:
            bleed = Bleed(Heard(rows, sound), 3, latest=LATEST, calibrated=calibrated)
            said[calibrated] |= {bleed.look(second) for second in range(6, 31, 5)}
    assert said[True] == {""}
    assert ELECTRICAL not in said[False]
    assert len(said[False]) == 2
    sound = heard(1)
    bleed = Bleed(Heard(eeg(sound, 0, size=0.4), sound), 3, latest=LATEST, calibrated=True)
    assert [bleed.look(second) for second in range(6, 61, 5)][-1] == ELECTRICAL


@pytest.mark.parametrize("known", [False, True])
def test_bleed_is_never_counted_and_named_electrical_only_after_calibration(
    decoder: Decoder, known: bool
) -> None:
    flux = onsets(1)
    states = said(flux, noise(2) + 3.0 * wave(flux), decoder=decoder if known else None)
    assert not any(s.state == FOLLOWING for s in states)
    sentences = " ".join(r for s in states for r in s.reasons)
    assert ("electrically" in sentences) == known
    assert known or "at once" in sentences
