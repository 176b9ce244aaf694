"""The second made-up listener is what it says it is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt, welch

from dsp.grid import RATE
from tests.doubles.second_brain import (
    CYTON,
    MUSE,
    MUSE_REFERENCE,
    Leak,
    Person,
    Trouble,
    listen,
    music,
    place,
)

BAND = butter(4, (1.0, 8.0), "bandpass", fs=RATE, output="sos")
MUSE_PERSON = Person(sites=MUSE, reference=MUSE_REFERENCE, r=0.0)


def on_grid(heard, part):
    slow = sosfiltfilt(
        butter(4, 20.0, fs=heard.person.sfreq, output="sos"), heard.parts[part], axis=0
    )
    grid = np.array([np.interp(heard.stamps, heard.times, one) for one in slow.T])
    return sosfiltfilt(BAND, grid, axis=1).T


def lagged(heard, *, n_lags=13):
    flux = sosfiltfilt(BAND, heard.values[:, 0].astype(float))
    eeg = on_grid(heard, "background") + on_grid(heard, "answer")
    eeg, flux = eeg[::2], flux[::2]
    rows = np.concatenate([eeg[k : len(eeg) - n_lags + k] for k in range(n_lags)], axis=1)
    return rows, flux[: len(rows)]


def test_an_offline_ridge_finds_an_answer_as_large_as_was_asked_for():
    found = []
    for seed in (1, 2):
        person = Person(sites=CYTON[:6], r=0.15, seed=seed, sfreq=125.0)
        rows = [lagged(listen(person, music(120.0, seed=k), seed=k)) for k in (21, 22, 23, 24)]
        for left_out in range(4):
            train = [one for k, one in enumerate(rows) if k != left_out]
            cov = sum(x.T @ x for x, _ in train)
            ridge = 0.1 * np.trace(cov) / len(cov) * np.eye(len(cov))
            w = np.linalg.solve(cov + ridge, sum(x.T @ y for x, y in train))
            found.append(np.corrcoef(rows[left_out][0] @ w, rows[left_out][1])[0, 1])
    assert 0.11 < np.mean(found) < 0.19


def test_the_background_is_one_over_f_with_alpha_behind_and_shared_by_neighbours():
    sites = ("Oz", "O1", "Fz", "F4")
    heard = listen(Person(sites=sites, r=0.0), music(60.0, seed=1))
    f, power = welch(heard.eeg, 250.0, nperseg=1000, axis=0)
    ends = [power[(f > low) & (f < high)].mean() for low, high in ((1, 3), (16, 32))]
    slope = np.log(ends[0] / ends[1]) / np.log(22.0 / 1.8)
    assert 0.7 < slope < 1.3
    alpha = power[(f > 8.5) & (f < 11.5)].mean(axis=0) / power[(f > 14) & (f < 18)].mean(axis=0)
    assert alpha[0] > 1.5 * alpha[2] > 1.5
    r = np.corrcoef(heard.eeg.T)
    assert r[0, 1] > 0.5
    assert r[0, 1] > abs(r[0, 3]) + 0.3


def test_the_answer_turns_round_between_the_top_of_the_head_and_the_mastoids():
    sites = ("FCz", "TP9", "TP10", "Oz")
    heard = listen(Person(sites=sites, reference=sites, r=0.1, sfreq=125.0), music(30.0, seed=2))
    r = np.corrcoef(heard.parts["answer"].T)[0]
    assert r[1] < -0.9
    assert r[2] < -0.9


def test_the_answer_comes_as_late_as_the_set_up_says_fixed_or_drifting():
    person, sound = Person(sites=("Cz",), r=0.1, sfreq=128.0), music(40.0, seed=3)

    def answer(delay):
        return listen(person, sound, delay=delay).parts["answer"][:, 0]

    at_once, later = answer(0.0), answer(0.25)
    assert later[32 + 64 :] == pytest.approx(at_once[64:-32], abs=1e-6 + 0.01 * at_once.std())
    drifting = answer(lambda t: 0.25 * t / 20.0)
    for second, late in ((10, 16), (20, 32)):  # 125 ms after 10 s, 250 after 20
        here = slice(second * 128 - 16, second * 128 + 16)
        then = slice(here.start - late, here.stop - late)
        assert np.corrcoef(drifting[here], at_once[then])[0, 1] > 0.98


@pytest.mark.parametrize(("of", "column"), [("level", 3), ("flux", 0)])
def test_a_leak_is_the_sound_itself_at_every_electrode_with_one_sign(of, column):
    sound = music(40.0, seed=4)
    heard = listen(MUSE_PERSON, sound, leaks=[Leak(2.0, of, delay_s=0.125)])
    leak = on_grid(heard, "leak")
    assert np.sqrt(np.mean(leak**2)) == pytest.approx(2.0, rel=0.1)
    assert np.corrcoef(leak.T).min() > 0.999
    shape = 10 ** (sound[0][:, 3] / 20.0) if column == 3 else sound[0][:, column]
    shape = sosfiltfilt(BAND, shape.astype(float))
    r = [np.corrcoef(leak[k:, 0], shape[: len(shape) - k])[0, 1] for k in range(16)]
    assert np.argmax(r) == (9 if of == "level" else 8)  # a level stands for one hop later
    assert max(r) > 0.95


def words(trouble):
    blocks, _ = listen(MUSE_PERSON, music(60.0, seed=5), trouble=trouble).recording()
    return [
        dict(zip(MUSE, second.words, strict=True)) for second in blocks[0].seconds if second.second
    ]


def test_eyes_muscles_and_electrodes_off_are_seen_by_the_guard_where_they_are():
    calm = words(Trouble())
    assert np.mean([set(one.values()) <= {"good", "blink"} for one in calm]) > 0.9
    blinking = words(Trouble(blinks_per_min=20.0))
    assert sum("blink" in one.values() for one in blinking) > 10
    tense = words(Trouble(muscle_per_min=10.0, muscle_uv=40.0))
    assert sum(one["TP9"] == "muscle" for one in tense) > 5
    off = words(Trouble(off=(("TP10", 20.0, 60.0),)))
    assert sum(one["TP10"] not in ("good", "blink") for one in off) > 30
    assert sum(one["TP9"] == "good" for one in off) > 45


def test_slow_artefact_has_its_size_in_front_and_the_heart_its_rate():
    sound = music(60.0, seed=6)
    sites = ("Fpz", "Oz", "M2", "M1")
    person = Person(sites=sites, r=0.0, reference=("Cz",))
    slow = listen(person, sound, trouble=Trouble(slow_uv=5.0)).parts["trouble"]
    assert slow[:, 0].std() == pytest.approx(5.0, rel=0.1)
    assert slow[:, 1].std() < 0.1
    heart = listen(person, sound, trouble=Trouble(heart_uv=10.0)).parts["trouble"]
    beats = np.sum(np.diff(np.abs(heart[:, 3]) > 0.5 * np.abs(heart[:, 3]).max()) == 1) / 2
    assert 62 <= beats <= 74
    assert np.ptp(heart[:, 3]) > np.ptp(heart[:, 2])  # the field has a direction


def test_rows_of_made_up_music_belong_together_and_a_seed_gives_one_session():
    values, stamps = music(20.0, seed=7)
    loud = np.log1p(100.0 * 10 ** (values[:, 3] / 20.0))
    assert values[1:, 1] == pytest.approx(np.maximum(np.diff(loud), 0.0), abs=1e-4)
    assert np.diff(stamps) == pytest.approx(1 / RATE)
    person = Person(sites=("Cz",), r=0.05, sfreq=125.0)
    once, again = (listen(person, (values, stamps), seed=3).eeg for _ in range(2))
    assert np.array_equal(once, again)
    other = listen(person, (values, stamps), seed=4).eeg
    assert not np.array_equal(once, other)
    assert not np.array_equal(once, listen(replace(person, seed=1), (values, stamps), seed=3).eeg)


def test_a_site_that_is_nowhere_is_refused():
    assert place("Cz") == pytest.approx([0.0, 0.0, 1.0])
    assert place("T7") == pytest.approx([-np.sin(np.radians(72)), 0.0, np.cos(np.radians(72))])
    with pytest.raises(ValueError, match="10-10"):
        place("left ear")
