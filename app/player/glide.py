"""Gains that never click: every change is a raised cosine, and can be turned back midway."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Glide:
    """A gain that moves from where it is to where it is told, per frame.

    The ramp is ``0.5 - 0.5 cos(pi x)`` (a 50 Hz tone switched over 50 ms so leaves -105 dB
    above 1 kHz; one switched over 10 ms linearly only -47 dB). With `power` the *square* of
    the gain follows it, so that two opposite glides keep their summed power.
    """

    def __init__(self, value: float) -> None:
        self.value = value  #: at the end of the newest block
        self._from = self._to = value
        self._n = self._at = 0
        self._power = False

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
        self._from, self._to = self.value, target
        self._n, self._at, self._power = max(1, n_frames), -delay, power

    def jump(self, value: float) -> None:
        """Be at `value` at once; only where nothing sounds."""
        self.value = self._from = self._to = value
        self._n = self._at = 0

    def block(self, n_frames: int) -> float | npt.NDArray[np.float64]:
        """Return the gain of the next `n_frames`: one number where it stands still."""
        if not self.moving:
            return self.value
        x = np.arange(self._at + 1, self._at + n_frames + 1) / self._n
        w = 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0.0, 1.0))
        if self._power:
            gain = np.sqrt(self._from**2 + (self._to**2 - self._from**2) * w)
        else:
            gain = self._from + (self._to - self._from) * w
        self._at += n_frames
        # Exactly at the target, so that a constant gain is a plain multiplication again.
        self.value = float(gain[-1]) if self.moving else self._to
        return np.asarray(gain)
