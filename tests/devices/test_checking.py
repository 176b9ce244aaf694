"""A source is judged by its electrodes, its losses, its rate and its stamps, the worst of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from devices.checking import VERDICTS, Collected, collect, judge, measured_rate
from devices.ring import Ring
from devices.sources.source import SourceEvent, SourceInfo, Timing
from dsp.checks import InputError
from tests.doubles.electrode_conditions import BOARDS, electrode

NAMES = ("Fz", "Cz", "Pz", "Oz")
CYTON = BOARDS[0]


def eeg(seconds: float, *conditions: str, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kinds = [*conditions, *["good"] * (len(NAMES) - len(conditions))]
    columns = [electrode(k, CYTON, seconds, generator="in time", rng=rng) for k in kinds]
    return np.stack(columns, axis=1).astype(np.float32)


def found(data: np.ndarray, *, hz: float = 250.0, stated: float = 250.0, **more) -> Collected:
    info = SourceInfo("Cyton", NAMES, stated, notice=more.pop("notice", ""))
    times = 70.0 + np.arange(len(data)) / hz
    given = {"timing": Timing((), 0.001), "seconds": len(data) / hz, "sfreq": hz} | more
    return Collected(info=info, eeg=data, times=times, **given)


def test_a_good_headset_is_good_and_nothing_is_said():
    done = judge(found(eeg(8.0)))
    assert (done.verdict, done.problems, done.notices) == ("good", (), ())
    assert {one.word for one in done.quality.values()} == {"good"}
    assert (done.received, done.lost, done.duplicated) == (2000, 0, 0)
    assert done.sfreq_measured == pytest.approx(250.0, abs=0.01)


@pytest.mark.parametrize(
    ("bad", "verdict"), [(1, "usable"), (2, "usable"), (3, "poor"), (4, "unusable")]
)
def test_electrodes_that_are_bad_decide_by_their_number(bad, verdict):
    done = judge(found(eeg(8.0, *["contact"] * bad)))
    assert done.verdict == verdict
    assert "press it on" in done.problems[0]
    assert ("All electrodes" in done.problems[0]) == (bad == 4)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "good"), (0.02, "usable"), (0.09, "poor"), (0.5, "unusable")]
)
def test_losses_decide_by_their_share_and_are_counted(share, verdict):
    data = eeg(20.0)
    lost = np.random.default_rng(1).random(len(data)) < share
    data[lost] = np.nan
    done = judge(found(data))
    assert done.verdict == verdict
    assert (done.lost, done.received) == (lost.sum(), (~lost).sum())


def test_what_was_sent_as_no_number_is_not_blamed_on_a_radio():
    data = eeg(10.0)
    data[: len(data) // 2] = np.nan
    note = "Samples of the LSL stream 'Amp' are no numbers (NaN): they were sent so."
    said = " ".join(judge(found(data, notes=(note,))).problems)
    assert "50.0 % of the samples were lost, or sent as no number (NaN); look after the" in said
    assert "receiver" not in said


def test_an_electrode_that_is_sent_without_numbers_is_not_blamed_on_a_radio():
    data = eeg(10.0)
    data[:, 0] = np.nan
    note = "Samples of the LSL stream 'Amp' are no numbers (NaN or infinite): they were sent so."
    (said,) = judge(found(data, notes=(note,))).problems
    assert said.endswith("is bad; gap: look after the sender.")


def test_a_row_that_one_electrode_lacks_is_no_lost_sample():
    data = eeg(4.0)
    data[100:110, 0] = np.nan
    assert judge(found(data)).lost == 0


def test_only_the_seconds_that_were_asked_for_are_counted():
    twice = Timing((69.9, 70.0, 74.9, 75.0, 77.0), 0.001)
    done = judge(found(eeg(8.0), seconds=5.0, timing=twice))
    assert (done.received, done.duplicated) == (1250, 2)


@pytest.mark.parametrize(("hz", "shown", "said"), [(250.5, 0, 0), (254.0, 1, 0), (500.0, 1, 1)])
def test_a_rate_that_is_off_is_shown_and_a_wrong_one_is_a_problem(hz, shown, said):
    done = judge(found(eeg(10.0), hz=hz))
    assert done.sfreq_measured == pytest.approx(hz, rel=1e-3)
    assert len([text for text in done.notices if f"sends {hz:.1f}" in text]) == shown
    assert len([text for text in done.problems if "rate is not" in text]) == said


def test_a_rate_the_source_told_of_is_not_said_twice():
    told = "The headset states 250 Hz, sends 500."
    done = judge(found(eeg(10.0), hz=500.0, notes=(told,)))
    assert [text for text in done.notices if "sends" in text] == [told]


def test_rows_that_were_timed_before_the_rate_was_known_are_no_gaps():
    slow = found(eeg(12.0), stated=125.0)  # 250 Hz in use by now
    slow.times[:500] = slow.times[500] - np.arange(500, 0, -1) / 125.0
    assert {one.word for one in judge(slow).quality.values()} == {"good"}


def test_what_the_source_says_of_itself_is_passed_on():
    done = judge(found(eeg(4.0), notice="No unit is stated.", notes=("Losses cannot be counted.",)))
    assert done.notices == ("No unit is stated.", "Losses cannot be counted.")
    assert done.verdict == "good"


@pytest.mark.parametrize(
    ("more", "verdict", "says"),
    [
        ({"state": "lost"}, "unusable", "gone at the end"),
        ({"silences": 1}, "usable", "silent once"),
        ({"silences": 3}, "usable", "silent 3 times"),
        ({"timing": Timing((), 0.08)}, "usable", "uneven (80 ms)"),
        ({"timing": Timing((71.0, 72.0, 72.0), 0.001)}, "good", ""),
    ],
)
def test_silence_and_uneven_stamps_are_problems_with_a_cure(more, verdict, says):
    done = judge(found(eeg(4.0), **more))
    assert done.verdict == verdict
    assert says in "".join(done.problems)
    assert all(text.endswith(".") and ";" in text for text in done.problems)
    assert done.duplicated == len(more.get("timing", Timing((), 0.0)).duplicated)


def test_the_worst_problem_stands_first_and_decides():
    data = eeg(10.0, "flat")
    data[500:1000] = np.nan
    done = judge(found(data, silences=1))
    assert done.verdict == VERDICTS[2]
    assert "gone from 2.0 to 4.0 s" in done.problems[0]
    assert "flat" in done.problems[1]


def test_what_all_electrodes_lose_is_said_once():
    data = eeg(10.0)
    data[500:750] = np.nan
    (problem,) = judge(found(data)).problems
    assert "10.0 % of the samples were lost" in problem


@pytest.mark.parametrize(("state", "last"), [("lost", 3.0), ("stalled", 6.4), ("lost", 0.5)])
def test_what_was_gone_and_did_not_return_is_missing_to_the_end(state, last):
    data = eeg(8.0)[: round(last * 250)]
    done = judge(found(data, seconds=8.0, state=state, silences=1))
    assert (done.received, done.lost) == (len(data), 2000 - len(data))
    assert f"gone from {last:.1f} s to the end" in done.problems[0]
    assert not any("closer" in text for text in done.problems)
    assert done.verdict == ("unusable" if state == "lost" else "poor")


def test_a_recording_that_ended_was_not_gone():
    done = judge(found(eeg(3.0), seconds=8.0, state="closed"))
    assert (done.verdict, done.lost) == ("good", 0)


@pytest.mark.parametrize(
    ("holes", "says", "verdict"),
    [([(3.0, 5.1)], "from 3.0 to 5.1 s;", "poor"),
     ([(1.0, 1.8), (10.0, 16.0)], "from 1.0 to 1.8 s and from 10.0 to 16.0 s;", "unusable")],
)  # fmt: skip
def test_times_away_are_told_and_no_radio_is_blamed_for_them(holes, says, verdict):
    data = eeg(20.0)
    for begin, end in holes:
        data[round(begin * 250) : round(end * 250)] = np.nan
    done = judge(found(data, silences=len(holes)))
    (problem,) = done.problems
    assert says in problem
    assert done.verdict == verdict


def test_losses_beside_a_time_away_have_their_own_share():
    data = eeg(20.0)
    data[1000:2000] = np.nan
    data[2000::50] = np.nan
    done = judge(found(data, silences=1))
    assert "gone from 4.0 to 8.0 s" in done.problems[0]
    assert f"{100 * 60 / 4000:.1f} % of the samples were lost" in done.problems[1]


def test_nothing_at_all_is_unusable():
    done = judge(found(np.empty((0, 4), np.float32)))
    assert (done.verdict, done.received, done.sfreq_measured) == ("unusable", 0, 250.0)


def test_the_rate_is_that_of_the_later_half():
    times = np.concatenate([np.arange(1000) / 100.0, 10.0 + np.arange(1000) / 250.0])
    assert measured_rate(times, 251.0) == pytest.approx(250.0)


def test_a_line_that_is_still_on_its_way_is_no_other_rate():
    assert measured_rate(np.arange(2000) / 264.0, 256.0) == 256.0


class Playing:
    """An acquisition whose rows come as its clock is moved by the one who waits for them."""

    state, timing = "streaming", Timing((9.0, 9.1), 0.004)

    def __init__(self, *, sfreq: float = 250.0, seconds: float = 60.0) -> None:
        self.info = SourceInfo("Playing", NAMES, sfreq)
        self.ring = Ring.create(len(NAMES) + 1, 60.0, sfreq, local=True)
        self.at, self._left, self._sfreq = 0.0, seconds, sfreq
        self.news: list[SourceEvent] = []

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        n = round(min(seconds, self._left) * self._sfreq)
        self._left -= seconds
        if n > 0:
            first = self.ring.total
            self.ring.write(np.ones((n, 5)), 9.0 + (first + np.arange(n)) / self._sfreq)

    def events(self) -> list[SourceEvent]:
        news, self.news = self.news, []
        return news


@pytest.fixture
def play(monkeypatch) -> Callable[[Playing], Playing]:
    def play(playing: Playing) -> Playing:
        monkeypatch.setattr("devices.checking.now", lambda: playing.at)
        monkeypatch.setattr("devices.checking.time", SimpleNamespace(sleep=playing.sleep))
        return playing

    return play


def test_collecting_ends_when_enough_has_come_and_takes_the_electrodes_alone(play):
    playing = play(Playing())
    playing.news = [
        SourceEvent(0.0, "note", 1, "The stamps are odd."),
        SourceEvent(0.0, "state", "stalled", "It has sent nothing."),
        SourceEvent(0.0, "rate", 251.5),
        SourceEvent(0.0, "truth", 0.5),
    ]
    told: list[tuple[float, int]] = []
    got = collect(playing, 5.0, tell=lambda passed, rows: told.append((passed, rows)))
    assert got.eeg.shape[1] == len(NAMES)
    assert 5.6 <= got.times[-1] - got.times[0] <= 5.8
    assert (got.notes, got.silences, got.timing) == (("The stamps are odd.",), 1, playing.timing)
    assert told[-1] == (5.0, len(got.times))
    assert got.sfreq == 251.5


@pytest.mark.parametrize(
    ("states", "silences", "notes"),
    [(["lost", "lost", "streaming"], 1, ("lost!",)),
     (["stalled", "lost", "streaming", "stalled", "streaming"], 2, ("lost!",)),
     (["stalled", "streaming"], 1, ())],
)  # fmt: skip
def test_by_what_a_source_was_lost_is_noted_once(play, states, silences, notes):
    playing = play(Playing())
    playing.news = [SourceEvent(0.0, "state", word, f"{word}!") for word in states]
    got = collect(playing, 2.0)
    assert (got.silences, got.notes) == (silences, notes)


def test_what_had_piled_up_before_counts_as_time_that_was_looked_at(play):
    playing = play(Playing())
    playing.sleep(3.0)
    playing.at = 0.0
    got = collect(playing, 5.0)
    assert playing.at < 3.0
    assert judge(got).received == 1250


def test_collecting_ends_at_once_where_it_is_asked_to(play):
    playing = play(Playing())
    got = collect(playing, 30.0, stopped=lambda: playing.at > 2.0)
    assert 2.0 <= got.seconds <= 2.2
    assert judge(got).received == pytest.approx(500, abs=26)


def test_collecting_ends_with_its_time_where_the_source_fell_silent(play):
    playing = play(Playing(seconds=3.0))
    got = collect(playing, 10.0)
    assert playing.at < 12.5
    assert got.times.size == 750


def test_collecting_ends_with_a_recording_that_ended(play):
    playing = play(Playing(seconds=0.0))
    playing.state = "closed"
    assert collect(playing, 10.0).times.size == 0
    assert playing.at == 0.0


def test_a_rate_too_low_to_judge_is_refused_before_anything_is_collected(play):
    playing = play(Playing(sfreq=64.0))
    with pytest.raises(InputError, match="64"):
        collect(playing, 30.0)
    assert playing.at == 0.0
