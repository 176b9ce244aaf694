"""From a sound file to 48 kHz stereo, block by block, with samples that are safe to play.

libsndfile opens WAV, AIFF, FLAC, Ogg Vorbis, Opus and MP3; soxr resamples. A third of all
damaged float WAVs decode to NaN or infinite samples, so every block is made finite and
bounded before anybody else sees it.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.grid import FS
from playlists.tracks import Track

#: Suffixes that a folder is searched for.
SUFFIXES = frozenset({".wav", ".aif", ".aiff", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".w64"})

#: No decoded sample is larger than this; music at full scale is 1.
BOUND = 4.0

#: A file may end this many seconds before its declared end (MP3 lengths can be estimates).
_SLACK_S = 0.5

#: Sound decoded before a seek target and thrown away, so that the resampler is in step.
_RUN_IN_S = 0.1

#: What no music has: a second at 1 Hz would become 48 000 frames, and 48 000 of those 18 GB.
_SFREQS, _MOST_CHANNELS = (1_000, 1_000_000), 64

_TAGS = ("title", "artist", "album", "genre", "date")
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")


def probe(path: str | Path) -> Track:
    """Open `path` and read its length and tags, without decoding it.

    Raises
    ------
    InputError
        One sentence, where the file is missing, empty, a folder, an internet address or no sound.
    """
    with _open(path) as file:
        tags = file.copy_metadata()
        said = {name: str(tags.get(name, "")).strip() for name in _TAGS}
        year = _YEAR.search(said["date"])
        return Track(
            path=Path(path),
            title=said["title"] or Path(path).stem,
            artist=said["artist"],
            duration=file.frames / file.samplerate,
            album=said["album"],
            genre=said["genre"],
            year=int(year[0]) if year else 0,
        )


def blocks(
    path: str | Path, *, start: int = 0, size: int = FS
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the sound of `path` from frame `start` (at 48 kHz) to its end.

    Parameters
    ----------
    path : path
        Sound file.
    start : int
        First frame wanted, at 48 kHz. At or past the end nothing is yielded.
    size : int
        Frames of the file read at a time; the blocks are about as long.

    Yields
    ------
    float32 [shape=(n_frames, 2)]
        Finite, within ±`BOUND`. From frame 0 all blocks together hold
        ``round(n * 48000 / sfreq)`` frames, where the file holds ``n``.

    Raises
    ------
    InputError
        One sentence, where the file cannot be used or breaks off before its declared end.
    """
    if start < 0:
        raise InputError(f"start is {start}; expected a frame number from 0 on.")
    with _open(path) as file:
        if file.samplerate == FS:
            yield from _direct(file, path, start=start, size=size)
        else:
            yield from _resampled(file, path, start=start, size=size)


def _direct(
    file: Any, path: str | Path, *, start: int, size: int
) -> Iterator[npt.NDArray[np.float32]]:
    if start >= file.frames:
        return
    _seek(file, path, start)
    yield from _read(file, path, size=size)


def _resampled(
    file: Any, path: str | Path, *, start: int, size: int
) -> Iterator[npt.NDArray[np.float32]]:
    import soxr

    sfreq = file.samplerate
    common = math.gcd(sfreq, FS)
    step_in, step_out = sfreq // common, FS // common
    # Entry on a frame that both rates share, early enough for the filter to have settled.
    steps = max(0, (start - round(_RUN_IN_S * FS)) // step_out)
    if steps * step_in >= file.frames:
        return
    _seek(file, path, steps * step_in)
    stream = soxr.ResampleStream(sfreq, FS, 2, dtype="float32", quality="HQ")
    skip = start - steps * step_out
    made, read = 0, 0
    for block in _read(file, path, size=size):
        read += block.shape[0]
        out = stream.resample_chunk(block)
        made += out.shape[0]
        kept = out[min(skip, out.shape[0]) :]
        skip -= out.shape[0] - kept.shape[0]
        if kept.shape[0]:
            yield _safe(kept)
    tail = stream.resample_chunk(np.empty((0, 2), dtype=np.float32), last=True)
    missing = round(read * FS / sfreq) - made
    if missing > tail.shape[0]:
        tail = np.concatenate([tail, np.zeros((missing - tail.shape[0], 2), dtype=np.float32)])
    tail = tail[max(0, skip) : max(0, missing)]
    if tail.shape[0]:
        yield _safe(tail)


def _read(file: Any, path: str | Path, *, size: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield finite stereo blocks at the file's own rate, and complain of an early end."""
    import soundfile

    first = position = file.tell()
    while True:
        try:
            block = file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as problem:
            raise InputError(
                f"{path} cannot be decoded past {position / file.samplerate:.1f} s; the file is "
                "damaged, get it again or leave it out."
            ) from problem
        if not block.shape[0]:
            break
        position += block.shape[0]
        yield _safe(_stereo(block))
    if position < file.frames - max(_SLACK_S * file.samplerate, 1) or position == first == 0:
        raise InputError(
            f"{path} breaks off at {position / file.samplerate:.1f} s of "
            f"{file.frames / file.samplerate:.1f} s; the file is cut short, get it again or leave "
            "it out."
        )


def _stereo(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    n_channels = block.shape[1]
    if n_channels == 2:
        return block
    if n_channels == 1:
        return np.repeat(block, 2, axis=1)
    mixed: npt.NDArray[np.float32] = block @ _down_mix(n_channels)
    return mixed


def _down_mix(n_channels: int) -> npt.NDArray[np.float32]:
    """Matrix to stereo [shape=(n_channels, 2)], after ITU-R BS.775; no sum can pass full scale.

    Order as in WAV files: left, right, centre, low-frequency, back or side pair(s). Four channels
    are two pairs. The low-frequency channel of 5.1 and 7.1 is left out, as BS.775 does.
    """
    half = math.sqrt(0.5)
    pairs = [(1.0, 0.0), (0.0, 1.0)]
    sides = [(half, 0.0), (0.0, half)]
    centre, nothing = (half, half), (0.0, 0.0)
    rows = {
        3: [*pairs, centre],
        4: [*pairs, *sides],
        5: [*pairs, centre, *sides],
        6: [*pairs, centre, nothing, *sides],
        7: [*pairs, centre, nothing, centre, *sides],
        8: [*pairs, centre, nothing, *sides, *sides],
    }.get(n_channels, [pairs[k % 2] for k in range(n_channels)])
    matrix: npt.NDArray[np.float64] = np.array(rows, dtype=np.float64)
    scaled: npt.NDArray[np.float32] = (matrix / matrix.sum(axis=0)).astype(np.float32)
    return scaled


def _safe(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    finite = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    bounded: npt.NDArray[np.float32] = np.clip(finite, -BOUND, BOUND)
    return bounded


def _seek(file: Any, path: str | Path, frame: int) -> None:
    import soundfile

    if frame == 0:
        return
    try:
        file.seek(frame)
    except soundfile.SoundFileError as problem:
        raise InputError(
            f"{path} cannot be entered at {frame / file.samplerate:.1f} s; the file is damaged, "
            "get it again or leave it out."
        ) from problem


def _open(path: str | Path) -> Any:
    """Return an open SoundFile, or raise one sentence that says why not."""
    import soundfile

    if _ADDRESS.match(str(path)):
        raise InputError(
            f"{path} is an internet address; only files on this computer can be played."
        )
    if file_size(path) == 0:
        raise InputError(f"{path} is an empty file (0 bytes); expected a sound file.")
    try:
        # As bytes where names are bytes: not all of them are UTF-8.
        file = soundfile.SoundFile(str(path) if os.name == "nt" else os.fsencode(path))
    except (soundfile.SoundFileError, TypeError, OSError) as problem:
        raise InputError(
            f"{path} is not a sound file that can be decoded (WAV, AIFF, FLAC, OGG, Opus and MP3 "
            "can); convert it or leave it out."
        ) from problem
    if file.frames <= 0 or file.channels < 1 or file.samplerate < 1:
        file.close()
        raise InputError(f"{path} holds no sound (0 s); leave it out.")
    low, high = _SFREQS
    if not (low <= file.samplerate <= high and file.channels <= _MOST_CHANNELS):
        file.close()
        raise InputError(
            f"{path} says that it has {file.channels} channels at {file.samplerate} Hz; expected "
            f"up to {_MOST_CHANNELS} at {low} to {high} Hz: the file is damaged, get it again or "
            "leave it out."
        )
    return file


def file_size(path: str | Path) -> int:
    """Return the bytes of a file that can be read to an end, without opening it.

    Raises
    ------
    InputError
        One sentence, where it is missing, a folder, or a pipe or device, which may never end.
    """
    try:
        found = os.stat(path)
    except OSError as problem:
        why = problem.strerror
    except ValueError:
        why = "no file has such a name"
    else:
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"{path} is a folder; expected a sound file.")
        raise InputError(f"{path} is a pipe or a device; expected a file.")
    raise InputError(f"{path} cannot be read ({why}); check the name and that it is there.")
