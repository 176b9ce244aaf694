"""Everything that is kept has one place, below the folders of the user."""

from pathlib import Path

from app import paths


def test_sessions_caches_and_settings_lie_in_the_users_own_folders(monkeypatch, tmp_path):
    for kind in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    found = [paths.sessions_folder(), paths.tracks_cache(), paths.settings_folder()]
    assert all(isinstance(folder, Path) and folder.is_absolute() for folder in found)
    assert len(set(found)) == 3
    assert not list(tmp_path.iterdir())  # asking makes nothing
