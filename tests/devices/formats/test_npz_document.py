"""docs/recordings.md says what the reader takes: its example is read and its figures hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from devices.formats import npz
from devices.formats.npz import read_npz
from dsp.checks import InputError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "recordings.md"
TEXT = PAGE.read_text("utf-8")
CODE = TEXT.split("```python\n")[1].split("```")[0]


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(CODE, {})
    return tmp_path / "run01.npz"


def test_the_example_makes_a_recording_that_is_read(archive):
    recording = read_npz(archive)
    assert recording.ch_names == ("Fz", "Cz", "TP9", "TP10")
    assert recording.eeg.shape == (60 * 256, 4)
    assert recording.envelope is not None


def test_the_table_names_the_keys_that_are_read():
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", TEXT, re.MULTILINE)
    assert tuple(key for key, _ in rows) == npz._KEYS


def test_what_is_needed_is_needed_and_the_rest_is_not(archive):
    whole = dict(np.load(archive))
    for key, needed in re.findall(r"^\| `(\w+)` \| (yes|no) \|", TEXT, re.MULTILINE):
        np.savez("part.npz", **{k: v for k, v in whole.items() if k != key})
        if needed == "yes":
            with pytest.raises(InputError, match=key):
                read_npz(Path("part.npz"))
        else:
            assert read_npz(Path("part.npz")).ch_names


def test_the_figures_are_those_of_the_code():
    for figure in (
        f"from 100 to {npz._MAX_RATE:g}".replace("1e+05", "100000"),
        f"jitter by up to {npz._HOLE:g} s",
        f"over {npz._LONGEST_HOLE / 3600:g} h",
        f"under {npz._VOLTS:g} a second",
    ):
        assert figure in TEXT, figure


def test_labels_of_others_are_only_read(tmp_path):
    wild = np.array(["F\x1b[2Jz", "C\u202ez"])
    np.savez(tmp_path / "a.npz", eeg=10.0 * np.random.default_rng(0).standard_normal((600, 2)),
             ch_names=wild, fs=200.0)  # fmt: skip
    assert read_npz(tmp_path / "a.npz").ch_names == ("F [2Jz", "C z")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_archive_is_a_sentence(archive, share):
    raw = archive.read_bytes()
    archive.write_bytes(raw[: round(share * len(raw))])
    with pytest.raises(InputError, match="cannot be read"):
        read_npz(archive)
