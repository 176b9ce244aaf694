"""Questionnaires: data files with items, scoring, bands, licence and source; scored, not judged.

A scale whose words are free is asked item by item; of the others the file holds the range of the
total alone, which is entered from the paper. A band is the published word for a range of scores,
and no finding. An answer that is missing leaves the score open: nothing is filled in.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from app.clients.entries import ScaleResult
from app.words import counted
from dsp.checks import InputError, check_number, check_option, foreign_text

#: What a scale file may say, of itself and in the rows of its tables.
_KEYS = {
    "": {
        "title", "language", "licence", "source", "question", "items", "options", "low", "high",
        "scores", "watched",
    },
    "options": {"value", "text"},
    "scores": {"name", "items", "low", "high", "bands"},
    "bands": {"from", "text"},
    "watched": {"item", "about"},
}  # fmt: skip
SELF_HARM = (
    "{title}: item {item} ({about}) was answered above zero. Speak with the client about it now, "
    "before anything else, and follow the emergency plan of your practice."
)
UNKNOWN = (
    "{title}: what was answered to item {item} ({about}) is not known here. Look at the paper, or "
    "ask the client, before anything else."
)


@dataclass(frozen=True)
class Score:
    """One score of a scale.

    Attributes
    ----------
    name : str
    items : tuple of int
        Items that are added up, from 1; empty where the score is entered.
    low, high : float
        What it may be.
    bands : tuple of (float, str)
        The lowest score of each band, and its published word.
    """

    name: str
    items: tuple[int, ...]
    low: float
    high: float
    bands: tuple[tuple[float, str], ...] = ()

    def band(self, score: float) -> str:
        """Return the word for a score; empty where none was published."""
        return next((word for low, word in reversed(self.bands) if score >= low), "")


@dataclass(frozen=True)
class Scale:
    """A questionnaire.

    Attributes
    ----------
    name, title, language, licence, source, question : str
        `question` stands above the items.
    items : tuple of str
        Their words; empty where only the score is entered.
    options : tuple of (float, str)
        Answers and their words; empty where an answer is a number from `low` to `high`.
    low, high : float
        Of an answer.
    scores : tuple of Score
    watched : tuple of (int, str)
        Items whose answer above zero is told to the therapist, and what they are about.
    """

    name: str
    title: str
    language: str
    licence: str
    source: str
    question: str
    items: tuple[str, ...]
    options: tuple[tuple[float, str], ...]
    low: float
    high: float
    scores: tuple[Score, ...]
    watched: tuple[tuple[int, str], ...]

    def scored(self, answers: Sequence[float | None], *, when: str = "") -> ScaleResult:
        """Score the answers to all items; None is an item that was not answered.

        Raises
        ------
        InputError
            There are too few or too many, or one is not allowed.
        """
        if not self.items:
            raise InputError(
                f"The words of {self.title} are not free, so that it cannot be asked here; enter "
                f"what the paper says with --score."
            )
        if len(answers) != len(self.items):
            raise InputError(
                f"{self.title} has {counted(len(self.items), 'item')}, and "
                f"{counted(len(answers), 'answer was', 'answers were')} given; give one each, - "
                "for an item that was not answered."
            )
        for number, answer in enumerate(answers, start=1):
            if answer is not None:
                self._check(f"answer {number} of {self.title}", answer)
        scores: dict[str, float | None] = {}
        for score in self.scores:
            given = [answers[item - 1] for item in score.items]
            known = [answer for answer in given if answer is not None]
            scores[score.name] = math.fsum(known) if len(known) == len(given) else None
        return ScaleResult(
            scale=self.name,
            scores=scores,
            answers={str(n): answer for n, answer in enumerate(answers, start=1)},
            bands=self._bands(scores),
            notices=self._notices({n: answers[n - 1] for n, _ in self.watched}),
            when=when,
        )

    def entered(self, values: Sequence[float], *, when: str = "") -> ScaleResult:
        """Take scores as they stand on paper, in the order of `scores`.

        Raises
        ------
        InputError
            There are too few or too many, or one is out of its range.
        """
        if len(values) != len(self.scores):
            names = ", ".join(score.name for score in self.scores)
            raise InputError(
                f"{self.title} has {counted(len(self.scores), 'score')} ({names}), and "
                f"{counted(len(values), 'was', 'were')} given; give each."
            )
        scores: dict[str, float | None] = {}
        told: dict[int, float | None] = {item: None for item, _ in self.watched}
        for score, value in zip(self.scores, values, strict=True):
            check_number(f"{self.title}, {score.name}", value, low=score.low, high=score.high)
            scores[score.name] = float(value)
            for item in told.keys() & set(score.items):
                least = value - (len(score.items) - 1) * self.high  # whatever the others were
                if value == score.low == len(score.items) * self.low or least > 0.0:
                    told[item] = max(least, 0.0)
        notices = self._notices(told)
        return ScaleResult(self.name, scores, bands=self._bands(scores), notices=notices, when=when)

    def _notices(self, told: Mapping[int, float | None]) -> tuple[str, ...]:
        """Say which watched items are above zero, and of which nobody knows it."""
        return tuple(
            (UNKNOWN if told[item] is None else SELF_HARM).format(
                title=self.title, item=item, about=about
            )
            for item, about in self.watched
            if told[item] != 0
        )

    def _check(self, name: str, answer: float) -> None:
        check_number(name, answer, low=self.low, high=self.high)
        allowed = [value for value, _ in self.options]
        if allowed and answer not in allowed:
            shown = ", ".join(f"{value:g}" for value in allowed)
            raise InputError(f"{name} is {answer:g}; expected one of: {shown}.")

    def _bands(self, scores: dict[str, float | None]) -> dict[str, str]:
        return {
            score.name: word
            for score in self.scores
            if (value := scores[score.name]) is not None and (word := score.band(value))
        }


def bundled() -> dict[str, Scale]:
    """Return the scales that come with the program, by name."""
    folder = resources.files("app.clients") / "scale_files"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return {
        name.removesuffix(".toml"): parse(
            (folder / name).read_text(encoding="utf-8"), name.removesuffix(".toml")
        )
        for name in files
    }


def find_scale(name: str) -> Scale:
    """Return a scale that comes with the program, or that of a .toml file.

    Raises
    ------
    InputError
        There is none, or the file cannot be used.
    """
    path, scales = Path(name), bundled()
    if path.suffix.lower() != ".toml":
        return scales[check_option("scale", name.lower(), scales)]
    if path.stem.lower() in scales:
        raise InputError(
            f"The scale {foreign_text(name)} has the name of one that comes with the program, and "
            "nobody could tell their scores apart; give the file another name, such as "
            f"{path.stem}-own.toml."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The scale {foreign_text(name)} cannot be read ({error.strerror}); check its path."
        ) from error
    except UnicodeDecodeError:
        raise InputError(f"The scale {foreign_text(name)} is no text in UTF-8.") from None
    return parse(text, path.stem)


def parse(text: str, name: str) -> Scale:
    """Return the scale that a TOML text describes.

    Raises
    ------
    InputError
        It is no TOML, lacks something, its licence above all, or contradicts itself.
    """
    shown = foreign_text(name)
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"The scale {shown} is no TOML ({error}); mend it there.") from error
    for key in ("title", "language", "licence", "source"):
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            why = " whoever uses it must know whether they may" if key == "licence" else ""
            raise InputError(
                f"The scale {shown} says nothing of its {key};{why or ' every scale has one'}: "
                f'add a line {key} = "...".'
            )
    if unknown := [foreign_text(key) for key in _unknown(table)]:
        raise InputError(
            f"The scale {shown} says something of {', '.join(map(repr, unknown))}, which no scale "
            f"has; expected {', '.join(sorted(set().union(*_KEYS.values())))}: mend it, or take it "
            "out."
        )
    try:
        scale = _scale(table, foreign_text(name))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The scale {shown} is not complete ({error!r}); docs/clients.md shows one."
        ) from error
    n = len(scale.items)
    numbers = [item for score in scale.scores for item in score.items]
    numbers += [item for item, _ in scale.watched]
    if not scale.scores or any(not 1 <= item <= n for item in numbers):
        raise InputError(
            f"The scale {shown} has {counted(n, 'item')}, and its scores name others, or there are "
            "none; mend [[scores]]."
        )
    ranges = [(f"score {score.name}", score.low, score.high) for score in scale.scores]
    ranges += [("answer", scale.low, scale.high)] if n else []
    for what, low, high in ranges:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(
                f"The scale {shown} has the {what} from {low:g} to {high:g}; expected two numbers, "
                "low below high."
            )
    for score in scale.scores:
        begins = [low for low, _ in score.bands]
        if not all(a < b for a, b in itertools.pairwise(begins)):
            raise InputError(
                f"The scale {shown} has bands from {', '.join(f'{x:g}' for x in begins)}; expected "
                "the lowest first, each above the one before."
            )
    return scale


def _unknown(table: Mapping[str, Any], of: str = "") -> Iterator[str]:
    """Yield the keys that mean nothing here: what was meant by them would be left out unseen."""
    for key, value in table.items():
        if key not in _KEYS[of]:
            yield key
        elif key in _KEYS and isinstance(value, list):
            for row in value:
                yield from _unknown(row, key) if isinstance(row, dict) else ()


def _scale(table: dict[str, Any], name: str) -> Scale:
    options = (
        tuple((float(row["value"]), foreign_text(row["text"])) for row in table["options"])
        if "options" in table
        else ()
    )
    values = [value for value, _ in options]
    if isinstance(table.get("items"), str):
        raise TypeError("items is one text, and no list")
    items = tuple(foreign_text(row, longest=400) for row in table.get("items", ()))
    low = min(values) if values else float(table.get("low", 0))
    high = max(values) if values else float(table.get("high", 0))
    scores = []
    for row in table["scores"]:
        of = tuple(int(item) for item in row.get("items", ()))
        if not of and items:
            of = tuple(range(1, len(items) + 1))
        scores.append(
            Score(
                foreign_text(row["name"]),
                of,
                float(row["low"]) if "low" in row else low * len(of),
                float(row["high"]) if "high" in row else high * len(of),
                tuple(
                    (float(band["from"]), foreign_text(band["text"]))
                    for band in row.get("bands", ())
                ),
            )
        )
    return Scale(
        name=name,
        title=foreign_text(table["title"]),
        language=foreign_text(table["language"]),
        licence=foreign_text(table["licence"], longest=400),
        source=foreign_text(table["source"], longest=400),
        question=foreign_text(table.get("question", ""), longest=400),
        items=items,
        options=options,
        low=low,
        high=high,
        scores=tuple(scores),
        watched=tuple(
            (int(row["item"]), foreign_text(row["about"])) for row in table.get("watched", ())
        ),
    )
