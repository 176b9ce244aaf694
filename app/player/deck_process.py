"""The child process of a deck, which decodes what the engine asks for, and the watch over it.

Sound files are foreign data; whatever a damaged one does to the decoder, the engine plays on.
"""

from __future__ import annotations

import os
import time
from multiprocessing.context import SpawnContext, SpawnProcess

from app.player.rings import DeckRing
from devices.children import deaf_children, parent_gone, stay_deaf
from dsp.checks import AttuneError

_PAUSE = 0.004  # s between looks at an idle or full ring
_TRIES = 3
_DIED = "The decoder of this track ended unexpectedly; the track is skipped."
NO_DECODER = (
    f"No decoder could be started in {_TRIES} tries, so tracks are skipped; close other programs, "
    "end the session and start a new one."
)


class DeckProcess:
    """Keeps a decoder at `ring`: starts it anew when it ends, as often as it came to work.

    Parameters
    ----------
    ring : DeckRing
        Where it decodes to; a decoder that ended is no writer any more, so its keeper may write.
    name : str
        Of the process.
    context : multiprocessing context
        That starts it.
    """

    def __init__(self, ring: DeckRing, name: str, context: SpawnContext) -> None:
        self._ring, self._name, self._context = ring, name, context
        self._process: SpawnProcess | None = None
        self._tries = 0  # since a decoder last came to work

    @property
    def lost(self) -> bool:
        """Whether none can be had any more."""
        return self._tries > _TRIES

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return self._process.pid if self._process is not None else None

    def look(self) -> None:
        """See that a decoder is there; to be called often."""
        if self._process is not None and self._process.is_alive():
            return
        if self._ring.serves():
            self._tries = 0
        self._ring.abandon(_DIED)
        self._drop()
        self._tries = min(self._tries + 1, _TRIES + 1)
        if self.lost:
            self._ring.refuse(NO_DECODER)
        else:
            self._start()

    def _start(self) -> None:
        process = self._context.Process(
            target=run, args=(self._ring.name,), name=self._name, daemon=True
        )
        try:
            with deaf_children():
                process.start()
        except OSError:
            return  # no process or no memory to be had: that was one try
        self._process = process

    def _drop(self) -> None:
        if self._process is not None:
            self._process.join()
            self._process.close()
            self._process = None

    def close(self) -> None:
        """End it at once: it holds nothing."""
        if self._process is not None:
            self._process.kill()
            self._drop()


def run(ring_name: str) -> None:
    """Serve the ring until the program ends (target of the child process)."""
    stay_deaf()
    if hasattr(os, "nice"):
        os.nice(5)
    # Before any track is taken: a library that cannot be loaded is no fault of the track.
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    ring = DeckRing.attach(ring_name)
    current = ring.serve()
    while not parent_gone():
        number, path = ring.wanted()
        if number == current:
            time.sleep(_PAUSE)
            continue
        current = number
        _decode(ring, number, path)
    ring.close()


def _decode(ring: DeckRing, number: int, path: str) -> None:
    """Decode `path` until it ends or another track is wanted."""
    from playlists.decode import blocks

    ring.open(number)
    error = ""
    try:
        for sound in blocks(path):
            while sound.shape[0]:
                if ring.wanted()[0] != number or parent_gone():
                    return
                room = ring.room()
                if room <= 0:
                    time.sleep(5 * _PAUSE)
                    continue
                ring.write(sound[:room])
                sound = sound[room:]
    except AttuneError as problem:
        error = str(problem)
    except (OSError, RuntimeError, ValueError, MemoryError) as problem:
        error = f"{path} cannot be decoded ({problem}); the track is skipped."
    ring.end(error)
