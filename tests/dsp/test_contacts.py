"""An electrode gets the grade and the word of its condition, whoever made up its EEG."""

import numpy as np
import pytest

from dsp.contacts import CURES, grade_electrodes, mains_frequencies, sum_up
from dsp.quality import WORDS, SecondQuality
from tests.doubles.electrode_conditions import BOARDS, GENERATORS, RIGHT
from tests.validation.electrodes import graded


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("condition", RIGHT)
def test_each_condition_is_told_and_the_other_electrodes_stay_good(condition, generator):
    boards = BOARDS[:3] if condition.startswith("mains") else BOARDS[:2]
    for board in boards:
        theirs, others = graded(condition, board, generator, seed=1000, seconds=14.5)
        assert theirs == ["", ""]
        assert others == [""] * 6


def second(number: int, word: str, *, valid: float = 1.0, size: float = 9.0) -> SecondQuality:
    grade = 1 if word == "good" else 4 if word in ("gap", "flat", "contact") else 2
    return SecondQuality(number, (grade,), (word,), (size,), (valid,))


@pytest.mark.parametrize(
    ("words", "grade", "word"),
    [
        ({"good": 30}, 1, "good"),
        ({"good": 28, "contact": 2}, 1, "good"),
        ({"good": 27, "contact": 3}, 2, "contact"),
        ({"good": 16, "mains": 14}, 1, "good"),
        ({"good": 15, "mains": 15}, 2, "mains"),
        ({"contact": 15, "mains": 15}, 4, "contact"),
        ({"contact": 5, "flat": 10, "motion": 15}, 4, "flat"),
        ({"contact": 4, "motion": 26}, 2, "motion"),
    ],
)
def test_a_fault_counts_by_its_share_of_the_seconds(words, grade, word):
    seconds = [second(0, one) for one, count in words.items() for _ in range(count)]
    (found,) = sum_up(seconds, ch_names=["Cz"]).values()
    assert (found.grade, found.word) == (grade, word)


def test_an_electrode_that_is_hardly_ever_usable_is_bad_whatever_masks_it():
    seconds = [second(k, "muscle", valid=0.0) for k in range(10)]
    (found,) = sum_up(seconds, ch_names=["T7"]).values()
    assert (found.grade, found.word, found.usable) == (4, "muscle", 0.0)


def test_reasons_name_size_share_and_the_mains_at_hand():
    seconds = [second(k, "mains" if k % 2 else "blink", size=20.0 + k % 2) for k in range(8)]
    (found,) = sum_up(seconds, ch_names=["Fp1"], mains=[60]).values()
    assert set(found.reasons) == {
        "sees blinks of 20 µV in 50 % of the seconds",
        "picks up mains hum of 60 Hz (21 µV) in 50 % of the seconds",
    }


def test_blinks_are_no_fault_of_an_electrode_that_is_not_over_the_eyes():
    blink = SecondQuality(0, (2, 2, 2), ("blink",) * 3, (60.0,) * 3, (0.2,) * 3)
    fine = SecondQuality(1, (1, 1, 4), ("good", "good", "flat"), (9.0,) * 3, (1.0, 1.0, 0.0))
    found = sum_up([blink, blink, blink, fine], ch_names=["Fp1", "Cz", "Pz"])
    assert [(one.grade, one.word) for one in found.values()] == [
        (2, "blink"), (1, "good"), (4, "flat"),
    ]  # fmt: skip
    assert found["Cz"].reasons == ("sees blinks of 60 µV in 75 % of the seconds",)
    only = sum_up([blink], ch_names=["Fp1", "Cz", "Pz"])["Cz"]  # nothing else to go by
    assert only.word == "blink"


def test_nothing_at_all_is_bad_and_said():
    found = grade_electrodes(np.empty((0, 2)), [], ch_names=["Fz", "Cz"], sfreq=250.0)
    assert [one.grade for one in found.values()] == [4, 4]
    assert "nothing" in found["Fz"].reasons[0]


def test_the_first_second_is_judged_like_the_last():
    """A level of 70 µV is poor from the start, which a running session learns in ten seconds."""
    rng = np.random.default_rng(4)
    eeg = rng.standard_normal((5 * 250 + 125, 2)) * [8.0, 1.0]
    eeg[:, 1] = (
        60.0 * np.convolve(rng.standard_normal(len(eeg) + 60), np.hanning(25) / 4, "same")[:-60]
    )
    found = grade_electrodes(eeg, np.arange(len(eeg)) / 250, ch_names=["Cz", "Pz"], sfreq=250.0)
    assert found["Cz"].word == "good"
    assert found["Pz"].grade == 4


def test_the_mains_of_each_electrode_is_found_over_lost_samples_and_offsets():
    t = np.arange(2000) / 250.0
    eeg = 1e4 + 20.0 * np.sin(2 * np.pi * np.array([50.0, 60.0]) * t[:, None])
    eeg[700:900] = np.nan
    assert mains_frequencies(eeg, 250.0) == (50, 60)


def test_every_fault_has_a_cure():
    assert set(CURES) == set(WORDS) - {"good"}
