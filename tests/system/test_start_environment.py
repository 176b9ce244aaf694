"""start.py against real environments and kills: a user's Python of our own making, and a pip in it.

The user's Python is a copy of the interpreter beside links to its standard library, so that what is
installed into it by mistake harms nobody. The pip is two packages' worth of one: it finds out where
to install, obeys the settings and hands over to another Python as the real one does, and takes its
time until it is told that it is done.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the layout of an environment on POSIX")

PIP = """
import os, subprocess, sys, sysconfig, time

words = sys.argv[1:]
if words[0] == "--version":
    print("pip 23.0 from here")
    sys.exit()
if words[0] == "--python":
    sys.exit(subprocess.run([words[1], os.path.abspath(__file__), *words[2:]]).returncode)
def note(what):
    with open(os.environ["FAKE_PIP_LOG"], "a") as log:
        log.write(f"{what} {os.getpid()} {sys.prefix!a} {os.environ.get('PYTHONPATH')}\\n")

print("Collecting tiny", flush=True)  # whoever reads this may be killed from here on
note("begin")
if os.environ.get("PIP_REQUIRE_VIRTUALENV") == "1" and sys.prefix == sys.base_prefix:
    print("ERROR: Could not find an activated virtualenv (required).")
    sys.exit(3)
site = sysconfig.get_path("purelib")
wanted, end = os.environ.get("FAKE_PIP_UNTIL", "/"), time.monotonic() + 60
parts = 0
if not os.path.exists(f"{site}/tiny-1.0.dist-info/RECORD"):
    while not parts or not os.path.exists(wanted) and time.monotonic() < end:
        os.makedirs(f"{site}/tiny", exist_ok=True)
        with open(f"{site}/tiny/part{parts}.py", "w") as file:
            file.write("whole = True\\n")
        parts += 1
        time.sleep(0.005)
    open(f"{site}/tiny/__init__.py", "w").close()
    os.makedirs(f"{site}/tiny-1.0.dist-info", exist_ok=True)
    with open(f"{site}/tiny-1.0.dist-info/RECORD", "w") as file:
        file.writelines(f"tiny/part{part}.py,sha256=x,13\\n" for part in range(parts))
note("end")
"""

PROGRAM = """
import json, os, sys
import tiny.part0
facts = {"prefix": sys.prefix, "program": __file__, "words": sys.argv[1:], "path": sys.path}
print(json.dumps(facts | {"PYTHONPATH": os.environ.get("PYTHONPATH")}))
"""

SYSTEM = """
def provide(**_):
    return [], False
"""  # whatever this machine lacks


class User:
    """A user with a Python and a folder of Attune's in it."""

    def __init__(self, base, folder):
        self.base, self.folder, self.home = base, folder, folder / "attune"
        self.log, self.done, self.started = folder / "pip.log", folder / "done", []
        (self.home / "app" / "commands").mkdir(parents=True)
        shutil.copy(ROOT / "start.py", self.home)
        (self.home / "app" / "system_libraries.py").write_text(SYSTEM)
        for name in ("requirements.lock", "requirements-dev.lock"):
            (self.home / name).write_text("tiny==1.0\n")
        for name in ("__init__.py", "commands/__init__.py"):
            (self.home / "app" / name).touch()
        (self.home / "app" / "commands" / "__main__.py").write_text(PROGRAM)

    def environment(self, **more):
        return {"PATH": "/nowhere", "FAKE_PIP_LOG": str(self.log), "LC_ALL": "C.UTF-8", **more}

    def begin(self, *words, **more):
        started = subprocess.Popen(
            [self.base / "bin" / "python3", self.home / "start.py", *words],
            env=self.environment(**more), cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(started)
        return started

    def begin_installing(self):
        """Start, and come back while pip is at work; it goes on until `done` is there."""
        started = self.begin(FAKE_PIP_UNTIL=str(self.done))
        deadline = time.monotonic() + 30
        while not (self.log.exists() and self.log.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return started

    def start(self, *words, **more):
        """Start to the end; return what the program saw, and what was said."""
        return self.end(self.begin(*words, **more))

    def end(self, started):
        out, said = started.communicate(timeout=60)
        assert started.returncode == 0, said
        return json.loads(out), said

    def installs(self, which="begin"):
        """Each pip that has begun to install: process id, prefix, PYTHONPATH."""
        lines = [line.split(" ") for line in self.log.read_text().splitlines()]
        return [facts for word, *facts in lines if word == which]

    @property
    def site(self):
        return next((self.home / ".venv" / "lib").glob("python3*/site-packages"))


def hashes(folder):
    """Return what lies in a folder, links as links, without what Python compiles."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A Python of its own prefix; without ensurepip, as Debian's is."""
    base = tmp_path_factory.mktemp("base")
    library = Path(os.__file__).parent
    own = base / "lib" / library.name
    for folder in (own, base / "bin"):
        folder.mkdir(parents=True)
    for path in library.iterdir():
        if path.name not in ("site-packages", "dist-packages", "ensurepip", "__pycache__"):
            (own / path.name).symlink_to(path)
    python = base / "bin" / "python3"
    shutil.copy2(Path(sys._base_executable).resolve(), python)
    ask = "import site, sys; print(sys.prefix, site.getsitepackages()[0])"
    prefix, site = subprocess.check_output([python, "-I", "-c", ask], text=True).split()
    assert prefix == str(base)
    pip = Path(site) / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(PIP)
    return base


@pytest.fixture
def user(base, tmp_path):
    before, user = hashes(base), User(base, tmp_path)
    yield user
    user.done.touch()
    for started in user.started:
        started.kill()
        started.communicate()
    assert hashes(base) == before, "the user's own Python was changed"


# --- kills, and two at once ----------------------------------------------------------------------


def test_start_py_killed_while_pip_runs_is_followed_by_two_good_starts(user):
    first = user.begin_installing()
    first.kill()
    second = user.begin()
    assert "waiting for another set-up" in second.stderr.readline()
    user.done.touch()
    seen, _ = user.end(second)
    assert seen["prefix"] == str(user.home / ".venv")
    seen, said = user.start()
    assert seen["prefix"] == str(user.home / ".venv")
    assert said == ""
    words = user.log.read_text().split()[::4]
    assert words == ["begin", "end", "begin", "end"], "two of pip ran at the same time"


def test_pip_killed_under_start_py_is_said_and_begun_anew(user):
    first = user.begin_installing()
    os.kill(int(user.installs()[0][0]), signal.SIGKILL)
    _, said = first.communicate(timeout=30)
    assert first.returncode == 2
    assert "start.py: Installing failed" in said
    marker = user.site / "half.py"
    marker.touch()
    user.start()
    assert not marker.exists()


def test_a_second_start_waits_for_the_first_and_installs_nothing(user):
    first = user.begin_installing()
    second = user.begin("second")
    assert second.stderr.readline() == "Attune: waiting for another set-up in this folder to end\n"
    user.done.touch()
    seen, said = user.end(second)
    assert seen["words"] == ["second"]
    assert said == ""
    assert user.end(first)[0]["words"] == []
    assert len(user.installs()) == 1


# --- damage --------------------------------------------------------------------------------------


def test_an_environment_without_its_pyvenv_cfg_is_made_anew_and_not_the_users_python(user):
    user.start()
    (user.home / ".venv" / "pyvenv.cfg").unlink()
    seen, said = user.start()
    assert "making .venv" in said
    assert seen["prefix"] == str(user.home / ".venv")


def test_a_python_in_the_environment_that_is_none_of_it_is_not_installed_into(user):
    user.start()
    elsewhere = user.folder / "elsewhere"
    shutil.move(user.home / ".venv", elsewhere)
    python = user.home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{elsewhere}/bin/python" "$@"\n')
    python.chmod(0o755)
    for name in ("pyvenv.cfg", "attune-install.log"):
        shutil.copy(elsewhere / name, user.home / ".venv")
    before = hashes(elsewhere)
    seen, _ = user.start()
    assert seen["prefix"] == str(user.home / ".venv")
    assert hashes(elsewhere) == before


@pytest.mark.parametrize("lost", ["tiny", "tiny-1.0.dist-info"])
def test_a_package_that_was_deleted_is_installed_again_and_nothing_else_is_touched(user, lost):
    user.start()
    shutil.rmtree(user.site / lost)
    own = user.site / "users_own.py"
    own.touch()
    _, said = user.start()
    assert (user.site / lost).is_dir()
    assert ("tiny-1.0 is damaged" in said) == (lost == "tiny")
    assert "making .venv" not in said
    assert own.exists()


def test_a_file_that_was_cut_is_found_when_the_environment_is_looked_through(user):
    user.start()
    part = user.site / "tiny" / "part0.py"
    part.write_text("")
    (user.home / "requirements.lock").write_text("tiny==1.0 # another release\n")
    _, said = user.start()
    assert "tiny-1.0 is damaged" in said
    assert part.read_text()


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_folder_that_was_moved_or_copied_is_its_own_at_once_and_after_a_start(user, move):
    user.start()
    was, user.home = user.home, user.folder / "another place"
    move(was, user.home, **({"symlinks": True} if move is shutil.copytree else {}))
    here = {"prefix": str(user.home / ".venv")}
    here["program"] = str(user.home / "app" / "commands" / "__main__.py")
    attune = subprocess.check_output(
        [user.home / ".venv" / "bin" / "attune", "word"], text=True,
        env=user.environment(PATH="/usr/bin:/bin"),
    )  # fmt: skip
    seen, said = user.start("word")
    assert "making .venv" not in said
    for found in (json.loads(attune), seen):
        assert {name: found[name] for name in here} == here
        assert found["words"] == ["word"]


# --- what must not reach in ----------------------------------------------------------------------


def test_a_foreign_pythonpath_and_pythonhome_reach_neither_pip_nor_the_program(user):
    foreign = user.folder / "foreign"
    for name in ("json", "hashlib", "subprocess", "pip", "venv", "app", "tiny"):
        (foreign / name).mkdir(parents=True)
        (foreign / name / "__init__.py").write_text("raise SystemExit('the foreign one')\n")
    seen, _ = user.start(PYTHONPATH=str(foreign), PYTHONHOME=str(user.base))
    assert str(foreign) not in seen["path"]
    assert seen["PYTHONPATH"] is None
    assert [path for *_, path in user.installs()] == ["None"]
    attune = subprocess.run(
        [user.home / ".venv" / "bin" / "attune"], capture_output=True, text=True, check=False,
        env=user.environment(PATH="/usr/bin:/bin", PYTHONPATH=str(foreign), PYTHONHOME="/nowhere"),
    )  # fmt: skip
    assert attune.returncode == 0, attune.stderr
    assert str(foreign) not in json.loads(attune.stdout)["path"]


def test_modules_in_the_current_folder_do_not_stand_in_for_those_of_the_set_up(user):
    for name in ("venv", "pip"):
        (user.folder / f"{name}.py").write_text("raise SystemExit('the foreign one')\n")
    assert user.start()[0]["prefix"] == str(user.home / ".venv")


@pytest.mark.parametrize(
    "settings", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], ids=["C", "ASCII only"]
)
def test_a_path_with_an_umlaut_under_a_c_locale(user, settings):
    was, user.home = user.home, user.folder / "Grüße"
    was.rename(user.home)
    seen, said = user.start("word", LC_ALL="C", **settings)
    assert "set up in" in said
    assert os.fsencode(seen["prefix"]) == os.fsencode(user.home / ".venv")
    seen, said = user.start("word", LC_ALL="C", **settings)
    assert said == ""
    assert seen["words"] == ["word"]


# --- the real pip --------------------------------------------------------------------------------


def test_the_real_pip_refuses_a_python_that_is_no_environment_by_the_setting_we_give_it(base):
    order = [sys.executable, "-P", "-m", "pip", "--python", base / "bin" / "python3", "install"]
    done = subprocess.run(
        [*order, "--dry-run", "--no-index", "attune-is-no-package"],
        env=os.environ | {"PIP_REQUIRE_VIRTUALENV": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Could not find an activated virtualenv" in done.stderr
