"""Every command shows an example, and what it shows can be typed."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.clients.listener import Listener
from app.commands.command_line import COMMANDS, main
from app.loop.calibration import Theta
from app.loop.lesson import Lesson, PlayTaught
from playlists.tracks import Place, Track
from tests.doubles.making_sessions import make_session


def parser_of(name: str) -> argparse.ArgumentParser:
    """The whole parser, with command `name` in it."""
    root = argparse.ArgumentParser(prog="attune")
    importlib.import_module(f"app.commands.{name}").add(root.add_subparsers(dest="command"))
    return root


def below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in dict.fromkeys(action.choices.values()):
                yield one
                yield from below(one)


EVERY = [(name, parser) for name in COMMANDS for parser in below(parser_of(name))]


def examples(parser: argparse.ArgumentParser) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"attune .*", parser.format_help())
            if not line.startswith("attune evaluate [") and "[-h]" not in line]  # fmt: skip


def test_every_command_is_walked():
    assert len(EVERY) == len({parser.prog for _, parser in EVERY}) >= len(COMMANDS) + 5


@pytest.mark.parametrize(("name", "parser"), EVERY, ids=[parser.prog for _, parser in EVERY])
def test_every_subcommand_has_an_example_that_it_takes(name, parser):
    found = examples(parser)
    assert found, f"{parser.prog} --help shows no example"
    for words in found:
        arguments = parser_of(name).parse_args(words)
        assert arguments.command == name


@pytest.fixture
def at_hand(tmp_path, monkeypatch):
    """A folder with what the examples name."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for file in ("run01", "run02", "run03", "rest"):
        np.savez(f"{file}.npz", eeg=10.0 * rng.standard_normal((128 * 40, 3)), fs=128.0,
                 ch_names=np.array(["Fz", "F3", "F4"]),
                 envelope=(rng.random(128 * 40) < 0.02).astype(float))  # fmt: skip
    starter = Path(__file__).resolve().parents[3] / "playlists" / "starter"
    song = next(p for p in sorted(starter.iterdir()) if p.suffix in (".ogg", ".opus", ".flac"))
    shutil.copy(song, "song.ogg")
    folder = make_session(tmp_path / "made", seconds=5)
    (tmp_path / "sessions").mkdir()
    folder.rename(tmp_path / "sessions" / "2026-11-24_183000_clear")


def rated_sessions(folders):
    """What eight rated tracks of two sessions teach: the folder at hand is of no real session."""
    music = tuple(Track(Path(f"{k}.wav"), f"Track {k}", "", 60.0 + k) for k in range(8))
    for n, folder in enumerate(folders):
        plays = tuple(
            PlayTaught(Place(k), 60.0 * k, 50.0, 1.0, ((60.0 * k + 40.0, k / 8),), None, None,
                       Theta(4, 2.0 + k % 3, 1.0, k / 8), None)
            for k in range(4 * n, 4 * n + 4)
        )  # fmt: skip
        yield folder, Lesson(None, plays, tracks=music, at=1e9 + n), Listener(), ()


@pytest.mark.parametrize("name", ["evaluate", "report"])
def test_examples_run_and_print_for_people(name, at_hand, capsys, monkeypatch):
    monkeypatch.setattr("app.lab.evaluate_enjoyment.listen_to", rated_sessions)
    for words in dict.fromkeys(tuple(w) for _, p in EVERY if _ == name for w in examples(p)):
        assert main(list(words)) == 0, words
        said = capsys.readouterr().out
        if "--json" in words:
            assert said.startswith("{")
        else:
            assert said.strip()
            assert not re.search(r"[{}\[\]]|None|nan|_s\b", said), said


def test_a_calibration_that_is_asked_for_is_written_for_the_user_alone(at_hand, monkeypatch):
    from app.lab import earlier_sessions
    from app.loop.calibration import load_calibration

    monkeypatch.setattr(
        earlier_sessions, "calibrate_listener", lambda *_, **__: load_calibration("silent")
    )
    assert main(["simulate", "calibration", "--listener", "silent", "--out", "mine.npz"]) == 0
    assert load_calibration("mine.npz").name == "silent"
    assert Path("mine.npz").stat().st_mode & 0o777 == 0o600
    assert main(["simulate", "calibration", "--out", "nowhere/mine.npz"]) == 2
