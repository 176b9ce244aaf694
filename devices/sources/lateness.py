"""What lateness means where arrival tells: lost samples and where, another rate, or a backlog."""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np
import numpy.typing as npt

from devices.sources.reads import Reads

Floats = npt.NDArray[np.float64]

LATE_S = 0.025  #: s by which a read that was not held up may be late
_SILENCE_S, _USUAL_READS = 0.3, 16  # s without a sample, twice as long as between others
_HEAVY = 0.3  # share of samples that no network loses evenly


class Silence:
    """Knows when samples came after a silence: what comes faster then is what it held back."""

    def __init__(self) -> None:
        self.end = -np.inf  #: s: the first read after the last one
        self.seen = np.inf  #: s: the newest read
        self._waits = deque([0.0], maxlen=_USUAL_READS)

    def hear(self, seen: float) -> None:
        """Take the time of a read, s."""
        waited, self.seen = seen - self.seen, seen
        if waited > max(_SILENCE_S, 2.0 * sorted(self._waits)[len(self._waits) // 2]):
            self.end = seen
        if waited > 0.0:
            self._waits.append(waited)


def course(
    late: Floats, held: float, fast: float, *, exact: bool
) -> Literal["rate", "falls", "lost"]:
    """What it means that reads were late by so much, each in s, for `held` s.

    Lateness of lost samples goes up by steps and stays; of a lower rate it goes up evenly; of a
    backlog it falls, by `fast` s per s. Where stamps are `exact`, those lost are counted already.
    """
    grown = late[-1] - late[0]
    steps = np.diff(_least(late, 3))
    steady = late.size < 3 or steps.min() > 0.25 * steps.sum()  # and not by another loss
    if steady and exact and grown > 0.1 * late[0]:
        return "rate"
    line = np.diff(_least(late, 6))
    if late.size >= 6 and line.min() > 0.5 * line.mean() and grown > _HEAVY * held:
        return "rate"
    falls = -grown > max(fast * held, LATE_S) and steps.max() < 0.25 * steps.sum()
    return "falls" if falls else "lost"


def _least(late: Floats, parts: int) -> list[float]:
    return [float(part.min()) for part in np.array_split(late, min(late.size, parts))]


def lost_before(
    reads: Reads, late: Floats, newest: int, due: float, period: float, packet: int
) -> npt.NDArray[np.int64]:
    """How many samples were lost before each of some reads.

    Before a read there were lost at most as many as every later one still is late by.

    Parameters
    ----------
    late : float64 [shape=(n_reads,)]
        By how much the last sample of each read is late if none was lost, s.
    newest : int
        The first read of those too new to be judged.
    due : float
        When the first sample is due if none was lost, s.
    period : float
        s per sample.
    packet : int
        Samples that are lost together, where only their arrival tells when they were taken; 0
        where their times are known better.

    Returns
    -------
    int64 [shape=(n_samples,)]
    """
    missing = np.zeros(reads.ends[-1], dtype=np.int64)
    counts = np.diff([0, *reads.ends])
    usual = max(int(np.median(counts)), packet)
    least = np.minimum.accumulate(late[::-1])[::-1]
    least[newest:] = least[newest]
    lost = _whole(least / period, packet)
    before = due - period
    for k, more in enumerate(np.diff(lost, prepend=0).tolist()):
        first, end = reads.ends[k] - int(counts[k]), reads.ends[k]
        steps = np.diff(reads.times[first:end], prepend=before)
        before = float(reads.times[end - 1])
        if more <= 0:
            continue
        first += int(np.argmax(steps))
        half = 0
        # Of what was held up it is not known what came before the loss: half of it is put behind,
        # so that no row is off by more than the other half.
        quick = min(k + int(np.argmax(late[k:] - least[k:] < LATE_S)), newest - 1)
        if packet and (quick > k or counts[k] >= 2 * usual):
            half = more // 2
            missing[reads.ends[quick] - min(usual, int(counts[quick]))] += half
        missing[first] += more - half
    return missing


def _whole(lost: Floats, packet: int) -> npt.NDArray[np.int64]:
    """Numbers of lost samples, of whole packets where that is nearly so."""
    packets = packet * np.round(lost / max(packet, 1))
    near = (lost - packets < packet / 4) & (packets - lost < 0.5)  # late, and hardly ever early
    return np.where(near, packets, np.round(lost)).astype(np.int64)
