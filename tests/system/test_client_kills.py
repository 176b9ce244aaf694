"""Two of the kills that ``python -m tests.system.client_kills`` does by the hundred."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.client_kills import kills


@pytest.mark.timeout(600)  # a real session, two real programs, and each opens the store anew
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_whatever_is_killed_the_store_opens_and_what_was_told_as_done_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    done = list(kills(2, 0, tmp_path))
    assert [kill.victim for kill in done] == ["session", "store"]
    assert [kill for kill in done if kill.problem] == []
