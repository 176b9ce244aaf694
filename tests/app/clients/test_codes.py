"""A code that is mistyped is found by its check character, and the likeliest are offered."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.codes import ALPHABET, check_character, likeliest, new_code, plain, read_code
from dsp.checks import InputError

CODES = st.integers(0, 2**31).map(lambda _: new_code())


def test_reference_check_characters_of_crockford() -> None:
    """``number % 37``, as https://www.crockford.com/base32.html gives it: 1234 has ``16``."""
    assert 1234 % 37 == ALPHABET.index(check_character("16J"))
    assert check_character("0") == "0"


@given(CODES)
def test_a_new_code_is_taken_however_it_is_written(code: str) -> None:
    assert re.fullmatch(r"C-[0-9A-HJKMNP-TV-Z]{6}", code)
    assert read_code(code) == read_code(code.lower()) == read_code(f" {code[2:]} ") == code
    assert read_code(code.replace("0", "o").replace("1", "l")) == code


@given(CODES, st.integers(0, 5), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_found(code: str, at: int, wrong: str) -> None:
    typed = code[: 2 + at] + wrong + code[3 + at :]
    if typed == code:
        assert read_code(typed) == code
    else:
        with pytest.raises(InputError, match="check character does not fit"):
            read_code(typed)


@given(CODES, st.integers(0, 4))
def test_two_neighbours_changed_over_are_found_and_the_code_is_offered(code: str, at: int) -> None:
    a, b = code[2 + at], code[3 + at]
    typed = code[: 2 + at] + b + a + code[4 + at :]
    if a != b:
        with pytest.raises(InputError, match="check character does not fit"):
            read_code(typed)
    assert likeliest(typed, ["C-ZZZZZZ", code])[0] == code


def test_what_resembles_no_code_offers_none() -> None:
    assert likeliest("C-000000", ["C-ZZZZZZ", "C-5TQPMV"]) == []


def test_refusals_of_what_is_no_code() -> None:
    for typed in ("", "C-", "C-12", "Anna", "C-0142KNX", "C-01 42!G"):
        with pytest.raises(InputError, match="client code"):
            read_code(typed)


def test_new_codes_are_none_of_those_given_out() -> None:
    draws = iter([0, 0, 0, 0, 0, *[1] * 50])
    assert new_code({"C-000000"}, lambda _: next(draws)) != "C-000000"
    assert plain("c-oil") == "C011"
