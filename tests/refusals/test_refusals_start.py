"""What start.py says where it cannot go on: one sentence, what to do, exit status 2."""

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app import system_libraries

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def start():
    spec = importlib.util.spec_from_file_location("attune_start", ROOT / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 10, 12), (3, 7, 0), (2, 7, 18)])
def test_a_python_that_is_too_old_is_told_which_one_is_needed(start, version):
    said = start.too_old(version)
    assert "3.11" in said
    assert ".".join(map(str, version)) in said
    assert "\n" not in said


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_python_that_is_new_enough_is_told_nothing(start, version):
    assert start.too_old(version) == ""


@pytest.mark.parametrize(
    ("manager", "package"),
    [("apt", "python3-venv"), ("dnf", "python3-pip"), ("pacman", "python-pip"), (None, "pip")],
)
@pytest.mark.parametrize(
    ("lacking", "pip"), [("ensurepip", None), ("ensurepip", (20, 3)), ("venv", (23, 0))]
)
def test_without_a_way_to_make_an_environment_the_package_is_named(
    start, tmp_path, monkeypatch, manager, package, lacking, pip
):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == lacking else real(name)
    )
    monkeypatch.setattr(system_libraries, "package_manager", lambda: manager)
    monkeypatch.setattr(start, "system_libraries", lambda home: system_libraries)
    monkeypatch.setattr(start, "pip_version", lambda *_: pip)
    with pytest.raises(start.Refusal, match=f"lacks venv.*install {package}") as refusal:
        start.plan(str(tmp_path), None, anew=False)
    assert "\n" not in str(refusal.value)


def make_link(home):
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "thesis.txt").write_text("mine")
    (home / ".venv").symlink_to("elsewhere")
    return home / "elsewhere" / "thesis.txt"


def make_file(home):
    (home / ".venv").write_text("mine")
    return home / ".venv"


def make_folder(home):
    (home / ".venv").mkdir()
    (home / ".venv" / "thesis.txt").write_text("mine")
    return home / ".venv" / "thesis.txt"


@pytest.mark.parametrize(
    ("make", "anew", "said"),
    [(make_link, False, "a link or a file"), (make_link, True, "a link or a file"),
     (make_file, False, "a link or a file"), (make_file, True, "a link or a file"),
     (make_folder, False, "not of Attune's making")],
)  # fmt: skip
def test_what_somebody_else_keeps_under_the_name_of_the_environment_is_not_cleared(
    start, tmp_path, monkeypatch, make, anew, said
):
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "start.py").touch()
    kept = make(tmp_path)
    monkeypatch.setattr(start, "pip_version", lambda *_: None)
    if anew:
        (tmp_path / start.MARK).touch()
    with pytest.raises(start.Refusal, match=f"{said}.*move it away and start again") as refusal:
        start.set_up(str(tmp_path), "run", allowed=False)
    assert "\n" not in str(refusal.value)
    assert kept.read_text() == "mine"
    assert (tmp_path / start.MARK).exists() == anew  # or the next start would clear it


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
         "The disk is full"),
        ("[Errno 30] Read-only file system: '/srv/attune/.venv'", "cannot be written to"),
        ("[Errno 13] Permission denied: '/srv/attune/.venv'", "cannot be written to"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
         "ERROR: No matching distribution found for numpy==2.4.6", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "the hash"),
        ("ERROR: Could not find a version\n"
         "ERROR: No matching distribution found for pylsl==1.18.6 (from -r x)",
         "no ready-made package pylsl==1.18.6"),
        ("some line\nERROR: the resolver is on strike\nlast", "the resolver is on strike"),
        ("", "it said nothing"),
    ],
)  # fmt: skip
def test_what_pip_and_the_system_say_becomes_one_sentence(start, said, sentence):
    text = start.reason(said, "/srv/attune")
    assert sentence in text
    assert "\n" not in text


def test_a_refusal_ends_in_status_2_with_its_sentence_on_stderr(start, monkeypatch, capsys):
    def refuse(*_, **__):
        raise start.Refusal("The disk is full.")

    monkeypatch.setattr(start, "set_up", refuse)
    assert start.main([]) == 2
    said = capsys.readouterr()
    assert said.err == "start.py: The disk is full.\n"
    assert said.out == ""


def test_an_interrupt_while_setting_up_is_said_without_a_traceback(start, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "set_up", interrupt)
    assert start.main([]) == 130
    assert "start again" in capsys.readouterr().err


def test_a_full_disk_while_writing_our_own_files_is_the_same_sentence(start, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(start, "is_ready", lambda *_: False)
    monkeypatch.setattr(start, "build", full)
    with pytest.raises(start.Refusal, match="The disk is full"):
        start.set_up(str(tmp_path), "run", allowed=False)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
def test_a_folder_of_somebody_else_is_refused_in_one_sentence():
    python = "/usr/bin/python3"
    probe = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if not Path(python).exists() or subprocess.run(probe, check=False).returncode:
        pytest.skip("no system Python from 3.11 that another user may run")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        os.chmod(folder, 0o755)
        for name in ("start.py", "requirements.lock"):
            Path(folder, name).write_bytes((ROOT / name).read_bytes())
        done = subprocess.run(
            [python, str(Path(folder, "start.py"))],
            user=65534, capture_output=True, text=True, timeout=30, check=False, cwd="/",
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written to" in done.stderr


@pytest.mark.parametrize(("lost", "said"), [("numpy", True), ("dsp.checks", False)])
def test_a_package_that_is_damaged_within_is_said_with_the_cure(lost, said):
    # start.py sees at each start that every package is there, not every file of it
    code = f"import sys; sys.modules[{lost!r}] = None; from app.commands.command_line import main; "
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit(main(['run']))"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == (2 if said else 1)
    assert ("Traceback" in done.stderr) != said
    assert (done.stderr.count("\n") == 1) == said
    assert lost in done.stderr
    assert ("delete .venv" in done.stderr) == said


def test_start_py_is_readable_to_old_pythons_as_far_as_the_sentence():
    tree = ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 7))
    assert tree.body
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.version_info = (3, 9, 2);"
         f"import runpy; runpy.run_path({str(ROOT / 'start.py')!r}, run_name='__main__')"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("start.py: Attune needs Python 3.11")
    assert done.stderr.count("\n") == 1
