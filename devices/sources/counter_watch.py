"""Whether the values of a package counter count at all."""

from __future__ import annotations

_NEAR = 4  # packets by which a value lies from the one before it, if it counts
_OFF = 3  # values in a row that count nothing, after which what comes is kept back
# S of samples that are near, before which one that counts nothing is enough for that: in the first
# half second, in which some had piled up, there was time for any loss.
_SHOWN_S = 0.6
_NONE = 32  # and after which there is no counter
_WHOLE = 2 / 3  # share of the samples that must have come: where most were lost, any value may


class CounterWatch:
    """Looks whether values that are not in line are near those before them.

    Those of a counter are, unless much was lost in between, and then there was time for it. Random
    values are far from each other, though samples come as quickly as they are taken.

    Parameters
    ----------
    turn : int
        Packets in which the counter goes round.
    share : int
        Samples that share one value.
    """

    def __init__(self, turn: int, share: int) -> None:
        self._turn, self._share = turn, share
        self._packet = -1  # value before, in packets; -1 where none is known
        self._near = 0  # samples that were near those before them
        self._off = self._packets = 0  # what counts nothing, and all, since that began
        self._since = 0.0  # when, s
        self._whole = self._doubted = False

    @property
    def doubted(self) -> bool:
        """Whether nothing that comes should be judged by its counter yet."""
        return self._whole and self._doubted

    @property
    def none(self) -> bool:
        """Whether what is called a counter is none."""
        return self._whole and self._off >= _NONE

    def in_line(self, n: int) -> None:
        """Take it that all of `n` samples followed one another, and those before them."""
        self._near += n
        self._off, self._doubted = 0, False

    def begin(self, value: int) -> None:
        """Take the value before those that are looked at next; negative where none is known."""
        self._packet = value // self._share if value >= 0 else -1

    def push(
        self, values: list[int], arrivals: list[float], holes: list[bool], period: float
    ) -> None:
        """Look at samples that did not.

        Parameters
        ----------
        values : list of int
            Of the counter (`devices.sources.loss.PacketCounter.values`), or none (negative).
        arrivals : list of float
            When each arrived, s.
        holes : list of bool
            Whether each came after a hole in time, over which the counter may be anywhere.
        period : float
            S from sample to sample.
        """
        for value, at, hole in zip(values, arrivals, holes, strict=True):
            if hole:
                self._off, self._doubted, self._packet = 0, False, -1
            packet = value // self._share
            if value < 0 or packet == self._packet:
                continue
            if self._packet >= 0:
                ahead = (packet - self._packet) % self._turn
                self._step(min(ahead, self._turn - ahead) <= _NEAR, at, period)
            self._packet = packet
        most = (arrivals[-1] - self._since) / period
        self._whole = self._packets * self._share >= _WHOLE * most

    def _step(self, near: bool, at: float, period: float) -> None:
        """Take one more value. Some are near by chance: a doubt lasts until as many are near."""
        if near:
            self._near += self._share
            self._off = max(0, self._off - (1 if self._doubted else _OFF))
            self._doubted = self._doubted and self._off > 0
        else:
            shown = self._near * period > _SHOWN_S
            if self._off == 0:
                self._since, self._packets = at, 0
            self._off += 1
            if not self._doubted and self._off >= (_OFF if shown else 1):
                self._off, self._doubted = _OFF, True
        self._packets += 1
