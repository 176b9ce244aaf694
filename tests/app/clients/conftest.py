"""A store whose passphrase costs little to try: what scrypt costs is measured elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.clients import keys
from app.clients.creating import create_store
from app.clients.store import Store
from app.records.sealed import RING

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(keys.SCRYPT, "n", 1 << 10)
    yield
    RING.forget()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a new store stands."""
    path = tmp_path / "clients"
    create_store(path, PASSPHRASE)
    return path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """A new store, open."""
    with Store(folder, PASSPHRASE) as opened:
        yield opened
