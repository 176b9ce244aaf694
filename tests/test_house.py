"""The rules of the house that no single room can hold: tools, walls, names, honest tests."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("app", "devices", "dsp", "playlists")
QT = {"PySide6", "pyqtgraph", "shiboken6"}
# Put together here, and written backwards below: this file must not break its own rules
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("deb", "debian"), ("debian", "org"),
        ("archive", "ubuntu"), ("npmjs", "org"), ("npmjs", "com"), ("crates", "io"),
        ("anaconda", "org"), ("golang", "org"),
    )
)  # fmt: skip
UNFINISHED = re.compile(
    "|".join(word[::-1] for word in ("ODOT", "EMXIF", "won rof")) + r"(?! in\b)"
)
LINES = 450


def files(*endings: str) -> Iterator[Path]:
    """Every file of ours with one of these endings, environments and caches left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in ("__pycache__", "build", "dist", "sessions")
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name == ".ci")
        ]
        yield from (Path(folder, name) for name in names if name.endswith(endings))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def parsed(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for path in files(".py"):
        if not folders or named(path).split("/")[0] in folders:
            yield named(path), tree_of(path)


def run(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


# --- tools ---------------------------------------------------------------------------------------


def test_ruff_finds_nothing():
    run("-m", "ruff", "check", "--no-cache", ".")


def test_every_file_is_formatted():
    run("-m", "ruff", "format", "--check", "--no-cache", ".")


@pytest.mark.timeout(600)
def test_every_type_checks():
    run("-m", "mypy")


def test_the_rooms_keep_their_walls():
    run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache")  # fmt: skip


# --- code ----------------------------------------------------------------------------------------


def imported(tree: ast.Module) -> Iterator[str]:
    """Top names of everything that is imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_qt_is_imported_only_by_the_window():
    guilty = [
        name
        for name, tree in parsed(*ROOMS, "start.py")
        if not name.startswith("app/window/") and QT & set(imported(tree))
    ]
    assert guilty == []


def test_start_py_and_the_table_it_reads_use_the_standard_library_only():
    for name, tree in parsed("start.py", "app"):
        if name in ("start.py", "app/system_libraries.py"):
            assert set(imported(tree)) <= set(sys.stdlib_module_names), name


def test_no_exception_is_swallowed():
    guilty = [
        f"{name}:{node.lineno}"
        for name, tree in parsed(*ROOMS, "start.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(line, ast.Pass) for line in node.body))
    ]
    assert guilty == []


def test_no_file_is_too_long_to_be_read():
    long = {
        named(path): length
        for path in files(".py", ".sh")
        if not named(path).startswith("tests/")
        and (length := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert long == {}


def test_nothing_is_left_unfinished():
    guilty = [
        f"{named(path)}: {found.group()}"
        for path in files(".py", ".sh", ".toml", ".md")
        if (found := UNFINISHED.search(path.read_text(encoding="utf-8")))
    ]
    assert guilty == []


def test_every_room_says_what_it_holds():
    empty = [name for name, tree in parsed(*ROOMS) if tree.body and ast.get_docstring(tree) is None]
    assert empty == []


# --- tests ---------------------------------------------------------------------------------------


def can_fail(test: ast.FunctionDef) -> bool:
    """Whether a test asserts anything, itself or through a function that says so by its name."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in ("raises", "warns", "fail", "run") or called.startswith(
                ("assert_", "check_", "expect")
            ):
                return True
    return False


def test_every_test_can_fail():
    guilty = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in parsed("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not can_fail(node)
    ]
    assert guilty == []


def test_tests_can_be_told_apart_by_their_file_names():
    seen: dict[str, str] = {}
    for path in files(".py"):
        if path.name.startswith("test_"):
            assert path.name not in seen, f"{named(path)} and {seen[path.name]}"
            seen[path.name] = named(path)
    assert len(seen) > 5


# --- what is said about elsewhere ----------------------------------------------------------------


def test_no_file_names_a_package_registry():
    guilty = [
        f"{named(path)}: {host}"
        for path in files(".py", ".sh", ".toml", ".md", ".lock", ".json", ".cfg", ".ini", "run")
        for host in REGISTRIES
        if host in path.read_text(encoding="utf-8").lower()
    ]
    assert guilty == []


def test_each_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)
    lines = [line.strip() for line in text.splitlines()]
    for wanted in project["project"]["dependencies"]:
        (line,) = (line for line in lines if line.startswith(f'"{wanted}"'))
        assert "#" in line, wanted


NOTES = re.compile(
    r"\b(science|control|audio|device|design|music|project's) notes\b|\bnotes,? (section )?\d", re.I
)


def test_what_is_cited_is_in_the_repository_or_published():
    guilty = [
        f"{named(path)}: {found.group()}"
        for path in files(".py", ".md")
        if (found := NOTES.search(path.read_text(encoding="utf-8")))
    ]
    assert guilty == []
