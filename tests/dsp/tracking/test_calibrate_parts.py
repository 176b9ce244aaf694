"""Calibration step by step: which seconds are summed, cut, left out, chosen by and looked at."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from dsp.checks import InputError
from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.quality import CleanBlock
from dsp.tracking import calibrate as calibration
from dsp.tracking.alignment import KEEP
from dsp.tracking.expectation import acoustics

BAND, LAGS = (1.0, 8.0), np.array([0, 3])
Second = tuple[int, np.ndarray, np.ndarray]


def seconds(count: int, *, seed: int = 0, electrodes: int = 1, first: int = 100) -> list[Second]:
    rng = np.random.default_rng(seed)
    return [
        (first + k, rng.standard_normal((RATE + 3, electrodes)), rng.standard_normal(RATE))
        for k in range(count)
    ]


def parts_of(monkeypatch: pytest.MonkeyPatch, made: list[list[Second]]) -> list:
    monkeypatch.setattr(calibration, "_seconds", lambda recording, *rest: made[recording])
    return calibration._parts(range(len(made)), 1, 128.0, BAND, LAGS, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "sizes"), [(2, 2 * [1]), (20, 20 * [1]), (21, [*10 * [2], 1]), (41, [*13 * [3], 2])]
)
def test_of_more_than_twenty_recordings_neighbours_are_left_out_together(
    monkeypatch: pytest.MonkeyPatch, count: int, sizes: list[int]
) -> None:
    made = [seconds(6 + k % 3, seed=k) for k in range(count)]
    parts = parts_of(monkeypatch, made)
    assert [len(p.where) for p in parts] == sizes
    at = 0
    for part, size in zip(parts, sizes, strict=True):
        inside = range(at, at + size)
        assert part.where == tuple((k, 0, len(made[k])) for k in inside)
        alone = [calibration._sum_part(made[k], 1, LAGS, 7 + 1000 * k) for k in inside]
        for name in ("cov", "cross", "power", "n"):
            together = sum(getattr(one, name) for one in alone)
            np.testing.assert_allclose(getattr(part, name), together)
        at += size


@pytest.mark.parametrize(
    ("length", "sizes"),
    [(0, []), (11, [6]), (12, [6, 6]), (40, [20, 20]), (59, [30, 29]), (65, [30, 30]),
     (66, [30, 30, 6]), (601, [*19 * [31], 12])],
)  # fmt: skip
def test_one_recording_alone_is_cut_into_parts_of_which_short_ones_do_not_count(
    monkeypatch: pytest.MonkeyPatch, length: int, sizes: list[int]
) -> None:
    made = seconds(length)
    parts = parts_of(monkeypatch, [made])
    starts = [0, *np.cumsum(sizes)[:-1]] if sizes else []
    assert [p.where for p in parts] == [((0, a, n),) for a, n in zip(starts, sizes, strict=True)]
    for part, a, n in zip(parts, starts, sizes, strict=True):
        alone = calibration._sum_part(made[a : a + n], 1, LAGS, 7 + a)
        np.testing.assert_array_equal(part.cross, alone.cross)


def test_a_recording_of_which_five_seconds_can_be_used_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [seconds(6, seed=k) for k in range(3)]
    for one, masked in zip(made, (64, 63, 62), strict=True):
        one[2][2][:masked] = np.nan
    assert [p.where[0][0] for p in parts_of(monkeypatch, made)] == [1, 2]
    assert parts_of(monkeypatch, [[], made[0], made[1]])[0].where == ((2, 0, 6),)


@pytest.mark.parametrize("length", [3, 20, 40])
def test_the_sums_of_a_part_are_written_out(length: int) -> None:
    made = seconds(length, electrodes=2)
    made[0][1][10:20, 0] = np.nan  # one of two is enough
    made[1][1][30:40] = np.nan
    made[2][2][:9] = np.nan
    for k in range(16, min(32, length)):
        made[k][2][:] = np.nan  # nothing of what is summed at once
    index = np.arange(RATE)[:, None] + LAGS
    x = np.concatenate([eeg[index].transpose(0, 2, 1).reshape(RATE, -1) for _, eeg, _ in made])
    y = np.concatenate([feature for _, _, feature in made])
    ok = np.isfinite(y) & (np.isfinite(x).mean(axis=1) >= 0.5)
    y = np.nan_to_num(y)
    low = min(128, y.size // 4)
    shifts = np.random.default_rng(5).integers(low, y.size - low, 60)
    t = np.stack([y, *(np.roll(y, shift) for shift in shifts)], axis=1)[ok]
    x = np.nan_to_num(x)[ok]
    part = calibration._sum_part(made, 2, LAGS, 5)
    np.testing.assert_allclose(part.cov, x.T @ x)
    np.testing.assert_allclose(part.cross, x.T @ t)
    np.testing.assert_allclose(part.power, np.sum(t**2, axis=0))
    assert part.n == ok.sum() < len(x) + np.count_nonzero(~ok)


# ---- recordings


def clean(length: float, *, start: float = 100.0, size: float = 5.0) -> tuple:
    """White noise and onsets, so many seconds of clean EEG with sound."""
    rng = np.random.default_rng(3)
    n, sound = round(length * 128), int(length + 3.0) * RATE
    eeg = (size * rng.standard_normal((n, 2))).astype(np.float32)
    rows = np.stack([(rng.random(sound) < 0.06) * 1.0, np.zeros(sound), np.ones(sound)], axis=1)
    block = CleanBlock(eeg, start + np.arange(n) / 128, np.ones(eeg.shape, dtype=bool), ())
    return [block], (rows, start - 1.0 + np.arange(sound) / RATE)


class Enough(Exception):
    """What calibration was to show has been seen."""


def test_ten_seconds_are_no_recording_unless_there_is_nothing_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(some: list, *rest: object) -> None:
        raise Enough([round(len(one.eeg[1]) / RATE, 1) for one in some])

    monkeypatch.setattr(calibration, "_choose", stop)
    for lengths, taken in (((30, 10, 11), [30, 11]), ((9, 10), [9, 10])):
        with pytest.raises(Enough) as seen:
            calibration.calibrate([clean(n) for n in lengths], ch_names=["Fz", "Cz"], sfreq=128.0)
        assert seen.value.args[0] == pytest.approx(taken, abs=0.5)


def test_clean_seconds_are_those_of_any_electrode_while_there_was_sound() -> None:
    (block,), (rows, _) = clean(10.0)
    times = 101.0 + np.arange(2 * RATE + 1) / RATE
    assert calibration._clean_s(([block], (rows, times)), 128.0) == 257 / 128
    block.valid[200:230, 0] = block.valid[220:240, 1] = False
    assert calibration._clean_s(([block, block], (rows, times)), 128.0) == 2 * 247 / 128
    assert calibration._clean_s(([block], (rows, [])), 128.0) == 0.0
    assert calibration._clean_s(([], (rows, times)), 128.0) == 0.0


def test_a_recording_on_the_grid_is_what_came_and_what_was_heard() -> None:
    (block,), (rows, times) = clean(6.0)
    rows[:, 2] = np.random.default_rng(4).random(len(rows))
    block.eeg[:] = 5.0 * np.sin(2.0 * np.pi * 3.0 * block.times)[:, None]
    none = CleanBlock(block.eeg[:0], block.times[:0], block.valid[:0], ())
    block.valid[300:400, 1] = False
    for columns in (3, 4):
        level = -20.0 - rows[:, :1] if columns == 4 else rows[:, :0]
        heard = np.concatenate([rows, level], axis=1)
        one = calibration._on_grid(([none, block], (heard, times)), 2, 128.0)
        start, eeg = one.eeg
        assert abs(start - 6400) <= 8
        inside = slice(20, 120)
        at = (start + np.arange(20, 120)) / RATE
        np.testing.assert_allclose(eeg[inside, 0], 5.0 * np.sin(6.0 * np.pi * at), atol=0.1)
        assert np.isnan(eeg[160 - start + 6400 : 190 - start + 6400, 1]).all()
        assert np.isfinite(eeg[inside]).all()
        first, sound = one.sound
        assert first == one.heard.start
        known = slice(99 * RATE + 2, 99 * RATE + len(rows) - 2)
        at = slice(known.start - first, known.stop - first)
        np.testing.assert_allclose(sound[at], rows[2:-2, [0, 2]], atol=1e-9)
        read = one.heard.read(known.start, known.stop)
        np.testing.assert_allclose(read[:, 0], rows[2:-2, 0], atol=1e-9)
        if columns == 3:
            assert np.isnan(read[:, 1]).all()
        else:
            np.testing.assert_allclose(read[:, 1:], level[2:-2], atol=1e-9)
    nothing = calibration._on_grid(([], (np.empty((0, 4)), [])), 2, 128.0)
    assert nothing.eeg[0] == nothing.sound[0] == 0
    assert nothing.eeg[1].shape == nothing.sound[1].shape == (0, 2)
    assert nothing.heard.end is None
    for eeg_of, sound_of in ((nothing, one), (one, nothing), (nothing, nothing)):
        half = SimpleNamespace(eeg=eeg_of.eeg, sound=sound_of.sound)
        assert calibration._seconds(half, 2, 128.0, BAND, LAGS) == []  # type: ignore[arg-type]


def test_of_a_recording_all_can_be_looked_at_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple] = []

    def aligned(n: int, **given: object) -> SimpleNamespace:
        made.append((n, given))
        return SimpleNamespace(push_grid=lambda *grids: None, seconds=lambda: iter([1, 2]))

    monkeypatch.setattr(calibration, "Aligned", aligned)
    for eeg, sound, most in ((20000, 9, 20000), (9, 20000, 20000), (9, 20, KEEP)):
        one = SimpleNamespace(eeg=(0, range(eeg)), sound=(0, range(sound)))
        assert calibration._seconds(one, 2, 128.0, BAND, LAGS) == [1, 2]  # type: ignore[arg-type]
        expected = {"sfreq": 128.0, "band": BAND, "reach": 3, "keep": most + 2 * RATE}
        assert made[-1] == (2, expected)


# ---- what is found


@pytest.mark.parametrize(
    ("r", "found", "size"),
    [(0.95, True, 0.9), (0.85, True, 0.85), (0.3, False, 0.3), (-0.1, False, 0.0)],
)
@pytest.mark.parametrize("bleeds", [False, True])
def test_an_answer_is_as_large_as_it_was_on_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch, r: float, found: bool, size: float, bleeds: bool
) -> None:
    chosen = (BAND, (0, 26), 0.5 if found else r, 0.49 if found else r)
    monkeypatch.setattr(calibration, "_choose", lambda *given: chosen)
    monkeypatch.setattr(calibration, "_held_out", lambda *given: np.array([r, 0.7]))
    monkeypatch.setattr(calibration, "_bleeds", lambda *given: bleeds)
    got = calibration.calibrate([clean(14.0), clean(16.0)], ch_names=["Fz", "Cz"], sfreq=128.0)
    assert (got.r, got.r_null95) == (r, chosen[3])
    assert got.effect == pytest.approx(np.arctanh(size) * np.sqrt(70.0))
    assert got.bleed == (found and bleeds)
    assert got.lags.tolist() == list(range(0, 27, 3))


class Choosing:
    """Scores that are known, of each band and window; those of shifted features alike."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, counts: tuple[tuple, ...] = ((640, 1.0), (640, 1.0))
    ) -> None:
        self.counts = counts
        self.looked: list[tuple] = []
        self.scores: dict[tuple, float] = {}
        self.nulls = np.linspace(-0.02, 0.039, 60)
        monkeypatch.setattr(calibration, "_parts", self.parts)
        monkeypatch.setattr(calibration, "_held_out", self.held_out)

    def parts(self, recordings, n_channels, sfreq, band, lags, seed) -> list:
        assert (n_channels, sfreq, seed) == (1, 128.0, 3)
        return [SimpleNamespace(n=n, band=band, power=[power]) for n, power in self.counts]

    def held_out(self, parts: list, columns: np.ndarray, n_channels: int) -> np.ndarray:
        where = (parts[0].band, int(columns[0]), int(columns[-1]))
        self.looked.append(where)
        assert np.array_equal(columns, np.arange(where[1], where[2] + 1))
        scale = 2.0 if where == (BAND, 6, 32) else 1.0
        return np.array([self.scores.get(where, -1.0), *(scale * self.nulls)])

    def choose(self, search: float = 0.3) -> tuple:
        return calibration._choose([], 1, 128.0, np.arange(80), search, 3)


def test_every_band_start_and_length_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Choosing(monkeypatch)
    trial.choose()
    windows = [(0, 26), (6, 32), (13, 38), (19, 45), (0, 38), (6, 45), (13, 51), (19, 58)]
    bands = [(1.0, 8.0), (1.0, 4.0), (4.0, 8.0), (2.0, 8.0)]
    assert trial.looked == [(band, *window) for band in bands for window in windows]


@pytest.mark.parametrize(("times", "band"), [(1.029, (1.0, 8.0)), (1.031, (2.0, 8.0))])
def test_another_band_must_be_better_by_three_percent_of_what_chance_gives_it(
    monkeypatch: pytest.MonkeyPatch, times: float, band: tuple[float, float]
) -> None:
    trial = Choosing(monkeypatch)
    other = times * 0.1 * np.sqrt(7.0 / 6.0)
    trial.scores = {(BAND, 13, 38): 0.1, (BAND, 0, 38): 0.1, ((2.0, 8.0), 6, 45): other}
    got, window, r, null95 = trial.choose()
    assert got == band
    assert (window, r) == (((13, 38), 0.1) if band == BAND else ((6, 45), other))
    # Of each shift the best of all, in units of what chance gives to a band of its width.
    best = np.maximum(2.0 * trial.nulls, trial.nulls) * np.sqrt(7.0)
    best[trial.nulls < 0.0] = trial.nulls[trial.nulls < 0.0] * np.sqrt(3.0)
    assert null95 == pytest.approx(np.quantile(best, 0.95) / np.sqrt(band[1] - band[0]))


@pytest.mark.parametrize(
    ("counts", "enough"),
    [
        (((640, 1e-9), (640, 1.0)), True),
        (((640, 1.0), (639, 1.0)), False),
        (((1280, 1.0),), False),
        (((1280, 1.0), (10, 0.0)), True),
        (((640, 1.0), (639, 1.0), (900, 0.0)), False),  # a silent sound is none
    ],
)
def test_twenty_seconds_in_two_parts_are_enough(
    monkeypatch: pytest.MonkeyPatch, counts: tuple[tuple, ...], enough: bool
) -> None:
    trial = Choosing(monkeypatch, counts)
    trial.scores = {(BAND, 0, 26): 0.1}
    if enough:
        assert trial.choose(0.0)[1] == (0, 26)
    else:
        with pytest.raises(InputError, match="There are 20 s of clean EEG"):
            trial.choose(0.0)


# ---- windows of half a minute


def windows(
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[list[Second], Strip], None],
    level: float = -20.0,
) -> np.ndarray:
    made = seconds(60, first=200)
    heard = Strip(2, keep=61 * RATE)
    rows = np.full((60 * RATE, 2), level)
    rows[:, 0] = np.random.default_rng(8).random(60 * RATE) < 0.06
    heard.write(200 * RATE, rows)
    spoil(made, heard)
    whole = [SimpleNamespace(heard=Strip(2, keep=1)), SimpleNamespace(heard=heard)]
    monkeypatch.setattr(calibration, "_seconds", lambda recording, *rest: made)

    def weights(
        cov: np.ndarray, cross: np.ndarray, n: int, *, seconds: float, power: float
    ) -> np.ndarray:
        others.append((cov.tolist(), cross.tolist(), n, seconds, power))
        return np.full((1, 1), 0.5)

    monkeypatch.setattr(calibration, "_weights", weights)
    part = SimpleNamespace(
        cov=np.eye(2),
        cross=np.ones((2, 61)),
        n=600,
        where=((1, 0, 31), (1, 31, 29)),
        power=np.arange(2.0, 63.0),
    )
    last = SimpleNamespace(
        cov=3.0 * np.eye(2),
        cross=5.0 * np.ones((2, 61)),
        n=700,
        where=((1, 30, 30),),
        power=np.arange(7.0, 68.0),
    )
    others: list[tuple] = []
    found = calibration._windows(
        whole, 1, 128.0, (BAND, LAGS, [part, last]), np.array([1])  # type: ignore[arg-type, list-item]
    )  # fmt: skip
    # Each by a decoder of the others.
    assert others == [
        ([[3.0]], [[5.0]], 1, 700 / RATE, 7.0),
        ([[1.0]], [[1.0]], 1, 600 / RATE, 2.0),
    ]
    return found


def test_each_half_minute_of_a_part_is_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(made: list[Second], heard: Strip) -> None:
        for _, _, feature in made[:15]:
            feature[:] = np.nan
        made[20][1][:] = np.nan
        made[22][1][10] = np.nan  # half of the entries of two rows
        made[16][2][:] = made[16][1][3:, 0]
        made[20][2][:] = np.nan
        made[14][2][:] = np.arange(64)  # 15 s - 1 s + 1 s are there: half of the window
        kept.append((made, heard))

    kept: list[tuple[list[Second], Strip]] = []
    got = windows(monkeypatch, some)
    made, heard = kept[0]
    assert got.shape == (2, 6)
    for row, start in zip(got, (0, 30), strict=True):
        y = np.concatenate([eeg[3:, 0] for _, eeg, _ in made[start : start + 30]])
        x = np.concatenate([eeg[:RATE, 0] for _, eeg, _ in made[start : start + 30]])
        s = np.concatenate([feature for _, _, feature in made[start : start + 30]])
        ok = np.isfinite(s) & (np.isfinite(x) | np.isfinite(y))
        sound = heard.read((200 + start) * RATE, (230 + start) * RATE)
        sd = 1.0 / np.sqrt(14.0 * ok.sum() / RATE)
        r = np.corrcoef(np.nan_to_num(y)[ok], s[ok])[0, 1]
        np.testing.assert_allclose(row, [r, sd, *acoustics(sound[:, 0], sound[:, 1])])
    made[14][2][0] = np.nan
    again = windows(monkeypatch, lambda fresh, _: fresh.__setitem__(slice(None), made))
    assert len(again) == 1, "less than half of it is left"


def test_a_window_without_a_level_is_one_and_without_onsets_or_signal_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_onsets(made: list[Second], heard: Strip) -> None:
        heard.write(200 * RATE, np.full((30 * RATE, 2), 0.0))

    def no_eeg(made: list[Second], heard: Strip) -> None:
        for _, eeg, _ in made[:30]:
            eeg[:] = 1.0

    def no_sound(made: list[Second], heard: Strip) -> None:
        for _, _, feature in made[:30]:
            feature[:] = 1.0

    def nothing(made: list[Second], heard: Strip) -> None:
        for spoil in (no_onsets, no_eeg, no_sound):
            spoil(made, heard)
        heard.write(230 * RATE, np.zeros((30 * RATE, 2)))

    unknown = windows(monkeypatch, lambda made, heard: None, level=np.nan)
    assert unknown.shape == (2, 6)
    assert np.isfinite(unknown[:, :5]).all()
    assert np.isnan(unknown[:, 5]).all()
    for spoil in (no_onsets, no_eeg, no_sound):
        assert len(windows(monkeypatch, spoil)) == 1
    assert windows(monkeypatch, nothing).shape == (0, 6)


# ---- a leak


class Profile:
    """In the place of a delay profile: keeps what it is given."""

    def __init__(self, n_channels: int, *, latest: int, band: tuple[float, float]) -> None:
        assert (n_channels, latest, band) == (1, 3, BAND)
        self.before, self.given, self.clear = Profile.needs, Profile.seen, True

    needs = 20
    seen: list[tuple[np.ndarray, np.ndarray]]

    def add(self, eeg: np.ndarray, sound: np.ndarray) -> None:
        self.given.append((eeg, sound))


def test_a_leak_is_looked_for_with_the_level_of_a_hop_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = seconds(5, first=110)
    level = -20.0 + 3.0 * np.random.default_rng(6).standard_normal(30 * RATE)
    heard = Strip(2, keep=30 * RATE)
    heard.write(100 * RATE - 10, np.stack([np.zeros(level.size), level], axis=1))
    Profile.seen, Profile.needs = [], 20
    monkeypatch.setattr(calibration, "DelayProfile", Profile)
    monkeypatch.setattr(calibration, "_seconds", lambda *given: made)
    recording = SimpleNamespace(heard=heard)
    assert calibration._bleeds([recording], 1, 128.0, BAND, LAGS) is True  # type: ignore[list-item]
    ((eeg, sound),) = Profile.seen
    np.testing.assert_array_equal(eeg, np.concatenate([e[:RATE] for _, e, _ in made])[20:-3])
    np.testing.assert_array_equal(sound[:, 0], np.concatenate([f for _, _, f in made]))
    filtered = np.convolve(10.0 ** (level / 20.0), bandpass(1.0, 8.0), mode="same")
    at = 10 * RATE + 10 - 1
    np.testing.assert_allclose(sound[:, 1], filtered[at : at + 5 * RATE], atol=1e-9)
    # A second of EEG is as much as it needs, or one row more.
    made = made[:1]
    for needs, given in ((61, 0), (60, 1)):
        Profile.seen, Profile.needs = [], needs
        calibration._bleeds([recording], 1, 128.0, BAND, LAGS)  # type: ignore[list-item]
        assert [len(eeg) for eeg, _ in Profile.seen] == given * [1]
    made = seconds(5, first=110)
    Profile.seen, Profile.needs = [], 20
    silent = SimpleNamespace(heard=Strip(2, keep=1))
    calibration._bleeds([silent], 1, 128.0, BAND, LAGS)  # type: ignore[list-item]
    assert np.isnan(Profile.seen[0][1][:, 1]).all()
