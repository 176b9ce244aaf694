"""What an electrode is called: labels as people write them, and names that ``--channels`` gives.

A label often holds more than the place: what it is measured against ("Fz-A2"), what it is
("EEG Fz"), dots that fill a field ("AF7."). Only what surely is a place of the 10-20/10-10 system
is taken out of it; a difference of two places ("Fpz-Cz") stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dsp.checks import InputError, foreign_text
from dsp.electrodes import modern_site, site_region, site_regions

LONGEST = 32  # characters of a channel's name
CHANNELS_HELP = (
    "which electrodes are used and what they are called, in this order: Fz=1,Cz=2 (number of the "
    "channel), Fz=AF7 (its label), or a list of names"
)

#: For each electrode its name and the label or number of its channel ("" where none was given).
Wanted = tuple[tuple[str, str], ...]

_PREFIX = re.compile(r"^(?:(?:EEG|POL|RAW|CH(?:ANNEL)?)\s*\d*[\s_:.\-]+|\d+[\s_:.\-]+)+", re.I)
_UNIT = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])$")
_MEASURED = re.compile(r"^(?:EEG)?([A-Z]{1,3}?)(z|\d{1,2}h?)(?:\s*[\s\-_/:]\s*(.+))?$", re.I)
#: What is no place of its own but what the others are measured against.
_REFERENCE = re.compile(
    r"[\s(]*(?:LE|RE|LER|CLE|CRE|V?REF\d?|REFERENCE|[AM][12]|[AM]1\W*[AM]?2|AA|AR|AV|AVG|AVE|"
    r"AVERAGE|CAR|COM|COMMON|CMS|G[12]|GND|LM|RM|EARS?|LINKED.*|MASTOIDS?)(?:\W*2)?[\s).]*",
    re.I,
)
_SPELLED = {"FP": "Fp", "AFP": "AFp"}


def _parts(label: str) -> tuple[str, str]:
    """Return the place that `label` names, as it is spelled ("" for none), and its reference."""
    text = _UNIT.sub("", foreign_text(label)).strip(" .'\"")
    match = _MEASURED.match(_PREFIX.sub("", text, count=1))
    if match is None or not site_region(match[1] + match[2]):
        return "", ""
    region = match[1].upper()
    return _SPELLED.get(region, region) + match[2].lower(), (match[3] or "").strip(" .")


def electrode(label: str) -> str:
    """Return the electrode that a label names, or the label itself where it names no place.

    Examples
    --------
    >>> [electrode(label) for label in ("EEG Fz-LE", "Fz-A2", "AF7.", "EEG FP1-REF", "fz", "T3")]
    ['Fz', 'Fz', 'AF7', 'Fp1', 'Fz', 'T3']
    >>> [electrode(label) for label in ("Fpz-Cz", "EEG 1", "left ear", "A1-A2")]
    ['Fpz-Cz', 'EEG 1', 'left ear', 'A1-A2']
    """
    place, reference = _parts(label)
    ears = site_region(place) in ("A", "M") and reference[:1].upper() in ("A", "M")
    if place and not ears and (not reference or _REFERENCE.fullmatch(reference)):
        return place
    return foreign_text(label, longest=LONGEST)


def electrodes(labels: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each channel: its electrode, E1... where it has no label, each once.

    Where every label names the same second place ("Fz-Cz", "Pz-Cz"), that is the reference.

    Examples
    --------
    >>> electrodes(["Fz-Cz", "Pz-Cz", "Oz-Cz"]), electrodes(["Fz", "", "fz"])
    (('Fz', 'Pz', 'Oz'), ('Fz', 'E2', 'Fz_2'))
    """
    parts = [_parts(label) for label in labels]
    against = {reference.lower() for _, reference in parts}
    common = (
        len(parts) > 1
        and len(against) == 1
        and site_region(parts[0][1]) != ""
        and len({place for place, _ in parts}) == len(parts)
    )
    names = [place for place, _ in parts] if common else [electrode(label) for label in labels]
    return unique([name or f"E{i + 1}" for i, name in enumerate(names)])


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Give the second and later of equal names a number, so that a name finds one electrode.

    Examples
    --------
    >>> unique(["Fz", "Fz", "Cz"])
    ('Fz', 'Fz_2', 'Cz')
    """
    out: list[str] = []
    for name in names:
        new, n = name, 1
        while new in out:
            n += 1
            new = f"{name}_{n}"
        out.append(new)
    return tuple(out)


def read_channels(text: str) -> Wanted:
    """Read what was written for ``--channels``.

    Raises
    ------
    InputError
        If it is neither a list of names nor of ``NAME=CHANNEL``, or names one thing twice.

    Examples
    --------
    >>> read_channels("fz=1, Cz=2"), read_channels("Fz,Cz")
    ((('Fz', '1'), ('Cz', '2')), (('Fz', ''), ('Cz', '')))
    """
    wanted = []
    for entry in text.split(","):
        name, equals, where = (part.strip() for part in entry.partition("="))
        if not name or (equals and not where):
            raise InputError(
                f"The channels {text!r} cannot be read at {entry.strip()!r}; expected names such "
                "as Fz,Cz or names with the number of their channel such as Fz=1,Cz=2."
            )
        wanted.append((electrode(name), foreign_text(where)))
    for part, word in ((0, "name"), (1, "channel")):
        given = [entry[part].lower() for entry in wanted if entry[part]]
        twice = sorted({one for one in given if given.count(one) > 1})
        if twice:
            raise InputError(
                f"The channels {text!r} hold the {word} {twice[0]!r} twice; give each electrode a "
                "channel and a name of its own."
            )
    return tuple(wanted)


def renamed(
    labels: Sequence[str], wanted: Wanted, *, free: bool = False
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Choose and name channels as `wanted`.

    A channel is found by its label, or by its number (from 1). A bare list of names picks the
    channels that have these labels; where the labels name no places, or only customary ones, it
    names the channels in their order.

    Parameters
    ----------
    labels : sequence of str
        Of the EEG channels, as the device states them.
    wanted : Wanted
        What `read_channels` gave; empty takes all.
    free : bool
        True for a board whose electrodes may be put anywhere, so that its labels state nothing.

    Returns
    -------
    columns : tuple of int
        Which of `labels`, in the wanted order.
    names : tuple of str
        What each is called.

    Raises
    ------
    InputError
        If something is wanted that is not there, or one channel twice.

    Examples
    --------
    >>> renamed(["EEG Fz-LE", "EEG Cz-LE", "EEG T3-LE"], read_channels("T7,Fz"))
    ((2, 0), ('T7', 'Fz'))
    >>> renamed(["Fp1", "Fp2"], read_channels("Cz=2"))
    ((1,), ('Cz',))
    """
    names = electrodes(labels)
    if not wanted:
        return tuple(range(len(names))), names
    asked = tuple(name for name, _ in wanted)
    if not any(where for _, where in wanted) and (free or not any(site_regions(names))):
        if len(asked) > len(names):
            raise InputError(
                f"{len(asked)} channels are named ({', '.join(asked)}), but there are "
                f"{len(names)}; name at most so many."
            )
        return tuple(range(len(asked))), asked
    columns = tuple(_column(labels, names, name, where) for name, where in wanted)
    if len(set(columns)) < len(columns):
        twice = next(i for i in columns if columns.count(i) > 1)
        both = [name for name, column in zip(asked, columns, strict=True) if column == twice]
        raise InputError(
            f"{' and '.join(both)} would be the same channel ({names[twice]}, number {twice + 1}); "
            "give each electrode a channel of its own."
        )
    return columns, asked


def _column(labels: Sequence[str], names: Sequence[str], name: str, where: str) -> int:
    """Find one channel by its label, else by its number."""
    word = where or name
    place = electrode(word)
    for known in (
        [label.strip().lower() for label in labels],
        [known.lower() for known in names],
        [modern_site(known).lower() for known in names],
    ):
        for spelled in (
            word.lower(),
            place.lower(),
            modern_site(place).lower(),
        ):
            if spelled in known:
                return known.index(spelled)
    if re.fullmatch(r"\d{1,4}", where, re.ASCII) and 1 <= int(where) <= len(names):
        return int(where) - 1
    there = ", ".join(names)
    raise InputError(
        f"There is no channel {word!r} for {name}; there are {len(names)}: {there}. Name one of "
        f"them, or write {name} with the number of its channel, such as {name}=1."
        if where
        else f"There is no channel {name!r}; there are {len(names)}: {there}. Name those, or write "
        f"which channel it is, such as {name}=1."
    )
