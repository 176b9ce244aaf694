"""Five of the kills that ``python -m tests.system.kills`` does by the hundred."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.kills import SHORTEST_S, VICTIMS, kills


@pytest.mark.timeout(1200)  # five sessions and more; on a busy machine one takes 10 s to start
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_whatever_is_killed_the_folder_reads_and_nothing_stays(tmp_path: Path) -> None:
    done = list(kills(len(VICTIMS), 0, tmp_path, seconds=SHORTEST_S))
    assert sorted(kill.victim for kill in done) == sorted(VICTIMS)
    assert [kill for kill in done if not kill.good] == []
