"""Gains that never click: every change is a raised cosine, and can be turned back midway."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BEND = 2_400  # frames in which a ramp that is turned back loses its old slope (50 ms)


class Glide:
    """A gain 0..1 that moves from where it is to where it is told, per frame.

    The ramp is ``0.5 - 0.5 cos(pi x)`` (a 50 Hz tone switched over 50 ms so leaves -105 dB
    above 1 kHz; one switched over 10 ms linearly only -47 dB). A new ramp that begins while
    another one moves keeps its slope at first: a bend ``v k (1 - k/n)^2`` is added to it. With
    `power` the gain is ``cos(pi/2 r)`` or ``sin(pi/2 r)`` of the ramp r, so that two opposite
    glides keep their summed power, and either ends as softly as it begins.
    """

    def __init__(self, value: float) -> None:
        self.value = value  #: at the end of the newest block
        self._from = self._to = value
        self._n = self._at = 0
        self._power = False
        self._slope = 0.0  # per frame, at the end of the newest block
        self._bend = 0.0

    @property
    def moving(self) -> bool:
        """Whether a ramp is under way or waits for its delay."""
        return self._at < self._n

    @property
    def target(self) -> float:
        """Where it ends."""
        return self._to

    def go(self, target: float, n_frames: int, *, power: bool = False, delay: int = 0) -> None:
        """Move to `target` within `n_frames`, beginning `delay` frames into the next block."""
        self._bend = self._slope * (2.0 * self.value if power else 1.0)
        self._from, self._to = self.value, target
        self._n, self._at, self._power = max(1, n_frames), -delay, power

    def jump(self, value: float) -> None:
        """Be at `value` at once; only where nothing sounds."""
        self.value = self._from = self._to = value
        self._n = self._at = 0
        self._slope = 0.0

    def block(self, n_frames: int) -> float | npt.NDArray[np.float64]:
        """Return the gain of the next `n_frames`: one number where it stands still."""
        if not self.moving:
            return self.value
        k = np.arange(self._at + 1, self._at + n_frames + 1)
        w = 0.5 - 0.5 * np.cos(np.pi * np.clip(k / self._n, 0.0, 1.0))
        if self._power:
            w = 0.5 - 0.5 * np.cos(np.pi * w)  # the power that belongs to it
        low, high = (self._from**2, self._to**2) if self._power else (self._from, self._to)
        gain = low + (high - low) * w
        if self._bend:
            n = float(min(self._n, _BEND))
            if self._bend * (high - low) > 0.0:
                # On in the same direction: gone before it could carry the gain past its target.
                n = min(n, 2.4 * (high - low) / self._bend)
            inside = np.clip(k, 0, n)
            gain = np.clip(gain + self._bend * inside * (1.0 - inside / n) ** 2, 0.0, 1.0)
        if self._power:
            gain = np.sqrt(gain)
        self._at += n_frames
        if self.moving:
            self.value = float(gain[-1])
            self._slope = float(gain[-1] - gain[-2]) if n_frames > 1 else 0.0
        else:
            # Exactly at the target, so that a constant gain is a plain multiplication again.
            self.value, self._slope = self._to, 0.0
        return np.asarray(gain)
