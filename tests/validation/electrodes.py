"""Electrodes of known condition, graded: `python -m tests.validation.electrodes [--channels 200]`.

Each condition is made by two independent generators, on five boards from 125 to 1000 Hz, two
electrodes of eight in that condition and the others good. Ends with 1 where fewer than 99 % of all
of them have the right word and grade.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import numpy as np

from dsp.contacts import grade_electrodes
from tests.doubles.electrode_conditions import BOARDS, GENERATORS, RIGHT, Board, headset

LIMIT = 0.99
_SECONDS = 20.5


def graded(
    condition: str, board: Board, generator: str, *, seed: int, seconds: float = _SECONDS
) -> tuple[list[str], list[str]]:
    """Make a headset and grade it: what was found at its two electrodes, and wrong at the others.

    An empty word is a right one; a wrong one stands there with its grade.
    """
    places = [list(RIGHT).index(condition), list(GENERATORS).index(generator)]
    rng = np.random.default_rng([*places, BOARDS.index(board), seed])
    names, eeg, two = headset(condition, board, seconds, generator=generator, rng=rng)
    times = np.arange(len(eeg)) / board.sfreq
    found = grade_electrodes(eeg.astype(np.float32), times, ch_names=names, sfreq=board.sfreq)
    theirs, others = [], []
    for column, one in enumerate(found.values()):
        words, grades = RIGHT[condition if column in two else "good"]
        right = one.word in words and one.grade in grades
        said = "" if right else f"{one.word} ({one.grade}) on {board.name}"
        (theirs if column in two else others).append(said)
    return theirs, others


def main() -> int:
    """Grade them all, a line a condition."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=200, help="of each condition (200)")
    per = -(-parser.parse_args().channels // (2 * len(BOARDS) * len(GENERATORS)))
    right = total = 0
    for condition in RIGHT:
        theirs: list[str] = []
        others: list[str] = []
        for generator in GENERATORS:
            for board in BOARDS:
                for seed in range(per):
                    two, rest = graded(condition, board, generator, seed=seed)
                    theirs += two
                    others += rest
        wrong = Counter(said for said in theirs if said)
        right += theirs.count("")
        total += len(theirs)
        sys.stdout.write(
            f"{condition:13} {theirs.count('') / len(theirs):6.1%} of {len(theirs)}; of the other "
            f"electrodes {others.count('') / len(others):6.1%} of {len(others)}"
            + "".join(f"; {n} {said}" for said, n in wrong.most_common())
            + "\n"
        )
    share = right / total
    sys.stdout.write(f"{share:.2%} of {total} graded right (at least {LIMIT:.0%})\n")
    return int(share < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
