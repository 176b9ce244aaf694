"""Which LSL stream is meant: by name, by type, by source id, or by a predicate of LSL."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from dsp.checks import InputError, foreign_text

_KEYS = ("name", "type", "source_id", "hostname", "uid")
_KEY = re.compile(rf"(?:^|,)\s*({'|'.join(_KEYS)})\s*=")


@dataclass(frozen=True)
class StreamQuery:
    """What a stream must be to be taken; an empty field asks nothing.

    `predicate` is an XPath 1.0 predicate over the stream's description, which LSL itself judges.
    """

    name: str = ""
    type: str = ""
    source_id: str = ""
    hostname: str = ""
    uid: str = ""
    predicate: str = ""

    def matches(self, stream: Any) -> bool:
        """Whether a stream (pylsl's StreamInfo) is as asked, `predicate` aside."""
        return all(not (value := getattr(self, k)) or getattr(stream, k)() == value for k in _KEYS)

    def __str__(self) -> str:
        """Return the words for sentences, e.g. ``'Muse' (type 'EEG')``."""
        if self.predicate:
            return foreign_text(f"with {self.predicate}")
        rest = [
            f"{f.name} {getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name != "name" and getattr(self, f.name)
        ]
        words = ", ".join(rest)
        if not self.name:
            return foreign_text(f"of {words}")
        return foreign_text(f"{self.name!r} ({words})" if rest else repr(self.name))


def read_query(written: str) -> StreamQuery:
    """Read what stands behind ``lsl:``.

    Raises
    ------
    InputError
        If it is empty, asks twice for one thing, or for what a stream does not have.

    Examples
    --------
    >>> print(read_query("type=EEG,name=My, own"), read_query("My: amp"))
    'My, own' (type 'EEG') 'My: amp'
    """
    text = written.strip()
    if text.startswith("?"):
        return StreamQuery(predicate=_predicate(text[1:].strip()))
    parts = _KEY.split(text)
    if len(parts) == 1 or parts[0]:
        if not text:
            raise InputError("No LSL stream is named; expected lsl:NAME, such as lsl:Muse.")
        key = re.match(r"([A-Za-z_]+)=", text)
        if key:
            raise InputError(
                f"An LSL stream is not found by {key[1]!r}; expected one of: {', '.join(_KEYS)}. A "
                "name that has = in it is written lsl:name=..."
            )
        return StreamQuery(name=text)
    asked: dict[str, str] = {}
    for key_word, value in zip(parts[1::2], parts[2::2], strict=True):
        if key_word in asked or not value.strip():
            raise InputError(
                f"The LSL stream {text!r} has {'two values' if key_word in asked else 'no value'} "
                f"for {key_word}; expected one, such as lsl:type=EEG,name=Muse."
            )
        asked[key_word] = value.strip()
    return StreamQuery(**asked)


def _predicate(text: str) -> str:
    """Refuse what cannot be a predicate: LSL itself only finds nothing with it."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    depth = 0
    for sign in bare.replace("''", ""):
        depth += (sign in "([") - (sign in ")]")
        if depth < 0 or sign in "'\"":
            break
    else:
        if text.isprintable() and text and depth == 0:
            return text
    raise InputError(
        f"The LSL predicate {text!r} cannot be read; expected one such as name='Muse' and "
        "channel_count=4, with its quotes and brackets closed."
    )
