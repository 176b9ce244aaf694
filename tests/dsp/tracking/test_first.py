"""The first minutes from nothing: an answer is found soon, chance is not, and it bears out."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from dsp.filters import Strip
from dsp.tracking import first
from dsp.tracking.decoder import WIDE_LAGS, strength
from dsp.tracking.doubts.nuisance import EYES
from dsp.tracking.evidence import LOWER, UPPER, Evidence
from dsp.tracking.first import ENOUGH, First, correlations, judged, surrogates
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING
from tests.doubles.answering import KERNEL, SECONDS, noise, onsets, said, wave

RNG = np.random.default_rng(22)


# ---- the figures


def test_each_part_is_rebuilt_by_a_decoder_of_the_others_at_the_best_lags() -> None:
    n, lags = 30 * 64, np.arange(0, 40, 3)
    eeg = RNG.standard_normal((n + int(lags.max()), 2)) * [1.0, 50.0]
    eeg[500:700, 0] = np.nan
    eeg[900:960] = np.nan
    heard = RNG.standard_normal(n)
    heard[1:70] = np.nan
    targets = RNG.standard_normal((n // 4, 3))
    found = correlations(eeg, heard, targets, lags)
    assert found.shape == (2, 3)  # fourteen lags: windows of nine from the first and the fifth
    for row, begin in zip(found, (0, 4), strict=True):
        for column in range(3):
            expected = by_hand(eeg, heard, targets[:, column], lags, begin)
            assert row[column] == pytest.approx(expected, abs=1e-9)


def by_hand(eeg: np.ndarray, heard: np.ndarray, y: np.ndarray, lags: np.ndarray, w: int) -> float:
    rows = [np.concatenate([eeg[t + lags, c] for c in range(2)]) for t in range(0, heard.size, 4)]
    x = np.array(rows)
    use = (np.isfinite(x).mean(axis=1) >= 0.5) & np.isfinite(heard[::4])
    x = np.nan_to_num(x)
    for c in range(2):
        part = x[:, c * lags.size : (c + 1) * lags.size]
        part /= np.sqrt(np.mean(part**2))
    x = x[:, [c * lags.size + k for c in range(2) for k in range(w, w + 9)]]
    third = np.arange(len(x)) // (len(x) // 3)
    a = b = 0.0
    for k in range(3):
        train, test = use & (third != k), use & (third == k)
        cov = x[train].T @ x[train]
        space = sum(cov[j::9, j::9] for j in range(9)) / 9
        space = 0.9 * space + 0.1 * np.trace(space) / 2 * np.eye(2)
        penalty = strength(np.count_nonzero(train) / 16, 2)
        weights = np.linalg.solve(cov + penalty * np.kron(space, np.eye(9)), x[train].T @ y[train])
        rebuilt = x[test] @ weights
        a += rebuilt @ y[test]
        b += rebuilt @ rebuilt
    return float(a / np.sqrt(b * (y[use] @ y[use])))


def test_surrogates_keep_the_spectrum_and_one_kind_the_order() -> None:
    heard = np.convolve(RNG.standard_normal(20 * 64 + 40), np.hanning(41), mode="valid")
    copies = surrogates(heard, each=5, seed=3)
    assert copies.shape == (320, 11)
    assert np.array_equal(copies[:, 0], heard[::4])
    for k, shift in enumerate((128, 384, 640, 896, 1152), start=1):  # 2 s away at least
        assert np.array_equal(copies[:, k], np.roll(heard, shift)[::4])
    size = np.abs(np.fft.rfft(copies, axis=0))[1 : 6 * 20]  # up to 6 Hz
    assert np.allclose(size[:, 6:], size[:, :1], rtol=1e-6, atol=1e-2 * size.max())
    assert np.abs(np.corrcoef(copies.T)[0, 6:]).max() < 0.6
    assert np.array_equal(copies, surrogates(heard, each=5, seed=3))
    assert not np.array_equal(copies[:, 6:], surrogates(heard, each=5, seed=4)[:, 6:])
    angle = np.random.default_rng(3).uniform(0.0, 2 * np.pi, (5, 9 * 120 + 1))  # for two minutes
    spectrum = np.fft.rfft(heard[::2])[: 9 * 20 + 1]
    turned = np.fft.irfft(spectrum * np.exp(1j * angle[:, : spectrum.size]), 640, axis=1)
    assert np.allclose(copies[:, 6:], turned[:, ::2].T)
    assert not first._turns(5, 3, 120).flags.writeable  # they are shared


def test_windows_of_nine_lags_begin_every_fourth_lag_and_a_part_is_of_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, np.ndarray]] = []
    monkeypatch.setattr(
        first, "_left_out", lambda parts, at, *_: seen.append((len(parts), at)) or np.zeros(1)
    )

    def asked(seconds: int, n_lags: int) -> list[tuple[int, list[int]]]:
        seen.clear()
        n = seconds * 64
        eeg = np.ones((n + n_lags - 1, 1))
        correlations(eeg, np.ones(n), np.ones((n // 4, 1)), np.arange(n_lags))
        return [(parts, at.tolist()) for parts, at in seen]

    for n_lags, starts in ((8, [0]), (9, [0]), (12, [0]), (13, [0, 4]), (17, [0, 4, 8])):
        windows = [list(range(start, min(start + 9, n_lags))) for start in starts]
        assert asked(20, n_lags) == [(2, window) for window in windows]
    for seconds, parts in ((19, 1), (20, 2), (59, 5), (60, 6), (75, 6)):
        assert asked(seconds, 5) == [(parts, [0, 1, 2, 3, 4])]


def test_the_best_window_is_judged_by_the_kind_that_is_harder_to_beat() -> None:
    found = RNG.standard_normal((3, 401)) * [[1.0], [0.01], [1.0]]
    found[:, 0] = [0.0, 0.08, 1.0]  # eight SD in the window that hardly varies
    usual = judged(found)
    best = (found - found[:, 1:].mean(1)[:, None]) / found[:, 1:].std(1)[:, None]
    best = best.max(axis=0)
    zs = [(best[0] - b.mean()) / b.std() for b in (best[1:201], best[201:])]
    assert usual == pytest.approx(min(zs))
    wider = found.copy()
    wider[1, 1:201] *= 5.0
    assert judged(wider) < usual - 1.0
    assert np.isnan(judged(np.zeros((2, 5))))


# ---- look by look


class Grid:
    """What `First` reads of EEG and sound."""

    def __init__(self, *, answer: float, electrodes: int = 2, seconds: int = 140) -> None:
        rng = np.random.default_rng(5)
        n = (seconds + 2) * 64
        flux = np.convolve(rng.standard_normal(n), np.hanning(9), mode="same")
        eeg = rng.standard_normal((n, electrodes)) + answer * np.roll(flux, 20)[:, None]
        self.eeg, self.feature = Strip(electrodes, keep=n), Strip(2, keep=n)
        self.eeg.write(100 * 64, eeg)
        self.feature.write(100 * 64, np.stack([flux, np.zeros(n)], axis=1))


def looks(
    grid: Grid, *, doubted: range = range(0), until: int = 240, doubt: str = "A doubt."
) -> Iterator[tuple[int, bool]]:
    refit = First(grid, WIDE_LAGS)  # type: ignore[arg-type]
    nothing = np.zeros(grid.eeg.read(0, 1).shape[1], dtype=bool)
    for second in range(105, until, 5):
        yield second, refit.look(second, without=nothing, doubts=(doubt,) * (second in doubted))


def test_an_answer_is_found_at_the_second_look_and_no_sooner() -> None:
    assert next(s for s, found in looks(Grid(answer=0.5)) if found) == 125
    assert not any(found for _, found in looks(Grid(answer=0.0)))


def test_a_doubt_forgets_what_came_before_it() -> None:
    found = [s for s, f in looks(Grid(answer=0.5), doubted=range(115, 126)) if f]
    assert found[0] == 150  # 20 s after the last doubted look, and once more
    found = [s for s, f in looks(Grid(answer=0.5), doubted=range(115, 126), doubt=EYES) if f]
    assert found[0] == 135  # nothing was forgotten


def test_eyes_that_tell_as_much_put_off_a_look_and_undo_the_one_before() -> None:
    found = [s for s, f in looks(Grid(answer=0.5), doubted=range(125, 126), doubt=EYES) if f]
    assert found[0] == 135


def test_looks_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(First, "_refitted", lambda self, second, _: calls.append(second) or 0.0)
    assert not any(found for _, found in looks(Grid(answer=0.0)))
    assert calls == list(range(120, 176, 5))  # silence was followed at 85 and 90 s of 120
    assert first.LOOKS == len(calls)
    calls.clear()
    list(looks(Grid(answer=0.0), doubted=range(150, 151), until=190))
    assert calls == [*range(120, 150, 5), *range(170, 190, 5)]
    calls.clear()
    list(looks(Grid(answer=0.0), doubted=range(150, 151), until=400))
    assert len(calls) == first.LOOKS


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([2.75, 2.75, 2.74], [False, True, False]),
        ([2.74, 2.75, 2.75], [False, False, True]),
        ([9.0, 2.74, 9.0], [False, False, False]),
        ([np.nan, 9.0, np.nan], [False, False, False]),
    ],
)
def test_it_is_found_where_two_looks_one_after_the_other_are_enough(
    monkeypatch: pytest.MonkeyPatch, found: list[float], told: list[bool]
) -> None:
    given = iter(found)
    monkeypatch.setattr(First, "_refitted", lambda *_: next(given))
    got = [answer for second, answer in looks(Grid(answer=0.0), until=135) if second >= 120]
    assert got == told


def test_after_a_find_that_lapsed_it_takes_two_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(First, "_refitted", lambda *_: 3.0)
    refit = First(Grid(answer=0.0), WIDE_LAGS)  # type: ignore[arg-type]
    asked = (120, 125, 150, 155)  # nobody asks while it counts as shown
    got = [refit.look(second, without=np.zeros(2, dtype=bool)) for second in asked]
    assert got == [False, True, False, True]


@pytest.mark.parametrize(("eeg", "sound"), [(110, 100), (100, 110)])
def test_the_first_look_is_twenty_seconds_after_the_later_of_the_two_began(
    monkeypatch: pytest.MonkeyPatch, eeg: int, sound: int
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(First, "_refitted", lambda self, second, _: calls.append(second) or 0.0)
    grid = Grid(answer=0.0)
    grid.eeg, grid.feature = Strip(2, keep=64), Strip(2, keep=64)
    grid.eeg.write(eeg * 64, np.zeros((64, 2)))
    grid.feature.write(sound * 64, np.zeros((64, 2)))
    list(looks(grid, until=150))
    assert calls[0] == 130


def test_surrogates_are_sixty_of_each_kind_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    monkeypatch.setattr(first, "judged", lambda found: 0.0)
    monkeypatch.setattr(first, "correlations", lambda eeg, heard, copies, _: seen.append(copies))
    grid = Grid(answer=0.0)
    for seed in ({}, {"seed": 0}, {"seed": 1}):
        First(grid, WIDE_LAGS, **seed).look(120, without=np.zeros(2, dtype=bool))  # type: ignore[arg-type]
    assert [copies.shape for copies in seen] == 3 * [(320, 121)]
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_a_layer_in_the_sound_is_not_judged() -> None:
    grid = Grid(answer=0.5)
    grid.feature.write(110 * 64, 1e-3 * np.ones((64, 2)))
    assert not any(found for _, found in looks(grid, until=150))


def test_of_many_electrodes_eight_spread_ones_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    monkeypatch.setattr(first, "judged", lambda found: 0.0)
    monkeypatch.setattr(
        first, "correlations", lambda eeg, *_: seen.append(eeg[0]) or np.zeros((1, 3))
    )
    grid = Grid(answer=0.0, electrodes=20)
    rows = np.tile(np.arange(20.0), (142 * 64, 1))
    rows[:, 1] = np.nan
    rows[: 15 * 64, 2] = np.nan  # there for a quarter of the first look, for more of the next
    rows[: 33 * 32, 3] = np.nan  # and for a third of the next
    grid.eeg.write(100 * 64, rows)
    refit = First(grid, WIDE_LAGS)  # type: ignore[arg-type]
    without = np.arange(20) < 1
    refit.look(120, without=without)
    refit.look(125, without=without)
    assert seen[0].tolist() == [5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0]
    assert np.nan_to_num(seen[1], nan=3.0).tolist() == [3.0, 5.0, 7.0, 9.0, 12.0, 14.0, 16.0, 18.0]
    without[:] = True
    assert not refit.look(130, without=without)


# ---- what the tracker makes of it


def answering(gain: float, *, until: int = SECONDS) -> tuple[np.ndarray, np.ndarray]:
    flux = onsets(3)
    answer = np.convolve(flux, KERNEL)[: flux.size]
    answer[until * 64 :] = 0.0
    return flux, noise(4) + gain * wave(answer)


def test_an_answer_is_found_in_the_first_minute_and_stays_found() -> None:
    told = said(*answering(0.65))
    states = [t.state for t in told]
    at = states.index(FOLLOWING)
    assert at < 60  # scored on the next seconds alone it is found after 118 s
    assert told[at].ever_following
    assert set(states[at:]) == {FOLLOWING}


def test_what_was_found_is_dropped_when_the_next_seconds_do_not_bear_it_out() -> None:
    states = [t.state for t in said(*answering(0.5, until=45))]
    assert FOLLOWING in states[:50]
    assert set(states[95:]) == {CANNOT_TELL}
    changes = sum(a != b for a, b in pairwise(states))
    assert changes == 2


def test_evidence_that_was_shown_fades_and_is_taken_back() -> None:
    evidence = Evidence()
    evidence.show()
    assert evidence.ever
    assert evidence.now > UPPER
    for _ in range(8):
        evidence.add(0.0)
    assert LOWER < evidence.now < UPPER
    assert not evidence.ever
    evidence.show()
    assert evidence.ever
    evidence.void()
    assert not evidence.ever
    assert ENOUGH > 2.0
