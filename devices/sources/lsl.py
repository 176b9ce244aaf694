"""LSL streams as EEG sources: own resolver, own clock offsets, never liblsl's recovery or dejitter.

With `recover=False` the death of the sender is an error within milliseconds, and liblsl's
`proc_dejitter` is off by up to the length of a gap for a minute after it; both are measured.
pylsl is imported here only, and when the first stream is opened.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from devices.clock import bracket, now
from devices.sources.naming import LONGEST, Wanted, renamed
from devices.sources.placing import SamplePlacer
from devices.sources.source import READ_EVERY, EegChunk, SourceEvent, SourceInfo
from devices.sources.streams import read_query
from dsp.checks import DeviceError, foreign_text

RESOLVE_S = 5.0  # s: how long a stream may take to answer
_CORRECT_EVERY = 5.0  # s between clock offsets
_MAX_SFREQ = 16000.0

#: Quick discovery on one computer, and no chatter on the console. Used only where the user has
#: no LSL configuration of their own.
_CONFIG = """
[tuning]
MulticastMinRTT=0.1
MulticastMaxRTT=0.5
UnicastMinRTT=0.1
UnicastMaxRTT=0.5
ContinuousResolveInterval=0.2
[log]
level=-3
"""

_UNITS = {
    "microvolts": 1.0,
    "microvolt": 1.0,
    "uv": 1.0,
    "µv": 1.0,
    "μv": 1.0,
    "millivolts": 1e3,
    "millivolt": 1e3,
    "mv": 1e3,
    "volts": 1e6,
    "volt": 1e6,
    "v": 1e6,
    "nanovolts": 1e-3,
    "nanovolt": 1e-3,
    "nv": 1e-3,
}
_EEG_TYPES = {"eeg", "exg", "ieeg", "ecog", "seeg"}

_library: tuple[ModuleType, float] | None = None


def _user_configures_lsl() -> bool:
    """Whether liblsl would find a configuration file of the user (its documented places)."""
    places = [Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg"]
    places.append(Path("/etc/lsl_api/lsl_api.cfg"))
    return "LSLAPICFG" in os.environ or any(place.exists() for place in places)


def _lsl() -> tuple[ModuleType, float]:
    """Load pylsl, once; with it how far its clock is ahead of ours, s (0 on Linux)."""
    global _library
    if _library is None:
        try:
            import pylsl
        except (ImportError, OSError, RuntimeError) as error:
            raise DeviceError(
                f"LSL cannot be used on this computer ({error}); install liblsl, or choose another "
                "source."
            ) from error
        if not _user_configures_lsl():
            pylsl.set_config_content(_CONFIG)
        ahead, width = bracket(pylsl.local_clock, tries=9)
        _library = (pylsl, ahead if abs(ahead) > width else 0.0)
    return _library


class LslSource:
    """One LSL stream.

    Parameters
    ----------
    written : str
        Its name, or what else it is found by (`devices.sources.streams.read_query`).
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.renamed`).
    resolve_s : float
        How long to look for it, s.

    Raises
    ------
    InputError
        If `written` cannot be read.
    """

    def __init__(
        self, written: str, *, channels: Wanted = (), resolve_s: float = RESOLVE_S
    ) -> None:
        self._query, self._resolve_s = read_query(written), resolve_s
        self._wanted, self._name = channels, str(self._query)
        self._info: SourceInfo | None = None
        self._inlet: Any = None
        self._news: list[SourceEvent] = []
        self._read_at = self._corrected_at = 0.0
        self._offset = 0.0  # add to a stamp for our clock

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the LSL stream is not open yet.")
        return self._info

    def open(self) -> None:
        """Find the stream and subscribe.

        Raises
        ------
        DeviceError
            If no such stream answers, or it is not a regular stream of EEG voltages.
        InputError
            If a wanted electrode is not there.
        """
        pylsl, ahead = _lsl()
        stream, twins = self._find(pylsl)
        self._check(stream, pylsl)
        inlet = pylsl.StreamInlet(stream, max_buflen=360, recover=False)
        try:
            full = inlet.info(timeout=self._resolve_s)
            inlet.open_stream(timeout=self._resolve_s)
            correction = inlet.time_correction(timeout=self._resolve_s)
        except (pylsl.util.TimeoutError, pylsl.util.LostError) as error:
            raise DeviceError(
                f"The LSL stream {self._name} was found but does not answer; restart its sender, "
                "and check that no firewall stands between."
            ) from error
        self._pylsl, self._ahead, self._inlet = pylsl, ahead, inlet
        self._offset = correction - ahead
        self._corrected_at = now()
        self._sfreq = float(full.nominal_srate())
        self._placer = SamplePlacer(self._sfreq, name=f"the LSL stream {self._name}")
        self._info = self._describe(full, twins)

    def _find(self, pylsl: ModuleType) -> tuple[Any, int]:
        """Return the stream and how many others bear its name."""
        asked = self._query.predicate
        resolver = pylsl.ContinuousResolver(pred=asked) if asked else pylsl.ContinuousResolver()
        end, streams = now() + self._resolve_s, []
        while True:
            streams = resolver.results()
            named = [s for s in streams if self._query.matches(s)]
            if named:
                named.sort(key=lambda s: s.type().lower() not in _EEG_TYPES)
                return named[0], len(named) - 1
            if now() > end:
                break
            time.sleep(0.02)
        others = ", ".join(sorted({repr(s.name()) for s in streams}))
        raise DeviceError(
            f"No LSL stream {self._name} answered within {self._resolve_s:g} s; "
            + (f"these did: {others}." if others else "none at all did; start its sender.")
        )

    def _check(self, stream: Any, pylsl: ModuleType) -> None:
        """Refuse what is not a regular stream of numbers."""
        name, rate = self._name, float(stream.nominal_srate())
        if stream.channel_format() == pylsl.cf_string:
            raise DeviceError(
                f"The LSL stream {name} carries text (markers), not voltages; name the EEG stream."
            )
        if rate == pylsl.IRREGULAR_RATE:
            raise DeviceError(
                f"The LSL stream {name} has no regular sampling rate; EEG must be sampled "
                "evenly, so name the sender's EEG stream."
            )
        if not 32.0 <= rate <= _MAX_SFREQ:
            raise DeviceError(
                f"The LSL stream {name} has a sampling rate of {rate:g} Hz; expected 32 to "
                f"{_MAX_SFREQ:g} Hz."
            )

    def _describe(self, full: Any, twins: int) -> SourceInfo:
        """Choose the EEG channels, their names and scale from the stream's XML."""
        n = full.channel_count()

        def listed(values: list[str | None] | None) -> list[str]:
            # The sender's words: shown, and written into the records.
            known = values if values and len(values) == n else [""] * n
            return [foreign_text(value or "", longest=LONGEST) for value in known]

        labels = listed(full.get_channel_labels())
        types = listed(full.get_channel_types())
        units = listed(full.get_channel_units())
        keep = [i for i in range(n) if types[i].lower() in _EEG_TYPES | {""}]
        if not keep:
            raise DeviceError(
                f"The LSL stream {self._name} has no EEG channels (its channels are "
                f"{', '.join(sorted(set(types)))}); name the EEG stream."
            )
        columns, names = renamed([labels[i] for i in keep], self._wanted)
        keep = [keep[column] for column in columns]
        notices = []
        scale = []
        for i in keep:
            factor = _UNITS.get(units[i].lower(), 1.0 if not units[i] else None)
            if factor is None:
                raise DeviceError(
                    f"Channel {labels[i] or i + 1} of the LSL stream {self._name} is in "
                    f"{units[i]!r}; expected microvolts, millivolts, volts or nanovolts."
                )
            scale.append(factor)
        if not all(units[i] for i in keep):
            notices.append(f"The LSL stream {self._name} states no unit; microvolts are assumed.")
        if twins:
            notices.append(f"{twins} more LSL streams are called {self._name}; one was taken.")
        self._keep, self._scale = np.array(keep), np.array(scale, dtype=np.float32)
        return SourceInfo(
            name=f"LSL stream {foreign_text(full.name())}",
            ch_names=names,
            sfreq=self._sfreq,
            notice=" ".join(notices),
            details={
                "driver": f"liblsl {self._pylsl.library_version()}",
                "source_id": foreign_text(full.source_id()),
                "type": foreign_text(full.type()),
                "host": foreign_text(full.hostname()),
                "scale_to_microvolts": [float(s) for s in scale],
                "unit_stated": all(bool(units[i]) for i in keep),
                "clock_offset": self._offset,
                "lsl_clock_ahead": self._ahead,
            },
        )

    def read(self) -> EegChunk | None:
        """Return all samples since the last call, missing time as rows of NaN.

        Waits until 20 ms have passed since the last read.

        Raises
        ------
        DeviceError
            When the sender is gone.
        """
        if self._inlet is None:
            raise DeviceError("the LSL stream is closed.")
        wait = self._read_at + READ_EVERY - now()
        if wait > 0:
            time.sleep(wait)
        self._read_at = now()
        try:
            if self._read_at - self._corrected_at > _CORRECT_EVERY:
                self._correct()
            data, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=4096, as_numpy=True)
        except self._pylsl.util.LostError as error:
            raise DeviceError(
                f"The sender of the LSL stream {self._name} has ended; the music plays on."
            ) from error
        if len(stamps) == 0:
            return None
        eeg = np.asarray(data, dtype=np.float32)[:, self._keep] * self._scale
        taken = np.asarray(stamps, dtype=np.float64) + self._offset
        placed = self._placer.place(eeg, taken, seen=now())
        self._news += self._placer.events()
        return None if placed is None else placed[0]

    def _correct(self) -> None:
        """Take the newest clock offset; keep the old one while the sender does not answer."""
        self._corrected_at = self._read_at
        try:
            self._offset = self._inlet.time_correction(timeout=0.1) - self._ahead
        except self._pylsl.util.TimeoutError:
            return

    def events(self) -> list[SourceEvent]:
        """Events since the last call."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Unsubscribe; safe to call twice."""
        inlet, self._inlet = self._inlet, None
        if inlet is not None:
            inlet.close_stream()
