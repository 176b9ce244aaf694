"""Sequential evidence that the EEG follows the sound, over blocks that do not overlap.

A p value that is looked at every second says "following" at some moment in a quarter of silent
recordings. Two running sums over the standard scores z of 5 s blocks stand against that:

*session*: an e-process ``R_k = sum_j w_j R_jk`` with
``R_jk = (R_j,k-1 + v_k) exp(mu_j z_k - mu_j^2 / 2)`` over effects mu_j and start weights v that
sum to 1. Where nothing is followed, R is a supermartingale of mean 1 at most, so that it ever
reaches 1/a in at most a share a of sessions however long they are (Ville 1939; Shiryaev 1963 for
the unknown start).

*now*: ``E_k = leak E_{k-1} + mu z_k - mu^2 / 2``, which forgets, against Wald's bounds
(Wald 1945, Ann. Math. Stat. 16:117).
"""

from __future__ import annotations

import math

#: Wald's bounds for a false-alarm rate of 5 % and power of 80 %.
UPPER = math.log(0.8 / 0.05)
LOWER = math.log(0.2 / 0.95)
BLOCK = 5  #: seconds of a block
#: Evidence at which a session counts as following: a chance of 1 in 50 at most.
SESSION_BOUND = math.log(50.0)

_EFFECTS = ((0.6, 0.25), (1.1, 0.35), (1.8, 0.25), (2.8, 0.15))  # mean z of a block, weight
_FIRST_START, _LATER_START = 0.2, 0.06
_LEAK = 0.85  # per block: half forgotten in 21 s
_FLOOR, _CEILING = -4.0, 6.0
DEFAULT_EFFECT = 1.1  #: z of a block that a just useful response gives (r = 0.13)
_TEMPER = 0.9  # blocks are short: tails of z are a little heavier than normal


class Evidence:
    """Both running sums.

    Parameters
    ----------
    effect : float
        Mean z of a block to be expected from this person (from calibration).
    """

    def __init__(self, *, effect: float = DEFAULT_EFFECT) -> None:
        self._effect = min(max(effect, 0.8), 2.5)
        self._start_left = 1.0
        self._next_start = _FIRST_START
        self._logs = [-math.inf] * len(_EFFECTS)
        self.session = -math.inf  #: log R
        self.highest = -math.inf  #: largest log R so far
        self.now = 0.0
        self.blocks = 0

    def add(self, z: float) -> None:
        """Take the standard score of the next block."""
        z = _TEMPER * min(max(z, -4.0), 6.0)
        start = min(self._next_start, self._start_left)
        self._start_left -= start
        self._next_start = _LATER_START * self._start_left
        for j, (mu, _) in enumerate(_EFFECTS):
            gain = mu * z - mu * mu / 2.0
            self._logs[j] = min(math.log(math.exp(self._logs[j]) + start) + gain, 300.0)
        total = sum(w * math.exp(v) for v, (_, w) in zip(self._logs, _EFFECTS, strict=True))
        self.session = math.log(total)
        self.highest = max(self.highest, self.session)
        gain = self._effect * z - self._effect**2 / 2.0
        self.now = min(max(_LEAK * self.now + gain, _FLOOR), _CEILING)
        self.blocks += 1

    def fade(self) -> None:
        """A block without usable data: what was known grows old."""
        self.now *= _LEAK

    @property
    def ever(self) -> bool:
        """True once the session has shown following."""
        return self.highest >= SESSION_BOUND
