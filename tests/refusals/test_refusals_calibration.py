"""A calibration that is damaged, foreign or another's is refused in one sentence."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.loop.calibration import CALIBRATION_DIR, Calibration, load_calibration
from app.session.plan import Plan
from app.session.session import Session
from app.settings import load_preset
from dsp.checks import InputError

SHIPPED = (CALIBRATION_DIR / "clear.npz").read_bytes()


REFUSAL = r"^'a.npz' is no calibration .*leave it out\.$"


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_one_is_refused_or_read_as_it_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = np.frombuffer(SHIPPED, dtype=np.uint8).copy()
    raw[rng.integers(raw.size, size=8)] ^= rng.integers(1, 256, size=8).astype(np.uint8)
    try:
        said = Calibration.from_npz(raw.tobytes(), origin="a.npz").to_npz()
    except InputError as error:
        said = str(error)
    whole = load_calibration("clear").to_npz()
    assert said == whole or re.match(REFUSAL, str(said))


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04", b"\x93NUMPY", b"\x00" * 5000])
def test_a_foreign_one(content: bytes) -> None:
    with pytest.raises(InputError, match=REFUSAL):
        Calibration.from_npz(content, origin="a.npz")


@pytest.mark.parametrize("marked", [True, None])
@pytest.mark.parametrize("source", ["brainflow:synthetic", "lsl:Muse", "none"])
def test_a_simulated_listeners_where_a_person_listens(
    tmp_path: Path, marked: bool | None, source: str
) -> None:
    name = "anybody" if marked else "clear"  # an early file has its name alone
    known = replace(load_calibration("clear"), simulated=marked, name=name)
    path = tmp_path / "known.npz"
    path.write_bytes(known.to_npz())
    with pytest.raises(InputError, match=r"simulated listener, and the source is .*leave"):
        Session(Plan(source=source, calibration=str(path), out=tmp_path))
    Session(Plan(source="simulated", calibration=str(path), out=tmp_path))


def test_a_persons_own_is_welcome(tmp_path: Path) -> None:
    path = tmp_path / "known.npz"
    path.write_bytes(replace(load_calibration("clear"), simulated=False).to_npz())
    session = Session(Plan(source="brainflow:synthetic", calibration=str(path), out=tmp_path))
    assert session.calibration is not None
    assert session.calibration.simulated is False


@pytest.mark.parametrize("name", ["clear", "silent", "typical"])
def test_what_is_shipped_says_that_it_is_of_no_person(name: str) -> None:
    assert load_calibration(name).simulated is True


@pytest.mark.skipif(sys.platform == "win32", reason="devices are files on POSIX only")
def test_what_has_no_end_is_no_calibration_and_no_preset():
    # Their own sizes are none: each would be read for ever, or until no memory is left.
    with pytest.raises(InputError, match=r"'/dev/zero' is no calibration .*leave it out\.$"):
        load_calibration("/dev/zero")
    with pytest.raises(InputError, match=r"there is no preset '/dev/zero'; .* \.toml file\.$"):
        load_preset("/dev/zero")


def test_a_refusal_does_not_advise_to_load_unsafely(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"root:x:0:0:root:/root:/bin/bash")
    with pytest.raises(InputError) as refused:
        load_calibration(str(tmp_path / "a.npz"))
    assert "unsafely" not in str(refused.value)
