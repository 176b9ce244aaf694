"""What an LSL stream says of itself: which channels are EEG, in what unit, what stands beside them.

Senders agree on little. What surely is no EEG by its type, its label or its unit is recorded
beside the EEG and said; what is not stated is said; a stream that is something else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devices.sources.naming import LONGEST, Wanted, electrode, renamed, unique
from devices.sources.source import SFREQ_HIGH, SFREQ_LOW, Channel
from devices.sources.units import UNITS, check_unit, microvolts_per, stated
from dsp.checks import DeviceError, foreign_text
from dsp.electrodes import site_region

EEG_WORDS = frozenset(
    "eeg electroencephalography electroencephalogram electroencephalograph exg ieeg ecog seeg "
    "brain brainwaves".split()
)
#: Words for what is no EEG, by the word that XDF's conventions have for it.
_OTHER = {
    "eog": "eog veog heog electrooculography electrooculogram",
    "ecg": "ecg ekg electrocardiography electrocardiogram heart",
    "emg": "emg electromyography electromyogram",
    "reference": "ref reference gnd ground bias",
    "accelerometer": "acc accel accelerometer acceleration imu motion",
    "gyroscope": "gyro gyr gyroscope",
    "magnetometer": "mag magn magnetometer",
    "battery": "battery batt bat",
    "trigger": "trigger triggers trig stim stimulus sti marker markers event events status digital",
    "counter": "counter count samplecounter sequence interpolated",
    "clock": "time timestamp timestamps clock",
    "ppg": "ppg bvp photoplethysmography photoplethysmogram",
    "gsr": "gsr eda electrodermal",
    "respiration": "resp respiration breathing",
    "temperature": "temp temperature",
    "nirs": "nirs fnirs hbo hbr",
    "quality": "quality cq impedance contact",
    "audio": "audio sound",
    "gaze": "gaze eyegaze eyetracking eyetracker pupil",
    "mocap": "mocap position orientation",
    "heart rate": "hr heartrate rr",
    "features": "features feature fft psd bandpower bands",
    "aux": "aux auxiliary",
    "misc": "misc other",
}
_KIND_OF = {word: kind for kind, words in _OTHER.items() for word in words.split()}
#: Words that are too short to mean it in a label.
_LABEL_WORDS = _KIND_OF.keys() - {"hr", "rr", "cq", "mag", "other", "contact", "bat", "count"}
_NEUTRAL = {"voltage", "potential", "signal", "raw", "analog", "electrode", "unknown", "none"}
_SECONDS = {"s", "sec", "second", "seconds", "ms", "milliseconds", "us", "microseconds"}
_NO_VOLTAGE = {
    *"g m/s2 m/s^2 deg degrees deg/s dps percent % hz bpm ohm ohms kohm celsius bool".split(),
    *"boolean samples".split(),
}
_TOLD = ("label", "name", "type", "unit", "units")
_BESIDE_LABEL = re.compile(
    r"^(?:EEG[\W_]*)?(?:(?:left|right|sample|packet|head)[\W_]*)?([A-Za-z]+)", re.I
)


@dataclass(frozen=True)
class StreamHeader:
    """What a stream states; lists are empty where it states nothing.

    `markers` is True for a stream of text, or of a type that means markers. `what` is the word for
    it in sentences, and `unit_cure` how its unit can be written where it states none.
    """

    name: str
    type: str
    source_id: str
    hostname: str
    uid: str
    sfreq: float
    n_channels: int
    text: bool
    labels: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    described: int = 0
    what: str = "LSL stream"
    unit_cure: str = ""

    @property
    def markers(self) -> bool:
        """Whether it carries markers."""
        return self.text or stream_kind(self.type) == "trigger"

    def __str__(self) -> str:
        """Return which one it is, for sentences: its id and host."""
        which = f"{self.source_id!r} on {self.hostname}" if self.source_id else self.hostname
        rate = f"{self.sfreq:g} Hz" if self.sfreq else "no rate"
        return foreign_text(f"{which} ({self.type or 'no type'}, {self.n_channels} at {rate})")


def read_header(info: Any, *, text_format: int) -> StreamHeader:
    """Read a stream's description (pylsl's StreamInfo; bare where it was only found)."""
    told: list[dict[str, str]] = []
    channel = info.desc().child("channels").child("channel")
    while not channel.empty() and len(told) <= info.channel_count():
        told.append({key: channel.child_value(key) or "" for key in _TOLD})
        channel = channel.next_sibling("channel")

    def listed(*keys: str) -> tuple[str, ...]:
        # The sender's words: shown, and written into the records.
        if len(told) != info.channel_count():
            return ()
        words = [next((one[key] for key in keys if one[key].strip()), "") for one in told]
        return tuple(foreign_text(word) for word in words)

    return StreamHeader(
        name=info.name(),
        type=foreign_text(info.type()),
        source_id=info.source_id(),
        hostname=foreign_text(info.hostname()),
        uid=info.uid(),
        sfreq=float(info.nominal_srate()),
        n_channels=info.channel_count(),
        text=info.channel_format() == text_format,
        labels=listed("label", "name"),
        types=listed("type"),
        units=listed("unit", "units"),
        described=len(told),
        unit_cure=f" If it sends others, write: lsl:name={foreign_text(info.name())},unit=volts.",
    )


def stream_kind(word: str) -> str:
    """Return ``"eeg"``, the word for what else it is, or "" for a type that nothing is known of.

    Examples
    --------
    >>> [stream_kind(t) for t in ("EEG", "electroencephalography", "PPG", "Markers", "Data", "")]
    ['eeg', 'eeg', 'ppg', 'trigger', '', '']
    """
    words = re.findall(r"[a-z]+", word.lower())
    if any(one in EEG_WORDS or one.startswith("eeg") for one in words):
        return "eeg"
    joined = "".join(words)
    return next((_KIND_OF[one] for one in [joined, *words] if one in _KIND_OF), "")


def refuse_other(header: StreamHeader, shown: str) -> None:
    """Refuse a stream that can carry no EEG, from what is known before it is subscribed to.

    Raises
    ------
    DeviceError
        In words for people.
    """
    kind, rate = stream_kind(header.type), header.sfreq
    if header.text:
        raise DeviceError(
            f"The LSL stream {shown} carries text (markers), not voltages; name the EEG stream."
        )
    if kind not in ("eeg", ""):
        means = "markers" if kind == "trigger" else kind
        raise DeviceError(
            f"The LSL stream {shown} is of the type {header.type!r}, so it carries {means} and not "
            "EEG; name the EEG stream."
        )
    if rate == 0.0:
        raise DeviceError(
            f"The LSL stream {shown} has no regular sampling rate; EEG must be sampled "
            "evenly, so name the sender's EEG stream."
        )
    if not SFREQ_LOW <= rate <= SFREQ_HIGH:
        raise DeviceError(
            f"The LSL stream {shown} has a sampling rate of {rate:g} Hz; expected "
            f"{SFREQ_LOW:g} to {SFREQ_HIGH:g} Hz, so set its sender to one of these."
        )


@dataclass(frozen=True)
class ChosenChannels:
    """What is taken of a stream.

    Attributes
    ----------
    columns : tuple of int
        Of the stream: the electrodes in their order, then those beside.
    ch_names : tuple of str
        Of the electrodes.
    scale : tuple of float
        What each electrode is multiplied by for microvolts.
    beside : tuple of Channel
        Recorded beside the EEG.
    notice : str
        What was assumed; screen and records must show it. Empty where nothing was.
    note : str
        What is recorded beside the EEG, in a sentence, or empty.
    unit_stated : bool
        Whether the unit of every electrode is known.
    """

    columns: tuple[int, ...]
    ch_names: tuple[str, ...]
    scale: tuple[float, ...]
    beside: tuple[Channel, ...]
    notice: str
    note: str
    unit_stated: bool


def choose_channels(
    header: StreamHeader, shown: str, wanted: Wanted = (), *, unit: str = ""
) -> ChosenChannels:
    """Choose the electrodes of a stream.

    Parameters
    ----------
    header : StreamHeader
        With its description.
    shown : str
        What the stream is called in sentences.
    wanted : Wanted
        Which electrodes (`devices.sources.naming.renamed`); then no label is taken for a hint.
    unit : str
        What the user says the electrodes are in; empty leaves it to the stream.

    Raises
    ------
    DeviceError
        If there is no EEG in it.
    InputError
        If a wanted electrode is not there, or `unit` is no voltage.
    """
    n, shown = header.n_channels, f"{header.what} {shown}"
    labels, types, units = (
        given or ("",) * n for given in (header.labels, header.types, header.units)
    )
    kinds = [
        _channel_kind(labels[i], types[i], units[i], given=bool(unit), by_label=not wanted)
        for i in range(n)
    ]
    keep = [i for i in range(n) if kinds[i] == "eeg"]
    if not keep:
        raise _no_eeg(header, shown, types, units, kinds)
    columns, names = renamed([labels[i] for i in keep], wanted)
    eeg = [keep[column] for column in columns]
    aside = [i for i in range(n) if kinds[i] != "eeg"]
    scale = [check_unit(unit) if unit else microvolts_per(units[i]) or 1.0 for i in eeg]
    shown_labels = [foreign_text(labels[i], longest=LONGEST) or f"channel {i + 1}" for i in aside]
    apart = unique([*names, *shown_labels])[len(names) :]
    beside = tuple(Channel(name, kinds[i], units[i]) for name, i in zip(apart, aside, strict=True))
    unknown = [] if unit else [k for k, i in enumerate(eeg) if not stated(units[i])]
    alike = [] if wanted else _alike([labels[i] for i in keep], names)
    return ChosenChannels(
        columns=(*eeg, *aside),
        ch_names=names,
        scale=tuple(scale),
        beside=beside,
        notice=" ".join(
            _assumed(header, shown, [names[k] for k in unknown], len(eeg), bool(wanted), alike)
        ),
        note=_beside_sentence(shown, beside),
        unit_stated=not unknown,
    )


def _channel_kind(label: str, type_: str, unit: str, *, given: bool, by_label: bool) -> str:
    """Return ``"eeg"`` or the word for what else a channel is."""
    kind = stream_kind(type_)
    if kind not in ("eeg", ""):
        return kind
    if type_ and not kind and type_.lower() not in _NEUTRAL:
        return type_.lower()
    if unit.strip().lower() in _SECONDS:
        return "clock"
    if stated(unit) and microvolts_per(unit) is None and (not given or unit.lower() in _NO_VOLTAGE):
        return "misc"
    return (_label_kind(label) if by_label else "") or "eeg"


def _label_kind(label: str) -> str:
    """Return what a label says that is surely no electrode; "" for any other."""
    match = _BESIDE_LABEL.match(label)
    if match is None or site_region(electrode(label)):
        return ""
    word = match[1].lower()
    for one in (word, word.rstrip("xyz"), word.rstrip("s")):
        if one in _LABEL_WORDS:
            return _KIND_OF[one]
    return ""


def _no_eeg(
    header: StreamHeader,
    shown: str,
    types: Sequence[str],
    units: Sequence[str],
    kinds: Sequence[str],
) -> DeviceError:
    """Return why none of the channels is EEG."""
    foreign = sorted(
        {
            unit
            for type_, unit, kind in zip(types, units, kinds, strict=True)
            if kind == "misc" and stream_kind(type_) in ("eeg", "")
        }
    )
    if foreign:
        return DeviceError(
            f"The channels of the {shown} are in {', '.join(map(repr, foreign))}; "
            f"expected {', '.join(UNITS[:-1])} or {UNITS[-1]}.{header.unit_cure}"
        )
    return DeviceError(
        f"The {shown} has no EEG channels (its channels are "
        f"{', '.join(sorted(set(kinds)))}); name the EEG stream."
    )


def _alike(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names of the electrodes whose labels name one that another names too."""
    places = [electrode(label) for label in labels]
    return [
        name
        for place, name in zip(places, names, strict=True)
        if place and places.count(place) > 1 and name.startswith(place)
    ]


def _assumed(
    header: StreamHeader,
    shown: str,
    unknown: Sequence[str],
    n_eeg: int,
    wanted: bool,
    alike: Sequence[str],
) -> list[str]:
    """Return a sentence for each thing that the stream does not state.

    `unknown` names the electrodes without a unit, of `n_eeg`, `alike` those whose labels are.
    """
    out = []
    if header.described not in (0, header.n_channels):
        out.append(
            f"The {shown} describes {header.described} channels but sends "
            f"{header.n_channels}, so its description is not used."
        )
    if not stream_kind(header.type) and "eeg" not in map(stream_kind, header.types):
        states = f"the type {header.type!r}" if header.type else "no type"
        out.append(f"The {shown} states {states}; it is taken for EEG.")
    if len(unknown) == n_eeg:
        out.append(f"The {shown} states no unit; microvolts are assumed.{header.unit_cure}")
    elif unknown:
        out.append(
            f"The {shown} states no unit for {_listed(unknown)}; microvolts are assumed there. "
            "State it in the sender: a unit= in the source would be taken for all channels."
        )
    if alike:
        out.append(
            f"Labels of the {shown} are alike: the electrodes are called {_listed(alike)}, and "
            "--channels names them."
        )
    if not wanted and not any(header.labels):
        out.append(
            f"The {shown} names no electrodes; they are called by their numbers, and "
            "--channels Fz=1 names them."
        )
    return out


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _beside_sentence(shown: str, beside: Sequence[Channel]) -> str:
    if not beside:
        return ""
    named = _listed([f"{one.name} ({one.type})" for one in beside])
    return (
        f"Of the {shown}, {named} {'is' if len(beside) == 1 else 'are'} no EEG: "
        "recorded beside it, and not used."
    )
