"""What a recording gives to a session that runs on it, beside its EEG and its sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.loop.calibration import Calibration
from app.loop.loop import What
from app.loop.ticks import LoopEvent
from app.records.jsontext import get, number, whole
from app.records.reader import SessionReader
from app.records.sealed import Seal, SealedError
from app.records.ticks import Tick
from app.session.journal import events_of
from app.session.plan import Plan
from app.settings import Settings, settings_from
from devices.sources.naming import read_channels
from devices.sources.replay import ReplaySource, recording_file
from devices.sources.spec import read_spec
from dsp.checks import InputError, RecordError, foreign_text
from dsp.grid import FS
from dsp.sound.beatgrid import UNKNOWN_GRID, BeatGrid
from dsp.sound.heard import Heard, Play
from playlists.tracks import Place, PreparedTrack, Track

_CHANGES = ("change_track", "layer_on", "layer_off")


@dataclass(frozen=True)
class Start:
    """A track that was started: when, at the times of the recording, and what is known of it."""

    time: float
    play: Play
    place: Place
    track: PreparedTrack


@dataclass(frozen=True)
class Recorded:
    """A recording, opened.

    Attributes
    ----------
    source : ReplaySource
        Its EEG; loaded, and not begun.
    heard : Heard
        What was heard; empty where it holds no sound.
    tracks : tuple of Track
        What could be played then.
    starts : tuple of Start
    ticks : tuple of Tick
        Seconds of the session that was recorded; none of a file of others.
    unrated, changed : frozenset of float
        Seconds in which a rating was taken back, and the sound changed by a decision.
    done : tuple of (float, str)
        What the player did then, and when.
    begins : float
        Second of the recording at which the session begins.
    settings : Settings or None
    calibration : Calibration or None
    seed : int or None
        Those of the session that was recorded; None where the file does not say.
    expected : tuple of (float, float)
        What was expected of each track then; empty where nothing was known of the person's music.
    output : str
        What the sound went to; `audible` says whether anybody heard it.
    problems : tuple of str
        What of it could not be read.
    seal : Seal or None
        What it is encrypted with.
    """

    source: ReplaySource
    heard: Heard
    tracks: tuple[Track, ...]
    starts: tuple[Start, ...]
    ticks: tuple[Tick, ...]
    begins: float
    unrated: frozenset[float] = frozenset()
    changed: frozenset[float] = frozenset()
    done: tuple[tuple[float, str], ...] = ()
    settings: Settings | None = None
    calibration: Calibration | None = None
    seed: int | None = None
    expected: tuple[tuple[float, float], ...] = ()
    output: str = ""
    audible: bool = True
    problems: tuple[str, ...] = ()
    seal: Seal | None = None

    @property
    def what(self) -> What:
        """What the loop is to take it for."""
        return "recording" if len(self.heard) else "silent recording"

    def told_at(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Seconds at which the loop got what was heard at `times`, in order [shape=(n,)]."""
        ticks = [tick for tick in self.ticks if tick.heard_until is not None]
        until = np.maximum.accumulate([-np.inf, *(tick.heard_until or 0.0 for tick in ticks)])
        seconds = np.array([-np.inf, *(tick.now for tick in ticks), -np.inf])
        told = np.maximum(times, seconds[np.searchsorted(until, times)])
        return np.asarray(np.maximum.accumulate(told), dtype=np.float64)

    def told(self, after: float, until: float) -> tuple[list[Start], list[LoopEvent], list[str]]:
        """Tracks started, what the loop was told and what the player did, between two seconds.

        The first of them is excluded.
        """
        starts = [start for start in self.starts if after < start.time <= until]
        events = [LoopEvent("play", [int(start.play), int(start.place)]) for start in starts]
        for tick in self.ticks:
            if after < tick.now <= until:
                events += [
                    event
                    for event in events_of(tick.events)
                    # Nothing is changed here, and so a change cannot be taken back; a rating can.
                    if event.kind != "undo" or tick.now in self.unrated
                ]
        return starts, events, [text for at, text in self.done if after < at <= until]


def read_recorded(plan: Plan) -> Recorded:
    """Open the recording that a plan names: a session folder, or an XDF file.

    Raises
    ------
    InputError
        If there is no EEG in it that could be replayed.
    """
    path = read_spec(plan.source).name
    reader = _reader(recording_file(Path(path)).parent)
    source = ReplaySource(
        path,
        channels=read_channels(plan.channels) if plan.channels else (),
        opened=reader.opened if reader is not None else None,
    )
    source.load()
    heard = source.heard or Heard.nothing()
    if reader is None or not source.own:
        return _of_file(source, heard)
    manifest = reader.manifest
    tracks = tracks_of(manifest)
    rows = [row for row in reader.events() if row["kind"] == "track"]
    rows = [
        row for row in rows if 0 <= whole(row, "pool") < len(tracks) and whole(row, "index") >= 0
    ]
    starts = tuple(_start(row, tracks) for row in rows)
    acts = [row for row in reader.events() if row["kind"] == "decision"]
    begins = number(manifest, "start")
    first = source.recorded_from
    ticks = reader.ticks()
    for tick in ticks:
        events_of(tick.events)  # what is damaged is refused now, and not in mid-session
    seed, settings = manifest.get("seed"), _settings(reader)
    return Recorded(
        source=source,
        heard=heard,
        tracks=tracks,
        starts=starts,
        ticks=ticks,
        unrated=frozenset(
            row["t"] for row in reader.events() if row["kind"] in ("unrated", "untapped")
        ),
        changed=frozenset(row["t"] for row in acts if get(row, "decision", "kind") in _CHANGES),
        done=tuple(
            (row["t"], f"Then: {foreign_text(str(get(row, 'decision', 'because')), longest=300)}")
            for row in acts
            if get(row, "decision", "kind") != "hold"
        ),
        begins=begins if first <= begins <= source.recorded_until else first,
        settings=settings,
        calibration=_calibration(reader),
        seed=seed if isinstance(seed, int) and 0 <= seed < 2**63 else None,
        expected=expected_of(manifest, len(tracks)),
        output=str(get(manifest, "summary", "output") or ""),
        audible=not get(manifest, "summary", "output_is_null"),
        problems=tuple(reader.problems),
        seal=reader.seal,
    )


def expected_of(manifest: Mapping[str, Any], n: int) -> tuple[tuple[float, float], ...]:
    """Mean and sd of what a session expected of each of its `n` tracks; empty where it is lost."""
    rows = manifest.get("expected") or []
    try:
        told = tuple((float(mean), float(sd)) for mean, sd in rows)
    except (TypeError, ValueError):
        return ()
    fits = len(told) == n and all(0.0 <= mean <= 1.0 and 0.001 <= sd <= 1.0 for mean, sd in told)
    return told if fits else ()


def _reader(folder: Path) -> SessionReader | None:
    try:
        return SessionReader(folder)
    except SealedError:
        raise
    except RecordError:
        return None  # its EEG can be read all the same


def _of_file(source: ReplaySource, heard: Heard) -> Recorded:
    """Without the folder that says more, a file of ours still holds what was heard, and when."""
    plays = sorted({int(play) for play in np.unique(heard.play) if play >= 0})
    tracks, starts = [], []
    for place, play in enumerate(plays):
        rows = np.flatnonzero(heard.play == play)
        length = float(heard.position_s[rows].max()) + 1.0
        tracks.append(Track(Path(f"track {play + 1}"), f"Track {play + 1}", "", length))
        at = float(heard.times[rows[0]])
        starts.append(Start(at, Play(play), Place(place), _prepared(tracks[-1], {})))
    return Recorded(
        source=source,
        heard=heard,
        tracks=tuple(tracks),
        starts=tuple(starts),
        ticks=(),
        begins=source.recorded_from,
    )


def tracks_of(manifest: Mapping[str, Any]) -> tuple[Track, ...]:
    """Return what could be played in a recorded session."""
    told = manifest.get("tracks")
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    out = []
    for row in rows:
        title, length = str(row.get("title") or ""), number(row, "duration")
        name = str(row.get("file") or title or "track").replace("\0", " ")
        out.append(
            Track(
                Path(name),
                title,
                str(row.get("artist") or ""),
                length if np.isfinite(length) and length > 0.0 else 0.0,
                album=str(row.get("album") or ""),
                genre=str(row.get("genre") or ""),
                year=max(whole(row, "year"), 0),
            )
        )
    return tuple(out)


def _start(row: Mapping[str, Any], tracks: Sequence[Track]) -> Start:
    place = Place(whole(row, "pool"))
    return Start(row["t"], Play(whole(row, "index")), place, _prepared(tracks[place], row))


def _prepared(track: Track, row: Mapping[str, Any]) -> PreparedTrack:
    """Say what the log tells of a track; there is no sound of it here."""
    tempo, lufs = number(row, "tempo"), number(row, "lufs")
    grid = UNKNOWN_GRID
    if row.get("beats_sure") is True and np.isfinite(tempo) and 20.0 < tempo < 400.0:
        grid = BeatGrid(np.array([0.0, 60.0 / tempo]), tempo=tempo, confidence=1.0)
    return PreparedTrack(
        track=track,
        lufs=lufs if np.isfinite(lufs) else -70.0,
        gain=1.0,
        n_frames=round(track.duration * FS),
        grid=grid,
        tonic=0.0,
        feature=np.empty(0, dtype=np.float32),
        descriptors={},
    )


def _settings(reader: SessionReader) -> Settings | None:
    """Return the settings that the session had."""
    try:
        return settings_from(reader.manifest.get("settings", {}), origin="session.json")
    except InputError as error:
        reader.problems.append(f"{error} The default settings are used.")
        return None


def _calibration(reader: SessionReader) -> Calibration | None:
    """Return the calibration that the session had."""
    if reader.manifest.get("calibration") != "stored":
        return None
    try:
        return Calibration.from_npz(reader.calibration(), origin=str(reader.folder))
    except InputError as error:
        reader.problems.append(str(error))
        return None
