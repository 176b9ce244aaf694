"""Ten of the kills that ``python -m tests.system.kills`` does by the hundred."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.kills import VICTIMS, kills


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_the_folder_reads_and_nothing_stays(tmp_path: Path, seed: int) -> None:
    done = list(kills(len(VICTIMS), seed, tmp_path))
    assert sorted(kill.victim for kill in done) == sorted(VICTIMS)
    assert [kill for kill in done if not kill.good] == []
