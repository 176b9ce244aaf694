"""Takes what is there out of an LSL inlet: two calls of liblsl into memory that is kept.

pylsl's `pull_chunk` makes arrays and pointers anew for each of the two: 30 us a read of five
samples where this takes 12, a tenth of what acquisition costs. What is used of pylsl for that is
not public: pyproject.toml bounds its version, and where it is built in another way, `pull_chunk` is
called after all.
"""

from __future__ import annotations

import ctypes
import time
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.checks import foreign_text

_WAIT_S = 0.1  # s that a pull waits for data
_ON_ITS_WAY_S = 1e-4  # s that the other samples of a packet may take


def _quick(pylsl: ModuleType, inlet: Any) -> tuple[bool, str]:
    """Whether liblsl can be called past `pull_chunk`, and what is to be said where it cannot."""
    try:
        text = inlet.channel_format == pylsl.cf_string
        if text:  # liblsl hands it out in memory that pylsl knows how to free
            return False, ""
        known = (
            isinstance(inlet.obj, ctypes.c_void_p)
            and isinstance(inlet.channel_count, int)
            and inlet.do_pull_chunk.restype in (ctypes.c_int, ctypes.c_long, ctypes.c_ulong)
            and np.dtype(inlet.np_dtype).itemsize == ctypes.sizeof(inlet.value_type)
            and pylsl.util.handle_error(ctypes.c_int(0)) is None
        )
    except (AttributeError, TypeError):
        known = False
    if known:
        return True, ""
    version = foreign_text(str(getattr(pylsl, "__version__", "")), longest=20)
    return False, (
        f"This version of pylsl ({version or 'unknown'}) is built in a way that Attune does not "
        "know: LSL streams are read at a little more cost, and else as well; 1.18 is known."
    )


class Puller:
    """Pulls from one inlet.

    `note` is what is to be said once where it has to be done the slow way, or empty.

    Parameters
    ----------
    pylsl : module
        As loaded (`devices.sources.streams.lsl_library`).
    inlet : pylsl.StreamInlet
        Open.
    most : int
        Samples of one pull.
    """

    def __init__(self, pylsl: ModuleType, inlet: Any, most: int) -> None:
        self._inlet, self._most = inlet, most
        self._quick, self.note = _quick(pylsl, inlet)
        if self._quick:
            self._call, self._check = inlet.do_pull_chunk, pylsl.util.handle_error
            self._data = np.empty((most, inlet.channel_count), dtype=inlet.np_dtype)
            self._stamps, self._width = np.empty(most), int(inlet.channel_count)
            self._values, self._taken = 0, (self._data[:0], self._stamps[:0])  # of the last pull
            self._error = ctypes.c_int()
            self._first, self._rest = self._asked(0, 1, _WAIT_S), self._asked(1, most, 0.0)

    def _asked(self, start: int, end: int, wait_s: float) -> tuple[Any, ...]:
        """Return what liblsl is told to fill the places from `start` to `end`."""
        return (
            self._inlet.obj,
            ctypes.c_void_p(self._data[start:].ctypes.data),
            ctypes.c_void_p(self._stamps[start:].ctypes.data),
            ctypes.c_size_t(self._data[start:end].size),
            ctypes.c_size_t(end - start),
            ctypes.c_double(wait_s),
            ctypes.byref(self._error),
        )

    def pull(self, *, packets: bool = False) -> tuple[npt.NDArray[Any], list[float]]:
        """Return samples and their stamps, none where none came within 0.1 s.

        Where they come in `packets`, one that is seen on its way is waited for.

        Raises
        ------
        pylsl.util.LostError
            When the sender is gone.
        """
        if not self._quick:
            data, stamps = self._inlet.pull_chunk(
                timeout=_WAIT_S, max_samples=self._most, min_samples=1, as_numpy=True
            )
            return data, stamps.tolist()
        call, error = self._call, self._error
        values = call(*self._first)
        if values and not error.value:
            rest = call(*self._rest)
            if packets and not rest and not error.value:
                time.sleep(_ON_ITS_WAY_S)
                rest = call(*self._rest)
            values += rest
        if error.value:
            self._check(error)
        if values != self._values:
            n, self._values = values // self._width, values
            self._taken = self._data[:n], self._stamps[:n]
        data, stamps = self._taken
        return data.copy(), stamps.tolist()
