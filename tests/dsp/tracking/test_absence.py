"""It is said that nothing is followed only where an answer would have been found."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from dsp.grid import RATE
from dsp.tracking.absence import ANYWHERE, POWER, Absence
from dsp.tracking.decoder import Decoder, Sums, lag_steps, lagged
from dsp.tracking.delays import Moved
from dsp.tracking.expectation import CENTRE, N_NEEDED, Expectation
from tests.dsp.tracking.test_delays import Rebuilt

CH = ("Fp1", "Fp2", "T7", "T8")
X = np.array(CENTRE)


def stored(r: float, *, windows: int = 12, spread: float = 0.02) -> Decoder:
    """A calibration whose windows showed r; two of its electrodes carry all of the answer."""
    rng = np.random.default_rng(0)
    lags = lag_steps(0.0, 0.2)
    eeg = rng.standard_normal((60 * RATE + 40, 4))
    sound = 0.5 * eeg[6 : 6 + 60 * RATE, 0] + 0.5 * eeg[6 : 6 + 60 * RATE, 1]
    sound += rng.standard_normal(sound.size)
    sums = Sums.zero(4 * lags.size).plus(lagged(eeg, lags, sound.size), sound)
    levels = sums.levels(4)
    rows = [[r + spread * rng.standard_normal(), 0.05, *CENTRE] for _ in range(windows)]
    return Decoder(
        CH, (1.0, 8.0), lags, sums.scaled(levels, seconds=60.0), r, 0.05, 1.5, False,
        np.array(rows).reshape(windows, -1), np.full(4, 10.0),
    )  # fmt: skip


class Looked:
    """`Absence` of somebody who shows r, beside a calibration that showed `usual`."""

    def __init__(
        self,
        r: float,
        usual: float | None,
        *,
        delay: float = 0.0,
        seconds: int = 230,
        seed: int = 2,
    ) -> None:
        self.rebuilt = Rebuilt(r=r, delay=delay, seed=seed)
        self.eeg = SimpleNamespace(without=np.zeros(4, dtype=bool), levels=np.full(4, 10.0))
        known = None if usual is None else stored(usual)
        self.absence = Absence(self.rebuilt.delays, self.eeg, CH, known)  # type: ignore[arg-type]
        self.rebuilt.go(0, seconds)

    def look(self, x: np.ndarray = X) -> Absence:
        self.absence.look(x)
        return self.absence


def test_without_an_answer_ever_shown_it_is_never_said() -> None:
    absence = Looked(0.0, None).look()
    assert not absence.known
    assert not absence.shown
    assert np.isnan(absence.power)
    assert absence.why(225.0, ever=False) == "No answer found so far in 3.8 minutes."


def test_somebody_who_answered_strongly_and_now_does_not_is_told_so() -> None:
    absence = Looked(0.0, 0.25).look()
    assert absence.shown
    assert POWER <= absence.power <= 1.0


def test_with_little_eeg_or_a_weak_answer_its_absence_says_nothing() -> None:
    for absence in (Looked(0.0, 0.25, seconds=40).look(), Looked(0.0, 0.06).look()):
        assert not absence.shown
        assert absence.power < POWER
        percent = f"{100 * absence.power:.0f} %"
        assert absence.why(225.0, ever=False) == (
            f"This EEG would show a usual answer in {percent} of cases; 80 % are needed."
        )


def test_an_answer_of_the_usual_size_is_not_missed_wherever_it_comes() -> None:
    for delay in (0.0, 0.2, 0.8):
        for seed in range(3):
            assert not Looked(0.25, 0.25, delay=delay, seed=seed).look().shown


def test_an_answer_at_another_time_is_named_and_remembered() -> None:
    looked = Looked(0.35, 0.3, delay=0.8)
    assert looked.look().why(200.0, ever=False) == (
        "The answer comes at another time than expected: check both clocks."
    )
    looked.rebuilt.y[:] = Rebuilt(r=0.0, seed=7).y
    looked.rebuilt.go(230, 240)
    assert not looked.look().shown
    assert "another time" not in Looked(0.35, 0.3).look().why(200.0, ever=False)


def test_missing_and_noisier_electrodes_lower_what_is_expected() -> None:
    looked = Looked(0.0, 0.16)
    whole = looked.look().power
    looked.eeg.without[2:] = True  # those without an answer
    spare = looked.look().power
    looked.eeg.without[:] = [True, False, False, False]  # one of the two with it
    half = looked.look().power
    looked.eeg.without[:] = True
    none = looked.look().power
    assert whole == pytest.approx(spare, abs=0.03)
    assert half < whole - 0.1
    assert none < 0.001
    looked.eeg.without[:] = False
    looked.eeg.levels[:] = 5.0  # less noise promises nothing
    assert looked.look().power == whole
    looked.eeg.levels[:] = 20.0
    assert looked.look().power < 0.2 < whole


def test_a_sound_of_which_nothing_is_known_says_nothing() -> None:
    absence = Looked(0.0, 0.25).look(np.full(4, np.nan))
    assert not absence.shown
    assert absence.power == 0.0


def test_from_nothing_what_was_followed_in_the_session_counts() -> None:
    looked = Looked(0.0, None)
    for _ in range(N_NEEDED):
        assert not looked.look().shown
        looked.absence.learn(0.3, 0.03, X)
    assert looked.look().known
    calibrated = Looked(0.0, 0.25)
    before = calibrated.look().power
    for _ in range(10):
        calibrated.absence.learn(0.9, 0.03, X)  # with a calibration, what was shown then counts
    assert calibrated.look().power == before


# ---- each bound by itself


class Told:
    """`Absence` of a calibration that showed .25, told what the search has found."""

    def __init__(self, usual: Decoder | None = None) -> None:
        self.decoder = usual or stored(0.25)
        self.found: Moved | None = None
        delays = SimpleNamespace(best=lambda search: self.found)
        self.eeg = SimpleNamespace(without=np.zeros(4, dtype=bool), levels=np.full(4, 10.0))
        self.absence = Absence(delays, self.eeg, CH, self.decoder)  # type: ignore[arg-type]
        usual_r, unsure = Expectation(self.decoder.windows).expected(X)
        self.least = usual_r - 1.28 * unsure

    def look(
        self, r: float = 0.0, sd: float = 0.02, *, middle: float = 0.0, drift: float = 0.0
    ) -> Absence:
        self.found = Moved(r, sd, 0.0, 0.01, middle, 0.01, drift, 0.01, 0.0, {})
        self.absence.look(X)
        return self.absence

    def share(self) -> float:
        """What is left of what is expected, from the power."""
        return float((ndtri(self.look(sd=0.05).power) + 4.4) * 0.05 / self.least)


def test_the_power_is_the_chance_that_the_lower_bound_exceeds_what_chance_finds() -> None:
    told = Told()
    for sd in (0.02, 0.04, 0.06):
        assert told.look(sd=sd).power == pytest.approx(ndtr(told.least / sd - 4.4))
    assert not Told().absence.shown  # before the first look
    for power, shown in ((0.81, True), (0.79, False)):
        absence = told.look(sd=told.least / (4.4 + ndtri(power)))
        assert absence.power == pytest.approx(power)
        assert absence.shown == shown
        assert ("80 % are needed" in absence.why(100.0, ever=False)) != shown
    told.found = None
    told.absence.look(X)
    assert told.absence.power == 0.0
    assert not told.absence.shown


@pytest.mark.parametrize(("above", "shown"), [(-1e-9, True), (1e-9, False)])
def test_what_was_found_must_lie_under_it_with_its_own_error(above: float, shown: bool) -> None:
    told = Told()
    absence = told.look(told.least - 1.6449 * 0.01 + 1e-6 * np.sign(above) + above, 0.01)
    assert absence.shown == shown
    assert absence.power > 0.99
    assert (
        shown
        or absence.why(9.0, ever=False) == "The evidence is not enough yet, one way or the other."
    )


@pytest.mark.parametrize(
    ("z", "middle", "drift", "away"),
    [
        (5.5, 0.31, 0.0, True),
        (5.5, -0.31, 0.0, True),
        (5.49, 0.9, 0.0, False),
        (5.5, 0.3, 0.0, False),
        (5.5, 0.0, 2.01e-3, True),
        (5.5, 0.0, -2.01e-3, True),
        (5.5, 0.29, 1.99e-3, False),
    ],
)
def test_an_answer_is_elsewhere_where_no_decoder_follows_it(
    z: float, middle: float, drift: float, away: bool
) -> None:
    told = Told()
    sd = 2.0**-7  # so that z is exact
    absence = told.look(z * sd, sd, middle=middle, drift=drift)
    assert ("another time" in absence.why(9.0, ever=False)) == away
    later = told.look(0.0, 0.02)
    assert later.shown == (not away)  # remembered
    back = told.look(6.0 * sd, sd)
    assert "another time" not in back.why(9.0, ever=False)


def test_four_windows_make_a_person_known() -> None:
    for windows, known in ((N_NEEDED - 1, False), (N_NEEDED, True)):
        assert Told(stored(0.25, windows=windows)).absence.known == known


def test_what_electrodes_are_worth_is_what_calibration_explained_with_them() -> None:
    told = Told()
    assert told.share() == pytest.approx(1.0, abs=1e-6)
    told.eeg.without[0] = True  # one of two that are alike
    assert told.share() == pytest.approx(np.sqrt(0.5), abs=0.03)
    told.eeg.levels[:] = [99.0, 30.0, 20.0, 10.0]  # the median of those that are there
    assert told.share() == pytest.approx(np.sqrt(0.5) / 2.0, abs=0.015)
    told.eeg.without[:] = False
    told.eeg.levels[:] = [10.0, 12.0, 13.0, 99.0]
    assert told.share() == pytest.approx(1.0 / 1.25, abs=1e-6)
    told.eeg.levels[:] = 9.0
    assert told.share() == pytest.approx(1.0, abs=1e-6)
    told.decoder.levels[:] = 0.1  # another headset's unit
    told.eeg.levels[:] = [0.1, 0.2, 0.2, 0.2]
    assert told.share() == pytest.approx(0.5, abs=1e-6)
    told.decoder.levels[:] = [0.0, 0.0, 0.0, 0.1]  # three that were flat at calibration
    assert told.share() == pytest.approx(0.5, abs=1e-6)
    older = replace(told.decoder, levels=np.empty(0))
    unknown = Told(older)
    unknown.eeg.levels[:] = 99.0
    assert unknown.share() == pytest.approx(1.0, abs=1e-6)


def test_a_calibration_that_explains_nothing_expects_nothing() -> None:
    none = stored(0.25)
    none.sums.cross[:] = 0.0
    told = Told(none)
    told.eeg.without[0] = True
    assert told.look(sd=0.05).power == pytest.approx(ndtr(-4.4))


def test_a_session_without_a_calibration_expects_all_that_was_followed() -> None:
    absence = Looked(0.0, None).absence
    for _ in range(N_NEEDED):
        absence.learn(0.3, 0.03, X)
    absence._delays = SimpleNamespace(best=lambda _: Moved(0.0, 0.05, *[0.0] * 7, {}))  # type: ignore
    absence.look(X)
    usual = Expectation()
    for _ in range(N_NEEDED):
        usual.learn(0.3, 0.03, X)
    mean, unsure = usual.expected(X)
    assert absence.power == pytest.approx(ndtr((mean - 1.28 * unsure) / 0.05 - 4.4))


@pytest.mark.parametrize("missing", range(3))
def test_a_sound_of_which_one_thing_is_not_known_says_nothing(missing: int) -> None:
    told, x = Told(), X.copy()
    x[missing] = np.nan
    told.look()
    assert told.absence.shown
    told.absence.look(x)
    assert not told.absence.shown
    assert told.absence.power == 0.0


def test_only_windows_whose_sound_is_known_are_learnt_from() -> None:
    absence = Looked(0.0, None).absence
    for _ in range(N_NEEDED):
        absence.learn(0.3, 0.03, np.array([1.2, np.nan, -1.9, -20.5]))
        absence.learn(0.3, 0.03, np.array([1.2, 4.2, np.nan, -20.5]))
    assert not absence.known
    for _ in range(N_NEEDED):
        absence.learn(0.3, 0.03, np.array([1.2, 4.2, -1.9, np.nan]))  # the level may be missing
    assert absence.known


def test_the_search_reaches_as_far_as_rates_are_wrong() -> None:
    assert ANYWHERE.drifts[[0, -1]] == pytest.approx([-0.0105, 0.0105])
    assert np.diff(ANYWHERE.drifts) == pytest.approx(np.full(42, 0.0005))
    assert (ANYWHERE.memory, ANYWHERE.near) == (100.0, 1.0)


def test_a_window_without_a_number_teaches_nothing() -> None:
    absence = Looked(0.0, None).absence
    for _ in range(N_NEEDED):
        absence.learn(np.nan, np.nan, X)
    assert not absence.known


def test_where_an_answer_was_shown_it_is_not_said_that_none_was_found() -> None:
    unknown = "How large an answer is usual for this person is not known yet."
    assert Looked(0.0, None).absence.why(225.0, ever=True) == unknown
    short = stored(0.25, windows=N_NEEDED - 1)
    assert Told(short).absence.why(225.0, ever=False) == unknown
