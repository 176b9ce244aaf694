"""Child process of a deck: decodes the track that the engine asks for into the deck's ring.

Sound files are foreign data; whatever a damaged one does to the decoder, the engine plays on.
"""

from __future__ import annotations

import os
import time

from app.player.rings import DeckRing
from devices.children import parent_gone, stay_deaf
from dsp.checks import AttuneError

_PAUSE = 0.004  # s between looks at an idle or full ring


def run(ring_name: str) -> None:
    """Serve the ring until the program ends (target of the child process)."""
    stay_deaf()
    if hasattr(os, "nice"):
        os.nice(5)
    ring = DeckRing.attach(ring_name)
    orphan = ring.orphaned()
    if orphan:
        ring.end("The decoder of this track ended unexpectedly; the track is skipped.")
    current = orphan
    # Imported only now: an orphan must not wait for it.
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

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
