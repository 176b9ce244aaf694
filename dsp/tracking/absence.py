"""Whether it may be said that nothing is followed.

Only where an answer of the size that this person shows would have been found. What they show with
such a sound is known from the windows left out of calibration (`expectation`), or from those of
the session that were followed; its lower bound counts, less where electrodes are missing or
noisier than they were. Of the newest three minutes the decoder's reconstruction is laid beside the
sound at every delay and drift within reach (`delays`). "Not following" needs two things: that the
lower bound would exceed what the search finds by chance in at least 80 % of cases (the power), and
that what was found lies so far under it that a true answer, wherever it came, would be as low in
one case of 20 at most. So a clock that runs, a rate that is wrong or other headphones are no
reason to say that nobody listens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from dsp.grid import Floats
from dsp.intervals import Z90
from dsp.tracking.courses import by_chance
from dsp.tracking.decoder import Decoder, ridge, strength
from dsp.tracking.delays import Delays, Search
from dsp.tracking.expectation import N_NEEDED, Expectation
from dsp.tracking.rebuilder import Rebuilder

POWER = 0.8  #: least chance of finding the answer, before its absence says anything
#: As much EEG as three minutes counted alike; a rate wrong by 1 %, headphones a second later.
ANYWHERE = Search(
    memory=100.0, near=1.0, drifts=np.linspace(-0.0105, 0.0105, 43), chance=4.4, layer=True
)
_FOUND = 5.5  # spreads: a search has found an answer, wherever it is
_AWAY = 0.3, 2e-3  # s and s a second: farther off it is not where a decoder looks for it
_LEAST = 1.28  # standard errors of what is usual, for its lower bound: 10 %


class Absence:
    """Whether an answer would have been found if there were one.

    Parameters
    ----------
    delays : Delays
        Of the stored decoder alone, or of the session's own.
    rebuilder : Rebuilder
        Whose reconstruction that is.
    ch_names : sequence of str
        Of its electrodes.
    decoder : Decoder, optional
        A calibration that found an answer.
    """

    def __init__(
        self,
        delays: Delays,
        rebuilder: Rebuilder,
        ch_names: Sequence[str],
        decoder: Decoder | None = None,
    ) -> None:
        self._delays, self._rebuilder, self._decoder = delays, rebuilder, decoder
        self._ch_names = tuple(ch_names)
        self._usual = Expectation(decoder.windows if decoder else None)
        self._away = False  # the answer was found, and not where the decoder looks for it
        self._shares: dict[tuple[str, ...], float] = {}
        self.power = math.nan  #: chance of finding it with the newest EEG; NaN if none was shown
        self.shown = False  #: true where it may be said

    @property
    def known(self) -> bool:
        """True if this person has shown an answer, at calibration or now."""
        return self._usual.n_windows >= N_NEEDED

    def learn(self, r: float, sd: float, x: Floats) -> None:
        """Take a window of this session that was followed, where no calibration has any."""
        if self._decoder is None and math.isfinite(r) and np.isfinite(x[:3]).all():
            self._usual.learn(r, sd, x)

    def look(self, x: Floats) -> None:
        """Judge the newest EEG; `x` are the `expectation.acoustics` of its sound."""
        self.power, self.shown = math.nan, False
        if not self.known:
            return
        best = self._delays.best(ANYWHERE)
        if best is None or not np.isfinite(x[:3]).all():
            self.power = 0.0
            return
        if best.z >= _FOUND:
            far = max(abs(best.middle) / _AWAY[0], abs(best.drift) / _AWAY[1])
            self._away = far > 1.0
        usual, unsure = self._usual.expected(x)
        least = (usual - _LEAST * unsure) * self._share()
        self.power = float(ndtr(least / best.sd - ANYWHERE.chance))
        low = best.r + Z90 * best.sd <= least
        self.shown = low and self.power >= POWER and not self._away

    def why(self, seconds: float, *, ever: bool) -> str:
        """Say in a sentence why it may not be said, after so many seconds that were judged.

        `ever`: this session has shown an answer once.
        """
        if not self.known:
            if ever or self._decoder is not None:
                return "How large an answer is usual for this person is not known yet."
            return f"No answer found so far in {seconds / 60.0:.1f} minutes."
        if self._away:
            return "The answer comes at another time than expected: check both clocks."
        if self.power < POWER:
            found = f"{100.0 * self.power:.0f} %"
            return f"This EEG would show a usual answer in {found} of cases; 80 % are needed."
        return "The evidence is not enough yet, one way or the other."

    def _share(self) -> float:
        """What is left of the correlation with electrodes missing, or noisier than they were."""
        if self._decoder is None:
            return 1.0
        here = tuple(
            name
            for name, out in zip(self._ch_names, self._rebuilder.without, strict=True)
            if not out and name in self._decoder.ch_names
        )
        if here not in self._shares:
            whole = _explained(self._decoder, self._decoder.ch_names)
            self._shares[here] = _explained(self._decoder, here) / whole if whole else 0.0
        return self._shares[here] / self._noisier(here)

    def _noisier(self, here: Sequence[str]) -> float:
        """How many times as large the EEG is as at calibration: the answer did not grow with it."""
        assert self._decoder is not None
        now = dict(zip(self._ch_names, self._rebuilder.levels, strict=True))
        then = dict(zip(self._decoder.ch_names, self._decoder.levels, strict=False))
        ratios = [now[name] / then[name] for name in here if then.get(name, 0.0) > 0.0]
        return max(float(np.median(ratios)), 1.0) if ratios else 1.0


def _explained(decoder: Decoder, ch_names: Sequence[str]) -> float:
    """Correlation of sound and reconstruction at calibration, from some electrodes alone.

    Up to a factor, the size of the sound, which is the same for all of them.
    """
    if not ch_names:
        return 0.0
    sums = decoder.select(ch_names)
    penalty = strength(sums.seconds, len(ch_names))
    chance = by_chance(sums.power, sums.seconds)
    weights = ridge(sums.cov, sums.cross, penalty=penalty, n_lags=decoder.lags.size, chance=chance)
    size = float(weights @ sums.cov @ weights)
    return float(weights @ sums.cross) / math.sqrt(size) if size > 0.0 else 0.0
