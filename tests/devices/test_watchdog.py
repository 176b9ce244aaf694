from __future__ import annotations

import pytest

from devices.watchdog import Watchdog


def test_a_sign_that_changes_is_life_whatever_it_says() -> None:
    dog = Watchdog()
    assert [dog.silent(sign, k / 10) for k, sign in enumerate((5.0, 4.0, 4.5))] == [0.0] * 3


def test_time_without_a_change_is_added_up() -> None:
    dog = Watchdog()
    silent = [dog.silent(1.0, k / 10) for k in range(12)]
    assert silent[-1] == pytest.approx(1.1)
    assert dog.silent(2.0, 1.2) == 0.0


def test_time_in_which_nobody_looked_counts_for_one_step() -> None:
    dog = Watchdog(step=0.25)
    dog.silent(1.0, 0.0)
    assert dog.silent(1.0, 60.0) == 0.25
    assert dog.silent(1.0, 59.0) == 0.25
