"""Sequential evidence that the EEG follows the sound, over blocks that do not overlap.

A p value that is looked at every second says "following" at some moment in a quarter of silent
recordings. Two figures that run over the standard scores z of 5 s blocks stand against that:

*session*: an e-process ``R_k = sum_j w_j R_jk`` with
``R_jk = (R_j,k-1 + v_k) exp(mu_j z_k - mu_j^2 / 2)`` over effects mu_j and start weights v that
sum to 1. Where nothing is followed, R is a supermartingale of mean 1 at most, so that it ever
reaches 1/a in at most a share a of sessions however long they are (Ville 1939; Shiryaev 1963 for
the unknown start).

*now*: the log odds that the newest block was followed, of a chain that turns from following to not
following and back with a small chance at each block (Shiryaev 1963; Hamilton 1989, Econometrica
57:357). A strong answer that ends is seen to within a few blocks, a weak one is remembered for as
long as its blocks need to tell anything.
"""

from __future__ import annotations

import math

#: Log odds from which a session that has shown following is following now, under which it no longer
#: is, and at which it is not (Wald's lower bound for a power of 80 %).
UPPER, KEPT = 1.0, 0.0
LOWER = math.log(0.2 / 0.95)
BLOCK = 5  #: seconds of a block
MIN_BLOCK = 0.4  #: share of it that must be usable to count
#: Evidence at which a session counts as following: a chance of 1 in 20 at most with a stored
#: decoder. From nothing, where delay and decoder are searched in the session itself and the
#: EEG's own slow changes are learnt with them, half of that.
SESSION_BOUND, NEW_BOUND = math.log(20.0), math.log(40.0)

#: Mean z of a block and its weight, while nothing is known of the person.
_EFFECTS = ((0.6, 0.2), (1.1, 0.35), (1.8, 0.3), (2.8, 0.15))
#: The same as multiples of the effect that calibration found: a disliked track is followed less.
_KNOWN = ((0.5, 0.25), (0.8, 0.4), (1.2, 0.35))
_KNOWN_START, _FIRST_START, _LATER_START = 0.7, 0.1, 0.1
_TURN = 0.015  # chance that an answer begins, or ends, with a block: after a track or two
_TEMPER = 0.95  # blocks are short: tails of z are a little heavier than normal


class Evidence:
    """Both running figures.

    Parameters
    ----------
    effect : float, optional
        Mean z of a block to be expected from this person, from calibration; 0.8 at least, as mostly
        where that found nothing, and 4 at most.

    Examples
    --------
    >>> evidence = Evidence(effect=1.5)
    >>> for _ in range(6):  # half a minute of blocks that a brain follows
    ...     evidence.add(1.5)
    >>> evidence.ever
    True
    """

    def __init__(self, *, effect: float | None = None) -> None:
        if effect is None:
            self._effects: tuple[tuple[float, float], ...] = _EFFECTS
        else:
            known = min(max(effect, 0.8), 4.0)
            self._effects = tuple((m * known, w) for m, w in _KNOWN)
        self._bound = NEW_BOUND if effect is None else SESSION_BOUND
        self._start_left = 1.0
        self._next_start = _FIRST_START if effect is None else _KNOWN_START
        self._logs = [-math.inf] * len(self._effects)
        self.session = -math.inf  #: log R
        self.highest = -math.inf  #: largest log R so far
        self._chances = [0.5 * w for _, w in self._effects]  # that it follows now, by effect
        self.blocks = 0
        self._shown = False  # by a refit of everything so far

    def add(self, z: float) -> None:
        """Take the standard score of the next block."""
        z = _TEMPER * min(max(z, -4.0), 6.0)
        start = min(self._next_start, self._start_left)
        self._start_left -= start
        self._next_start = _LATER_START * self._start_left
        for j, (mu, _) in enumerate(self._effects):
            gain = mu * z - mu * mu / 2.0
            self._logs[j] = min(math.log(math.exp(self._logs[j]) + start) + gain, 300.0)
        self.session = self._total()
        self.highest = max(self.highest, self.session)
        self.fade()
        likely = [
            c * math.exp(mu * z - mu * mu / 2.0)
            for c, (mu, _) in zip(self._chances, self._effects, strict=True)
        ]
        total = sum(likely) + 1.0 - sum(self._chances)
        self._chances = [v / total for v in likely]
        # What other means have shown lasts while the blocks bear it out.
        self._shown = self._shown and self.now >= UPPER
        self.blocks += 1

    def fade(self) -> None:
        """A block passes: with none of its data, what was known grows old."""
        idle = 1.0 - sum(self._chances)
        self._chances = [
            (1.0 - _TURN) * c + _TURN * idle * w
            for c, (_, w) in zip(self._chances, self._effects, strict=True)
        ]

    @property
    def now(self) -> float:
        """Log odds that it follows now."""
        chance = sum(self._chances)
        return math.log(chance / (1.0 - chance))

    def show(self) -> None:
        """Take it that following was shown by other means, and is so now (`dsp.tracking.first`).

        What comes from now on must bear it out: with blocks of no answer what is told of now
        fades within some forty seconds, and from then on nothing has been shown but by the blocks.
        """
        self._shown = True
        self._chances = [(1.0 - _TURN) * w for _, w in self._effects]

    def void(self) -> None:
        """Take back what was gained: it came from a time when something else followed the sound.

        What was staked stays, or doubts raised in vain would leave nothing to gain with: a sum
        that is lowered, by whatever rule, remains a supermartingale.
        """
        staked = math.log(1.0 - self._start_left) if self._start_left < 1.0 else -math.inf
        self._logs = [min(v, staked) for v in self._logs]
        self.session = self.highest = self._total()
        even = min(0.5 / sum(self._chances), 1.0)
        self._chances = [even * c for c in self._chances]
        self._shown = False

    def _total(self) -> float:
        """Log of the weighted sum over effects."""
        total = sum(w * math.exp(v) for v, (_, w) in zip(self._logs, self._effects, strict=True))
        return math.log(total) if total > 0.0 else -math.inf

    @property
    def ever(self) -> bool:
        """True once the session has shown following; what other means showed may lapse."""
        return self._shown or self.highest >= self._bound
