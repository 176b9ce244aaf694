"""`attune calibrate` and `attune evaluate enjoyment`, on a recorded session."""

import shutil

import numpy as np

from app.commands.command_line import main
from app.lab.lessons import listen_to
from app.loop.calibration import load_calibration


def test_a_recorded_session_gives_a_calibration_that_a_session_takes(
    demo_folder, tmp_path, capsys
) -> None:
    out = tmp_path / "own.npz"
    assert main(["calibrate", str(demo_folder), "--out", str(out)]) == 0
    known = load_calibration(str(out))
    told = capsys.readouterr().out
    assert "2 min of clean EEG" in told
    assert "About 4 more rated tracks are needed" in told
    assert f"{out}: for Simulated listener with the sound on virtual clock." in told
    assert known.simulated
    assert not known.knows_theta
    assert known.decoder is None or known.decoder.found


def test_the_hidden_enjoyment_of_a_simulated_listener_changes_nothing(
    demo_folder, tmp_path
) -> None:
    """With or without the log's lines of the truth a folder teaches the same."""
    blind = tmp_path / "blind"
    shutil.copytree(demo_folder, blind)
    log = blind / "events.jsonl"
    rows = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if '"kind":"truth"' not in row.replace(" ", "")]
    assert len(kept) < len(rows)
    log.write_text("".join(kept), encoding="utf-8")
    (_, one, *_), (_, other, *_) = *listen_to([demo_folder]), *listen_to([blind])
    assert repr([play.theta for play in one.plays]) == repr([p.theta for p in other.plays])
    for a, b in zip(one.plays, other.plays, strict=True):
        if a.excerpt is not None:
            assert np.array_equal(a.excerpt.eeg, b.excerpt.eeg)


def test_refusals_of_too_few_rated_tracks_say_how_many_there_are(demo_folder, capsys) -> None:
    assert main(["evaluate", "enjoyment", str(demo_folder)]) == 2
    assert "0 rated tracks with half a minute of clean EEG in 1 session;" in capsys.readouterr().err


def test_refusals_of_a_place_for_the_calibration_come_before_the_work(
    demo_folder, tmp_path, capsys
) -> None:
    for out in (tmp_path, tmp_path / "none" / "own.npz"):
        assert main(["calibrate", str(demo_folder), "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert "expected a file in a folder that is there" in said
        assert "1 of 1" not in said
