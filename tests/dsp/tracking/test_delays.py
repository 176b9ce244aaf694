"""Where an answer stands, and how it moves, is found; and nothing where none is."""

from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import Strip, bandpass
from dsp.tracking.absence import ANYWHERE
from dsp.tracking.delays import Delays, Moved, Search, _along, _Block, _fallen, _sums, _vertex
from dsp.tracking.doubts.delay import STEADY

SECONDS, FIRST = 240, 500


def signal(seed: int) -> np.ndarray:
    raw = np.random.default_rng(seed).standard_normal((SECONDS + 20) * 64)
    x = np.convolve(raw, bandpass(1.0, 8.0), mode="same")
    return np.asarray(x / x.std())


class Rebuilt:
    """A reconstruction of a sound that is answered later and later, r in size."""

    def __init__(
        self,
        *,
        r: float,
        delay: float = 0.0,
        drift: float = 0.0,
        seed: int = 1,
        size: float = 1.0,
        loud: float = 1.0,
        layer_from: int = SECONDS,
    ) -> None:
        self.sound = sound = loud * signal(seed)
        noise = signal(1000 + seed)
        at = np.arange(sound.size) / 64
        late = np.interp(at - delay - drift * at, at, sound, left=0.0)
        self.y = size * (r * late / loud + np.sqrt(1.0 - r * r) * noise)
        self.rebuilder = SimpleNamespace(rebuilt=Strip(1, keep=len(sound)), shift=0)
        feature = Strip(2, keep=len(sound))
        layer = np.where(at < layer_from, 0.0, -1e-3)
        feature.write(FIRST * 64, np.stack([sound, layer], axis=1))
        self.delays = Delays(SimpleNamespace(feature=feature), self.rebuilder)  # type: ignore[arg-type]

    def go(self, first: int = 0, last: int = SECONDS, *, shift: int = 0) -> "Rebuilt":
        self.rebuilder.shift = shift
        for second in range(first, last, 5):
            rows = self.y[second * 64 + shift : (second + 5) * 64 + shift, None]
            self.rebuilder.rebuilt.write((FIRST + second) * 64, rows)
            self.delays.add(FIRST + second + 5)
        return self

    def best(self, search: Search = STEADY) -> Moved:
        found = self.delays.best(search)
        assert found is not None
        return found


def test_without_data_nothing_is_found() -> None:
    assert Rebuilt(r=0.3).delays.best(STEADY) is None


@pytest.mark.parametrize(("delay", "ms_a_minute"), [(0.0, 0.0), (0.12, 10.0), (-0.08, -20.0)])
def test_delay_and_drift_are_found_with_their_errors(delay: float, ms_a_minute: float) -> None:
    drift = ms_a_minute / 60e3
    wrong = []
    for seed in range(4):
        best = Rebuilt(r=0.25, delay=delay, drift=drift, seed=seed).go().best()
        now = delay + drift * (SECONDS - 5)
        wrong += [(best.delay - now) / best.delay_sd, (best.drift - drift) / best.drift_sd]
        assert best.delay_sd < 0.012
        assert 60e3 * best.drift_sd < 6.0
        assert best.z > 6.0
        assert abs(best.middle - best.delay) < 110.0 * abs(best.drift) + 1e-9  # its mean age
        assert drift or abs(best.middle - delay) < 0.01
        assert best.middle_sd < best.delay_sd
    assert 0.2 < float(np.sqrt(np.mean(np.square(wrong)))) < 2.0


def test_the_correlation_and_its_spread_are_those_of_the_signals() -> None:
    still = replace(STEADY, memory=1e6, near=0.1)
    found = [Rebuilt(r=0.25, seed=seed, size=40.0).go().best(still) for seed in range(4)]
    assert np.mean([f.r for f in found]) == pytest.approx(0.25, abs=0.025)
    # 14 independent numbers a second
    assert np.mean([f.sd for f in found]) == pytest.approx(1.0 / np.sqrt(14.0 * SECONDS), rel=0.2)


@pytest.mark.parametrize("rate", [0.01, -0.01])
def test_a_rate_wrong_by_a_hundredth_hides_no_answer(rate: float) -> None:
    best = Rebuilt(r=0.25, drift=rate).go(last=120).best(ANYWHERE)
    assert best.z > 5.5
    assert best.drift == pytest.approx(rate, abs=4e-4)
    assert best.delay == pytest.approx(rate * 115, abs=0.04)


def test_where_nothing_answers_searches_stay_under_chance() -> None:
    for search in (STEADY, ANYWHERE):
        z = [Rebuilt(r=0.0, seed=seed).go(last=150).best(search).z for seed in range(12)]
        assert np.mean(np.array(z) > search.chance) <= 0.1
        assert max(z) > 0.7 * search.chance  # a chance that is never reached would be none


def test_lags_that_were_moved_leave_the_delay_where_it_is() -> None:
    known = Rebuilt(r=0.4, delay=0.05)
    known.go(0, 100).go(100, 200, shift=3)
    assert known.best().middle == pytest.approx(0.05, abs=0.008)
    assert known.best().r == pytest.approx(0.4, abs=0.06)


def test_what_is_old_is_forgotten() -> None:
    sound = Rebuilt(r=0.4)
    changed = np.roll(sound.y, 8)
    sound.go(0, 120)
    sound.y = changed
    sound.go(120, 240)
    short = replace(STEADY, memory=20.0, drifts=np.array([-1e-4, 0.0, 1e-4]))
    assert sound.best(short).middle == pytest.approx(0.125, abs=0.01)


def test_what_is_heard_with_the_layer_tells_no_delay_and_is_searched_for_an_answer() -> None:
    known = Rebuilt(r=0.4, delay=0.05, layer_from=123).go(0, 125)
    before = known.best(), known.best(ANYWHERE)
    assert (known.delays.n_blocks, known.delays.layer) == (24, False)
    known.go(125, 240)  # the last block without the layer, with 3 s on both sides, ended at 120
    assert (known.delays.n_blocks, known.delays.layer) == (24, True)
    assert known.best().middle == pytest.approx(before[0].middle)
    assert known.best().delay_sd > 1.5 * before[0].delay_sd  # of now, 115 s later
    assert known.best(ANYWHERE).r != pytest.approx(before[1].r)


@pytest.mark.parametrize("search", [STEADY, ANYWHERE])
def test_one_block_with_sound_among_silent_ones_has_no_error(search: Search) -> None:
    for seed in range(8):
        known = Rebuilt(r=0.0, seed=seed)
        known.sound[: 101 * 64] = 0.0
        known.delays._aligned.feature.write(FIRST * 64, np.stack([known.sound, 0 * known.sound], 1))
        best = known.go(0, 110).best(search)
        assert np.isnan([best.delay_sd, best.middle_sd, best.drift_sd]).all()


def test_masked_blocks_count_for_nothing() -> None:
    known = Rebuilt(r=0.3).go(0, 100)
    before = known.best()
    known.y[:] = np.nan
    known.go(100, 110)
    assert known.delays.n_blocks == 20  # one of them was still to come in
    assert known.best() == before or known.best().r == pytest.approx(before.r, abs=0.02)


def by_hand(known: Rebuilt, ends: list[int], search: Search, shift: int = 0) -> Moved:
    """The search written out: `ends` are seconds at which the blocks that count end."""
    weights, ages, crosses, noises, slopes, rows, powers = [], [], [], [], [], 0.0, 0.0
    sizes: list[tuple[int, float]] = []
    at = np.arange(-192, 193)
    for end in ends:
        points = np.arange((end - 5) * 64, end * 64)
        points = points[np.isfinite(known.y[points + shift])]
        y = known.y[points + shift] / np.std(known.y[points + shift])
        cross = np.array([y @ known.sound[points + shift - k] for k in at])
        age = float(ends[-1] - end)
        weights.append(float(np.exp(-age / search.memory)))
        ages.append(age)
        crosses.append(cross)
        noises.append(np.mean(cross[np.abs(at) >= 64] ** 2))
        slopes.append(np.mean(np.diff(cross)[(np.abs(at) >= 64)[1:]] ** 2))
        sizes.append((points.size, float(np.sum(known.sound[points] ** 2))))
        rows += weights[-1] * points.size
        powers += weights[-1] * float(np.sum(known.sound[points] ** 2))
    w, age = np.array(weights), np.array(ages)
    middle = float(np.average(age, weights=w))
    near = round(search.near * 64)

    def there(cross: np.ndarray, delay: int) -> float:
        return float(cross[192 + delay]) if abs(delay) <= 192 else 0.0  # 3 s are kept

    sums = np.zeros((search.drifts.size, 2 * near + 1))
    for d, drift in enumerate(search.drifts):
        for k in range(-near, near + 1):
            for v, c, a in zip(w, crosses, age, strict=True):
                sums[d, near + k] += v * there(c, k + int(np.rint(-drift * (a - middle) * 64)))
    noise = np.sum(w**2 * noises)
    odds = np.sign(sums) * sums**2 / (2 * noise)
    places: dict[int, float] = {}
    for d, drift in enumerate(search.drifts):
        for k in range(-near, near + 1):
            late = k / 64 / search.usual[0], drift / search.usual[1]
            odds[d, near + k] -= np.log(1 + late[0] ** 2) + np.log(1 + late[1] ** 2)
            end = int(np.rint(k + middle * drift * 64))
            places[end] = max(places.get(end, -np.inf), float(odds[d, near + k]))
    i, j = np.unravel_index(np.argmax(odds), sums.shape)
    left, top, right = sums[i, j - 1 : j + 2]
    bend = 2 * top - left - right
    slower, _, faster = sums[i - 1 : i + 2, j]
    drift = search.drifts[i] + (search.drifts[1] - search.drifts[0]) * 0.5 * (faster - slower) / (
        2 * top - slower - faster
    )
    delay = (j - near + 0.5 * (right - left) / bend) / 64
    by_age = np.stack([np.ones(age.size), middle - age])
    line = [j - near + int(np.rint(-search.drifts[i] * (a - middle) * 64)) for a in age]
    peaks = np.array(
        [[there(c, k + n) for n in (-1, 0, 1)] for c, k in zip(crosses, line, strict=True)]
    )
    assert np.sum(w * peaks[:, 1]) == pytest.approx(top)
    inverse = np.linalg.inv((by_age * w * (peaks @ [-1, 2, -1])) @ by_age.T)
    errors = inverse @ ((by_age * w**2 * slopes) @ by_age.T) @ inverse / 64**2
    now = np.array([1.0, middle])
    fallen = np.nan
    if age.max() >= 60.0:
        r, variance = [], 0.0
        for part in (age >= 60.0, age < 60.0):
            size = np.array(sizes)[part].sum(axis=0).prod()
            r.append(peaks[part, 1].sum() / np.sqrt(size))
            variance += np.array(noises)[part].sum() / size
        fallen = (r[0] - r[1]) / np.sqrt(variance)
    return Moved(
        top / np.sqrt(rows * powers), np.sqrt(noise / (rows * powers)),
        delay + drift * middle, np.sqrt(now @ errors @ now),
        delay, np.sqrt(errors[0, 0]), drift, np.sqrt(errors[1, 1]), fallen, places,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("memory", "first", "fast", "shift", "usual"),
    [
        (10.0, 60, 0.012, 0, (np.inf, np.inf)),
        (60.0, 15, 0.012, 7, (0.02, 4e-3)),
        (60.0, 15, 0.15, 0, (np.inf, 1e-3)),
    ],
)
def test_the_search_is_the_sum_written_out(
    memory: float, first: int, fast: float, shift: int, usual: tuple[float, float]
) -> None:
    known = Rebuilt(r=0.6, delay=0.05, drift=1e-3, seed=5, size=3.0)
    rebuilt = known.y[shift:]
    rebuilt[30 * 64 : 34 * 64 + 1] = np.nan  # 63 points are left: too few
    rebuilt[51 * 64 : 55 * 64] = np.nan  # 64
    known.go(10, 90, shift=shift)
    assert known.delays.n_blocks == 14
    search = Search(memory, 0.2, np.linspace(-fast, fast, 13), 4.0, False, usual)
    ends = [end for end in range(first, 90, 5) if end != 35]
    best = known.best(search)
    expected = by_hand(known, ends, search, shift)
    assert np.isfinite(expected.fallen) == (memory == 60.0)
    for name in Moved.__dataclass_fields__:
        value = pytest.approx(getattr(expected, name), rel=1e-6, nan_ok=True)
        assert getattr(best, name) == value, name
    assert best.z == best.r / best.sd


def test_of_two_places_as_high_the_usual_one_is_taken_and_a_higher_one_wherever_it_is() -> None:
    for size, late in ((0.8, 0.0), (1.3, -0.17)):
        known = Rebuilt(r=0.2, seed=3)
        far = Rebuilt(r=0.2, delay=-0.17, seed=3)
        known.y = known.y + size * far.y
        known.go()
        assert known.best().middle == pytest.approx(late, abs=0.02)
        alike = known.best(replace(STEADY, usual=(np.inf, np.inf)))
        assert max(alike.places.values()) > max(known.best().places.values())


def test_one_block_has_a_delay_and_no_drift_and_no_error() -> None:
    known = Rebuilt(r=0.9, delay=0.1).go(10, 20)
    best = known.best()
    assert np.isfinite(known.go(20, 25).best(Search(50.0, 0.2, STEADY.drifts, 4.0, False)).drift_sd)
    assert best.middle == pytest.approx(0.1, abs=0.02)
    assert np.isnan([best.delay_sd, best.middle_sd, best.drift_sd]).all()


def test_an_answer_that_stops_falls_and_leaves_its_drift_less_certain() -> None:
    lasting: list[Moved] = []
    stopped: list[Moved] = []
    for seed in range(6):
        known = Rebuilt(r=0.4, seed=seed).go(last=110)
        kept = known.y.copy()
        known.y[110 * 64 :] = signal(2000 + seed)[110 * 64 :]
        stopped.append(known.go(110, 170).best())
        known = Rebuilt(r=0.4, seed=seed).go(last=170)
        assert np.array_equal(kept, known.y)
        lasting.append(known.best())
    assert max(one.fallen for one in lasting) < 2.0
    assert min(one.fallen for one in stopped) > 2.0
    errors = [np.mean([one.drift_sd for one in ones]) for ones in (lasting, stopped)]
    assert errors[1] > 1.5 * errors[0]


def test_an_answer_at_the_end_of_what_is_looked_at_stands_at_the_end() -> None:
    best = Rebuilt(r=0.9, delay=0.14).go(10, 60).best(Search(50.0, 0.125, np.zeros(3), 4.0, False))
    assert best.middle == 0.125
    assert np.isnan(best.middle_sd)


def test_ten_minutes_of_blocks_are_kept() -> None:
    known = Rebuilt(r=0.5)
    for _ in range(4):
        known.go(5, 180)
    assert known.delays.n_blocks == 120


def test_what_rebuilds_nothing_is_found_nowhere() -> None:
    known = Rebuilt(r=0.5)
    known.y[:] = 0.0  # as after a minute of silence, when the sound begins
    assert known.go(0, 80).delays.best(STEADY) is None


def test_how_loud_the_sound_is_does_not_matter() -> None:
    one, quiet = (Rebuilt(r=0.5, loud=loud).go(0, 100).best() for loud in (1.0, 1e-6))
    for name in Moved.__dataclass_fields__:
        assert getattr(quiet, name) == pytest.approx(getattr(one, name), rel=1e-6), name


def test_a_sound_that_was_silent_is_followed_nowhere() -> None:
    known = Rebuilt(r=0.5)
    known.sound[: 60 * 64] = 0.0
    feature = Strip(2, keep=known.sound.size)
    feature.write(FIRST * 64, np.stack([known.sound, 0.0 * known.sound], axis=1))
    known.delays = Delays(SimpleNamespace(feature=feature), known.rebuilder)  # type: ignore[arg-type]
    assert known.go(50, 65).delays.best(STEADY) is None  # though there is sound 3 s later


@pytest.mark.parametrize("kind", [Search, Moved, _Block])
def test_what_is_asked_and_found_is_a_value_that_nobody_changes_in_passing(kind: type) -> None:
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).noise = 0.5


# ---- each step by itself


def test_blocks_add_up_along_a_line_as_far_as_they_reach() -> None:
    cross = np.stack([np.arange(1.0, 386.0), np.arange(1001.0, 1386.0)])
    line = Search(50.0, 1 / 64, np.array([-3.0, 0.0, 3.0]), 4.0, False)  # 192 grid points in 1 s
    sums = _sums(cross, np.array([1.0, 2.0]), np.array([-1.0, 1.0]), line)
    assert sums.tolist() == [
        [0.0 + 2.0 * 1384.0, 1.0 + 2.0 * 1385.0, 2.0 + 0.0],
        [192.0 + 2.0 * 1192.0, 193.0 + 2.0 * 1193.0, 194.0 + 2.0 * 1194.0],
        [384.0 + 0.0, 385.0 + 2.0 * 1001.0, 0.0 + 2.0 * 1002.0],
    ]


def test_along_a_line_each_block_has_its_neighbours_or_nothing() -> None:
    cross = np.tile(np.arange(1.0, 386.0), (5, 1))
    left, peak, right = _along(cross, np.array([-192, -191, 0, 191, 192]))
    assert left.tolist() == [0.0, 1.0, 192.0, 383.0, 0.0]
    assert peak.tolist() == [0.0, 2.0, 193.0, 384.0, 0.0]
    assert right.tolist() == [0.0, 3.0, 194.0, 385.0, 0.0]


@pytest.mark.parametrize(
    ("values", "at", "top", "bend"),
    [
        ([1.0, 3.0, 2.5], 1, 0.3, 2.5),
        ([0.0, 1.0, 3.0, 2.5], 2, 0.3, 2.5),
        ([1.0, 1.1, 1.05], 1, 1.0 / 6.0, 0.15),
        ([1.0, 1.0, 1.0], 1, 0.0, 0.0),
        ([0.0, 2.0, 3.9], 1, 0.5, 0.1),  # no peak: the top is not sought beyond half a step
        ([3.9, 2.0, 0.0], 1, -0.5, 0.1),
        ([3.0, 1.0, 0.0], 0, 0.0, 0.0),
        ([0.0, 1.0, 3.0], 2, 0.0, 0.0),
    ],
)
def test_the_top_of_a_parabola_through_three_values_and_none_at_an_end(
    values: list[float], at: int, top: float, bend: float
) -> None:
    assert _vertex(np.array(values), at) == (pytest.approx(top), pytest.approx(bend))


def test_what_has_fallen_is_told_in_standard_errors_of_the_difference() -> None:
    def block(*, power: float = 25.0, noise: float = 50.0) -> _Block:
        return _Block(0, np.zeros(0), 4, power, noise, 0.0, layer=False)

    peak, new = np.array([8.0, 8.0, 2.0]), np.array([False, False, True])
    # r of 16 / sqrt(8 * 50) and of 2 / sqrt(4 * 25), their variances 100 / 400 and 50 / 100
    assert _fallen(peak, 3 * [block()], new) == pytest.approx((0.8 - 0.2) / np.sqrt(0.75))
    assert np.isnan(_fallen(peak, 3 * [block()], np.ones(3, dtype=bool)))
    assert np.isnan(_fallen(peak, [block(), block(), block(power=0.0)], new))
    assert np.isnan(_fallen(peak, [block(power=0.0), block(power=0.0), block()], new))
    assert np.isnan(_fallen(peak, 3 * [block(noise=0.0)], new))
    quiet = 3 * [block(power=2.5e-7, noise=5e-7)]
    assert _fallen(1e-4 * peak, quiet, new) == pytest.approx((0.8 - 0.2) / np.sqrt(0.75))
