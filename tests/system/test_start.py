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
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = elsewhere\n")
    (Path(start.site_packages(str(tmp_path))) / "tiny").mkdir(parents=True)
    return tmp_path


def stamped(start, home, **more):
    installed = {"site": start.site_packages(str(home)), "packages": ["tiny"]}
    run = start.key(str(home), "run")
    stamp = {"run": run, "missing": [], "tried": False, **installed, **more}
    start.write_stamp(str(home), stamp)
    return stamp


# --- the stamp -----------------------------------------------------------------------------------


def test_a_stamped_environment_is_not_looked_at_again(start, home, monkeypatch):
    stamped(start, home)
    for name in ("build", "provide", "run"):
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


def test_an_environment_that_lost_a_package_is_stale(start, home):
    stamp = stamped(start, home)
    (Path(stamp["site"]) / "tiny").rmdir()
    assert not start.is_ready(str(home), "run", stamp)


def test_without_its_pyvenv_cfg_an_environment_is_none(start, home):
    stamp = stamped(start, home)
    (home / ".venv" / "pyvenv.cfg").unlink()
    assert not start.is_ready(str(home), "run", stamp)


def test_a_link_to_a_folder_that_looks_complete_is_no_environment(start, home):
    stamp = stamped(start, home)
    (home / ".venv").rename(home / "elsewhere")
    (home / ".venv").symlink_to("elsewhere")
    assert not start.is_ready(str(home), "run", stamp)


def test_while_the_tests_are_being_installed_nothing_is_handed_over(start, home):
    stamp = stamped(start, home)
    (home / start.MARK).touch()
    assert not start.is_ready(str(home), "run", stamp)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_torn_stamp_counts_as_none(start, home, text):
    (home / ".venv" / "attune-stamp.json").write_text(text)
    assert start.read_stamp(str(home)) == {}


def pretend(start, monkeypatch, **others):
    """Take the parts of a set-up away; those that are named are done by others."""
    parts = {
        "plan": lambda *_, **__: ([], ["pip"]),
        "forget_damaged": lambda *_: None,
        "install": lambda *_: None,
        "connect": lambda *_: None,
        "provide": lambda *_, **__: {"missing": []},
    }
    for name, part in (parts | others).items():
        monkeypatch.setattr(start, name, part)


def test_the_stamp_is_written_last_and_the_mark_is_gone_after_it(start, home, monkeypatch):
    order = []

    def noted(name, value):
        def note(*_, **__):
            order.append((name, (home / start.MARK).exists()))
            return value

        return note

    pretend(
        start, monkeypatch, plan=noted("plan", ([], ["pip"])), install=noted("install", None),
        connect=noted("connect", None), provide=noted("provide", {}),
        write_stamp=noted("stamp", None),
    )  # fmt: skip
    start.build(str(home), "run", None, allowed=False)
    assert [name for name, _ in order] == ["plan", "install", "connect", "provide", "stamp"]
    # what plan refuses was not touched, and must not be cleared by the next start
    assert [marked for _, marked in order] == [False, True, True, True, True]
    assert not (home / start.MARK).exists()


def test_an_interrupted_install_is_begun_anew_from_nothing(start, home, monkeypatch):
    cleared = []

    def interrupted(*_):
        raise KeyboardInterrupt

    def plan(home, lock, *, anew):
        cleared.append(anew)
        return [], ["pip"]

    pretend(start, monkeypatch, plan=plan, install=interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            start.set_up(str(home), "run", allowed=False)
        shutil.rmtree(home / ".venv", ignore_errors=True)  # the mark does not go with it
    assert cleared == [False, True]
    assert start.read_stamp(str(home)) == {}


def test_after_the_tests_were_set_up_the_program_needs_nothing_more(start, home, monkeypatch):
    pretend(start, monkeypatch)
    start.build(str(home), "test", None, allowed=False)
    stamp = start.read_stamp(str(home))
    assert start.is_ready(str(home), "test", stamp)
    assert start.is_ready(str(home), "run", stamp)


# --- how packages get in -------------------------------------------------------------------------


def machine(start, monkeypatch, *, own_pip=None, ensurepip=True, venv=True, sound=False, pip=None):
    """Make up what is there: the caller's pip and modules, the environment and its pip."""
    lacking = {"venv": not venv, "ensurepip": not ensurepip}
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if lacking.get(name) else real(name)
    )
    monkeypatch.setattr(start, "is_sound", lambda *_: sound)
    monkeypatch.setattr(
        start, "pip_version", lambda python, _: pip if ".venv" in python else own_pip
    )


@pytest.mark.parametrize(
    ("ensurepip", "own_pip", "outside"),
    [(True, None, False), (True, (23, 0), False), (False, (23, 0), True), (False, (22, 3), True)],
)
def test_ensurepip_is_taken_where_it_is_and_else_the_callers_pip(
    start, home, monkeypatch, ensurepip, own_pip, outside
):
    shutil.rmtree(home / ".venv")
    machine(start, monkeypatch, ensurepip=ensurepip, own_pip=own_pip)
    make, pip = start.plan(str(home), None, anew=False)
    python = start.venv_python(str(home))
    assert "--clear" in make
    assert ("--without-pip" in make) == outside
    assert pip[0] == (make[0] if outside else python)
    assert ("--python" in pip) == outside


def test_an_environment_that_is_sound_is_kept_with_the_pip_it_has_or_the_callers(
    start, home, monkeypatch
):
    python = start.venv_python(str(home))
    machine(start, monkeypatch, sound=True, pip=(24, 0))
    assert start.plan(str(home), None, anew=False) == ([], [python, "-P", "-m", "pip"])
    machine(start, monkeypatch, sound=True, own_pip=(24, 0))
    make, pip = start.plan(str(home), None, anew=False)
    assert make == []
    assert pip[-2:] == ["--python", python]


def test_of_what_an_interrupted_set_up_left_nothing_is_kept(start, home, monkeypatch):
    machine(start, monkeypatch, sound=True, pip=(24, 0))
    assert "--clear" in start.plan(str(home), None, anew=True)[0]


@pytest.mark.parametrize(
    ("status", "said", "version"),
    [(0, "pip 23.0.1 from /usr/lib (python 3.11)", (23, 0)), (0, "pip 24.1b2 from /x", (24,)),
     (1, "", None), (0, "something else", None)],
)  # fmt: skip
def test_the_version_of_pip_is_read_from_its_own_words(start, monkeypatch, status, said, version):
    monkeypatch.setattr(start, "run", lambda order, _: CompletedProcess(order, status, said))
    assert start.pip_version("python3", None) == version


def test_a_users_settings_for_pip_are_kept_but_none_that_leads_past_the_environment(start):
    misleading = {"PIP_TARGET": "/x", "_PIP_RUNNING_IN_SUBPROCESS": "1", "PIP_PYTHON": "/usr"}
    own = {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_FIND_LINKS": "/w"}
    kept = start.child_environment(misleading | own)
    assert kept["PIP_FIND_LINKS"] == "/w"
    assert kept["PIP_REQUIRE_VIRTUALENV"] == "1"
    assert kept["PIP_USER"] == "0"
    assert not misleading.keys() & kept.keys()


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


class System:
    """A system that lacks PortAudio until it is installed, for the table of libraries."""

    def __init__(self, start, monkeypatch, *, user, works=True):
        self.installed, self.works, self.orders = False, works, []
        self._missing = system_libraries.missing
        for name in ("missing", "package_manager", "install"):
            monkeypatch.setattr(system_libraries, name, getattr(self, name))
        monkeypatch.setattr(start, "system_libraries", lambda home: system_libraries)
        monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)

    def missing(self):
        if self.installed:
            return ()
        return self._missing("sound", loads=lambda name: False, platform="linux")

    def package_manager(self):
        return "apt"

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
    system = System(start, monkeypatch, user=user)
    after = start.provide(str(home), {}, allowed=allowed, fresh=True)
    assert system.orders == orders
    assert after["missing"] == ([] if orders else ["libportaudio.so.2"])
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "libportaudio2" in said[0]


def test_root_tries_once_and_then_only_says_what_is_missing(start, home, monkeypatch, capsys):
    system = System(start, monkeypatch, user=0, works=False)
    after = start.provide(str(home), {}, allowed=False, fresh=True)
    start.provide(str(home), after, allowed=False, fresh=False)
    assert system.orders == ["root"]
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Attune: No sound")
    assert last.endswith("apt-get install libportaudio2")


def test_what_was_missing_is_looked_for_again_at_each_start(start, home, monkeypatch):
    System(start, monkeypatch, user=1000).installed = True
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
