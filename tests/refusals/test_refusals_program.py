"""What the command line refuses: one sentence on stderr, exit status 2, no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.command_line import main
from app.session.endings import hear_early, noted_endings


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--source", "brainflow:nonsense"], "nonsense"),
        (["--source", "telepathy"], "telepathy"),
        (["--source", "brainflow:cyton:/dev/no-such-port"], "no-such-port"),
        (["--source", "none", "--preset", "demo"], "simulated listeners only"),
        (["--source", "simulated", "--preset", "gentle"], "gentle"),
        (["--source", "simulated", "--listener", "loud"], "loud"),
        (["--source", "simulated", "--minutes", "0"], "minutes"),
        (["--source", "simulated", "--liking", "2"], "liking"),
        (["--source", "simulated", "--calibration", "nobody"], "nobody"),
        (["--source", "none", "--playlist", "missing.mp3"], "missing.mp3"),
    ],
)
def test_run_refuses_in_one_sentence(words, sentence, capsys, tmp_path):
    status = main(["run", "--headless", "--output", "null", "--out", str(tmp_path), *words])
    said = capsys.readouterr().err
    assert status == 2
    assert sentence in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_inside_of_source_text_is_exit_status_2_and_no_death_by_signal(tmp_path):
    """Every dataclass is made by such a text, and one may be made when Ctrl-C comes."""
    (tmp_path / "stopped.py").write_text(
        "import sys\n"
        "from app.commands import command_line\n"
        "command_line._run = lambda *_: exec('raise KeyboardInterrupt')\n"
        "sys.exit(command_line.main())\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "stopped"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "attune: stopped.\n")


def test_text_named_mp3_is_refused(capsys, tmp_path):
    file = tmp_path / "song.mp3"
    file.write_text("This is no music.\n" * 100)
    words = ["run", "--headless", "--source", "none", "--output", "null"]
    status = main([*words, "--playlist", str(file), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert status == 2
    assert "song.mp3" in said
    assert said.count("\n") == 1


def test_empty_playlist_is_refused(capsys, tmp_path):
    file = tmp_path / "empty.m3u8"
    file.write_text("#EXTM3U\n")
    words = ["run", "--headless", "--source", "none", "--output", "null"]
    status = main([*words, "--playlist", str(file), "--out", str(tmp_path / "out")])
    assert status == 2
    assert "empty.m3u8" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "report"])
def test_a_folder_that_is_no_session_is_refused(command, capsys, tmp_path):
    assert main([command, str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert said.count("\n") == 1


def test_demo_refuses_a_senseless_number_of_sessions(capsys):
    assert main(["simulate", "demo", "--seeds", "0"]) == 2
    assert "seeds" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks its registry")
def test_without_a_home_folder_the_cure_is_said(capsys, monkeypatch):
    import pwd

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert main(["run", "--headless", "--source", "simulated"]) == 2
    said = capsys.readouterr().err
    assert "set HOME" in said
    assert said.count("\n") == 1


def test_a_ctrl_c_in_what_is_being_cleaned_away_is_remembered_and_not_printed():
    program = (
        "import signal, sys\n"
        "from app.session.endings import hear_early, noted_endings\n"
        "class Cleaned:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "class Faulty:\n"
        "    def __del__(self):\n"
        "        raise ValueError('a fault is printed')\n"
        "hear_early()\n"
        "hear_early()\n"
        "Cleaned()\n"
        "with noted_endings() as asked:\n"
        "    assert asked == [signal.SIGINT], asked\n"
        "Faulty()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "KeyboardInterrupt" not in done.stderr
    assert done.stderr.count("ignored") == 1
    assert "a fault is printed" in done.stderr


def test_a_ctrl_c_that_an_import_dropped_is_remembered():
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        hear_early()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # and whoever it is raised in goes on
        with noted_endings() as asked:
            assert asked == [signal.SIGINT]
        hear_early()
        with noted_endings() as asked:
            assert asked == []
    finally:
        signal.signal(signal.SIGINT, before)
