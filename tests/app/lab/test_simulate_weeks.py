"""Two persons, two sessions of 90 s, with a headset and without: 10 s, all tests share them."""

import _thread
import json
import math
import multiprocessing
import tempfile
import threading

import numpy as np
import pytest

from app.commands.command_line import main
from app.lab import life
from app.lab.life import Lived, Weeks, live
from app.lab.simulate_weeks import MEASURES, all_lives, steps, summary
from devices.taste import Music
from dsp.checks import InputError, RecordError
from tests.validation.weeks import rows

N = 8
MUSIC = Music(np.random.default_rng(3).normal(size=(N, 8)), tuple("aabbccdd"), tuple("abcdefgh"))
STARTER = ("starter", MUSIC)


def weeks(**changes):
    given = {
        "listener": "clear", "d_prime": None, "sessions": 2, "minutes": 1.5, "listeners": 2,
        "seed": 4,
    }  # fmt: skip
    return Weeks(**(given | changes))


@pytest.fixture(scope="module")
def lived():
    over = []
    return list(all_lives(weeks(), STARTER, workers=1, progress=over.append)), over


def test_each_person_lives_the_same_sessions_with_a_headset_and_without(lived):
    lives, over = lived
    assert [one.number for one in lives] == [0, 1]
    assert {len(s) for one in lives for s in (one.with_eeg, one.without, one.expected)} == {2}
    assert over == list(range(1, steps(weeks()) + 1))
    for one in lives:
        assert math.isnan(one.without[0].r)
        assert not any(s.eeg_actions for s in one.without)


def test_without_an_action_of_the_eeg_both_arms_feel_the_same_to_the_last_digit(lived):
    pairs = [p for one in lived[0] for p in zip(one.with_eeg, one.without, strict=True)]
    quiet = [(a.enjoyment, b.enjoyment) for a, b in pairs if not a.eeg_actions]
    assert quiet
    assert all(a == b for a, b in quiet)


def test_an_empty_record_expects_all_alike_and_a_session_teaches_what_to_expect(lived):
    for one in lived[0]:
        assert one.expected[0] == 0.0
        assert one.expected[1] != 0.0


def test_what_one_session_taught_the_next_one_knows(lived):
    first, second = (np.mean([one.with_eeg[n].r for one in lived[0]]) for n in (0, 1))
    assert second > first


def test_the_same_seed_is_the_same_life():
    short = weeks(sessions=1, minutes=0.5, listeners=1)
    other = weeks(sessions=1, minutes=0.5, listeners=1, seed=5)
    assert live(short, 0, STARTER) == live(short, 0, STARTER)
    assert live(short, 0, STARTER) != live(other, 0, STARTER)


def test_the_summary_has_the_measures_of_every_session_with_their_spread(lived):
    result = summary(weeks(), lived[0])
    assert json.loads(json.dumps(result)) == result
    assert len(result["sessions"]) == 2
    for row in result["sessions"]:
        assert set(MEASURES) <= set(row)
        for name in MEASURES:
            assert set(row[name]) == {"median", "low", "high"}
        assert 0.0 <= row["enjoyment"]["median"] <= 1.0
        assert 0.0 <= row["following_60_s"] <= 1.0
    assert result["reference"] is None
    assert 0.0 <= result["sessions_with_eeg_action"] <= 1.0


def test_the_difference_of_enjoyment_is_paired_and_has_its_interval():
    def one(n, on, off):
        def made(e):
            return Lived(0.1, 10.0, 0.5, e, 1, 1)

        return life.Life(n, tuple(map(made, on)), tuple(map(made, off)), (0.0, 0.5), None)

    lives = [one(0, (0.5, 0.6), (0.5, 0.5)), one(1, (0.9, 0.8), (0.9, 0.8))]
    found = summary(weeks(), lives)["enjoyment_difference"]
    assert found["mean"] == pytest.approx(0.025)
    assert found["low"] == pytest.approx(0.025 - 12.706 * 0.025, abs=1e-3)
    assert summary(weeks(), lives)["sessions"][0]["enjoyment"]["median"] == pytest.approx(0.7)
    never = one(0, (0.5, 0.5), (0.5, 0.5))
    never = life.Life(
        0, (Lived(math.nan, math.inf, 0.0, 0.5, 0, 0),) * 2, never.without, (0, 0), None
    )
    row = summary(weeks(listeners=1), [never])["sessions"][0]
    assert row["following_within_s"]["median"] is None
    assert row["r"]["median"] is None


def test_whoever_cancels_ends_the_workers_in_whatever_they_are_and_leaves_no_file(
    monkeypatch, tmp_path
):
    """In sessions of two hours: nobody waits for their end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    lives = all_lives(weeks(minutes=120.0), STARTER, workers=2)
    threading.Timer(1.0, _thread.interrupt_main).start()  # as a Ctrl-C does
    with pytest.raises(KeyboardInterrupt):
        next(lives)
    assert multiprocessing.active_children() == []
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_a_table_or_json_and_its_progress_aside(monkeypatch, capsys):
    monkeypatch.setattr(life, "collection", lambda progress: STARTER)
    words = "simulate weeks --sessions 1 --minutes 0.5 --listeners 1 --workers 1 --d-prime 0"
    assert main([*words.split(), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["d_prime"] == 0.0
    assert "2 of 2 sessions" in err
    assert main(words.split()) == 0
    assert "in 0.0 % of sessions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"listener": "loud"}, "clear"),
        ({"d_prime": 9.0}, "d-prime"),
        ({"sessions": 0}, "sessions"),
        ({"minutes": 0.1}, "minutes"),
        ({"listeners": 0}, "listeners"),
        ({"seed": -1}, "seed"),
        ({"calibration": "nobody"}, "'nobody' is no calibration"),
    ],
)
def test_refusals_of_weeks_name_the_value(changes, word):
    with pytest.raises(InputError, match=word):
        weeks(**changes)


@pytest.mark.parametrize(
    "words",
    ["--sessions 0", "--minutes nan", "--listeners 0", "--seed -1", "--d-prime 9", "--workers 0",
     "--calibration nobody", "--listener loud"],
)  # fmt: skip
def test_refusals_come_before_minutes_are_spent_on_the_music(words, monkeypatch, capsys):
    def made(progress):
        raise AssertionError("the music was made")

    monkeypatch.setattr(life, "collection", made)
    assert main(["simulate", "weeks", *words.split()]) == 2
    assert "expected" in capsys.readouterr().err or "nobody" in words


def _made(*, weight, expected, acts, r=0.12, gain=0.0):
    def spread(value):
        return {"median": value, "low": value, "high": value}

    session = {
        "r": spread(r), "weight": spread(0.4), "following_60_s": 0.9, "following_30_s": 0.5,
        "expected_rank_correlation": spread(0.0),
    }  # fmt: skip
    last = session | {"weight": spread(weight), "expected_rank_correlation": spread(expected)}
    return {
        "listeners": 20,
        "sessions": [session, session, session, last],
        "reference": {"session": 3, "r": spread(0.11), "following_60_s": 0.8},
        "enjoyment_difference": {"mean": gain, "low": gain - 0.01, "high": gain + 0.01},
        "sessions_with_eeg_action": acts,
    }


def test_the_validation_of_weeks_passes_what_keeps_the_limits_and_nothing_else():
    good = {
        "d' 0.35": _made(weight=0.5, expected=0.4, acts=0.1),
        "d' 0.8": _made(weight=0.85, expected=0.4, acts=0.1),
        "d' 0": _made(weight=0.2, expected=0.4, acts=0.05),
    }
    assert [row.what for row in rows(good) if not row.passed] == []
    bad = {
        "d' 0.35": _made(weight=0.2, expected=-0.1, acts=0.1, r=0.1, gain=-0.1),
        "d' 0.8": _made(weight=0.7, expected=-0.1, acts=0.1, r=0.1, gain=-0.1),
        "d' 0": _made(weight=0.45, expected=-0.1, acts=0.06, gain=-0.1),
    }
    reached = {row.what.partition(": ")[2] for row in rows(bad) if row.passed}
    assert reached == {"follows within 60 s"}


@pytest.mark.parametrize("problem", [OSError("No space left"), RuntimeError("cannot write")])
def test_refusals_of_a_full_disk_name_the_folder_of_the_music(monkeypatch, tmp_path, problem):
    def full(folder, progress):
        raise problem

    monkeypatch.setattr(life, "render", full)
    monkeypatch.setattr(life, "songbook_cache", lambda: tmp_path)
    with pytest.raises(RecordError, match=rf"{tmp_path.name}.*{problem}"):
        life.collection()
