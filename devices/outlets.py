"""A source as LSL streams for other programs: its EEG, what stands beside it, its markers.

Gaps go out as rows of NaN, and the streams say that samples may be missing; so no reader's
clean-up of stamps moves anything. Stamps are ours, one a row: a reader that thinks them out from
the last one and the rate would bend them where the rate is not quite the stated one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.ring import RingBlock
from devices.sources.source import Channel, SourceEvent, SourceInfo
from devices.sources.streams import list_streams, lsl_library
from dsp.checks import InputError

_LOOK_S = 0.6  # s that another stream of the same name has to answer
_KEPT_S = 60  # s that are kept for a reader that is busy
MARKERS = "Markers"

#: XDF's word for the type of a channel, where ours is another.
_TYPES = {"accelerometer": "ACC", "gyroscope": "GYRO", "trigger": "TRIG", "eog": "EOG",
          "ecg": "ECG", "emg": "EMG", "reference": "REF", "battery": "BATTERY"}  # fmt: skip


#: Who makes a board, by what its name begins with.
_MAKERS = {"cyton": "OpenBCI", "daisy": "OpenBCI", "ganglion": "OpenBCI", "galea": "OpenBCI",
           "muse": "InteraXon", "crown": "Neurosity", "unicorn": "g.tec"}  # fmt: skip


def _maker(name: str) -> str:
    return next((who for word, who in _MAKERS.items() if name.lower().startswith(word)), "")


class Outlets:
    """What other programs can subscribe to, from when it is made until `close`.

    Parameters
    ----------
    info : SourceInfo
        The source.
    name : str
        Of the EEG stream; the others are called after it (``NAME-Beside``, ``NAME-Markers``).

    Raises
    ------
    InputError
        If somebody sends under that name already, from here or from another computer.
    DeviceError
        If LSL cannot be used on this computer.
    """

    def __init__(self, info: SourceInfo, name: str) -> None:
        self._pylsl, self._ahead = lsl_library()
        self.names = [name, *([f"{name}-Beside"] if info.beside else []), f"{name}-{MARKERS}"]
        for stream in list_streams(_LOOK_S):
            if stream.name in self.names:
                raise InputError(
                    f"An LSL stream {stream.name!r} is sent from {stream.host} already; end that "
                    "one, or give this one another name (--name)."
                )
        n = len(info.ch_names)
        eeg = self._header(info, name, "EEG", [Channel(c, "EEG", "microvolts") for c in
                                               info.ch_names])  # fmt: skip
        self._streams = [(self._outlet(eeg), slice(0, n))]
        if info.beside:
            beside = self._header(info, f"{name}-Beside", "MISC", info.beside)
            self._streams.append((self._outlet(beside), slice(n, None)))
        markers = self._header(info, f"{name}-{MARKERS}", MARKERS, [Channel(MARKERS, MARKERS)])
        self._markers = self._outlet(markers)

    def _header(self, info: SourceInfo, name: str, kind: str, channels: Sequence[Channel]) -> Any:
        """What a stream says of itself, in the words of the XDF metadata conventions."""
        text = kind == MARKERS
        header = self._pylsl.StreamInfo(
            name,
            kind,
            len(channels),
            0.0 if text else info.sfreq,
            self._pylsl.cf_string if text else self._pylsl.cf_float32,
            f"attune-{info.name}-{name}",  # the same each time: readers know it again
        )
        desc = header.desc()
        listed = desc.append_child("channels")
        for channel in channels:
            one = listed.append_child("channel")
            one.append_child_value("label", channel.name)
            one.append_child_value("type", _TYPES.get(channel.type, channel.type))
            if channel.unit:
                one.append_child_value("unit", channel.unit)
        maker = desc.append_child("acquisition")
        maker.append_child_value("manufacturer", _maker(info.name))
        maker.append_child_value("model", info.name)
        if driver := info.details.get("driver"):
            maker.append_child_value("driver", str(driver))
        if info.simulated:
            maker.append_child_value("simulated", "true")
        if reference := info.details.get("reference"):
            desc.append_child("reference").append_child_value("label", str(reference))
        if not text:
            desc.append_child("synchronization").append_child_value("can_drop_samples", "true")
        return header

    def _outlet(self, header: Any) -> Any:
        return self._pylsl.StreamOutlet(header, max_buffered=_KEPT_S)

    def send(self, block: RingBlock) -> None:
        """Send rows with their own times."""
        if not block.times.size:
            return
        stamps: npt.NDArray[np.float64] = block.times + self._ahead
        for outlet, columns in self._streams:
            rows = np.ascontiguousarray(block.data[:, columns], dtype=np.float32)
            outlet.push_chunk(rows, timestamp=stamps.tolist())

    def mark(self, event: SourceEvent) -> None:
        """Send a marker of the source, at its time; other events are not."""
        if event.kind == "marker":
            self._markers.push_sample([str(event.value)], event.time + self._ahead)

    @property
    def listened(self) -> bool:
        """Whether anybody has subscribed to the EEG."""
        return bool(self._streams[0][0].have_consumers())

    def close(self) -> None:
        """End the streams; safe to call twice."""
        self._streams = []
        self._markers = None
