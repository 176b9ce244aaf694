"""start.py: what it decides, with the decisions' surroundings made up, and one real hand-over."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from app import system_libraries

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def start():
    spec = importlib.util.spec_from_file_location("attune_start", ROOT / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(tmp_path, start):
    """A folder with our two locks, start.py and an environment that looks complete."""
    for name in ("start.py", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "app").mkdir()
    shutil.copy(ROOT / "app" / "system_libraries.py", tmp_path / "app")
    python = Path(start.venv_python(str(tmp_path)))
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return tmp_path


def stamped(start, home, **more):
    stamp = {"run": start.key(str(home), "run"), "missing": [], "tried": False, **more}
    start.write_stamp(str(home), stamp)
    return stamp


# --- the stamp -----------------------------------------------------------------------------------


def test_a_stamped_environment_is_not_looked_at_again(start, home, monkeypatch):
    stamped(start, home)
    for name in ("build", "provide", "_run"):
        monkeypatch.setattr(start, name, lambda *_, name=name, **__: pytest.fail(name))
    start.set_up(str(home), "run", allowed=False)
    assert start.is_ready(str(home), "run", start.read_stamp(str(home)))


@pytest.mark.parametrize("changed", ["requirements.lock", "start.py"])
def test_a_change_of_what_was_installed_from_makes_it_stale(start, home, changed):
    stamp = stamped(start, home)
    with open(home / changed, "a") as file:
        file.write("# another\n")
    assert not start.is_ready(str(home), "run", stamp)


def test_the_stamp_of_the_program_does_not_do_for_the_tests(start, home):
    assert not start.is_ready(str(home), "test", stamped(start, home))


def test_another_python_or_another_folder_makes_the_stamp_stale(start, home, monkeypatch):
    stamp = stamped(start, home)
    moved = shutil.copytree(home, home / "moved", symlinks=True)
    assert not start.is_ready(str(moved), "run", start.read_stamp(str(moved)))
    monkeypatch.setattr(start, "PYTHON", "cpython-399")
    assert not start.is_ready(str(home), "run", stamp)


def test_an_environment_whose_python_was_removed_is_stale(start, home):
    stamp = stamped(start, home)
    python = Path(start.venv_python(str(home)))
    python.unlink()
    python.symlink_to(home / "gone")
    assert not start.is_ready(str(home), "run", stamp)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_torn_stamp_counts_as_none(start, home, text):
    (home / ".venv" / "attune-stamp.json").write_text(text)
    assert start.read_stamp(str(home)) == {}


def test_the_stamp_is_written_last(start, home, monkeypatch):
    order = []
    monkeypatch.setattr(start, "make_environment", lambda *_, **__: order.append("venv") or ["pip"])
    for name in ("install", "connect"):
        monkeypatch.setattr(start, name, lambda *_, name=name: order.append(name))
    monkeypatch.setattr(start, "provide", lambda *_, **__: order.append("provide") or {})
    monkeypatch.setattr(start, "write_stamp", lambda *_: order.append("stamp"))
    start.build(str(home), "run", allowed=False)
    assert order == ["venv", "install", "connect", "provide", "stamp"]


def test_an_interrupted_install_is_begun_anew_from_nothing(start, home, monkeypatch):
    cleared = []

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        start, "make_environment", lambda _, *, clear: cleared.append(clear) or ["pip"]
    )
    monkeypatch.setattr(start, "install", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            start.set_up(str(home), "run", allowed=False)
    assert cleared == [False, True]
    assert start.read_stamp(str(home)) == {}


def test_after_the_tests_were_set_up_the_program_needs_nothing_more(start, home, monkeypatch):
    monkeypatch.setattr(start, "make_environment", lambda *_, **__: ["pip"])
    monkeypatch.setattr(start, "install", lambda *_: None)
    monkeypatch.setattr(start, "connect", lambda *_: None)
    monkeypatch.setattr(start, "provide", lambda *_, **__: {"missing": []})
    start.build(str(home), "test", allowed=False)
    stamp = start.read_stamp(str(home))
    assert start.is_ready(str(home), "test", stamp)
    assert start.is_ready(str(home), "run", stamp)


# --- how packages get in -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ensurepip", "pip", "way"),
    [(True, None, "ensurepip"), (True, (23, 0), "ensurepip"), (False, (23, 0), "pip"),
     (False, (22, 3), "pip")],
)  # fmt: skip
def test_ensurepip_is_taken_where_it_is_and_else_the_callers_pip(start, ensurepip, pip, way):
    chosen = start.way_to_install(has_venv=True, has_ensurepip=ensurepip, pip=pip, manager="apt")
    assert chosen == way


@pytest.mark.parametrize(
    ("status", "said", "version"),
    [(0, "pip 23.0.1 from /usr/lib (python 3.11)", (23, 0)), (0, "pip 24.1b2 from /x", (24,)),
     (1, "", None), (0, "something else", None)],
)  # fmt: skip
def test_the_version_of_pip_is_read_from_its_own_words(start, status, said, version):
    found = start.pip_version("python3", run=lambda order: CompletedProcess(order, status, said))
    assert found == version


def test_a_half_made_environment_is_made_anew_without_pip_where_ensurepip_is_absent(
    start, home, monkeypatch
):
    orders = []

    def run(order):
        orders.append(order)
        if order[1:4] == ["-m", "pip", "--version"]:
            own = order[0] != start.venv_python(str(home))
            return CompletedProcess(order, 0 if own else 1, "pip 23.0.1 from x" if own else "", "")
        return CompletedProcess(order, 0 if "venv" in order else 1, "", "")

    ask, real = start.pip_version, importlib.util.find_spec
    monkeypatch.setattr(start, "_run", run)
    monkeypatch.setattr(start, "pip_version", lambda python: ask(python, run=run))
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    pip = start.make_environment(str(home), clear=False)
    made = [order for order in orders if "venv" in order]
    assert len(made) == 1
    assert {"--clear", "--without-pip"} <= set(made[0])
    assert pip[1:] == ["-m", "pip", "--python", start.venv_python(str(home))]


def test_a_users_settings_for_pip_are_kept_but_none_that_leads_past_the_environment(start):
    kept = start.pip_environment({"PIP_USER": "1", "PIP_TARGET": "/x", "PIP_FIND_LINKS": "/w"})
    assert kept["PIP_FIND_LINKS"] == "/w"
    assert "PIP_USER" not in kept
    assert "PIP_TARGET" not in kept


# --- libraries of the system ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manager", "packages"),
    [("apt", "libportaudio2 libgl1 libxcb-cursor0"),
     ("dnf", "portaudio libglvnd-glx xcb-util-cursor"),
     ("pacman", "portaudio libglvnd xcb-util-cursor")],
)  # fmt: skip
def test_each_distribution_calls_the_packages_by_its_own_names(manager, packages):
    wanted = {"libportaudio.so.2", "libGL.so.1", "libxcb-cursor.so.0"}
    lacking = system_libraries.missing(loads=lambda name: name not in wanted, platform="linux")
    assert system_libraries.packages(lacking, manager) == packages.split()
    order, _ = system_libraries.install_commands(lacking, manager)
    assert order[-3:] == packages.split()


def test_a_package_that_holds_several_libraries_is_named_once():
    lacking = system_libraries.missing(loads=lambda name: False, platform="linux")
    names = system_libraries.packages(lacking, "pacman")
    assert len(names) == len(set(names))
    assert len(names) < len(lacking)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_nothing_of_the_system_is_asked_for_where_wheels_bring_it(platform):
    assert system_libraries.missing(loads=lambda name: False, platform=platform) == ()


def test_only_what_is_for_the_asked_purpose_is_looked_for():
    lacking = system_libraries.missing("sound", loads=lambda name: False, platform="linux")
    assert [library.soname for library in lacking] == ["libportaudio.so.2"]


@pytest.mark.parametrize(
    ("there", "name"), [("apt-get", "apt"), ("dnf", "dnf"), ("pacman", "pacman"), ("apk", None)]
)
def test_the_package_manager_is_the_one_that_is_there(there, name):
    found = system_libraries.package_manager(
        which=lambda command: f"/usr/bin/{command}" if command == there else None
    )
    assert found == name


class Table:
    """The table of libraries, with a system that lacks PortAudio until it is installed."""

    def __init__(self, *, works=True):
        self.installed, self.works, self.orders = False, works, []

    def missing(self):
        if self.installed:
            return ()
        return system_libraries.missing("sound", loads=lambda name: False, platform="linux")

    def package_manager(self):
        return "apt"

    packages = staticmethod(system_libraries.packages)
    sentence = staticmethod(system_libraries.sentence)

    def install(self, libraries, manager, *, sudo, log):
        self.orders.append("sudo" if sudo else "root")
        self.installed = self.works
        return "" if self.works else "apt could not install libportaudio2."


@pytest.mark.parametrize(
    ("user", "allowed", "orders"),
    [(0, False, ["root"]), (0, True, ["root"]), (1000, False, []), (1000, True, ["sudo"])],
)
def test_system_packages_are_installed_only_by_root_or_where_it_was_allowed(
    start, home, monkeypatch, capsys, user, allowed, orders
):
    table = Table()
    monkeypatch.setattr(start, "system_libraries", lambda home: table)
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    after = start.provide(str(home), {}, allowed=allowed, fresh=True)
    assert table.orders == orders
    assert after["missing"] == ([] if orders else ["libportaudio.so.2"])
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "libportaudio2" in said[0]


def test_root_tries_once_and_then_only_says_what_is_missing(start, home, monkeypatch, capsys):
    table = Table(works=False)
    monkeypatch.setattr(start, "system_libraries", lambda home: table)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    after = start.provide(str(home), {}, allowed=False, fresh=True)
    start.provide(str(home), after, allowed=False, fresh=False)
    assert table.orders == ["root"]
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Attune: No sound")
    assert last.endswith("apt-get install libportaudio2")


def test_what_was_missing_is_looked_for_again_at_each_start(start, home, monkeypatch):
    table = Table()
    table.installed = True
    monkeypatch.setattr(start, "system_libraries", lambda home: table)
    stamped(start, home, missing=["libportaudio.so.2"])
    start.set_up(str(home), "run", allowed=False)
    assert start.read_stamp(str(home))["missing"] == []


# --- the locks -----------------------------------------------------------------------------------


def pins(name):
    """Return {name: [(version, marker)]} of a lock, and how many hashes each pin has."""
    text = (ROOT / name).read_text()
    found, hashes = {}, []
    for block in re.findall(r"^[a-z0-9].*(?:\n    --hash=.*)+", text, re.M):
        head = block.split("\\")[0].split(";")
        package, version = head[0].strip().split("==")
        found.setdefault(package, []).append((version, head[1].strip() if head[1:] else ""))
        hashes.append(block.count("--hash=sha256:"))
    return found, hashes


def test_every_pin_has_hashes_and_neither_lock_says_where_packages_come_from():
    for name in ("requirements.lock", "requirements-dev.lock"):
        found, hashes = pins(name)
        assert len(found) > 10
        assert min(hashes) >= 1
        assert "://" not in (ROOT / name).read_text()


def test_the_tests_run_on_the_very_pins_of_the_program():
    program, _ = pins("requirements.lock")
    everything, _ = pins("requirements-dev.lock")
    assert {name: everything.get(name) for name in program} == program


def test_every_dependency_of_the_project_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    def bare(wanted):
        return re.match(r"[\w-]+", wanted).group().lower()

    program, everything = pins("requirements.lock")[0], pins("requirements-dev.lock")[0]
    assert {bare(wanted) for wanted in project["project"]["dependencies"]} <= set(program)
    assert {bare(wanted) for wanted in project["dependency-groups"]["dev"]} <= set(everything)


# --- the real thing ------------------------------------------------------------------------------


def test_a_second_start_hands_its_words_over_at_once_and_takes_the_exit_status(start, home):
    commands = home / "app" / "commands"
    commands.mkdir()
    (home / "app" / "__init__.py").write_text("")
    (commands / "__init__.py").write_text("")
    (commands / "__main__.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)\n")
    stamped(start, home)
    python = Path(start.venv_python(str(home)))
    python.unlink()
    # stands for the environment's Python, which attune.pth leads to the program
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{home}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    order = [sys.executable, "-I", str(home / "start.py"), "run", "--minutes", "2"]
    done = subprocess.run(
        order, cwd=home.parent, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.strip() == "['run', '--minutes', '2']"
    assert done.stderr == ""
    assert done.returncode == 7
