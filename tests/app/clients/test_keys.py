"""The master key opens with passphrase or recovery code; wrong ones cost time and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.clients.keys import (
    ATTEMPTS,
    KEYS,
    RECOVERY,
    KeyFile,
    StoreError,
    WrongPassphrase,
    derive,
    make_keys,
    new_recovery_code,
    unwrap,
    wait_after,
    wrap,
)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, bytes, str]:
    master, recovery, content = make_keys("correct horse")
    (tmp_path / KEYS).write_bytes(content)
    return tmp_path, master, recovery


def test_passphrase_and_recovery_code_open_the_same_key(made: tuple[Path, bytes, str]) -> None:
    folder, master, recovery = made
    assert KeyFile(folder).unlock("correct horse") == master
    assert KeyFile(folder).unlock(recovery) == master
    assert KeyFile(folder).unlock(recovery.lower().replace("-", " ")) == master


def test_an_accent_is_the_same_however_a_keyboard_has_it(tmp_path: Path) -> None:
    master, _, content = make_keys("cr\u00e8me br\u00fbl\u00e9e")
    (tmp_path / KEYS).write_bytes(content)
    assert KeyFile(tmp_path).unlock("cre\u0300me bru\u0302le\u0301e") == master
    with pytest.raises(WrongPassphrase):  # what a terminal of another encoding sends
        KeyFile(tmp_path).unlock("cr\udce8me")


def test_a_count_of_wrong_ones_that_cannot_be_taken_away_costs_a_wait_and_no_fault(
    made: tuple[Path, bytes, str],
) -> None:
    folder, master, _ = made
    (folder / ATTEMPTS).mkdir()
    assert KeyFile(folder).unlock("correct horse") == master


def test_another_passphrase_takes_the_place_of_the_old_one_alone(
    made: tuple[Path, bytes, str],
) -> None:
    folder, master, recovery = made
    file = KeyFile(folder)
    file.rewrapped(master, "something else")
    for one in (file, KeyFile(folder)):
        assert one.unlock("something else") == one.unlock(recovery) == master
    with pytest.raises(WrongPassphrase):
        KeyFile(folder).unlock("correct horse")


def test_each_wrong_passphrase_makes_the_next_wait_longer_and_outlives_the_program(
    made: tuple[Path, bytes, str],
) -> None:
    folder, master, _ = made
    now = [1000.0]

    def tried(secret: str) -> str:
        """What a program that is started anew each time says."""
        try:
            KeyFile(folder, wall=lambda: now[0]).unlock(secret)
        except WrongPassphrase as error:
            said = str(error)
            lost = "" if "Nothing is lost" in said else "lost"
            return lost or ("too soon" if "try again in" in said else "wrong")
        return "open"

    waits = []
    for _ in range(11):
        began = now[0]
        while tried("wrong") == "too soon":
            assert tried("correct horse") == "too soon"  # it is not looked at
            now[0] += 0.5
        waits.append(now[0] - began)
    assert waits == [0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    now[0] += 60.0
    assert tried("correct horse") == "open"
    assert not (folder / ATTEMPTS).exists()
    assert KeyFile(folder).unlock("correct horse") == master


def test_a_clock_that_was_set_back_locks_nobody_out_for_years(
    made: tuple[Path, bytes, str],
) -> None:
    folder, master, _ = made
    (folder / ATTEMPTS).write_text(json.dumps({"failures": 50, "last": 1e12}))
    with pytest.raises(WrongPassphrase, match="try again in 60 s"):
        KeyFile(folder, wall=lambda: 1000.0).unlock("correct horse")
    assert KeyFile(folder, wall=lambda: 1061.0).unlock("correct horse") == master


def test_a_mistyped_recovery_code_is_told_as_such(made: tuple[Path, bytes, str]) -> None:
    folder, _, recovery = made
    typed = ("1" if recovery[0] == "0" else "0") + recovery[1:]
    with pytest.raises(WrongPassphrase, match="one of its characters is mistyped"):
        KeyFile(folder).unlock(typed)


def test_waits_grow_and_end_at_a_minute() -> None:
    waits = [wait_after(n) for n in range(200)]
    assert waits == sorted(waits)
    assert waits[:5] == [0.0, 0.0, 0.0, 1.0, 2.0]
    assert waits[-1] == 60.0


def test_what_was_wrapped_opens_for_its_purpose_alone() -> None:
    key = bytes(32)
    wrapped = wrap(key, b"secret", "note")
    assert unwrap(key, wrapped, "note") == b"secret"
    assert unwrap(key, wrapped, "goal") is None
    assert unwrap(derive(key, "x"), wrapped, "note") is None
    assert unwrap(key, wrapped[:-1] + bytes([wrapped[-1] ^ 1]), "note") is None
    assert unwrap(key, b"", "note") is None


def test_recovery_codes_carry_125_bits_and_are_never_alike() -> None:
    codes = {new_recovery_code() for _ in range(50)}
    assert len(codes) == 50
    assert {len(code.replace("-", "")) for code in codes} == {RECOVERY + 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "missing or damaged"),
        (b"{", "missing or damaged"),
        (b"[]", "missing or damaged"),
        (b'{"format": "attune-keys", "version": 1}', "missing or damaged"),
        (b'{"format": "attune-keys", "version": 2}', "newer"),
    ],
)
def test_refusals_of_a_key_file_that_is_none(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / KEYS).write_bytes(content)
    with pytest.raises(StoreError, match=said):
        KeyFile(tmp_path)


def test_refusals_of_a_cost_that_would_take_all_memory(made: tuple[Path, bytes, str]) -> None:
    folder, _, _ = made
    table = json.loads((folder / KEYS).read_text())
    table["passphrase"]["scrypt"]["n"] = 1 << 30
    (folder / KEYS).write_text(json.dumps(table))
    with pytest.raises(StoreError, match="damaged"):
        KeyFile(folder)


def test_refusals_of_a_short_passphrase() -> None:
    with pytest.raises(StoreError, match="expected at least 8"):
        make_keys("short")
