"""Each bound by itself of what is said of eyes, muscles and movements."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.quality import CleanBlock
from dsp.tracking.doubts import nuisance as module
from dsp.tracking.doubts.nuisance import EYES, Nuisance
from dsp.tracking.evidence import UPPER
from dsp.tracking.nulls import Nulls

END = 800


def eyes(
    count: int = 60 * RATE, *, seed: int = 1
) -> tuple[Nuisance, np.ndarray, np.ndarray, np.ndarray]:
    """A minute of sound, and what both decoders made of its last `count` grid points."""
    rng = np.random.default_rng(seed)
    n = 60 * RATE
    feature, own, main = (rng.standard_normal(n) + 0.3 for _ in range(3))
    own[: n - count] = np.nan
    strips = []
    for rows in (np.stack([feature, own], axis=1), own[:, None], main[:, None]):
        strip = Strip(rows.shape[1], keep=2 * n)
        strip.write(END * RATE - n, rows)
        strips.append(strip)
    out = Nuisance(
        SimpleNamespace(feature=strips[0]),  # type: ignore[arg-type]
        SimpleNamespace(rebuilt=strips[2]),  # type: ignore[arg-type]
        sfreq=128.0, band=(1.0, 8.0), nulls=Nulls(seed=1),
    )  # fmt: skip
    out._own.rebuilt = strips[1]
    return out, feature, own, main


def test_people_move_up_to_three_eighths_of_a_second_ahead_and_after() -> None:
    own = eyes()[0]._own
    assert (own._first + own._lags).tolist() == list(range(-24, 25, 2))


def test_eyes_are_taken_where_the_guard_saw_any() -> None:
    doubt, log = eyes()[0], list[tuple]()
    doubt._filtered.push = lambda *given: log.append(given)  # type: ignore[method-assign]
    times = 100.0 + np.arange(256) / 128
    eeg = np.zeros((256, 2), dtype=np.float32)
    doubt.push(CleanBlock(eeg, times, np.isfinite(eeg), ()))
    assert not log
    doubt.push(CleanBlock(eeg, times, np.isfinite(eeg), (), np.ones((256, 3))))
    assert log[0][1].shape[1] == 3


@pytest.mark.parametrize(("count", "there"), [(320, True), (319, False)])
def test_five_seconds_that_both_have_are_compared(count: int, there: bool) -> None:
    doubt, feature, own, _ = eyes(count)
    found = module._window(END, doubt._aligned, (doubt._own,))
    assert (found is not None) == there
    if found is not None:
        whole, (y,) = found
        ok = np.isfinite(own)
        np.testing.assert_allclose(whole, feature / np.sqrt(np.sum(feature[ok] ** 2)))
        centred = own[ok] - own[ok].mean()
        np.testing.assert_allclose(y[ok], centred / np.sqrt(np.sum(centred**2)))
        assert not y[~ok].any()


def test_without_a_signal_or_a_sound_there_is_nothing_to_compare() -> None:
    for which in ("own", "feature"):
        doubt, feature, own, _ = eyes()
        strip = doubt._own.rebuilt if which == "own" else doubt._aligned.feature
        for size, there in ((0.0, False), (1e-3, True)):
            rows = np.stack([size * np.sign(feature), own], axis=1)
            strip.write((END - 60) * RATE, rows[:, : 2 if which == "feature" else 1])
            assert (module._window(END, doubt._aligned, (doubt._own,)) is not None) == there


@pytest.mark.parametrize(
    ("ever", "now", "p", "lead", "said"),
    [
        (True, UPPER, 0.05, 0.0, True),
        (False, UPPER, 0.05, 0.0, False),
        (True, UPPER - 0.01, 0.05, 0.0, False),
        (True, UPPER, 0.051, 0.0, False),
        (True, UPPER, 0.05, 0.99, True),
        (True, UPPER, 0.05, 1.01, False),
        (True, UPPER, None, 0.0, False),
    ],
)
def test_eyes_that_follow_and_are_not_beaten_by_two_errors_are_named(
    ever: bool, now: float, p: float | None, lead: float, said: bool
) -> None:
    doubt, log = eyes()[0], list[str]()
    found = module._window(END, doubt._aligned, (doubt._own, doubt._main))
    assert found is not None
    feature, (own, main) = found
    known = float((main - own) @ feature)  # the sd at which it is two errors
    sd = np.inf if lead == 0.0 else abs(known) / lead / (2.0 * np.sqrt(2.0))
    null = None if p is None else SimpleNamespace(p=p, sd=sd, z=0.3)
    doubt._nulls = SimpleNamespace(judge=lambda *given: null)  # type: ignore[assignment]
    doubt._evidence = SimpleNamespace(  # type: ignore[assignment]
        ever=ever, now=now, add=lambda z: log.append(f"add {z}"), fade=lambda: log.append("fade")
    )
    if known < 0.0:  # the decoder that leads is the main one
        doubt._own, doubt._main = doubt._main, doubt._own
    assert doubt.look(END) == (EYES if said else "")
    assert log == (["fade"] if p is None else ["add 0.3"])


@pytest.mark.parametrize(("count", "counts"), [(128, True), (127, False)])
def test_two_of_five_seconds_are_a_block(count: int, counts: bool) -> None:
    doubt, _, own, _ = eyes()
    own[len(own) - 320 + count :] = np.nan
    doubt._own.rebuilt.write((END - 60) * RATE, own[:, None])
    log: list[np.ndarray] = []

    def judge(part: np.ndarray, *given: np.ndarray) -> SimpleNamespace:
        log.append(part)
        return SimpleNamespace(z=1.0)

    doubt._nulls = SimpleNamespace(judge=judge)  # type: ignore[assignment]
    doubt._add(END)
    assert len(log) == counts
    for part in log:
        assert np.flatnonzero(part).tolist() == list(range(len(own) - 320, len(own) - 320 + count))
        assert part.sum() == pytest.approx(0.0, abs=1e-9)
