"""Features by condition: whose seconds they are, what is refused, and what chance could do."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from app.commands.command_line import main
from app.lab.conditions import Labelled, Scores, contrasts, labelled
from app.lab.evaluate_reward import evaluate_reward
from app.lab.recordings import events_of, open_recording
from tests.doubles.making_sessions import T0, make_session


def rows(values: list[float], *, start: float = 100.0) -> Scores:
    """Whole scores of 2 s; NaN is not usable."""
    n = len(values)
    t0 = start + 2.0 * np.arange(n)
    usable = np.where(np.isfinite(values), 2.0, 0.0)
    return Scores(t0, t0 + 2.0, np.asarray(values, dtype=float), usable)


def test_a_score_counts_where_it_lies_wholly_inside_and_behind_the_settling() -> None:
    events = [(101.0, "2"), (103.0, "2"), (111.0, "10"), (121.0, "2")]
    told = labelled(rows([0.0] * 14), events, until=127.0, settle=2.0)
    assert told.codes == ("2", "10")
    #        100  102 104 106 108  110  112  114 116 118  120  122  124 126
    assert told.condition.tolist() == [-1, -1, 0, 0, 0, -1, -1, 1, 1, 1, -1, -1, 0, -1]
    at_once = labelled(rows([0.0] * 14), [(102.0, "2"), (112.0, "10")], until=128.0, settle=0.0)
    assert at_once.condition.tolist() == [-1] + [0] * 5 + [1] * 8


def test_codes_stand_by_size_and_words_behind_them() -> None:
    said = ("loud", "10", "-2", "2.5", "--5", "2")
    events = [(100.0 + 2.0 * k, code) for k, code in enumerate(said)]
    told = labelled(rows([0.0] * 6), events, until=112.0, settle=0.0)
    assert told.codes == ("-2", "2", "2.5", "10", "--5", "loud")


def test_nothing_is_said_of_a_condition_under_ten_usable_seconds() -> None:
    events = [(100.0, "a"), (110.0, "b"), (122.0, "c")]
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, math.nan, 7.0, 7.0, 7.0, 7.0, 0.0, 0.0, 0.0, 0.0]
    told = labelled(rows(values), events, until=130.0, settle=0.0)
    assert told.told("a") == {"mean": 3.0, "low": 1.4926, "high": 4.5074, "usable_s": 10.0}
    assert told.told("b") == {"mean": 7.0, "low": 7.0, "high": 7.0, "usable_s": 10.0}
    assert told.told("c") == {"mean": None, "low": None, "high": None, "usable_s": 8.0}
    assert [(c["a"], c["b"]) for c in contrasts([{"x": told}])] == [("a", "b")]


def test_a_condition_of_one_long_score_has_a_mean_and_no_interval() -> None:
    one = Scores(*(np.array([x]) for x in (100.0, 130.0, 0.4, 25.0)))
    told = labelled(one, [(90.0, "a")], until=140.0, settle=2.0).told("a")
    assert told == {"mean": 0.4, "low": None, "high": None, "usable_s": 25.0}


def pair(a: list[float], b: list[float]) -> dict[str, Labelled]:
    """A recording of two conditions."""
    return {
        "x": labelled(
            rows([*a, *b]),
            [(100.0, "a"), (100.0 + 2 * len(a), "b")],
            until=100.0 + 2 * len(a + b),
            settle=0.0,
        )
    }


def test_from_six_recordings_on_the_signs_of_their_differences_are_flipped() -> None:
    differences = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    six = [pair([d] * 6, [0.0] * 6) for d in differences]
    (told,) = contrasts(six)
    assert told["p"] == pytest.approx(2 / 64, abs=1e-4)  # as it is, and all signs turned
    assert (told["n"], told["mean"]) == (6, 1.75)
    spread = 2.015 * np.std(differences, ddof=1) / math.sqrt(6)
    assert told["high"] - told["mean"] == pytest.approx(
        spread, abs=1e-3
    )  # Student, 5 degrees of freedom
    six[0] = pair([-0.5] * 6, [0.0] * 6)
    (told,) = contrasts(six)
    assert told["p"] == pytest.approx(4 / 64, abs=1e-4)
    assert next(contrasts(six[:5]))["p"] != told["p"]


def test_in_fewer_recordings_the_conditions_are_moved_along_inside() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(60)
    (told,) = contrasts([pair((3.0 + noise[:30]).tolist(), noise[30:].tolist())])
    # Of 60 ways round it is only the whole turn, and half a turn, that come near.
    assert told["p"] <= 2 / 60 + 1e-9
    assert told["n"] == 1
    assert told["low"] < told["mean"] < told["high"]
    sd = math.sqrt(noise[:30].var(ddof=1) / 30 + noise[30:].var(ddof=1) / 30)
    assert told["high"] - told["low"] == pytest.approx(2 * 1.645 * sd, abs=1e-3)
    p = []
    for seed in range(40):
        quiet = np.random.default_rng(100 + seed).standard_normal((2, 40))
        two = [pair(q[:20].tolist(), q[20:].tolist()) for q in quiet]
        (told,) = contrasts(two)
        assert told["n"] == 2
        p.append(told["p"])
    assert np.mean(np.array(p) < 0.1) < 0.2
    assert np.mean(np.array(p) > 0.5) > 0.3


FS = 128


def blocks(path: Path, *, theta: float, seconds: int = 40, n_blocks: int = 4) -> Path:
    """Noise, and in every second block a theta rhythm on top."""
    rng = np.random.default_rng(5)
    n = seconds * n_blocks * FS
    t = np.arange(n) / FS
    block = (t // seconds).astype(int)
    eeg = 5.0 * rng.standard_normal((n, 2))
    eeg += (theta * (block % 2) * np.sin(2.0 * np.pi * 6.0 * t))[:, None]
    np.savez(
        path, eeg=eeg.astype(np.float32), fs=float(FS), ch_names=np.array(["Fz", "Cz"]),
        ev_sample=np.arange(n_blocks) * seconds * FS, ev_code=np.resize([1.0, 2.0], n_blocks),
    )  # fmt: skip
    return path


def test_theta_that_comes_with_a_code_is_found_there(tmp_path: Path, capsys) -> None:
    path = blocks(tmp_path / "run.npz", theta=4.0)
    assert main(["evaluate", "reward", str(path), "--by", "events", "--settle", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"recordings", "contrasts", "refused"}
    (one,) = told["recordings"]
    assert set(one) == {"name", "features", "conditions"}
    assert list(one["conditions"]) == ["1", "2"]
    for features in one["conditions"].values():
        assert all(set(f) == {"mean", "low", "high", "usable_s"} for f in features.values())
        assert features["fm_theta_db"]["usable_s"] == pytest.approx(72.0, abs=4.0)
    first = told["contrasts"][0]
    assert set(first) == {"a", "b", "feature", "mean", "low", "high", "p", "n"}
    assert (first["a"], first["b"], first["feature"]) == ("1", "2", "fm_theta_db")
    assert first["high"] < -2.0
    assert first["n"] == 1
    means = [one["conditions"][c]["fm_theta_db"]["mean"] for c in ("1", "2")]
    assert first["mean"] == pytest.approx(means[0] - means[1], abs=2e-4)
    refused = told["refused"][0]  # for want of an electrode, which no longer condition would mend
    assert "run: no usable second of ft_theta_wpli, " in refused
    plain = evaluate_reward([path])
    assert set(plain) == {"recordings"}
    assert plain["recordings"][0]["features"] == one["features"]


def test_a_session_is_told_by_its_named_marks_else_by_its_tracks(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=5)
    recording = open_recording(folder)
    codes = [code for _, code in events_of(folder, recording)]
    assert set(codes) == {"Cold Harbour"}
    log = folder / "events.jsonl"
    for t, text in ((T0 + 3.0, "closed"), (T0 + 1.0, "open")):
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t": t, "kind": "mark", "text": text}) + "\n")
    assert events_of(folder, recording) == [(T0 + 1.0, "open"), (T0 + 3.0, "closed")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ev_sample": None}, "has no events"),
        ({"ev_code": np.array([1])}, "one code for each event"),
        ({"ev_sample": np.array([0, 10**9])}, "ev_sample of run.npz"),
        ({"ev_code": np.array([1.0, np.nan])}, "ev_code of run.npz is nan at event 1"),
    ],
)
def test_events_that_cannot_be_are_refused(tmp_path: Path, capsys, change, said) -> None:
    path = blocks(tmp_path / "run.npz", theta=0.0, seconds=3, n_blocks=2)
    arrays = dict(np.load(path)) | change
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    assert main(["evaluate", "reward", str(path), "--by", "events"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert main(["evaluate", "reward", str(path)]) == 0  # nor does anybody else ask for them


def test_the_settling_is_not_negative(tmp_path: Path, capsys) -> None:
    path = blocks(tmp_path / "run.npz", theta=0.0, seconds=3, n_blocks=2)
    assert main(["evaluate", "reward", str(path), "--by", "events", "--settle", "-1"]) == 2
    assert "--settle" in capsys.readouterr().err
    assert main(["evaluate", "reward", str(path), "--settle", "4"]) == 2
    assert "add --by events" in capsys.readouterr().err


def test_one_recording_does_not_count_as_two(tmp_path: Path, capsys) -> None:
    path = blocks(tmp_path / "run.npz", theta=0.0, seconds=3, n_blocks=2)
    copy = tmp_path / "copy.npz"
    copy.write_bytes(path.read_bytes())
    assert main(["evaluate", "reward", str(path), str(copy), "--by", "events"]) == 2
    err = capsys.readouterr().err
    assert "copy.npz holds the same EEG as run.npz" in err
    assert err.count("\n") == 1
    assert main(["evaluate", "reward", str(path), str(copy)]) == 0  # nothing is pooled there
