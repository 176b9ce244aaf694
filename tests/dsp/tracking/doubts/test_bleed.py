"""The sound explains the EEG at the delay at which it stands in it, whatever the rhythm."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.tracking.doubts.bleed import EARLY, ELECTRICAL, LATE, LATEST, Bleed, DelayProfile
from dsp.tracking.tracker import FOLLOWING, Decoder, calibrate
from tests.doubles.answering import CH, SFREQ, answer, blocks, loudness, noise, onsets, said, wave
from tests.doubles.answering import heard as heard_rows

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


def heard_as(sound: np.ndarray, column: int = 0) -> np.ndarray:
    """Flux and level, of which one is `sound` and the other is not known."""
    columns = np.full((sound.size, 2), np.nan if column == 0 else 0.0)
    columns[:, column] = sound
    return columns


def profile(rows: np.ndarray, sound: np.ndarray) -> DelayProfile:
    out = DelayProfile(rows.shape[1], latest=77)
    assert out.before == LATEST
    out.add(rows, heard_as(sound))
    return out


@pytest.mark.parametrize("apart", [None, 32, 30])
@pytest.mark.parametrize("delay", [-1, 0])
def test_what_stands_in_the_eeg_at_once_is_seen_whatever_the_rhythm(
    apart: int | None, delay: int
) -> None:
    sound = heard(1, apart=apart)
    assert profile(eeg(sound, delay, size=0.4), sound).lead > 1.0


def test_what_stands_in_much_eeg_at_once_leads_by_far() -> None:
    sound = heard(6)
    seen = profile(eeg(sound, 0, size=0.6), sound)
    assert 3.0 < seen.lead < 5.0
    assert seen.clear


@pytest.mark.parametrize("delay", [-2, 0, 2])
@pytest.mark.parametrize("column", [0, 1])
def test_level_and_onsets_are_seen_as_well_as_each_other(column: int, delay: int) -> None:
    """Also beside the other one, which is not in the EEG."""
    sound, other = heard(7), heard(8)
    both = np.stack([sound, other] if column == 0 else [1e-3 * other, 1e3 * sound], axis=1)
    seen = DelayProfile(3, latest=LATEST)
    seen.add(eeg(sound, delay, size=0.4), both)
    assert seen.lead > 1.25
    late = DelayProfile(3, latest=LATEST)
    late.add(eeg(sound, delay + 7, size=0.4), both)
    assert late.lead < 1.0


def test_what_one_column_explains_clearly_two_explain_by_chance() -> None:
    sound, rows = heard(9), eeg(heard(9), 0, size=0.09)
    one, two = profile(rows, sound), DelayProfile(3, latest=LATEST)
    two.add(rows, np.stack([sound, heard(32)], axis=1))
    for seen in (one, two):
        assert 0.35 < SECONDS * seen.explained()[:EARLY].max() < 0.5
    assert one.lead > 1.0
    assert two.lead == 0.0


def test_a_calibration_is_not_marked_for_good_by_what_is_hardly_more_than_chance() -> None:
    """Of a weak answer a ratio of shares says nothing: both are nearly chance alone."""
    leads, clear = [], []
    for seed in range(8):
        sound = heard(100 + seed)
        both = DelayProfile(3, latest=LATEST)
        rows = eeg(sound, 0, size=0.06, seed=seed)
        both.add(rows, np.stack([sound, heard(200 + seed)], axis=1))
        leads.append(both.lead > 1.2)
        clear.append(both.clear)
    assert any(leads)
    assert not any(clear)


#: What one column explains of one electrode by chance, times the seconds.
ONE_BY_ONE = 0.078 * (1.0 + np.sqrt(2.1)) ** 2


class Shares(DelayProfile):
    """A minute of one column whose shares are known."""

    def __init__(self, early: float, late: float) -> None:
        super().__init__(1, latest=LATEST)
        self._seconds, self._shares = 60.0, np.zeros(LATEST + 1)
        self._cov[0, 0] = self._eeg[0, 0] = 1.0
        self._shares[1], self._shares[20] = early, late

    def mixed(self) -> np.ndarray:
        return self._shares


def test_a_clear_lead_is_a_fifth_and_what_chance_gives_above_any_later_delay() -> None:
    chance = ONE_BY_ONE / 60.0
    assert Shares(0.1 + 1.01 * chance, 0.1 / 1.2).clear
    assert not Shares(0.1 + 0.99 * chance, 0.1 / 1.2).clear
    assert Shares(1.01 * chance, 0.0).clear
    assert not Shares(0.99 * chance, 0.0).clear


@pytest.mark.parametrize("apart", [None, 32, 30])
@pytest.mark.parametrize("delay", [6, 10, 20, 45])
def test_what_comes_later_is_no_bleed(apart: int | None, delay: int) -> None:
    sound = heard(2, apart=apart)
    seen = profile(eeg(sound, delay, size=0.4), sound)
    best = int(np.argmax(seen.explained()))
    assert abs(best - EARLY + 1.5 - delay) <= 4
    assert seen.lead < 1.0


@pytest.mark.parametrize("band", [(1.0, 8.0), (2.0, 8.0), (1.0, 4.0)])
def test_chance_explains_more_of_eeg_of_a_narrower_band(band: tuple[float, float]) -> None:
    sound = heard(3)
    seen = DelayProfile(3, latest=77, band=band)
    seen.add(eeg(sound, 0, size=0.4), heard_as(sound))
    three = 0.078 * (np.sqrt(3.0) + np.sqrt(2.1)) ** 2
    assert seen._compared()[2] == pytest.approx(three / 60.0 * 7.0 / (band[1] - band[0]))


def test_what_is_in_the_eeg_by_chance_is_no_bleed() -> None:
    called = []
    for seed in range(40):
        sound = heard(100 + seed)
        rows = eeg(sound, 0, size=0.0, seed=seed)
        both = DelayProfile(3, latest=LATEST)
        both.add(rows, np.stack([sound, heard(200 + seed)], axis=1))
        called += [profile(rows, sound).lead > 1.0, both.lead > 1.0]
    assert sum(called) <= 4


def test_what_was_before_a_lead_moved_fades() -> None:
    sound = heard(3)
    seen = DelayProfile(3, latest=LATEST)
    seen.add(eeg(sound, 10, size=0.4), heard_as(sound))
    assert seen.lead < 1.0
    seen.add(eeg(sound, 0, size=0.4), heard_as(sound), keep=0.3)
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
        parts.add(rows[start:stop], heard_as(sound)[start : stop + LATEST + EARLY])
    assert parts.explained() == pytest.approx(profile(rows, sound).explained(), rel=1e-9)


def shaped(kernel: dict[int, float], *, size: float):
    """Profile of EEG that sees flux at the delays of `kernel`."""
    both = np.stack([heard(11), heard(12)], axis=1)
    sound = sum(weight * np.roll(both[:, 0], delay) for delay, weight in kernel.items())
    seen = DelayProfile(3, latest=LATEST)
    seen.add(eeg(sound, 0, size=size), both)
    return seen


AN_ANSWER = {7: -1.0, 12: 0.9}  # N1 and P2


@pytest.mark.parametrize("delay", [8, 16, 40])
def test_a_leak_as_late_as_an_answer_has_one_delay_where_an_answer_has_several(delay: int) -> None:
    leak = shaped({delay: 1.0}, size=0.9)
    assert leak.lead < 1.0
    assert leak.sharp
    assert not shaped(AN_ANSWER, size=0.9).sharp
    assert not shaped({delay: 1.0, delay - 5: -0.6}, size=0.9).sharp


@pytest.mark.parametrize(("hz", "told"), [(5.0, False), (2.0, True)])
def test_no_shape_is_told_of_a_sound_of_one_frequency(hz: float, told: bool) -> None:
    """There one delay tells all of an answer, too."""
    t = np.arange(SECONDS * RATE + LATEST + EARLY) / RATE
    beeps = np.maximum(np.sin(2.0 * np.pi * hz * t), 0.0)
    flux, level = filtered(np.maximum(np.diff(beeps, prepend=0.0), 0.0)), filtered(beeps)
    seen = DelayProfile(3, latest=LATEST)
    seen.add(eeg(np.roll(flux, 9), 0, size=0.9), np.stack([flux, level], axis=1))
    assert seen.sharp == told


def test_no_shape_is_told_where_the_level_is_not_known() -> None:
    sound = heard(11)
    assert not profile(eeg(np.roll(sound, 16), 0, size=0.9), sound).sharp


class Shape(DelayProfile):
    """Seconds of which one delay and many together explain known shares, times seconds."""

    def __init__(self, one: float, many: float, *, seconds: float = 60.0) -> None:
        super().__init__(1, latest=LATEST)
        self._seconds, self._shares = seconds, {1: one / seconds, 14: many / seconds}
        self._cov += np.eye(len(self._cov))

    def explained(self, delays: int = 4, *, ridge: float = 0.05) -> np.ndarray:
        assert (delays == 4) == (ridge == 0.05)
        return np.array([0.0, self._shares.get(delays, 0.0)])


def test_what_one_delay_leaves_over_may_be_chance_and_a_share_of_all() -> None:
    assert Shape(10.0 - 0.74, 10.0).sharp
    assert not Shape(10.0 - 0.76, 10.0).sharp
    assert Shape(4.01 - 0.50, 4.01).sharp
    assert not Shape(3.99 - 0.50, 3.99).sharp


def test_no_shape_is_told_of_what_came_for_a_short_time() -> None:
    assert Shape(10.0, 10.0, seconds=40.0).sharp
    assert not Shape(10.0, 10.0, seconds=39.0).sharp


class Heard:
    """What `Bleed` reads of a tracker's signals."""

    def __init__(self, rows: np.ndarray, sound: np.ndarray) -> None:
        self.eeg, self.feature = Strip(rows.shape[1], keep=5000), Strip(1, keep=5000)
        self.eeg.write(0, rows)
        self.feature.write(-LATEST, sound[:, None])


def looks(rows: np.ndarray, sound: np.ndarray, *, calibrated: bool = True) -> list[str]:
    band = (1.0, 8.0)
    bleed = Bleed(Heard(rows, sound), 3, band=band, latest=LATEST, calibrated=calibrated)
    return [bleed.look(second) for second in range(6, SECONDS + 1, 5)]


def test_bleed_is_named_electrical_where_the_delay_of_the_sound_is_known() -> None:
    sound = heard(1)
    rows = eeg(sound, 0, size=0.4)
    assert looks(rows, sound)[-1] == ELECTRICAL
    assert "at once" in looks(rows, sound, calibrated=False)[-1]


def test_a_doubt_stays_until_an_answer_explains_clearly_more() -> None:
    """What stood there at once is not gone because something else explains a little more."""
    sound = heard(2)
    half = SECONDS * RATE // 2

    def then(first: np.ndarray, second: np.ndarray) -> list[bool]:
        said = looks(np.concatenate([first[:half], second[half:]]), sound)
        return [bool(sentence) for sentence in said]

    leak, answered = eeg(sound, 0, size=0.4), eeg(sound, 8, size=0.4)
    assert then(leak, eeg(sound, 8, size=0.22))[1:] == 10 * [True]
    assert then(leak, eeg(sound, 8, size=0.25))[1:] == 9 * [True] + [False]
    assert then(leak, eeg(sound, 8, size=0.5))[1:] == 7 * [True] + 3 * [False]
    assert not any(then(answered, eeg(sound, 0, size=0.25))), "an answer that was there first"


class Leading(DelayProfile):
    """A profile that leads by known ratios, one a look."""

    def __init__(self, *leads: float) -> None:
        super().__init__(3, latest=LATEST)
        self._leads = iter(leads)

    @property
    def lead(self) -> float:
        return next(self._leads)


def test_a_doubt_begins_with_any_lead_and_ends_under_nine_tenths() -> None:
    """A small leak leads by little for half a minute, and would be followed meanwhile."""
    sound = heard(3)
    bleed = Bleed(Heard(eeg(sound, 0, size=0.4), sound), 3, band=(1.0, 8.0), latest=LATEST,
                  calibrated=True)  # fmt: skip
    bleed._profile = Leading(0.99, 1.01, 0.91, 0.89, 0.99)
    said = [bool(bleed.look(second)) for second in range(6, 31, 5)]
    assert said == [False, True, True, False, False]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("delay", [0.0, 0.02])
def test_a_leak_of_the_level_is_no_brain(decoder: Decoder, known: bool, delay: float) -> None:
    """Rectified pickup follows the amplitude, which is that of a hop after the stamp."""
    flux = onsets(1)
    leak = wave(loudness(flux), delay=delay + 1 / 64)
    states = said(flux, noise(2) + 2.0 * leak, decoder=decoder if known else None, level=True)
    assert not any(s.state == FOLLOWING for s in states)
    doubted = [any("move leads" in reason for reason in s.reasons) for s in states]
    assert np.mean(doubted[30:]) > 0.9


def test_a_leak_that_comes_over_a_slow_way_is_not_followed_for_long(decoder: Decoder) -> None:
    flux = onsets(1)
    leak = wave(loudness(flux), delay=0.15 + 1 / 64)
    states = said(flux, noise(2) + 3.0 * leak, level=True)
    assert LATE in states[-1].reasons
    assert all(LATE in s.reasons for s in states[60:])
    narrow = said(
        flux, noise(2) + 3.0 * leak, decoder=replace(decoder, band=(1.0, 4.0)), level=True
    )
    assert not any(LATE in s.reasons for s in narrow), "there an answer may have one delay, too"


@pytest.mark.parametrize("known", [False, True])
def test_an_answer_is_not_taken_for_a_leak_of_the_level(decoder: Decoder, known: bool) -> None:
    flux = onsets(3)
    eeg = noise(4) + 2.0 * answer(flux)
    states = said(flux, eeg, decoder=decoder if known else None, level=True)
    assert not any("move leads" in reason for s in states for reason in s.reasons)
    assert states[-1].state == FOLLOWING


def test_a_calibration_into_which_the_level_leaks_is_marked() -> None:
    def recording(seed: int, at_once: np.ndarray, size: float):
        flux = onsets(40 + seed)
        eeg = noise(50 + seed) + size * wave(np.convolve(loudness(flux), at_once)[: flux.size])
        return blocks(eeg), heard_rows(flux, level=True)

    hop = np.array([0.0, 1.0])  # the level is that of a hop after the stamp
    leaking = calibrate([recording(k, hop, 2.0) for k in range(3)], ch_names=CH, sfreq=SFREQ)
    assert leaking.found
    assert leaking.bleed
    late = np.concatenate([np.zeros(10), hop])
    answering = calibrate([recording(k, late, 2.0) for k in range(3)], ch_names=CH, sfreq=SFREQ)
    assert answering.found
    assert not answering.bleed


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


@pytest.mark.parametrize(("delays", "ridge"), [(4, 0.05), (14, 0.02), (99, 0.3)])
def test_what_the_sound_explains_is_the_regression_written_out(delays: int, ridge: float) -> None:
    rng, profile = np.random.default_rng(1), DelayProfile(3, latest=20)
    rows, eegs, weights = [], [], []
    for n, weight in ((300, 0.5), (400, 1.0)):
        sound = rng.standard_normal((n + 23, 2)) * [1.0, 7.0]
        eeg = rng.standard_normal((n, 3)) + 0.3 * sound[16 : 16 + n, 1:]  # at a delay of 4
        eeg[:, 2] = np.nan
        eeg[40:60, 0] = eeg[50:90, :] = sound[150:160, 0] = sound[220:230, 1] = np.nan
        profile.add(eeg, sound, keep=0.5)
        for t in range(n):
            heard = np.array([sound[t + 20 - k] for k in range(-3, 21)])
            if np.isfinite(heard[:, 0]).all() and np.isfinite(eeg[t]).any():
                rows.append(np.nan_to_num(heard))
                eegs.append(np.nan_to_num(eeg[t]))
                weights.append(weight)
    x, y, w = np.array(rows), np.array(eegs), np.array(weights)
    x = x / np.sqrt(np.einsum("t,tlc->c", w, x**2) / 24)
    most, expected = min(delays, 24), []
    for start in range(24 - most + 1):
        some = x[:, start : start + most].transpose(0, 2, 1).reshape(len(x), -1)
        cov = (some * w[:, None]).T @ some
        cov += ridge * np.trace(cov) / len(cov) * np.eye(len(cov))
        cross = (some * w[:, None]).T @ y
        fits = np.sum(cross * np.linalg.solve(cov, cross), axis=0)[:2]
        expected.append(np.mean(fits / np.sum(w[:, None] * y[:, :2] ** 2, axis=0)))
    assert profile.before == 20
    assert profile.explained(delays, ridge=ridge) == pytest.approx(np.array(expected))
    if delays == 4:
        assert profile.explained() == pytest.approx(np.array(expected))
        assert np.argmax(expected) in range(4, 8)
