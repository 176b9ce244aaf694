"""Every fault gets its plain word, ordinary EEG none, and no judgement looks ahead of its time."""

import numpy as np
import pytest

from dsp.quality import CleanBlock, Guard

SFREQ = 250.0
CH = ("Fp1", "Fp2", "C3", "C4")


def ordinary(seconds: int, *, seed: int = 0, sfreq: float = SFREQ) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = int(seconds * sfreq)
    hz = np.fft.rfftfreq(n, 1 / sfreq)
    spectrum = rng.standard_normal((hz.size, 4)) + 1j * rng.standard_normal((hz.size, 4))
    x = np.fft.irfft(spectrum / np.maximum(hz, 0.7)[:, None] ** 0.7, n, axis=0)
    alpha = np.sin(2 * np.pi * 10 * np.arange(n) / sfreq)[:, None] * 6.0
    return (9.0 * x / x.std() + alpha).astype(np.float32)


def judge(eeg: np.ndarray, *, names: tuple[str, ...] = CH, sfreq: float = SFREQ) -> CleanBlock:
    times = 100.0 + np.arange(len(eeg)) / sfreq
    block = Guard(ch_names=names, sfreq=sfreq).push(eeg, times)
    assert block is not None
    return block


def words(block: CleanBlock, second: int) -> tuple[str, ...]:
    return next(s.words for s in block.seconds if s.second == 100 + second)


def at(second: float) -> slice:
    return slice(int(second * SFREQ), None)


@pytest.mark.parametrize("sfreq", [100.0, 250.0, 512.0])
def test_ordinary_eeg_with_strong_alpha_stays_good(sfreq: float) -> None:
    block = judge(ordinary(60, sfreq=sfreq), sfreq=sfreq)
    flat = [w for s in block.seconds for w in s.words]
    assert flat.count("good") / len(flat) > 0.97
    assert block.valid.mean() > 0.97


def test_of_forty_blinks_a_minute_none_hides_behind_the_others() -> None:
    eeg, rng = ordinary(120, seed=4), np.random.default_rng(4)
    shape, peaks = np.hanning(75)[:, None] * [1.0, 0.9, 0.2, 0.2], []
    start = 5.0
    while (start := start + 0.5 + rng.exponential(1.0)) < 118.0:
        i = int(start * SFREQ)
        eeg[i : i + 75] += rng.uniform(65.0, 140.0) * shape
        peaks.append(i + 37)
    block = judge(eeg)
    missed = [block.valid[i, 0] for i in peaks if i < len(block.valid)]
    assert len(missed) > 70
    assert np.mean(missed) < 0.05


def test_blink_is_masked_with_its_margins_and_only_there() -> None:
    eeg = ordinary(20)
    pulse = 150.0 * np.hanning(75)
    eeg[int(10.4 * SFREQ) : int(10.4 * SFREQ) + 75, :2] += pulse[:, None]
    block = judge(eeg)
    assert words(block, 10)[:2] == ("blink", "blink")
    t = block.times - 100.0
    for channel in (0, 1):
        bad = t[~block.valid[:, channel]]
        assert 9.9 < bad.min() < 10.4
        assert 10.9 < bad.max() < 11.7
    assert block.valid[:, 2:].mean() > 0.98


def test_without_a_role_an_excursion_is_motion_not_a_blink() -> None:
    eeg = ordinary(20)
    eeg[int(10.4 * SFREQ) : int(10.4 * SFREQ) + 75] += (150.0 * np.hanning(75))[:, None]
    block = judge(eeg, names=("E1", "E2", "E3", "E4"))
    assert set(words(block, 10)) == {"motion"}


FAULTS = {
    "flat": lambda x, t, rng: np.full_like(x, 3.0),
    "rail": lambda x, t, rng: np.clip(x * 40, -187.0, 187.0),  # amplifier at its ends
    "mains": lambda x, t, rng: x + 40.0 * np.sin(2 * np.pi * 50.0 * t),
    "muscle": lambda x, t, rng: x + np.diff(15.0 * rng.standard_normal(t.size + 1)),
}


@pytest.mark.parametrize("word", FAULTS)
def test_each_fault_has_its_word(word: str) -> None:
    eeg = ordinary(50, seed=3)
    t = np.arange(len(eeg)) / SFREQ
    fault = FAULTS[word]
    eeg[at(30), 3] = fault(eeg[at(30), 3], t[at(30)], np.random.default_rng(4))
    block = judge(eeg)
    got = [words(block, s)[3] for s in range(31, 48)]
    assert got.count(word) >= 15
    assert [words(block, 40)[k] for k in (0, 1, 2)] == ["good"] * 3


def test_loose_electrode_is_contact() -> None:
    eeg = ordinary(60, seed=5)
    eeg[at(25), 3] *= 20.0
    block = judge(eeg)
    late = [words(block, s)[3] for s in range(45, 58)]
    assert late.count("contact") > 10


def test_lost_samples_are_gaps_and_never_valid() -> None:
    eeg = ordinary(20)
    eeg[int(10.2 * SFREQ) : int(10.9 * SFREQ)] = np.nan
    block = judge(eeg)
    assert set(words(block, 10)) == {"gap"}
    t = block.times - 100.0
    assert not block.valid[(t > 10.2) & (t < 10.89)].any()
    assert block.valid[(t > 12) & (t < 18)].mean() > 0.97


def test_a_hole_in_time_gives_gap_seconds_and_is_passed_over() -> None:
    eeg = ordinary(20)
    times = 100.0 + np.arange(len(eeg)) / SFREQ
    times[len(times) // 2 :] += 900.0
    block = Guard(ch_names=CH, sfreq=SFREQ).push(eeg, times)
    assert block is not None
    gaps = [s.second for s in block.seconds if set(s.words) == {"gap"}]
    assert 10 <= len(gaps) <= 12
    assert block.seconds[-1].second > 1000


def test_small_steps_back_in_time_are_no_error() -> None:
    eeg = ordinary(5)
    times = 100.0 + np.arange(len(eeg)) / SFREQ
    times[400:410] -= 0.03
    block = Guard(ch_names=CH, sfreq=SFREQ).push(eeg, times)
    assert block is not None
    assert (np.diff(block.times) >= 0).all()


def test_judgement_waits_no_longer_than_half_a_second() -> None:
    eeg, guard = ordinary(4), Guard(ch_names=CH, sfreq=SFREQ)
    times = 100.0 + np.arange(len(eeg)) / SFREQ
    cut = int(1.5 * SFREQ) + 1
    block = guard.push(eeg[:cut], times[:cut])
    assert block is not None
    assert [s.second for s in block.seconds] == [100]


def adrift(n: int, *, seed: int = 1) -> np.ndarray:
    """What an electrode off the skin picks up: slow swings, noise, mains."""
    rng = np.random.default_rng(seed)
    step = np.exp(-5.0 / SFREQ)
    swings = np.zeros(n)
    for k, shock in enumerate(150.0 * np.sqrt(1.0 - step**2) * rng.standard_normal(n - 1)):
        swings[k + 1] = step * swings[k] + shock
    hum = 60.0 * np.sin(2 * np.pi * 50 * np.arange(n) / SFREQ)
    return np.asarray(swings + rng.normal(0.0, 40.0, n) + hum)


@pytest.mark.parametrize("off", [(0,), (0, 1), (2,), (0, 1, 2), (0, 1, 2, 3)])
def test_electrodes_off_the_skin_are_contact_and_no_blink_of_the_others(
    off: tuple[int, ...],
) -> None:
    eeg = ordinary(60)
    for column in off:
        eeg[at(20), column] = adrift(40 * int(SFREQ), seed=column)
    block = judge(eeg)
    for column in off:
        said = [words(block, second)[column] for second in range(23, 59)]
        assert said.count("contact") >= 34
    on = [column for column in range(4) if column not in off]
    assert block.valid[at(23), on].mean() > 0.97 if on else True


def test_whoever_swings_all_electrodes_moves_and_one_that_swings_alone_is_loose() -> None:
    """Every half second by 100 µV, and no noisier: also the eyes' electrodes."""
    swing = 100.0 * np.sin(2 * np.pi * 2.0 * np.arange(20 * int(SFREQ)) / SFREQ)
    eeg = ordinary(40)
    eeg[at(20)] += (swing[:, None] * [1.0, 0.9, -0.8, 0.7]).astype(np.float32)
    moved = judge(eeg)
    assert not any("contact" in words(moved, second) for second in range(20, 39))
    for count, least in ((1, 14), (2, 14), (3, 0)):
        eeg = ordinary(40)
        eeg[at(20), 4 - count :] += swing[:, None].astype(np.float32)
        block = judge(eeg)
        said = [words(block, second)[3] for second in range(23, 39)]
        assert least <= said.count("contact") <= 16 * (least > 0)


def test_blinks_that_come_often_are_no_loose_electrode() -> None:
    eeg = ordinary(60)
    for at_s in np.arange(20.2, 58.0, 1.5):  # forty a minute
        first = int(at_s * SFREQ)
        eeg[first : first + 75, :2] += 150.0 * np.hanning(75)[:, None].astype(np.float32)
    block = judge(eeg)
    said = [words(block, second)[:2] for second in range(21, 58)]
    assert said.count(("blink", "blink")) >= 25
    assert not any("contact" in both for both in said)
