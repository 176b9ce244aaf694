"""It is said that nothing is followed only where an answer would have been found."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.grid import RATE
from dsp.tracking.absence import POWER, Absence
from dsp.tracking.decoder import Decoder, Sums, lag_steps, lagged
from dsp.tracking.expectation import CENTRE, N_NEEDED
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
    assert absence.why(225.0) == "No answer found so far in 3.8 minutes."


def test_somebody_who_answered_strongly_and_now_does_not_is_told_so() -> None:
    absence = Looked(0.0, 0.25).look()
    assert absence.shown
    assert POWER <= absence.power <= 1.0


def test_with_little_eeg_or_a_weak_answer_its_absence_says_nothing() -> None:
    for absence in (Looked(0.0, 0.25, seconds=40).look(), Looked(0.0, 0.06).look()):
        assert not absence.shown
        assert absence.power < POWER
        percent = f"{100 * absence.power:.0f} %"
        assert absence.why(225.0) == (
            f"This EEG would show a usual answer in {percent} of cases; 80 % are needed."
        )


def test_an_answer_of_the_usual_size_is_not_missed_wherever_it_comes() -> None:
    for delay in (0.0, 0.2, 0.8):
        for seed in range(3):
            assert not Looked(0.25, 0.25, delay=delay, seed=seed).look().shown


def test_an_answer_at_another_time_is_named_and_remembered() -> None:
    looked = Looked(0.35, 0.3, delay=0.8)
    assert looked.look().why(200.0) == (
        "The answer comes at another time than expected: check both clocks."
    )
    looked.rebuilt.y[:] = Rebuilt(r=0.0, seed=7).y
    looked.rebuilt.go(230, 240)
    assert not looked.look().shown
    assert "another time" not in Looked(0.35, 0.3).look().why(200.0)


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
