"""Sealed files give back what was written, and tell whatever was done to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.records.reader import SessionReader
from app.records.sealed import HEAD_BYTES, RING, Seal, SealedError, is_sealed, new_seal, unseal
from app.records.sink import AppendFile, replace_file
from app.report import read_report, write_report
from tests.doubles.making_sessions import make_session

KEY, ID = bytes(range(32)), b"k" * 16


@pytest.fixture(autouse=True)
def _ring() -> Iterator[None]:
    yield
    RING.forget()


def pieces(seal: Seal, name: str, *parts: bytes) -> list[bytes]:
    """Head, pieces and the closing one of a file, apart."""
    end = seal.piece(name, len(parts), b"", closing=True)
    return [seal.head, *(seal.piece(name, i, part) for i, part in enumerate(parts)), end]


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_what_is_appended_comes_back_and_nothing_is_said(parts: list[bytes]) -> None:
    seal = new_seal(ID, KEY)
    assert unseal("a", b"".join(pieces(seal, "a", *parts)), seal) == (b"".join(parts), [])


@settings(max_examples=200)
@given(st.data())
def test_no_single_changed_byte_goes_unseen(data: st.DataObject) -> None:
    seal = new_seal(ID, KEY)
    raw = bytearray(b"".join(pieces(seal, "a", b"first", b"second", b"third")))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    got, said = unseal("a", bytes(raw), seal)
    assert said
    assert set(got.split(b"#")) <= {got}  # no new bytes: only whole pieces are left
    whole = [b"first", b"second", b"third"]
    assert got in [b"".join(p for i, p in enumerate(whole) if mask >> i & 1) for mask in range(8)]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ((0, 2, 1, 3, 4), "a holds 1 damaged or moved piece:"),
        ((0, 1, 3, 4), "a lacks 1 piece."),
        ((0, 1, 2, 2, 3, 4), "a holds 1 damaged or moved piece:"),
        ((0, 1, 2), "a has no end"),
        ((0, 1, 2, 3, 4, 3), "what follows its end"),
    ],
)
def test_pieces_that_were_moved_taken_out_repeated_or_cut_off_are_told(
    order: tuple[int, ...], said: str
) -> None:
    seal = new_seal(ID, KEY)
    parts = pieces(seal, "a", b"1", b"2", b"3")
    got, told = unseal("a", b"".join(parts[i] for i in order), seal)
    assert any(said in sentence for sentence in told), told
    assert list(got) == sorted(got)  # what is left is in its order


def test_a_piece_of_another_file_or_session_does_not_open() -> None:
    one, other = new_seal(ID, KEY), new_seal(ID, KEY)
    head, first, *rest = pieces(one, "events.jsonl", b"line\n")
    for foreign in (other.piece("events.jsonl", 0, b"x"), one.piece("recording.xdf", 0, b"x")):
        got, said = unseal("events.jsonl", head + foreign + b"".join(rest), one)
        assert got == b""
        assert "damaged or moved piece" in said[0]
    assert unseal("events.jsonl", other.head + first, one)[1] == [
        "events.jsonl belongs to another session; it was not read."
    ]


@given(cut=st.integers(0, 400))
def test_a_file_cut_anywhere_gives_its_whole_pieces(cut: int) -> None:
    seal = new_seal(ID, KEY)
    parts = [b"%3d" % i for i in range(8)]
    raw = b"".join(pieces(seal, "a", *parts))
    cut = min(cut, len(raw) - 1)
    got, said = unseal("a", raw[:cut], seal)
    assert b"".join(parts).startswith(got)
    assert len(got) % 3 == 0
    assert said


def test_a_full_disk_leaves_whole_pieces_and_the_next_append_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, path = new_seal(ID, KEY), tmp_path / "a"
    file = AppendFile(path, seal)
    file.append(b"before")
    write = os.write

    def full(fd: int, data: bytes) -> int:
        write(fd, data[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.append(b"lost")
    file.append(b"after")
    file.finish()
    file.close()
    assert unseal("a", path.read_bytes(), seal) == (b"beforeafter", [])


def test_a_sealed_session_reads_as_the_plain_one_and_shows_nothing_on_the_disk(
    tmp_path: Path,
) -> None:
    seal = new_seal(ID, KEY)
    RING.add(seal)
    sealed = make_session(tmp_path / "sealed", seconds=5, seal=seal)
    plain = make_session(tmp_path / "plain", seconds=5)
    one, other = SessionReader(sealed), SessionReader(plain)
    assert one.eeg()[1].tobytes() == other.eeg()[1].tobytes()
    assert one.events() == other.events()
    assert one.heard().values.tobytes() == other.heard().values.tobytes()
    assert one.problems == other.problems == []
    write_report(sealed)
    eeg = other.eeg()[1]
    for path in sealed.iterdir():
        raw = path.read_bytes()
        assert is_sealed(raw)
        for planted in (b"Cold Harbour", b"enjoyment", b"<html", eeg[100].tobytes()):
            assert planted not in raw
    assert b"Cold Harbour" in (plain / "events.jsonl").read_bytes()
    assert b"<html" in read_report(sealed)


def test_a_session_that_was_killed_reads_as_far_as_it_was_written(tmp_path: Path) -> None:
    seal = new_seal(ID, KEY)
    RING.add(seal)
    folder = make_session(tmp_path, seconds=4, seal=seal)
    raw = (folder / "recording.xdf").read_bytes()
    (folder / "recording.xdf").write_bytes(raw[: len(raw) * 3 // 4])
    reader = SessionReader(folder)
    assert 2 * 250 <= reader.eeg()[0].size < 4 * 250
    assert any("unfinished piece, left out" in problem for problem in reader.problems)
    assert any("recording.xdf has no end" in problem for problem in reader.problems)


def test_files_of_another_session_of_the_same_client_are_not_taken(tmp_path: Path) -> None:
    one, other = new_seal(ID, KEY), new_seal(ID, KEY)
    RING.add(one)
    folder = make_session(tmp_path / "one", seconds=3, seal=one)
    foreign = make_session(tmp_path / "other", seconds=3, seal=other)
    shutil.copy(foreign / "recording.xdf", folder / "recording.xdf")
    reader = SessionReader(folder)
    assert reader.eeg()[0].size == 0
    assert "recording.xdf belongs to another session; it was not read." in reader.problems
    shutil.copy(make_session(tmp_path / "p", seconds=3) / "events.jsonl", folder / "events.jsonl")
    assert SessionReader(folder).events() == []  # nor a plain file of somebody's


def test_without_its_key_a_session_says_so_and_a_ring_asks_once(tmp_path: Path) -> None:
    seal = new_seal(ID, KEY)
    folder = make_session(tmp_path, seconds=3, seal=seal)
    with pytest.raises(SealedError, match="store of clients is locked"):
        SessionReader(folder)
    asked: list[bytes] = []

    def ask(key_id: bytes) -> bytes:
        asked.append(key_id)
        return KEY

    RING.ask = ask
    assert SessionReader(folder).problems == []
    assert SessionReader(folder).eeg()[0].size == 3 * 250
    assert asked == [ID]


def test_a_wrong_key_opens_nothing(tmp_path: Path) -> None:
    RING.add(Seal(ID, bytes(32), b""))
    folder = make_session(tmp_path, seconds=3, seal=new_seal(ID, KEY))
    reader = SessionReader(folder)
    assert reader.manifest == {}
    assert reader.events() == []
    assert np.size(reader.eeg()[0]) == 0


def test_a_key_is_in_no_text() -> None:
    assert repr(KEY)[2:10] not in repr(Seal(ID, KEY, b"s" * 16))


def test_a_whole_file_is_one_piece_and_its_end(tmp_path: Path) -> None:
    seal = new_seal(ID, KEY)
    replace_file(tmp_path / "session.json", b"{}", seal)
    raw = (tmp_path / "session.json").read_bytes()
    assert len(raw) == HEAD_BYTES + 2 * (25 + 16) + 2
    assert unseal("session.json", raw, seal) == (b"{}", [])
