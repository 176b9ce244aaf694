"""No window is a sentence, never an abort of the process."""

import os
import subprocess
import sys

import pytest

import app.window as window


def test_without_a_display_the_sentence_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setattr(window, "missing", lambda *_: ())
    with pytest.raises(window.WindowError, match="DISPLAY is not set"):
        window.run_window(lambda: pytest.fail("no session may be made"))


def test_missing_libraries_are_named_with_their_packages(monkeypatch):
    from app.system_libraries import LIBRARIES

    lacking = tuple(lib for lib in LIBRARIES if lib.soname == "libxcb-cursor.so.0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window, "missing", lambda *_: lacking)
    monkeypatch.setattr(window, "package_manager", lambda: "apt")
    with pytest.raises(window.WindowError, match="libxcb-cursor0"):
        window.run_window(lambda: pytest.fail("no session may be made"))


def test_a_qt_that_cannot_be_imported_is_a_sentence(monkeypatch):
    monkeypatch.setattr(window, "missing", lambda *_: ())
    monkeypatch.setattr(window, "_check_display", lambda: None)
    monkeypatch.setitem(sys.modules, "app.window.run", None)
    with pytest.raises(window.WindowError, match="PySide6"):
        window.run_window(lambda: pytest.fail("no session may be made"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X is asked on Linux only")
def test_a_display_that_does_not_answer_ends_in_the_sentence_not_in_an_abort():
    code = (
        "from app.window import WindowError, run_window\n"
        "import app.window as w\n"
        "w.missing = lambda *_: ()\n"
        "try:\n    run_window(lambda: None)\n"
        "except WindowError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "DISPLAY": ":987", "QT_QPA_PLATFORM": "xcb"}
    environment.pop("WAYLAND_DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    if "libX11" in done.stderr:
        pytest.skip("no libX11 on this machine")
    assert done.returncode == 0, done.stderr
    assert "does not answer" in done.stdout
