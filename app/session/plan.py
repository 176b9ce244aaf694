"""What a session is to be, checked before anything is started."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.loop import RULES
from app.settings import Settings, load_preset
from app.version import VERSION
from devices.listener import LISTENERS, NOTICES
from devices.sources.board_params import place_of
from devices.sources.board_table import find_board
from devices.sources.naming import read_channels
from devices.sources.replay import recording_file
from devices.sources.source import SourceInfo
from devices.sources.spec import SourceSpec, read_spec
from dsp.checks import InputError, check_number, check_option
from playlists.tracks import Place, Track

if TYPE_CHECKING:
    from app.clients.listener import Listener
    from app.clients.sitting import Sitting
    from app.loop.calibration import Calibration

LIKED = 0.85  # hidden liking that a simulated listener has of every track but the first


@dataclass(frozen=True)
class Plan:
    """What a session is to be; empty words take what fits the source.

    `source` carries the EEG that is decoded, and `because` says why the program chose it itself;
    `second` is recorded beside it; `channels` are those of `source`. `person` is who listens, as
    far as earlier sessions taught it, and `at` the moment that the session begins (seconds since
    1970, UTC) where it is not now: of a simulated one. `client` is whose session it is, and knows
    what of it may be kept. `calibrate` begins with a few minutes that teach (`calibrating`).
    """

    source: str = "auto"
    because: str = ""
    second: str = ""
    channels: str = ""
    listener: str = "clear"
    preset: str = ""
    playlist: str = "starter"
    minutes: float | None = None
    seed: int = 0
    out: Path = Path("sessions")
    output: str = "auto"
    calibration: str = ""
    liking: float = 0.15
    cache: Path | None = None
    record: bool = True
    fast: bool = False
    person: Listener | None = None
    at: float | None = None
    calibrate: bool = False
    client: Sitting | None = None

    @property
    def recorded(self) -> bool:
        """Whether anything is kept."""
        return self.record and (self.client is None or self.client.may_keep)

    @property
    def recording(self) -> bool:
        """Whether the session runs on a recording."""
        return read_spec(self.source).kind == "replay"

    @property
    def virtual(self) -> bool:
        """Whether minutes pass in a second."""
        return self.fast or read_spec(self.source).virtual

    @property
    def simulated(self) -> bool:
        """Whether the EEG comes from our simulated listener."""
        return read_spec(self.source).simulated

    @property
    def notice(self) -> str:
        """The sentence that screen and records of a simulated listener must show, or empty."""
        return NOTICES[self.listener] if self.simulated else ""

    def liking_of(self, place: Place) -> float:
        """Hidden liking 0..1 that a simulated listener has of the track at `place`."""
        if not self.simulated:
            return 0.5
        return self.liking if place == 0 else LIKED


def settle(plan: Plan, stopped: Callable[[], bool]) -> Plan:
    """Put the board that is plugged in, or the synthetic one, in the place of ``auto``.

    Takes a few milliseconds, and up to three seconds where a dongle does not answer; `stopped`
    gives up.
    """
    from devices.sources.finding import settled

    found = settled(plan.source, stopped=stopped)
    return replace(plan, source=found.source, because=found.because or plan.because)


def check_plan(plan: Plan) -> Settings:
    """Check every word of the plan, and read its preset.

    Raises
    ------
    InputError
        Naming what cannot be done.
    """
    spec = read_spec(plan.source)
    if spec.kind == "brainflow":
        place_of(find_board(spec.name), spec.port)
    if plan.second:
        _check_second(plan, spec, read_spec(plan.second))
    if plan.channels:
        read_channels(plan.channels)
        if plan.source != "auto" and (spec.simulated or not spec.headset):
            raise InputError(
                f"The source {plan.source!r} has no electrodes to choose from; leave --channels "
                "out, or name a headset or a stream as the source."
            )
    if plan.recording:
        recording_file(Path(spec.name))
        if plan.calibrate:
            raise InputError(
                f"Nobody can be asked anything in the recording {plan.source!r}; leave --calibrate "
                "out, or learn from it with attune calibrate."
            )
    elif plan.fast:
        raise InputError(
            f"Only a recording can be looked at faster than it came, and the source is "
            f"{plan.source!r}; leave --fast out, or name --source replay:FOLDER."
        )
    check_option("listener", plan.listener, LISTENERS)
    check_number("liking", plan.liking, low=0.0, high=1.0)
    check_number("seed", plan.seed, low=0, high=2**63)
    if plan.minutes is not None:
        check_number("minutes", plan.minutes, low=0.05, high=24 * 60)
    shown = plan.simulated and plan.client is None
    settings = load_preset(plan.preset or ("demo" if shown else "default"))
    if settings.simulated_only and not plan.simulated:
        raise InputError(
            f"preset {settings.name!r} is for simulated listeners only, and the source is "
            f"{plan.source!r}; use --preset default."
        )
    if settings.simulated_only and plan.client is not None:
        raise InputError(
            f"preset {settings.name!r} shows simulated listeners and takes no client; leave "
            "--client out, or use --preset default."
        )
    return settings


def _check_second(plan: Plan, first: SourceSpec, second: SourceSpec) -> None:
    """Refuse a second source that cannot be recorded beside the first.

    Raises
    ------
    InputError
    """
    if second.simulated or not second.headset or second.kind == "replay":
        raise InputError(
            f"The second source {plan.second!r} is no device of its own; name a board or a stream, "
            "or leave it out."
        )
    if first.virtual or first.kind == "replay":
        raise InputError(
            f"The source {plan.source!r} runs on a clock of its own, and nothing can be recorded "
            f"beside it; leave {plan.second!r} out, or use --source synthetic."
        )

    def place(spec: SourceSpec) -> tuple[str, str, str]:
        return spec.kind, spec.name.lower(), os.path.realpath(spec.port) if spec.port else ""

    if place(first) == place(second):
        raise InputError(f"{plan.source!r} and {plan.second!r} are the same source; name it once.")


def check_calibration(plan: Plan, calibration: Calibration) -> None:
    """Refuse what was learnt from a simulated listener where a person's EEG comes in.

    Raises
    ------
    InputError
    """
    simulated = calibration.simulated
    if simulated is None:  # an early file
        simulated = calibration.name in LISTENERS
    if simulated and not plan.simulated:
        raise InputError(
            f"calibration {plan.calibration!r} is of a simulated listener, and the source is "
            f"{plan.source!r}: it says nothing of a person's EEG; leave --calibration out."
        )


def manifest(
    plan: Plan,
    settings: Settings,
    calibration: Calibration | None,
    tracks: Sequence[Track],
    info: SourceInfo | None,
    start: float,
    second: SourceInfo | None = None,
    expected: Sequence[tuple[float, float]] = (),
    because: Sequence[str] = (),
) -> dict[str, Any]:
    """Build what session.json says at the start (docs/session-folder.md)."""
    kind = plan.listener if plan.simulated else "replay" if plan.recording else "session"
    return {
        "name": kind if plan.client is None else "client",  # a folder's name tells of nobody
        **(
            {"client": plan.client.code, "eeg_kept": plan.client.may_keep_eeg}
            if plan.client
            else {}
        ),
        "program": {"name": "attune", "version": VERSION, "python": platform.python_version()},
        "plan": {
            "source": plan.source,
            "second_source": plan.second or None,
            "channels": plan.channels or None,
            "playlist": plan.playlist,
            "minutes": plan.minutes,
        },
        "settings": settings.as_dict(),
        "settings_sha256": settings.sha256,
        "rules": RULES,
        "seed": plan.seed,
        "source": asdict(info) if info else None,
        "second_source": asdict(second) if second else None,
        "listener": plan.listener if plan.simulated else None,
        "liking": plan.liking if plan.simulated else None,
        "notice": info.notice if info else plan.notice,
        "calibration": "stored" if calibration else "none",
        "calibration_name": calibration.name if calibration else None,
        "zone": datetime.now().astimezone().tzname(),
        "start": start,
        "expected": expected,
        "tracks": [
            {
                "title": t.title,
                "artist": t.artist,
                "album": t.album,
                "genre": t.genre,
                "year": t.year,
                "duration": t.duration,
                "file": t.path.name,
            }
            | ({"because": why} if why else {})
            for t, why in zip(tracks, because or [""] * len(tracks), strict=True)
        ],
    }
