"""Recordings and what was heard in them, from any file the evaluation is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from devices.formats.npz import read_array, read_events, read_npz, read_rate
from devices.formats.recording import Recording
from dsp.checks import InputError, check_number, check_option, foreign_text
from dsp.grid import RATE, Floats

_MIN_SECONDS = 2
_RISE = 1  # column of the envelope rise in what a session heard


@dataclass(frozen=True)
class Stimulus:
    """What was heard: rows at 64 Hz as the tracker takes them.

    Attributes
    ----------
    name : str
    values : float64 [shape=(n, 3)] or float64 [shape=(n, 4)]
        With the level of the music where it is known.
    times : float64 [shape=(n,)]
    """

    name: str
    values: Floats
    times: Floats


def open_recording(path: Path, *, channels: Sequence[str] | None = None) -> Recording:
    """Read an npz file or a session folder.

    Parameters
    ----------
    path : Path
    channels : sequence of str, optional
        Electrodes to take, in this order; several may stand in one text, with commas.

    Raises
    ------
    InputError
        If it cannot be read, is shorter than 2 s, or lacks one of `channels`.
    """
    recording = _open_session(path)[0] if path.is_dir() else read_npz(path)
    length = float(recording.times[-1] - recording.times[0]) + 1.0 / recording.sfreq
    if length < _MIN_SECONDS:
        raise InputError(
            f"{recording.name} lasts {length:.1f} s; expected at least {_MIN_SECONDS} s."
        )
    if not channels:
        return recording
    known = recording.ch_names
    named = [n for c in channels for n in ([c] if c in known else c.split(","))]
    for name in named:
        check_option("electrode", name, known)
    named = list(dict.fromkeys(named))
    columns = [known.index(name) for name in named]
    return replace(recording, ch_names=tuple(named), eeg=recording.eeg[:, columns])


def _open_session(path: Path) -> tuple[Recording, Stimulus]:
    from app.records.reader import SessionReader

    reader = SessionReader(path)
    times, eeg = reader.eeg()
    heard = reader.heard()
    if times.size < 2 or not reader.ch_names:
        said = " ".join(reader.problems)
        raise InputError(f"{path} holds no EEG; record a session with a headset first. {said}")
    for stamps, what in ((times, "EEG"), (heard.times, "what was heard")):
        if (np.diff(stamps) <= 0.0).any():
            raise InputError(
                f"Time steps back in the {what} of {path}; it is not as it was recorded."
            )
    step = float(np.median(np.diff(times)))
    sfreq = check_number(f"the rate of the EEG in {path}", 1.0 / step, low=1.0, high=1e5, unit="Hz")
    recording = Recording(path.name, reader.ch_names, round(sfreq), eeg, times, None)
    return recording, Stimulus(path.name, heard.stimulus, heard.times)


def events_of(path: Path, recording: Recording) -> list[tuple[float, str]]:
    """Time and code of each event of a recording, in order.

    Of a session folder: marks that have a text or a value, which are their codes; where none has,
    the titles of the tracks, from when each was heard; where none was, the marks all the same.

    Parameters
    ----------
    path : Path
        Where the recording was read from.
    recording : Recording

    Raises
    ------
    InputError
        There is no event in it.
    """
    events = _session_events(path) if path.is_dir() else read_events(path, recording.times)
    if not events:
        raise InputError(
            f"{recording.name} has no events; expected ev_sample and ev_code in an archive, marks "
            "or tracks in a session folder: leave out --by events."
        )
    return events


def _session_events(path: Path) -> list[tuple[float, str]]:
    from app.records.reader import SessionReader

    reader = SessionReader(path)
    marks = [
        (float(e["t"]), next((e[k] for k in ("text", "value") if e.get(k) not in (None, "")), None))
        for e in reader.events()
        if e["kind"] == "mark"
    ]
    named = [(t, foreign_text(str(code))) for t, code in marks if code is not None]
    if named:
        return sorted(named, key=lambda event: event[0])
    titles = {e.get("index"): e.get("title") for e in reader.events() if e["kind"] == "track"}
    heard = [
        (tick.now, foreign_text(str(titles.get(tick.play) or f"track {tick.play + 1}")))
        for tick in reader.ticks()
        if tick.play >= 0
    ]
    return heard or sorted((t, "mark") for t, _ in marks)


def own_stimulus(path: Path, recording: Recording, feature: str) -> Stimulus:
    """Feature of the sound of a recording: ``onset``, ``envelope``, or a file.

    Parameters
    ----------
    path : Path
        Where the recording was read from.
    recording : Recording
    feature : str
        ``onset``, ``envelope``, or the name of a file.

    Raises
    ------
    InputError
        If the recording does not say what was heard.
    """
    if feature not in ("onset", "envelope"):
        if not Path(feature).exists():
            raise InputError(
                f"--feature is {feature!r}; expected onset, envelope, or a file with a feature or "
                "a sound, and there is no such file."
            )
        return file_stimulus(Path(feature), start=float(recording.times[0]))
    if path.is_dir():
        heard = _open_session(path)[1]
        if feature == "envelope":  # a session keeps its rise
            if not heard.values[:, _RISE].any():
                raise InputError(f"{path} holds no envelope of what was heard; use onset or FILE.")
            heard = replace(heard, values=heard.values[:, [_RISE, _RISE, 2]])
        return heard
    if recording.envelope is None:
        raise InputError(
            f"{path.name} has no 'envelope' of the sound that was heard; add it to the file, or "
            "give a feature or sound file instead (tracking: --feature FILE)."
        )
    values = envelope_rows(recording.envelope, recording.sfreq, rise=feature == "onset")
    rows = np.arange(len(values))
    samples = np.minimum((rows + 0.5) * recording.sfreq / RATE - 0.5, recording.times.size - 1)
    times = np.interp(samples, np.arange(recording.times.size), recording.times)
    return Stimulus(recording.name, values, times)


def envelope_rows(envelope: Floats, sfreq: float, *, rise: bool) -> Floats:
    """Rows at 64 Hz of an envelope: its rise ``max(0, L[k] - L[k-1])``, or ``L`` itself.

    ``L = log(1 + 10 a)``, a relative to the 99th percentile of the whole sound: a fixed scale.
    An envelope that was centred on 0 is put back on its lowest value.

    Parameters
    ----------
    envelope : float64 [shape=(n,)]
        At `sfreq` Hz.
    sfreq : float
    rise : bool
        Whether the rise, or the level itself.

    Returns
    -------
    float64 [shape=(m, 3)]
        Columns as the tracker takes them.
    """
    clean = np.where(np.isfinite(envelope), envelope, 0.0)
    clean = clean - min(float(clean.min()), 0.0)
    top = float(np.quantile(clean[clean > 0.0], 0.99)) if (clean > 0.0).any() else 1.0
    level = np.log1p(10.0 * _means(clean, sfreq) / top)
    row = np.maximum(0.0, np.diff(level, prepend=level[:1])) if rise else level
    return np.stack([row, row, np.zeros_like(row)], axis=1)


def file_stimulus(path: Path, *, start: float) -> Stimulus:
    """Feature from a file: a recording with an envelope, an array, or a sound file.

    An array is taken to be at 64 Hz unless its archive has ``fs`` for it.

    Parameters
    ----------
    path : Path
    start : float
        When it begins, seconds.

    Raises
    ------
    InputError
        If it holds none, or less than a second.
    """
    if not path.exists():
        raise InputError(
            f"{path} does not exist; expected a recording with an envelope, a feature file (.npy, "
            ".npz) or a sound file."
        )
    level: Floats | None = None
    if path.is_dir():
        stimulus = _open_session(path)[1]
        if stimulus.times.size < RATE:
            raise InputError(f"{path} holds nothing that was heard; give another sound.")
        return Stimulus(path.name, stimulus.values, stimulus.times - stimulus.times[0] + start)
    feature: Floats | None
    at = 0.0  # rows that the first one lies after the start
    if path.suffix in (".npz", ".npy"):
        feature = read_array(path, "feature")
        if feature is None:
            recording = read_npz(path)
            values = own_stimulus(path, recording, "onset").values
            times = start + (np.arange(len(values)) + 0.5) / RATE
            return Stimulus(recording.name, values, times)
        _refuse_odd(path, feature)
        sfreq = 0.0 if path.suffix == ".npy" else read_rate(path, feature.size)
        if sfreq and sfreq != RATE:
            feature, at = _means(feature, sfreq), 0.5
        # A fixed scale: units of a feature file are anybody's.
        size = np.abs(feature[feature != 0.0])
        feature = feature / np.quantile(size, 0.99) if size.size else feature
    else:
        from dsp.grid import FS, row_frame
        from dsp.sound.stimulus import StimulusFeatures
        from playlists.decode import blocks

        features = StimulusFeatures()
        parts = [features.push(block) for block in blocks(path)]
        feature = np.concatenate([np.empty(0), *(part[:, 0] for part in parts)])
        level = np.concatenate([np.empty(0), *(part[:, 2] for part in parts)])
        at = float(row_frame(0)) * RATE / FS  # as a session stamps what it plays
    row = np.asarray(feature, dtype=np.float64)
    _refuse_odd(path, row)
    if row.size < RATE:
        raise InputError(
            f"{path.name} holds {row.size} rows of a feature at {RATE} Hz; expected at least one "
            "second: give a longer one."
        )
    columns = [row, row, np.zeros_like(row)]
    if level is not None:
        columns.append(level)
    values = np.stack(columns, axis=1)
    return Stimulus(path.stem, values, start + (np.arange(row.size) + at) / RATE)


def _refuse_odd(path: Path, row: Floats) -> None:
    if not np.isfinite(row).all():
        raise InputError(
            f"{path.name} holds values that are no numbers (NaN or infinity), the first in row "
            f"{int(np.argmin(np.isfinite(row)))}; expected finite numbers: put 0 where nothing "
            "sounds."
        )


def _means(values: Floats, sfreq: float) -> Floats:
    """Means over each 1/64 s of values at `sfreq` Hz."""
    n = int(values.size * RATE / sfreq)
    total = np.concatenate([[0.0], np.cumsum(values)])
    area = np.interp(np.arange(n + 1) * (sfreq / RATE), np.arange(total.size), total)
    return np.asarray(np.diff(area) * (RATE / sfreq))


def lasting(stimulus: Stimulus, until: float) -> Stimulus:
    """Repeat a sound until `until`, so that all of a recording is tested.

    Parameters
    ----------
    stimulus : Stimulus
    until : float
        Seconds, on the clock of its times.
    """
    length = len(stimulus.values) / RATE
    repeats = max(1, math.ceil((until - float(stimulus.times[0])) / length))
    values = np.tile(stimulus.values, (repeats, 1))
    times = np.concatenate([stimulus.times + k * length for k in range(repeats)])
    keep = times <= until
    return Stimulus(stimulus.name, values[keep], times[keep])
