"""An answer that comes later or sooner than at calibration is measured, and warned of."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.tracking.delays import Moved
from dsp.tracking.doubts.delay import STEADY, Delay
from dsp.tracking.tracker import Decoder
from tests.doubles.answering import answer, noise, onsets, said


@pytest.mark.parametrize("late", [-0.03, 0.0, 0.05, 0.12])
def test_a_changed_delay_is_measured_and_warned_of(decoder: Decoder, late: float) -> None:
    flux = onsets(5)
    last = said(flux, noise(6) + 2.5 * answer(flux, delay=late), decoder=decoder)[-1]
    assert last.delay_change == pytest.approx(late, abs=0.008)
    assert 0.0 < last.delay_change_sd < 0.02
    warned = any("than at calibration" in r for r in last.reasons)
    assert warned == (abs(late) >= 0.05) or abs(late) == 0.03
    assert abs(last.drift) < 4.0 * last.drift_sd
    assert not any("drifts" in r for r in last.reasons)


def test_without_a_stored_decoder_no_change_of_delay_is_claimed() -> None:
    flux = onsets(5)
    assert np.isnan(said(flux, noise(6) + 2.5 * answer(flux))[-1].delay_change)


def told(*, stored: bool = True, n_blocks: int = 12, **found: float) -> tuple[Delay, str]:
    """What is said where the search has found this."""
    usual = {"r": 0.4, "sd": 0.1, "delay": 0.0, "delay_sd": 0.002, "middle": 0.0}
    usual |= {"middle_sd": 0.001, "drift": 0.0, "drift_sd": 1e-5, "fallen": np.nan}
    best = Moved(**(usual | found), places={0: 1.0, 5: 9.0})
    delays = SimpleNamespace(n_blocks=n_blocks, layer=False, best=lambda search: best)
    delay = Delay(delays, stored=stored)  # type: ignore[arg-type]
    return delay, delay.look(100)


def test_drifts_of_clocks_and_delays_of_headphones_are_within_reach() -> None:
    ms_a_minute = 60e3 * STEADY.drifts
    assert ms_a_minute == pytest.approx(np.arange(-36.0, 37.0, 6.0))
    assert (STEADY.near, STEADY.memory) == (0.3, 200.0)  # half of it is forgotten in 140 s


@pytest.mark.parametrize(
    ("found", "known"),
    [
        ({}, True),
        ({"n_blocks": 11}, False),
        ({"r": 0.399}, False),  # under four spreads
        ({"drift_sd": np.nan}, False),
        ({"fallen": 2.0}, True),
        ({"fallen": 2.01}, False),  # the answer is not there any more
    ],
)
def test_a_delay_is_told_after_a_minute_of_an_answer_that_stands_out(
    found: dict[str, float], known: bool
) -> None:
    delay, said = told(delay=0.1, middle=0.05, **found)  # type: ignore[arg-type]
    assert np.isfinite([delay.seconds, delay.sd, delay.drift, delay.drift_sd]).all() == known
    assert bool(said) == known
    delays = SimpleNamespace(n_blocks=99, layer=False, best=lambda search: None)
    nothing = Delay(delays, stored=True)  # type: ignore[arg-type]
    assert nothing.look(100) == ""


def test_the_delay_on_average_is_taken_where_nothing_moves_and_that_of_now_where_it_does() -> None:
    at = {"delay": 0.12, "delay_sd": 0.004, "middle": 0.08, "middle_sd": 0.003}
    still, said = told(**at, drift=2.49e-5)
    assert (still.seconds, still.sd) == (0.08, 0.003)
    assert said == "The answer comes 80 ms later than at calibration: use its headphones."
    moving, _ = told(**at, drift=-2.5e-5)
    assert (moving.seconds, moving.sd) == (0.12, 0.004)
    assert (moving.drift, moving.drift_sd) == (pytest.approx(-1.5), pytest.approx(0.6))
    new, said = told(**at, drift=2.49e-5, stored=False)
    assert np.isnan([new.seconds, new.sd]).all()
    assert new.drift == pytest.approx(1.494)
    assert new.shift == 5
    assert said == ""


@pytest.mark.parametrize(
    ("ms_a_minute", "sd", "side"),
    [(3.01, 1.0, "later"), (-3.01, 1.0, "sooner"), (2.99, 1.0, ""), (20.0, 8.1, "")],
)
def test_a_clock_that_drifts_is_told_where_it_is_certain_and_costs(
    ms_a_minute: float, sd: float, side: str
) -> None:
    _, said = told(drift=ms_a_minute / 60e3, drift_sd=sd / 60e3)
    ms = f"{abs(ms_a_minute):.0f}"
    assert said == (side and f"The answer comes {side} by {ms} ms a minute: a clock drifts.")


def test_while_the_layer_is_heard_the_lags_stay_and_nothing_is_told() -> None:
    best = Moved(0.4, 0.1, 0.05, 0.002, 0.05, 0.001, 0.0, 1e-5, np.nan, {3: 9.0})
    delays = SimpleNamespace(n_blocks=12, layer=False, best=lambda search: best)
    delay = Delay(delays, stored=True)  # type: ignore[arg-type]
    assert "50 ms later" in delay.look(100)
    delays.layer = True
    assert delay.look(105) == ""
    assert np.isnan([delay.seconds, delay.sd, delay.drift, delay.drift_sd]).all()
    assert delay.shift == 3


def test_the_lags_move_where_another_place_is_five_times_as_likely() -> None:
    here: dict[int, float] = {}
    found = {"z": 4.0, "fallen": np.nan}

    def best(search: object) -> Moved:
        return Moved(found["z"], 1.0, 0.0, 0.1, 0.0, 0.1, 0.0, 1e-5, found["fallen"], dict(here))

    delays = SimpleNamespace(n_blocks=12, layer=False, best=best)
    delay = Delay(delays, stored=True)  # type: ignore[arg-type]

    def after(**places: float) -> int:
        here.clear()
        here.update({int(k.removeprefix("at").replace("m", "-")): v for k, v in places.items()})
        delay.look(100)
        return delay.shift

    assert after(at0=2.0, at1=2.0 + np.log(4.99), atm7=1.0) == 0
    assert after(at0=2.0, at1=2.0 + np.log(5.01), atm7=1.0) == 1
    assert after(at0=2.0 + np.log(5.01), at1=2.0, at2=3.0) == 0  # and back as soon
    assert after(at3=-4.0, at4=-4.1) == 3  # what is out of reach is not likely
    found["z"] = 3.99
    assert after(at0=9.0, at3=0.0) == 3  # while no answer stands out they stay
    found.update(z=4.0, fallen=2.01)
    assert after(at0=9.0, at3=0.0) == 3


@pytest.mark.parametrize(
    ("seconds", "sd", "side"),
    [
        (0.010, 0.002, "later"),
        (-0.010, 0.005, "sooner"),
        (0.0099, 0.001, ""),
        (0.0121, 0.006, "later"),
        (0.0119, 0.006, ""),
    ],
)
def test_a_changed_delay_is_warned_of_where_it_is_large_and_certain(
    seconds: float, sd: float, side: str
) -> None:
    _, said = told(middle=seconds, middle_sd=sd)
    ms = f"{1000.0 * abs(seconds):.0f} ms {side}"
    assert said == (side and f"The answer comes {ms} than at calibration: use its headphones.")
