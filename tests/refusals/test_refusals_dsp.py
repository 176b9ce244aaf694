"""What the signal processing refuses, and in which words."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import dsp
from app.lab.evaluate_silence import evaluate_silence
from app.lab.evaluate_tracking import evaluate_tracking
from app.lab.recordings import file_stimulus
from devices.formats.npz import read_npz
from dsp.checks import InputError
from dsp.filters import bandpass
from dsp.quality import Guard
from dsp.tracking.decoder import Decoder, Sums
from dsp.tracking.tracker import CANNOT_TELL, Tracker, calibrate

CH = ("Fz", "Cz")


def guard() -> Guard:
    return Guard(ch_names=CH, sfreq=250.0)


def test_rate_of_64_hz_is_refused_with_the_least_rate() -> None:
    with pytest.raises(InputError, match=r"sfreq is 64.*100"):
        Guard(ch_names=CH, sfreq=64.0)
    with pytest.raises(InputError, match=r"100"):
        Tracker(ch_names=CH, sfreq=64.0)


def test_no_electrode_is_refused() -> None:
    for part in (Guard, Tracker):
        with pytest.raises(InputError, match=r"no electrode"):
            part(ch_names=(), sfreq=250.0)


def test_other_number_of_electrodes_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(n_samples, 2\)"):
        guard().push(np.zeros((5, 3)), np.arange(5.0))


def test_time_that_steps_back_is_refused_with_its_size() -> None:
    times = np.arange(500) / 250.0
    times[300:] -= 0.6
    with pytest.raises(InputError, match=r"step back by 0\.6"):
        guard().push(np.zeros((500, 2)), times)


def test_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"one finite time"):
        guard().push(np.zeros((5, 2)), np.arange(4.0))
    with pytest.raises(InputError, match=r"one finite time"):
        guard().push(np.zeros((5, 2)), np.full(5, np.nan))


def test_band_beyond_the_grid_is_refused() -> None:
    with pytest.raises(InputError, match=r"1-40 Hz"):
        bandpass(1.0, 40.0)


def test_stimulus_of_one_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected \(n, 3\)"):
        Tracker(ch_names=CH, sfreq=250.0).push_stimulus(np.zeros((5, 1)), np.arange(5.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 2, 4])
def test_stimulus_at_no_time_is_refused(bad: float, at: int) -> None:
    times = np.arange(5.0)
    times[at] = bad
    with pytest.raises(InputError, match=rf"is {bad}; expected LSL seconds"):
        Tracker(ch_names=CH, sfreq=250.0).push_stimulus(np.zeros((5, 3)), times)


def test_decoder_of_another_montage_is_refused() -> None:
    lags = np.arange(4)
    stored = Decoder(("Oz",), (1.0, 8.0), lags, Sums.zero(4), 0.5, 0.1, 1.0)
    with pytest.raises(InputError, match=r"Oz.*Fz, Cz.*use a calibration of these"):
        Tracker(ch_names=CH, sfreq=250.0, decoder=stored)


def test_damaged_decoder_is_refused() -> None:
    with pytest.raises(InputError, match=r"use another calibration"):
        Decoder.from_arrays({"ch_names": np.array(["Fz"])})


def test_calibration_without_enough_data_is_refused() -> None:
    with pytest.raises(InputError, match=r"0 s of clean EEG"):
        calibrate([], ch_names=CH, sfreq=250.0)


def test_constant_and_lost_channels_are_cannot_tell_not_an_error() -> None:
    for value in (0.0, np.nan):
        tracker, judge = Tracker(ch_names=CH, sfreq=250.0), guard()
        times = 10.0 + np.arange(250 * 40) / 250.0
        block = judge.push(np.full((times.size, 2), value), times)
        assert block is not None
        tracker.push_eeg(block)
        rows = np.random.default_rng(0).random((40 * 64, 3))
        tracker.push_stimulus(rows, 10.0 + np.arange(40 * 64) / 64)
        got = tracker.estimate(49.0)
        assert got.state == CANNOT_TELL
        assert got.reasons


def test_one_channel_is_scored_and_cannot_tell() -> None:
    tracker, judge = Tracker(ch_names=("E1",), sfreq=250.0), Guard(ch_names=("E1",), sfreq=250.0)
    rng = np.random.default_rng(0)
    times = 10.0 + np.arange(250 * 40) / 250.0
    block = judge.push(8.0 * rng.standard_normal((times.size, 1)), times)
    assert block is not None
    tracker.push_eeg(block)
    tracker.push_stimulus(rng.random((40 * 64, 3)), 10.0 + np.arange(40 * 64) / 64)
    got = tracker.estimate(49.5)
    assert np.isfinite(tracker.rebuilt.read(40 * 64, 41 * 64)).all()
    assert got.state == CANNOT_TELL
    assert "One electrode" in got.reasons[0]


def test_stimulus_shorter_than_the_lags_is_cannot_tell() -> None:
    tracker = Tracker(ch_names=CH, sfreq=250.0)
    block = guard().push(np.random.default_rng(0).random((1000, 2)), 10.0 + np.arange(1000) / 250)
    assert block is not None
    tracker.push_eeg(block)
    tracker.push_stimulus(np.ones((30, 3)), 10.0 + np.arange(30) / 64)
    assert tracker.estimate(13.0).state == CANNOT_TELL


# ---- files


def save(path: Path, **arrays: object) -> Path:
    whole = {
        "eeg": np.random.default_rng(0).standard_normal((2560, 2)).astype(np.float32),
        "ch_names": np.array(CH),
        "fs": np.array(256.0),
    } | arrays
    np.savez(path, **{k: v for k, v in whole.items() if v is not None})
    return path


def test_missing_file_and_text_named_npz_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist"):
        read_npz(tmp_path / "none.npz")
    text = tmp_path / "text.npz"
    text.write_text("hello")
    with pytest.raises(InputError, match=r"text.npz cannot be read"):
        read_npz(text)


def test_only_missing_names_are_refused_not_unknown_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no 'ch_names'"):
        read_npz(save(tmp_path / "a.npz", ch_names=None))
    got = read_npz(save(tmp_path / "b.npz", ch_names=np.array(["EXG1", "left ear"])))
    assert got.ch_names == ("EXG1", "left ear")


def test_low_rate_and_wrong_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fs of a.npz is .*64.*100"):
        read_npz(save(tmp_path / "a.npz", fs=np.array(64.0)))
    with pytest.raises(InputError, match=r"eeg of b.npz"):
        read_npz(save(tmp_path / "b.npz", ch_names=np.array(["Fz"])))
    with pytest.raises(InputError, match=r"t of c.npz"):
        read_npz(save(tmp_path / "c.npz", t=np.arange(7.0)))
    with pytest.raises(InputError, match=r"envelope of d.npz"):
        read_npz(save(tmp_path / "d.npz", envelope=np.ones(7)))


def test_recorded_time_may_jitter_but_not_step_back(tmp_path: Path) -> None:
    t = np.arange(2560) / 256.0
    jitter = t + np.random.default_rng(1).uniform(-0.03, 0.03, t.size)
    got = read_npz(save(tmp_path / "a.npz", t=jitter))
    assert np.abs(np.diff(got.times) - 1 / 256).max() < 2e-3
    t[1500:] -= 1.0
    with pytest.raises(InputError, match=r"steps back by 1.0"):
        read_npz(save(tmp_path / "b.npz", t=t))


def test_recording_without_a_sound_needs_a_feature(tmp_path: Path) -> None:
    path = save(tmp_path / "quiet.npz")
    with pytest.raises(InputError, match=r"no 'envelope'.*--feature FILE"):
        evaluate_tracking([path])


def test_feature_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist"):
        file_stimulus(tmp_path / "none.ogg", start=0.0)
    np.save(tmp_path / "short.npy", np.ones(10))
    with pytest.raises(InputError, match=r"10 rows"):
        file_stimulus(tmp_path / "short.npy", start=0.0)
    text = tmp_path / "song.mp3"
    text.write_text("no sound")
    with pytest.raises(InputError):
        evaluate_silence([save(tmp_path / "a.npz")], against=[str(text)])


def test_nobody_is_told_to_calibrate_where_there_is_no_way_to_do_it() -> None:
    """Only simulated sessions can be calibrated from; a person can use another calibration."""
    told = []
    for path in sorted(Path(dsp.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and isinstance(node.body[0], ast.Expr)
        }
        told += [
            f"{path.name}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
            and re.search(r"\b(re)?calibrate\b", node.value)
            and " " in node.value
        ]
    assert [line for line in told if "to calibrate on" not in line] == []
