"""What the name of an electrode says: its place in the 10-20/10-10 system, and what is seen there.

A name outside that system has no place, and no rule that needs one applies to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Pairs = tuple[tuple[int, int], ...]

_SITE = re.compile(
    r"^(Fp|AFp|AFF|AF|FFC|FFT|FTT|FCC|FT|FC|F|TP|TTP|TPP|T|CP|CCP|CPP|C|PO|PPO|POO|P|O|I|A|M|N)"
    r"(z|\d{1,2}h?)$",
    re.I,
)
_COUNTED = re.compile(r"^[A-H](1[1-9]|[2-9]\d)$")

#: Places that the older 10-20 system called otherwise (Chatrian et al. 1985; T1 and T2 as in the
#: EDF+ standard's list).
_OLDER = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8", "T1": "FT9", "T2": "FT10"}


def modern_site(name: str) -> str:
    """Return the 10-10 name of a place that has an older one; any other name as it is.

    Examples
    --------
    >>> modern_site("T5"), modern_site("t3"), modern_site("Fz")
    ('P7', 'T7', 'Fz')
    """
    return _OLDER.get(name.strip().upper(), name)


def site_region(name: str) -> str:
    """Letters of a 10-20/10-10 name in upper case (``"AF7" -> "AF"``); "" for any other name.

    Examples
    --------
    >>> site_region("AF7"), site_region("tp10"), site_region("left ear"), site_region("T5")
    ('AF', 'TP', '', 'P')
    """
    match = _SITE.match(modern_site(name).strip())
    return match.group(1).upper() if match else ""


def site_regions(ch_names: Sequence[str]) -> tuple[str, ...]:
    """`site_region` of each name; all "" where the names only look like the 10-20 system.

    Caps whose electrodes are counted A1..A32, B1..B32 and on have a C4 and an F8 too, elsewhere
    on the head; they give themselves away by numbers beyond 10.

    Examples
    --------
    >>> site_regions(["F3", "Cz"])
    ('F', 'C')
    >>> site_regions(["C3", "C4", "C31"])  # counted, in banks of 32
    ('', '', '')
    """
    if any(_COUNTED.match(name.strip()) for name in ch_names):
        return ("",) * len(ch_names)
    return tuple(site_region(name) for name in ch_names)


def columns(ch_names: Sequence[str]) -> dict[str, int]:
    """Column of each name in lower case, an older one also under its 10-10 name.

    None where the names only look like the 10-20 system.

    Examples
    --------
    >>> columns(["TP9", "AF7", "AF8", "TP10"])["af8"], columns(["T3", "T4"])["t8"]
    (2, 1)
    """
    if not any(site_regions(ch_names)):
        return {}
    lower = [name.strip().lower() for name in ch_names]
    modern = [modern_site(name).lower() for name in lower]
    return {name: modern.index(name) for name in modern} | {n: lower.index(n) for n in lower}


def sites_in(ch_names: Sequence[str], regions: Sequence[str]) -> tuple[int, ...]:
    """Columns whose region is one of `regions`.

    Examples
    --------
    >>> sites_in(["F3", "Cz", "F4"], ["F"])
    (0, 2)
    """
    return tuple(i for i, found in enumerate(site_regions(ch_names)) if found in regions)


def ocular_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes that see the eyes best: Fp and AF, else F; empty where no name has a role.

    Examples
    --------
    >>> sorted(ocular_sites(["TP9", "AF7", "AF8", "TP10"]))
    ['AF7', 'AF8']
    """
    for regions in (("FP", "AF", "AFF"), ("F",)):
        found = frozenset(ch_names[i] for i in sites_in(ch_names, regions))
        if found:
            return found
    return frozenset()


def temporal_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes over the jaw muscles: T, TP, FT.

    Examples
    --------
    >>> sorted(temporal_sites(["TP9", "AF7", "AF8", "TP10"]))
    ['TP10', 'TP9']
    """
    return frozenset(ch_names[i] for i in sites_in(ch_names, ("T", "TP", "FT", "TTP")))


def theta_sites(ch_names: Sequence[str]) -> tuple[int, ...]:
    """Columns of Fz and FCz, else of all AF and F sites; empty where there is neither.

    Examples
    --------
    >>> theta_sites(["F3", "Fz", "FCz", "Cz"]), theta_sites(["TP9", "AF7", "AF8"])
    ((1, 2), (1, 2))
    """
    lower = [name.strip().lower() for name in ch_names]
    midline = tuple(i for i, name in enumerate(lower) if name in ("fz", "fcz"))
    if midline:
        return midline
    return sites_in(ch_names, ("AF", "AFF", "F"))


def mirror_pairs(ch_names: Sequence[str]) -> Pairs:
    """Columns of left and right twins; a name outside the 10-20 system has none.

    Examples
    --------
    >>> mirror_pairs(["TP9", "AF7", "AF8", "TP10"])
    ((0, 3), (1, 2))
    """
    upper = [name.strip().upper() for name in ch_names]
    pairs = []
    for left, (name, region) in enumerate(zip(upper, site_regions(ch_names), strict=True)):
        number = re.search(r"\d+$", name) if region else None
        if number and int(number[0]) % 2 == 1:
            twin = name[: number.start()] + str(int(number[0]) + 1)
            if twin in upper:
                pairs.append((left, upper.index(twin)))
    return tuple(pairs)
