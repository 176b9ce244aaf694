"""What the evaluation counts, and what it compares with what."""

from pathlib import Path

import numpy as np

from app.evaluate import _impostors, evaluate_tracking, go_through, overall
from app.heard import Stimulus, own_stimulus
from devices.formats.npz import read_npz
from dsp.artifacts import ocular_sites, site_regions, temporal_sites
from dsp.filters import RATE

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


def test_a_long_hole_is_masked_for_all_of_its_seconds(tmp_path: Path) -> None:
    (entry,) = evaluate_tracking([save(tmp_path / "a.npz", 30, hole=100.0)])["recordings"]
    assert abs(entry["masked"]["gap"] - 100.0) < 1.0


def test_the_same_sound_in_two_recordings_is_no_impostor(tmp_path: Path) -> None:
    first = read_npz(save(tmp_path / "a.npz", 30))
    sound = own_stimulus(tmp_path / "a.npz", first, "onset")
    run = go_through(first, sound)
    n_own = len(_impostors(run, [], None))
    later = Stimulus("later", sound.values[5 * RATE :], sound.times[5 * RATE :])
    another = own_stimulus(
        tmp_path / "b.npz", read_npz(save(tmp_path / "b.npz", 40, seed=1)), "onset"
    )
    assert len(_impostors(run, [sound, later], None)) == n_own
    assert len(_impostors(run, [another], None)) == n_own + 1


def test_memory_for_chance_levels_grows_with_the_band_only(tmp_path: Path) -> None:
    recording = read_npz(save(tmp_path / "a.npz", 40))
    run = go_through(recording, own_stimulus(tmp_path / "a.npz", recording, "onset"))
    r, null95 = overall(run)
    assert abs(r) < 0.5
    assert 0.0 < null95 < 0.5


def test_caps_that_count_their_electrodes_have_none_with_a_role() -> None:
    counted = [f"{letter}{i}" for letter in "ABCDEFGH" for i in range(1, 33)]
    assert not any(site_regions(counted))
    assert not ocular_sites(counted)
    assert not temporal_sites(counted)
    assert ocular_sites(["F7", "C3", "T7", "TP10"]) == {"F7"}
    assert temporal_sites(["F7", "C3", "T7", "TP10"]) == {"T7", "TP10"}
    assert not any(site_regions(["EEG 1", "E17", "left ear"]))
