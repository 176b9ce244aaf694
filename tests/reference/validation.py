"""Tests 1 to 16 of the list an expert reviewer will run (science notes, 8.3), on simulated people.

``python tests/reference/validation.py`` runs them all (some fifteen minutes) and writes
docs/validation.md, ``--quick`` a smaller version of each, ``--only 2,10`` some of them: the
others keep the figures they had.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure against its limit.

    Attributes
    ----------
    test : int
        Number in the list.
    what, limit, measured : str
    n : int
        Windows, sessions or people that the figure rests on.
    passed : bool or None
        None for a figure shown beside, which has no limit.
    value : float
        The figure itself.
    """

    test: int
    what: str
    limit: str
    measured: str
    n: int
    passed: bool | None
    value: float
