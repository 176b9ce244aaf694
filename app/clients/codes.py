"""Pseudonyms of clients: random, easily read aloud, and a slip of the pen is found.

``C-`` and six characters of Crockford's base 32 (no I, L, O, U); the sixth checks the others by his
rule, the number modulo 37, which finds every single wrong character and every two neighbours
changed over. Numbers whose check would be one of his five extra symbols are never given out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable

from dsp.checks import InputError, foreign_text

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 5  #: characters before the check: 29 million codes
_READ_AS = str.maketrans("OIL", "011", "- \t")
_SHOWN = 3  # codes that are offered for a mistyped one


def check_character(characters: str) -> str:
    """Return the check of `characters`; empty where it is none of the alphabet.

    Examples
    --------
    >>> check_character("0142K")
    'N'
    """
    number = 0
    for character in characters:
        number = number * 32 + ALPHABET.index(character)
    return ALPHABET[number % 37] if number % 37 < 32 else ""


def random_characters(n: int, choose: Callable[[int], int] = secrets.randbelow) -> str:
    """Return `n` random characters and their check."""
    while True:
        characters = "".join(ALPHABET[choose(32)] for _ in range(n))
        if check := check_character(characters):
            return characters + check


def new_code(taken: Collection[str] = (), choose: Callable[[int], int] = secrets.randbelow) -> str:
    """Return a code that is not among `taken`."""
    while (code := "C-" + random_characters(LENGTH, choose)) in taken:
        pass
    return code


def plain(text: str) -> str:
    """Return `text` as codes are written: capitals, O as 0, I and L as 1, no hyphens.

    Examples
    --------
    >>> plain("ab-o1 l")
    'AB011'
    """
    return text.upper().translate(_READ_AS)


def read_code(text: str) -> str:
    """Return a typed code as it is written.

    Raises
    ------
    InputError
        It is none, or its check character does not fit.

    Examples
    --------
    >>> read_code("c-o142kn")
    'C-0142KN'
    """
    shown = foreign_text(text, longest=40)
    rest = text.strip().upper()
    rest = plain(rest[1:] if rest.startswith("C") and len(plain(rest)) == LENGTH + 2 else rest)
    if len(rest) != LENGTH + 1 or not set(rest) <= set(ALPHABET):
        raise InputError(
            f"The client code is {shown!r}; expected C- and {LENGTH + 1} letters or digits, such "
            "as C-0142KN: look it up with attune client list."
        )
    if check_character(rest[:-1]) != rest[-1]:
        raise InputError(
            f"The client code {shown!r} is mistyped: its check character does not fit. Look it up "
            "with attune client list."
        )
    return "C-" + rest


def likeliest(text: str, known: Iterable[str]) -> list[str]:
    """Return the codes of `known` that `text` is likeliest to stand for, the likeliest first.

    At most two slips away: a wrong, missing or further character, two changed over.
    """
    typed = plain(text.strip()).removeprefix("C") if len(plain(text)) > LENGTH + 1 else plain(text)
    near = sorted((_slips(typed, plain(code)[1:]), code) for code in known)
    return [code for slips, code in near if slips <= 2][:_SHOWN]


def _slips(a: str, b: str) -> int:
    """Damerau's distance in its restricted form (Damerau 1964, Commun. ACM 7, 171)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
