"""What the evaluation counts, and what it compares with what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.lab.evaluate_reward import evaluate_reward
from app.lab.evaluate_silence import evaluate_silence
from app.lab.evaluate_tracking import evaluate_tracking, overall
from app.lab.match import _impostors
from app.lab.recordings import Stimulus, open_recording, own_stimulus
from app.lab.residual import kind_of
from app.lab.runs import go_through, judged
from devices.formats.npz import read_npz
from dsp.checks import InputError
from dsp.filters import BANDS
from dsp.grid import RATE
from dsp.tracking.calibrate import _on_grid, _parts, calibrate
from dsp.tracking.decoder import lag_steps

FS = 128


def save(path: Path, seconds: int, *, hole: float = 0.0, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    n = seconds * FS
    t = np.arange(n) / FS
    t[n // 2 :] += hole
    np.savez(
        path,
        eeg=(8.0 * rng.standard_normal((n, 2))).astype(np.float32),
        ch_names=np.array(["Fz", "Cz"]),
        fs=float(FS),
        t=t,
        envelope=(rng.random(n) < 0.01).astype(float),
    )
    return path


def silenced(path: Path) -> Path:
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "envelope": np.zeros_like(arrays["envelope"])})
    return path


def test_a_long_hole_is_masked_for_all_of_its_seconds(tmp_path: Path) -> None:
    (entry,) = evaluate_tracking([save(tmp_path / "a.npz", 30, hole=100.0)])["recordings"]
    assert abs(entry["masked"]["gap"] - 100.0) < 1.0


def test_the_same_sound_in_two_recordings_is_no_impostor(tmp_path: Path) -> None:
    first = read_npz(save(tmp_path / "a.npz", 30))
    sound = own_stimulus(tmp_path / "a.npz", first, "onset")
    run = go_through(first, sound)
    n_own = len(_impostors(run.feature, run.feature, [], None))
    later = Stimulus("later", sound.values[5 * RATE :], sound.times[5 * RATE :])
    another = own_stimulus(
        tmp_path / "b.npz", read_npz(save(tmp_path / "b.npz", 40, seed=1)), "onset"
    )
    assert len(_impostors(run.feature, run.feature, [sound, later], None)) == n_own
    assert len(_impostors(run.feature, run.feature, [another], None)) == n_own + 1
    # Also where the recording has dead stretches, which are cut out of what is compared.
    part = np.concatenate([run.feature[: 8 * RATE], run.feature[14 * RATE : 22 * RATE]])
    assert len(_impostors(part, run.feature, [later], None)) == len(
        _impostors(part, run.feature, [], None)
    )


def test_memory_for_chance_levels_grows_with_the_band_only(tmp_path: Path) -> None:
    recording = read_npz(save(tmp_path / "a.npz", 40))
    run = go_through(recording, own_stimulus(tmp_path / "a.npz", recording, "onset"))
    r, null95 = overall(run)
    assert abs(r) < 0.5
    assert 0.0 < null95 < 0.5


# ---- holes, and EEG that is bad throughout


def answering(path: Path, seconds: int, *, hole: float = 0.0, gain: float = 6.0) -> Path:
    """Two electrodes that answer an onset 120 ms later; a hole of so many seconds in the middle."""
    rng = np.random.default_rng(7)
    n = seconds * FS
    sound = (rng.random(n) < 0.02).astype(float)
    answer = np.convolve(sound, np.hanning(13))[:n]
    answer = np.roll(answer / answer.std(), round(0.12 * FS))
    eeg = 8.0 * rng.standard_normal((n, 2)).cumsum(axis=0) / np.sqrt(FS)
    t = np.arange(n) / FS
    t[n // 2 :] += hole
    np.savez(
        path,
        eeg=(eeg + gain * answer[:, None] * [1.0, -0.5]).astype(np.float32),
        ch_names=np.array(["Fz", "Cz"]),
        fs=float(FS),
        t=t,
        envelope=sound,
    )
    return path


def test_a_hole_changes_neither_chance_levels_nor_what_remains_followed(tmp_path: Path) -> None:
    paths = [answering(tmp_path / f"{h}.npz", 120, hole=float(h)) for h in (0, 1200)]
    whole, holed = evaluate_tracking(paths)["recordings"]
    assert holed["masked"]["gap"] >= 1199.0
    assert 0.8 < holed["r_null95"] / whole["r_null95"] < 1.25
    for name in ("r_delta", "r_theta", "r_best_lag"):
        levels = [one["diagnostics"][name]["null95"] for one in (whole, holed)]
        assert 0.7 < levels[1] / levels[0] < 1.4
    assert whole["first_following_s"] == holed["first_following_s"] < 60.0
    assert holed["following_after_first"] > 0.5
    for length in ("5", "10"):
        counts = [one["match_mismatch"][length]["windows"] for one in (whole, holed)]
        assert counts[1] > 0.8 * counts[0]


def test_a_hole_just_before_the_end_is_masked_too(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", 30)
    arrays = dict(np.load(path))
    arrays["t"] = np.arange(30 * FS) / FS
    arrays["t"][-6:] += 200.0
    np.savez(path, **arrays)
    (entry,) = evaluate_tracking([path])["recordings"]
    assert abs(entry["masked"]["gap"] - 200.0) < 2.0


def test_eeg_that_is_bad_throughout_is_cannot_tell_and_tests_no_silence(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", 60)
    arrays = dict(np.load(path))
    arrays["eeg"] = np.zeros_like(arrays["eeg"])
    np.savez(path, **arrays)
    (entry,) = evaluate_tracking([path])["recordings"]
    assert entry["windows"] == {"following": 0, "not_following": 0, "cannot_tell": 6}
    result = evaluate_silence([path], against=[str(save(tmp_path / "b.npz", 60, seed=1))])
    assert result["windows"] == 0
    assert result["rate"] is None
    assert result["ever"] is None
    assert result["recordings"][0]["rate"] is None


def test_following_before_the_first_window_counts_as_ever(tmp_path: Path) -> None:
    known = answering(tmp_path / "known.npz", 120)
    arrays = dict(np.load(answering(tmp_path / "all.npz", 150, gain=12.0)))
    cut = slice(120 * FS, 149 * FS)
    for key in ("eeg", "t", "envelope"):
        arrays[key] = arrays[key][cut]
    short = tmp_path / "short.npz"
    np.savez(short, **arrays)
    result = evaluate_silence([short], against=[str(short)], calibrations=[known])
    assert result["windows"] == 0
    assert result["rate"] is None
    assert result["ever"] == result["recordings"][0]["ever"] == 1.0


def test_reasons_that_differ_in_seconds_alone_are_one() -> None:
    several = {kind_of(f"Only {s} s of the newest 12 s could be used.") for s in (0.4, 1.9)}
    several |= {kind_of(f"The newest clean EEG is {s:.1f} s old.") for s in (3, 40)}
    several |= {kind_of(f"No answer found so far in {m:.1f} minutes.") for m in (0.5, 12)}
    assert len(several) == 3
    assert "No answer found so far in N minutes." in several


def test_every_second_of_which_nothing_can_be_told_has_its_reason(tmp_path: Path) -> None:
    (entry,) = evaluate_tracking([save(tmp_path / "a.npz", 60)])["recordings"]
    assert entry["windows"]["following"] == entry["windows"]["not_following"] == 0
    assert sum(entry["cannot_tell_because"].values()) in (59, 60)


def test_a_calibration_without_any_sound_is_refused(tmp_path: Path) -> None:
    silent = silenced(save(tmp_path / "silent.npz", 60))
    with pytest.raises(InputError, match="There are 0 s of clean EEG with sound to calibrate on"):
        evaluate_tracking([save(tmp_path / "a.npz", 30, seed=1)], calibrations=[silent])


def test_two_seconds_are_a_recording_of_two_seconds(tmp_path: Path) -> None:
    assert open_recording(save(tmp_path / "a.npz", 2)).times.size == 2 * FS


def test_without_a_sound_there_is_no_accuracy(tmp_path: Path) -> None:
    (entry,) = evaluate_tracking([silenced(save(tmp_path / "a.npz", 60))])["recordings"]
    assert entry["r"] is None
    assert [entry["match_mismatch"][n]["accuracy"] for n in ("5", "60")] == [None, None]


def test_seconds_of_reward_add_up_to_the_recording(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", 100, hole=50.0)
    (entry,) = evaluate_reward([path])["recordings"]
    for name, told in entry["features"].items():
        assert abs(told["usable_s"] + sum(told["unusable_s"].values()) - 150.0) < 1.0, name


def test_of_many_recordings_several_are_left_out_at_once(tmp_path: Path) -> None:
    paths = [answering(tmp_path / "whole.npz", 300)]
    arrays = dict(np.load(paths[0]))
    parts = []
    for k in range(25):
        cut = slice(12 * k * FS, 12 * (k + 1) * FS)
        part = {
            key: arrays[key][cut] if key in ("eeg", "envelope") else arrays[key]
            for key in ("eeg", "envelope", "ch_names", "fs")
        }
        parts.append(tmp_path / f"{k}.npz")
        np.savez(parts[-1], **part)
    opened = [read_npz(p) for p in parts]
    sounds = [own_stimulus(p, r, "onset") for p, r in zip(parts, opened, strict=True)]
    recordings = [(judged(r), (s.values, s.times)) for r, s in zip(opened, sounds, strict=True)]
    lags = lag_steps(0.0, 0.4)
    grids = [_on_grid(recording, 2, float(FS)) for recording in recordings]
    summed = _parts(grids, 2, float(FS), BANDS[0], lags, 0)
    assert len(summed) == 13
    assert [number for p in summed for number, _, _ in p.where] == list(range(25))
    alone = _parts(grids[:2], 2, float(FS), BANDS[0], lags, 0)
    assert len(alone) == 2
    assert np.allclose(summed[0].cov, alone[0].cov + alone[1].cov)
    assert calibrate(recordings, ch_names=("Fz", "Cz"), sfreq=float(FS)).found


def test_one_good_recording_is_enough_beside_a_dead_one(tmp_path: Path) -> None:
    good = read_npz(answering(tmp_path / "good.npz", 50))
    sound = own_stimulus(tmp_path / "good.npz", good, "onset")
    dead = replace(good, eeg=np.zeros_like(good.eeg))
    heard = (sound.values, sound.times)
    for recordings in ([(judged(good), heard)], [(judged(dead), heard), (judged(good), heard)]):
        decoder = calibrate(recordings, ch_names=good.ch_names, sfreq=good.sfreq)
        assert decoder.found
        assert decoder.sums.seconds > 38.0
