"""What is kept of a client: small typed entries, each sealed with the client's own key.

Entries are only added; the newest of a kind is what holds, and the older ones say what held before.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from importlib import resources
from typing import Any, ClassVar, Literal, get_args

from dsp.checks import InputError, check_option

Scope = Literal["sessions", "eeg", "research", "contact"]
SCOPES: dict[Scope, str] = {
    "sessions": "what happens in sessions is kept: ratings, choices of music, what was learnt",
    "eeg": "the EEG is kept",
    "research": "what is kept may be used in research, under the code",
    "contact": "the client may be contacted later",
}
#: What is asked once and confirmed at each session, before it begins.
CONTRAINDICATIONS = (
    "epilepsy or seizures", "photosensitivity", "tinnitus or hyperacusis", "hearing aid",
    "recent head injury", "mania or psychosis", "strong reactions to certain music",
    "change of medication",
)  # fmt: skip
ADVERSE_EVENTS = (
    "tiredness", "headache", "dizziness or fog", "irritability", "anxiety", "sleep trouble",
    "return of symptoms", "ear discomfort", "skin irritation", "low mood or painful memories",
    "other",
)  # fmt: skip
SEVERITIES = ("mild", "moderate", "severe")
SEVERE = (
    "A severe event was reported. Stop the session, stay with the client, and follow the emergency "
    "plan of your practice."
)
GOALS = ("lift mood", "calm", "energy", "explore")
ABOUT = {
    "age_band": ("18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75+", "under 18"),
    "sex": ("female", "male", "other"),
    "handedness": ("right", "left", "both"),
    "musical_training": ("none", "under 3 years", "3 to 10 years", "over 10 years"),
    "education": ("school", "vocational", "bachelor", "master or higher"),
}
_LONGEST = 20_000  # characters of a note


def _text(name: str, text: str, *, longest: int = _LONGEST, empty: bool = False) -> str:
    if not (text.strip() or empty):
        raise InputError(f"{name} is empty; expected a text: write one, or leave it out.")
    if len(text) > longest:
        raise InputError(
            f"{name} has {len(text)} characters; expected at most {longest}: write it in parts."
        )
    return text


@dataclass(frozen=True)
class Note:
    """Something the therapist wrote down."""

    kind: ClassVar[str] = "note"
    text: str

    def __post_init__(self) -> None:
        _text("The note", self.text)


@dataclass(frozen=True)
class Name:
    """The client's name; most practices keep it elsewhere, and need none here."""

    kind: ClassVar[str] = "name"
    name: str

    def __post_init__(self) -> None:
        _text("The name", self.name, longest=200)


@dataclass(frozen=True)
class Goal:
    """What the sessions are for, in the client's words or one of `GOALS`."""

    kind: ClassVar[str] = "goal"
    goal: str

    def __post_init__(self) -> None:
        _text("The goal", self.goal, longest=500)


@dataclass(frozen=True)
class About:
    """What past studies could not look at, because nobody had asked; all of it optional."""

    kind: ClassVar[str] = "about"
    age_band: str = ""
    sex: str = ""
    handedness: str = ""
    musical_training: str = ""
    education: str = ""

    def __post_init__(self) -> None:
        for name, allowed in ABOUT.items():
            check_option(name.replace("_", " "), getattr(self, name), ("", *allowed))


@dataclass(frozen=True)
class Consent:
    """What the client agreed to, and when; an empty scope is a withdrawal.

    Attributes
    ----------
    date : str
        ISO day.
    scope : tuple of str
        Of `SCOPES`.
    version, text_sha256 : str
        Of the text that was shown.
    witness : str
        Who was there, as the therapist writes it.
    withdrawn : bool
        Whether it takes back what was agreed to before.
    """

    kind: ClassVar[str] = "consent"
    date: str
    scope: tuple[str, ...]
    version: str
    text_sha256: str
    witness: str = ""
    withdrawn: bool = False

    def __post_init__(self) -> None:
        try:
            date.fromisoformat(self.date)
        except ValueError:
            raise InputError(
                f"The date of the consent is {self.date!r}; expected a day such as 2026-11-24."
            ) from None
        for scope in self.scope:
            check_option("scope of the consent", scope, SCOPES)
        if self.withdrawn and self.scope:
            raise InputError("A withdrawal has no scope; leave the scope out, or --withdraw.")
        _text("The witness", self.witness, longest=200, empty=True)

    def covers(self, scope: Scope) -> bool:
        """Whether `scope` was agreed to, and not taken back."""
        return scope in self.scope


@dataclass(frozen=True)
class Screening:
    """Contraindications: what applies, of all of `CONTRAINDICATIONS`, which were asked."""

    kind: ClassVar[str] = "screening"
    present: tuple[str, ...] = ()
    remark: str = ""

    def __post_init__(self) -> None:
        for one in self.present:
            check_option("contraindication", one, CONTRAINDICATIONS)
        _text("The remark", self.remark, empty=True)


@dataclass(frozen=True)
class AdverseEvents:
    """What was unpleasant, asked at the end of a session and at the start of the next.

    Without any of these nobody has asked; with empty `events` it was asked, and there was none.
    Each event is a mapping: ``event`` of `ADVERSE_EVENTS`, ``severity`` of `SEVERITIES`, and where
    known ``onset``, ``action`` and ``resolved``.
    """

    kind: ClassVar[str] = "adverse"
    events: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for event in self.events:
            check_option("adverse event", event.get("event"), ADVERSE_EVENTS)
            check_option("severity", event.get("severity"), SEVERITIES)

    @property
    def severe(self) -> bool:
        """Whether one of them was severe."""
        return any(event["severity"] == "severe" for event in self.events)


@dataclass(frozen=True)
class ScaleResult:
    """A questionnaire that was filled in: `app.clients.scales` scores it."""

    kind: ClassVar[str] = "scale"
    scale: str
    scores: Mapping[str, float | None]
    answers: Mapping[str, float | None] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    when: str = ""

    def __post_init__(self) -> None:
        for name, score in self.scores.items():
            if score is not None and not math.isfinite(score):
                raise InputError(f"The score {name!r} is {score!r}; expected a number.")
        check_option("when", self.when, ("", "before", "after"))


@dataclass(frozen=True)
class Intake:
    """Music that client, family or staff named, a piece a line, and the genres and years they like.

    `playlists.intake` reads such a list and finds its pieces in the music that is there; `removed`
    are those that were taken off the list again.
    """

    kind: ClassVar[str] = "intake"
    lines: tuple[str, ...]
    by: str = ""
    genres: tuple[str, ...] = ()
    era: tuple[int, ...] = ()
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _text("Who named the music", self.by, longest=200, empty=True)


Entry = (
    Note | Name | Goal | About | Consent | Screening | AdverseEvents | ScaleResult | Intake
)  #: whatever is kept
_KINDS: dict[str, type[Any]] = {one.kind: one for one in get_args(Entry)}


@dataclass(frozen=True)
class Stored:
    """An entry and when it was made, in seconds since 1970."""

    at: float
    entry: Entry


def as_table(entry: Entry) -> dict[str, Any]:
    """Return an entry as it is written down."""
    return asdict(entry)


def from_table(kind: str, table: Mapping[str, Any]) -> Entry:
    """Return the entry that was written down; tuples come back as such.

    Raises
    ------
    InputError
        There is no such kind, or it holds what this program does not know.
    """
    of = _KINDS[check_option("kind of entry", kind, _KINDS)]
    unknown = table.keys() - {one.name for one in fields(of)}
    if unknown:
        raise InputError(
            f"An entry ({kind}) holds {', '.join(sorted(unknown))}, which this program does not "
            "know: a newer one wrote it; open the store with that. Nothing was changed."
        )
    made: Entry = of(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
    return made


def newest(entries: Sequence[Stored], kind: type[Any]) -> Any:
    """Return the newest entry of a `kind`, or None where there is none."""
    return next((one.entry for one in reversed(entries) if isinstance(one.entry, kind)), None)


CONSENT_VERSION = "1"


def consent_text() -> str:
    """Return the text that is read to a client who is asked for consent."""
    stored = resources.files("app.clients") / f"consent_{CONSENT_VERSION}.txt"
    return stored.read_text(encoding="utf-8")


def consent(
    scope: Sequence[str], *, text: str | None = None, version: str = CONSENT_VERSION, **more: Any
) -> Consent:
    """Return the consent of today to a text, which is our own unless another was shown."""
    shown = consent_text() if text is None else text
    if not shown.strip():
        raise InputError("The text that was shown is empty; expected the file of that text.")
    today = date.today().isoformat()
    made = Consent(
        date=more.pop("date", None) or today,
        scope=tuple(dict.fromkeys(scope)),
        version=version,
        text_sha256=hashlib.sha256(shown.encode()).hexdigest(),
        **more,
    )
    if date.fromisoformat(made.date) > date.today():
        raise InputError(
            f"The date of the consent is {made.date}, and today is {today}; expected the day on "
            "which the client agreed."
        )
    return made
