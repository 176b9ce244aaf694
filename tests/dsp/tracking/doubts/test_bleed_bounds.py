"""Each bound of what is called a leak by itself, and what a look reads of sound and EEG."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.tracking.doubts.bleed import ELECTRICAL, LATE, Bleed, DelayProfile


class Known(DelayProfile):
    """A profile of so many columns, electrodes and seconds whose shares are known, by delay."""

    def __init__(
        self,
        shares: dict[int, float],
        *,
        columns: int = 1,
        electrodes: int = 1,
        seconds: float = 60.0,
    ) -> None:
        super().__init__(electrodes + 1, latest=48)  # the last has nothing to say
        self._eeg[:electrodes, :electrodes] = np.eye(electrodes)
        self._seconds, self._shares = seconds, np.zeros(49)
        for delay, share in shares.items():
            self._shares[delay] = share
        for column in range(columns):
            self._cov[52 * column, 52 * column] = 1.0

    def mixed(self) -> np.ndarray:
        return self._shares


CHANCE = 0.078  # s


def by_chance(electrodes: int, columns: int) -> float:
    """Share times seconds of the best mixture of so many electrodes."""
    return CHANCE * (math.sqrt(electrodes) + math.sqrt(2.1 * columns)) ** 2


@pytest.mark.parametrize(("latest", "before"), [(3, 9), (9, 9), (10, 10), (48, 48), (60, 48)])
def test_delays_reach_from_47_ms_before_the_sound_to_750_ms_after_it(
    latest: int, before: int
) -> None:
    profile = DelayProfile(1, latest=latest)
    assert profile.before == before
    assert profile.explained().size == profile.mixed().size == before + 3 + 1 - 4 + 1


def test_three_places_count_as_early_and_the_four_that_overlap_as_neither() -> None:
    for place in range(12):
        lead = Known({place: 0.4, 30: 0.2}).lead
        late = Known({1: 0.4, place: 0.8}).lead if place > 2 else 0.5
        assert lead == pytest.approx(2.0 if place < 3 else 0.0)
        assert late == pytest.approx(0.4 / 1e-30 if 2 < place < 7 else 0.5)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("electrodes", [1, 4, 9])
def test_a_lead_is_more_than_chance_gives_in_so_many_seconds(columns: int, electrodes: int) -> None:
    chance = by_chance(electrodes, columns)
    for seconds in (10.0, 60.0):
        for times, leads in ((1.01, True), (0.99, False)):
            shares = {1: times * chance / seconds, 20: 1e-9}
            profile = Known(shares, columns=columns, electrodes=electrodes, seconds=seconds)
            assert (profile.lead > 1.0) == leads
            assert profile.clear == leads
            assert leads or profile.lead == 0.0


def test_nothing_leads_where_nothing_was_heard() -> None:
    rng = np.random.default_rng(5)
    for sound in (np.zeros((20 * RATE + 51, 2)), np.full((20 * RATE + 51, 2), np.nan)):
        profile = DelayProfile(2, latest=48)
        profile.add(rng.standard_normal((20 * RATE, 2)), sound)
        assert profile.lead == 0.0
        assert not profile.clear


@pytest.mark.parametrize(("band", "more"), [((1.0, 8.0), 1.0), ((1.0, 4.0), 7.0 / 3.0)])
def test_chance_explains_more_of_a_narrower_band(band: tuple[float, float], more: float) -> None:
    for times in (0.99, 1.01):
        profile = Known({1: times * more * by_chance(1, 1) / 60.0, 20: 1e-9})
        profile._chance = DelayProfile(1, latest=48, band=band)._chance
        assert profile.clear == (times > 1.0)


def best_mixture(rows: np.ndarray, sound: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the best mixture by four delays of both columns, written out."""
    heard = np.lib.stride_tricks.sliding_window_view(sound, 52, axis=0)[:, :, ::-1]
    heard = np.nan_to_num(heard) * np.sqrt(weights)[:, None, None]
    known = np.isfinite(rows)
    eeg = np.where(known, rows, 0.0) * np.sqrt(weights)[:, None]
    there = known.any(axis=0)
    share = (known * weights[:, None]).sum(axis=0) / weights.sum()
    eeg = eeg[:, there] / np.sqrt((eeg**2).sum(axis=0) / np.where(share > 0, share, 1))[there]
    own = 0.02 + 1.0 - (eeg**2).sum(axis=0)  # what is masked counts as noise of its own
    of_eeg = eeg.T @ eeg + np.diag(own)
    out = []
    for start in range(49):
        columns = heard[:, :, start : start + 4].reshape(len(heard), -1)
        size = np.sqrt((heard**2).sum(axis=(0, 2)) / 52).repeat(4)
        columns = columns / size
        of_sound = columns.T @ columns
        of_sound += 0.05 * np.trace(of_sound) / 8 * np.eye(8)
        cross = columns.T @ eeg
        both = np.linalg.solve(of_eeg, cross.T) @ np.linalg.solve(of_sound, cross)
        out.append(np.linalg.eigvals(both).real.max())
    return np.array(out)


def test_the_best_mixture_of_electrodes_is_the_largest_canonical_correlation() -> None:
    rng = np.random.default_rng(4)
    sound = rng.standard_normal((30 * RATE + 51, 2)) * [1.0, 30.0]
    rows = rng.standard_normal((30 * RATE, 5)) @ rng.standard_normal((5, 5))
    rows[:, 0] += 0.5 * sound[38:-13, 1]
    rows[400:1200, 1] = rows[:, 3] = np.nan
    profile = DelayProfile(5, latest=48)
    profile.add(rows[:800], sound[:851])
    profile.add(rows[800:], sound[800:], keep=0.6)
    weights = np.where(np.arange(len(rows)) < 800, 0.6, 1.0)
    np.testing.assert_allclose(profile.mixed(), best_mixture(rows, sound, weights), rtol=1e-7)
    assert np.argmax(profile.mixed()) in range(10, 14)
    nothing = DelayProfile(5, latest=48)
    nothing.add(np.full_like(rows, np.nan), sound)
    assert not nothing.mixed().any()


def test_a_leak_that_what_electrodes_share_hides_is_found_in_their_differences() -> None:
    """Each of them is explained by 1 %, and what they do not share by an eighth."""
    rng = np.random.default_rng(6)
    sound = rng.standard_normal((60 * RATE + 51, 2))
    rows = rng.standard_normal((60 * RATE, 1)) + 0.1 * rng.standard_normal((60 * RATE, 2))
    rows[:, 0] += 0.1 * sound[48:-3, 0]
    profile = DelayProfile(2, latest=48)
    profile.add(rows, sound)
    assert profile.explained().max() < 0.012
    assert profile.mixed().max() > 0.12


@pytest.mark.parametrize("masked", [0.0, 0.5, 0.95])
def test_chance_is_the_same_where_an_electrode_was_masked_for_most_of_the_time(
    masked: float,
) -> None:
    """Of two seconds the sound explains much by chance; they count as what they are."""
    rng = np.random.default_rng(7)
    largest = []
    for _ in range(40):
        sound = rng.standard_normal((20 * RATE + 51, 2))
        rows = rng.standard_normal((20 * RATE, 3))
        rows[: int(masked * len(rows)), 0] = np.nan
        profile = DelayProfile(3, latest=48)
        profile.add(rows, sound)
        largest.append(profile.mixed()[:3].max())
    # White noise: 64 independent samples a second, eight weights, three electrodes.
    assert 0.4 < np.mean(largest) / ((np.sqrt(3) + np.sqrt(8)) ** 2 / 1280) < 0.9


@pytest.mark.parametrize(("seconds", "told"), [(5.0, True), (4.9, False)])
def test_a_lead_is_told_after_five_seconds(seconds: float, told: bool) -> None:
    profile = Known({1: 0.9, 20: 0.1}, seconds=seconds)
    assert profile.lead == (pytest.approx(9.0) if told else 0.0)
    assert profile.clear == told


@pytest.mark.parametrize(
    ("sizes", "told"), [((1, 1, 1), False), ((1, 1, 1, 0.1), True), ((1, 1, 1, 1), True)]
)
def test_a_shape_is_told_of_a_sound_of_more_than_three_dimensions(
    sizes: tuple[float, ...], told: bool
) -> None:
    class Shape(DelayProfile):
        def explained(self, delays: int = 4, *, ridge: float = 0.05) -> np.ndarray:
            assert ridge == 0.02
            return {1: np.array([0.2, 0.1]), 14: np.array([0.2])}[delays]

    profile = Shape(1, latest=48)
    profile._seconds = 60.0
    at = np.arange(len(sizes))
    profile._cov[at, at] = 0.5 * np.array(sizes)
    profile._cov[14, 14] = 99.0  # beyond the delays that are taken together
    profile._cov[60, 60] = 1.0
    assert profile.sharp == told
    profile._cov[60, 60] = 0.0  # the level is not known
    assert not profile.sharp


def test_the_unit_of_the_eeg_and_empty_pieces_change_nothing() -> None:
    rng = np.random.default_rng(1)
    sound = rng.standard_normal((20 * RATE + 51, 2))
    eeg = rng.standard_normal((20 * RATE, 1)) + sound[40:-11, :1]
    shares = []
    for unit in (1.0, 1e-4):
        profile = DelayProfile(1, latest=48)
        profile.add(unit * eeg[:0], sound[:51])
        profile.add(unit * eeg[:0], sound[:0])
        profile.add(unit * eeg[:1], sound[:52])
        profile.add(unit * eeg[1:], sound[1:])
        assert profile._seconds == 20.0
        shares.append(profile.explained())
    assert shares[0] == pytest.approx(shares[1])
    assert shares[0].max() > 0.4


# ---- a look


class Taken:
    """In the place of a profile: keeps what it is given and says what it is told to."""

    def __init__(self, *, lead: float = 0.0, sharp: bool = False) -> None:
        self.before, self.lead, self.sharp = 20, lead, sharp
        self.given: list[tuple[np.ndarray, np.ndarray, float]] = []

    def add(self, eeg: np.ndarray, sound: np.ndarray, *, keep: float) -> None:
        self.given.append((eeg, sound, keep))


def bleed(
    profile: Taken, *, band: tuple[float, float] = (1.0, 8.0), calibrated: bool = True
) -> Bleed:
    rng = np.random.default_rng(2)
    aligned = SimpleNamespace(eeg=Strip(2, keep=40 * RATE), feature=Strip(2, keep=40 * RATE))
    for strip in (aligned.eeg, aligned.feature):
        strip.write(100 * RATE, rng.standard_normal((40 * RATE, 2)))
    out = Bleed(aligned, 2, band=band, latest=48, calibrated=calibrated)  # type: ignore[arg-type]
    out._profile = profile  # type: ignore[assignment]
    return out


def test_a_look_takes_what_came_since_the_last_with_the_level_of_a_hop_before() -> None:
    profile = Taken()
    doubt = bleed(profile)
    level = -20.0 + 3.0 * np.random.default_rng(3).standard_normal((40 * RATE, 1))
    times = 100.0 + np.arange(len(level)) / RATE
    doubt.push_level(level[:0], times[:0])
    doubt.push_level(level[:, :0], times)
    doubt.push_level(level[:500], times[:500])
    doubt.push_level(level[500:], times[500:])
    for second in (120, 125, 132):
        assert doubt.look(second) == ""
    filtered = np.convolve(10.0 ** (level[:, 0] / 20.0), bandpass(1.0, 8.0), mode="same")
    for (eeg, sound, keep), start, stop in zip(
        profile.given, (115, 120, 125), (120, 125, 132), strict=True
    ):
        first, last = start * RATE - 3, stop * RATE - 3
        np.testing.assert_array_equal(eeg, doubt._aligned.eeg.read(first, last))
        flux = doubt._aligned.feature.read(first - 20, last + 3)[:, 0]
        np.testing.assert_array_equal(sound[:, 0], flux)
        around = slice(first - 20 - 1 - 100 * RATE, last + 3 - 1 - 100 * RATE)
        np.testing.assert_allclose(sound[:, 1], filtered[around], atol=1e-4)
        assert sound.shape[1] == 2
        assert keep == pytest.approx(np.exp(-5.0 / 120.0))


def test_a_level_that_is_not_known_is_none() -> None:
    profile = Taken()
    bleed(profile).look(120)
    assert np.isnan(profile.given[0][1][:, 1]).all()


@pytest.mark.parametrize(
    ("lead", "sharp", "band", "calibrated", "said"),
    [
        (0.0, False, (1.0, 8.0), True, ""),
        (0.0, True, (1.0, 8.0), True, LATE),
        (0.0, True, (1.0, 8.0), False, LATE),
        (0.0, True, (1.0, 4.0), True, ""),
        (0.0, False, (1.0, 4.0), True, ""),
        (1.0, False, (1.0, 8.0), True, ""),
        (1.01, True, (1.0, 8.0), True, ELECTRICAL),
        (1.01, False, (2.0, 8.0), False, "The EEG moves with the sound at once: move leads from"),
    ],
)
def test_what_is_said_of_a_lead_and_of_a_shape(
    lead: float, sharp: bool, band: tuple[float, float], calibrated: bool, said: str
) -> None:
    words = bleed(Taken(lead=lead, sharp=sharp), band=band, calibrated=calibrated).look(120)
    assert words.startswith(said)
    assert bool(words) == bool(said)


def test_a_lead_is_held_until_an_answer_explains_a_ninth_more() -> None:
    profile = Taken()
    doubt, said = bleed(profile), []
    for k, lead in enumerate((0.95, 1.1, 0.91, 0.95, 0.9, 0.95, 1.0, 1.01)):
        profile.lead = lead
        said.append(bool(doubt.look(120 + k)))
    assert said == [False, True, True, True, False, False, False, True]
