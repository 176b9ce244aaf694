"""LSL streams as sources: own resolver, own clock offsets, never liblsl's recovery or dejitter.

With `recover=False` the death of the sender is an error within milliseconds, and liblsl's
`proc_dejitter` is off by up to the length of a gap for a minute after it; both are measured.
"""

from __future__ import annotations

import math
import socket
import time
from typing import Any

import numpy as np

from devices.clock import now
from devices.sources.naming import Wanted
from devices.sources.offsets import OffsetLine
from devices.sources.pulling import Puller
from devices.sources.source import EegChunk, Handover, SourceEvent, SourceInfo
from devices.sources.stream_carries import Markers, Samples
from devices.sources.stream_header import (
    StreamHeader,
    choose_channels,
    read_header,
    refuse_other,
    stream_kind,
)
from devices.sources.streams import StreamFinder, lsl_library, read_query
from dsp.checks import AttuneError, DeviceError, foreign_text

RESOLVE_S = 5.0  # s: how long a stream may take to answer
SETTLE_S = 0.5  # s after the first answer in which others of the same name may come
AGAIN_S = 0.45  # s that one try to come back may take
#: s between two reads: a sender that pushes each sample wakes us no oftener than this, and one
#: that pushes packets is read as each comes.
PACE_S = 0.007
_LOOK_S = 0.12  # s that the first try waits for answers
_CORRECT_EVERY = 2.0  # s between clock offsets, as liblsl measures them
_OLD_S, _EARLY_S = 2.0, 0.5  # s: stamps this near now are of the clock whose offset we knew


class LslSource:
    """One LSL stream.

    Parameters
    ----------
    written : str
        Its name, or what else it is found by (`devices.sources.streams.read_query`).
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.renamed`).
    first : bool
        Whether it is to carry the EEG that is decoded. One that comes beside may carry markers;
        then `info.sfreq` is 0, and they are told as events.
    resolve_s : float
        How long to look for it, s.

    Raises
    ------
    InputError
        If `written` cannot be read.
    """

    def __init__(
        self,
        written: str,
        *,
        channels: Wanted = (),
        first: bool = True,
        resolve_s: float = RESOLVE_S,
    ) -> None:
        self._query, self._resolve_s = read_query(written), resolve_s
        self._wanted, self._first, self._name = channels, first, str(self._query)
        self._info: SourceInfo | None = None
        self._rate = 0.0  # Hz that was in use on another thread; 0 for none
        self._taken: StreamHeader | None = None  # the stream that is, or last was, read
        self._others: set[str] = set()  # ids of those that were there beside it
        self._finder: StreamFinder | None = None
        self._inlet: Any = None
        self._carries: Samples | Markers
        self._puller: Puller
        self._news: list[SourceEvent] = []
        self._offsets = OffsetLine()  # add to a stamp for our clock
        self._measured = False  # whether the offset is of the stream that is read now
        self._read_at = self._corrected_at = 0.0
        self._many = math.inf  # samples of one read that are more than would come in its time
        self._packets = False  # whether the last read brought more

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the LSL stream is not open yet.")
        return self._info

    def open(self) -> None:
        """Find the stream and subscribe; after `close` the same one, or one that took its place.

        Raises
        ------
        DeviceError
            If no such stream answers, or it is not a regular stream of EEG voltages.
        InputError
            If a wanted electrode is not there.
        """
        self._pylsl, self._ahead = lsl_library()
        if self._taken is None:
            self._open_first()
        else:
            self._open_again(self._taken)

    def take_over(self, known: Handover) -> None:
        """Go on at the rate that was measured, with the stream that answers now."""
        self._rate = known.sfreq

    def _open_first(self) -> None:
        found, there = self._look()
        if not found:
            others = ", ".join(sorted({f"{h.name!r}" for h in there}))
            raise DeviceError(
                f"No LSL stream {self._name} answered within {self._resolve_s:g} s; "
                + (f"these did: {others}." if others else "none at all did; start its sender.")
            )
        header, stream = found[0]
        self._name = foreign_text(repr(header.name))
        rank = self._rank(header)[0]
        twins = [h for h, _ in found[1:] if self._rank(h)[0] == rank]
        if not (header.markers and not self._first):
            refuse_other(header, self._name)
        try:
            inlet, full = self._connect(stream, now() + self._resolve_s)
            correction = inlet.time_correction(timeout=self._resolve_s)
        except (self._pylsl.util.TimeoutError, self._pylsl.util.LostError) as error:
            raise DeviceError(
                f"The LSL stream {self._name} was found but does not answer; restart its sender, "
                "and check that no firewall stands between."
            ) from error
        self._offsets.add(now(), correction - self._ahead)
        self._measured, self._corrected_at = True, now()
        self._begin(inlet, full, self._twin_sentence(full, twins))
        self._others = {h.uid for h in twins} | {h.source_id for h in twins} - {full.source_id, ""}

    def _look(self) -> tuple[list[tuple[StreamHeader, Any]], list[StreamHeader]]:
        """Return the streams that are as asked, the best first, and all that there are."""
        finder = StreamFinder(self._query)
        end, settled = now() + self._resolve_s, np.inf
        while True:
            answers = finder.answers()
            found = [one for one in answers if self._query.matches(one[0])]
            if found:
                settled = min(settled, now() + SETTLE_S)
            if now() >= min(end, settled):
                found.sort(key=lambda one: self._rank(one[0]))
                return found, [header for header, _ in answers]
            time.sleep(0.02)

    def _rank(self, header: StreamHeader) -> tuple[Any, ...]:
        """Order of streams that are all as asked: by kind, then those of this computer, by id."""
        kinds = ["eeg", ""] if self._first else ["trigger", "eeg", ""]
        kind = "trigger" if header.markers else stream_kind(header.type)
        place = kinds.index(kind) if kind in kinds else len(kinds)
        far = header.hostname != foreign_text(socket.gethostname())
        return place, far, header.source_id, header.hostname, header.uid

    def _connect(self, stream: Any, end: float) -> tuple[Any, StreamHeader]:
        """Subscribe; return the inlet and all that the stream states."""
        inlet = self._pylsl.StreamInlet(stream, max_buflen=360, recover=False)
        full = inlet.info(timeout=max(end - now(), 0.01))
        inlet.open_stream(timeout=max(end - now(), 0.01))
        return inlet, read_header(full, text_format=self._pylsl.cf_string)

    def _twin_sentence(self, taken: StreamHeader, twins: list[StreamHeader]) -> str:
        if not twins:
            return ""
        rest = " and ".join(str(one) for one in twins)
        same = any(one.source_id == taken.source_id for one in twins)
        choose = f"uid={twins[0].uid}" if same else f"source_id={twins[0].source_id}"
        return (
            f"{len(twins) + 1} LSL streams answer to {self._name}: {taken} was taken, {rest} "
            f"{'was' if len(twins) == 1 else 'were'} not; lsl:{choose} would take the other."
        )

    def _begin(self, inlet: Any, full: StreamHeader, twins: str = "") -> None:
        """Read this stream from now on."""
        title = f"LSL stream {foreign_text(full.name)}"
        details: dict[str, Any] = {
            "driver": f"liblsl {self._pylsl.library_version()}",
            "source_id": foreign_text(full.source_id),
            "type": full.type,
            "host": full.hostname,
            "clock_offset": self._offsets.at(now()),
            "lsl_clock_ahead": self._ahead,
        }
        if full.markers and not self._first:
            self._carries = Markers(f"the {title}", regular=full.sfreq > 0)
            info = SourceInfo(name=title, ch_names=(), sfreq=0.0, notice=twins, details=details)
        else:
            chosen = choose_channels(full, self._name, self._wanted, unit=self._query.unit)
            rate = self._carries.rate if self._info is not None else self._rate
            self._carries = Samples(chosen, full.sfreq, self._name, full.unit_cure, rate)
            details["scale_to_microvolts"] = list(chosen.scale)
            details["unit_stated"] = chosen.unit_stated
            details["labels"] = list(full.labels)
            info = SourceInfo(
                name=title,
                ch_names=chosen.ch_names,
                sfreq=full.sfreq,
                notice=" ".join(filter(None, (twins, chosen.notice))),
                details=details,
                beside=chosen.beside,
            )
            if chosen.note and self._info is None:
                self._news.append(SourceEvent(now(), "note", "channels beside", chosen.note))
        if self._info is not None and (info.ch_names, info.beside, info.sfreq) != (
            self._info.ch_names,
            self._info.beside,
            self._info.sfreq,
        ):
            raise DeviceError(
                f"The LSL stream {self._name} is back with other channels "
                f"({', '.join(info.ch_names)} in place of {', '.join(self._info.ch_names)}); set "
                "its sender as it was, or begin a new session."
            )
        self._puller = Puller(self._pylsl, inlet, self._carries.most)
        if self._puller.note and self._info is None:
            self._news.append(SourceEvent(now(), "note", "pylsl", self._puller.note))
        self._many = 2.0 * PACE_S * info.sfreq or math.inf
        self._info, self._taken, self._inlet, self._finder = info, full, inlet, None

    # Coming back

    def _open_again(self, was: StreamHeader) -> None:
        """Take the stream that was read, or one of the same name and shape in its place."""
        end = now() + AGAIN_S
        look = now()
        if self._finder is None:  # it goes on between the tries
            self._finder = StreamFinder(self._query)
            look += _LOOK_S
        while not (found := self._returned(was)) and now() < look:
            time.sleep(0.01)
        why = f"The LSL stream {self._name} has not come back yet.{self._left_alone(was)}"
        for header, stream in found:
            if (header.n_channels, header.sfreq) != (was.n_channels, was.sfreq):
                why = (
                    f"The LSL stream {self._name} is back in another shape: {header}, which was "
                    f"{was}; set its sender as it was, or begin a new session."
                )
                continue
            try:
                inlet, full = self._connect(stream, end)
                self._measured = False
                self._begin(inlet, full)
            except (self._pylsl.util.TimeoutError, self._pylsl.util.LostError):
                continue
            except AttuneError as error:
                raise DeviceError(str(error)) from error
            if full.source_id != was.source_id:
                text = (
                    f"The LSL stream {self._name} is back under another id: {full} in place of "
                    f"{was}; it has the same shape and was taken."
                )
                self._news.append(SourceEvent(now(), "note", foreign_text(full.source_id), text))
            return
        raise DeviceError(why)

    def _left_alone(self, was: StreamHeader) -> str:
        """Name a stream that could take its place, and was there beside it all along."""
        assert self._finder is not None
        for header, _ in self._finder.answers():
            if (
                (header.name, header.type) == (was.name, was.type)
                and (header.n_channels, header.sfreq) == (was.n_channels, was.sfreq)
                and self._others & {header.uid, header.source_id}
            ):
                other = header.source_id and header.source_id != was.source_id
                ask = f"source_id={header.source_id}" if other else f"uid={header.uid}"
                return foreign_text(
                    f" Another of that name, {header}, was there beside it and is left alone; a "
                    f"new session with lsl:{ask} takes it.",
                    longest=400,
                )
        return ""

    def _returned(self, was: StreamHeader) -> list[tuple[StreamHeader, Any]]:
        """Streams that may be the one that was read, the likeliest first."""
        assert self._finder is not None

        def likely(one: StreamHeader) -> tuple[Any, ...]:
            shape = (one.n_channels, one.sfreq) != (was.n_channels, was.sfreq)
            return shape, one.source_id != was.source_id, one.hostname != was.hostname, one.uid

        same = [
            (header, stream)
            for header, stream in self._finder.answers()
            if (header.name, header.type) == (was.name, was.type)
            and self._query.asks_of_another(header)
            and not self._others & {header.uid, header.source_id}
        ]
        return sorted(same, key=lambda one: likely(one[0]))

    # Reading

    def read(self) -> EegChunk | None:
        """Return all samples since the last call, missing time as rows of NaN, or None.

        Waits for data, at most 0.1 s.

        Raises
        ------
        DeviceError
            When the sender is gone.
        """
        if self._inlet is None:
            raise DeviceError("the LSL stream is closed.")
        wait = 0.0 if self._packets else self._read_at + PACE_S - now()
        if wait > 0:
            time.sleep(wait)
        try:
            if not self._measured or self._read_at - self._corrected_at >= _CORRECT_EVERY:
                self._correct()
            data, stamps = self._puller.pull(packets=self._packets)
        except self._pylsl.util.LostError as error:
            raise DeviceError(
                f"The sender of the LSL stream {self._name} has ended; the music plays on."
            ) from error
        self._read_at = seen = now()
        self._packets = len(stamps) > self._many
        if not stamps:
            return None
        offset = self._offsets.at(seen)
        # Plain numbers: on a thread that just woke, one sum of numpy's takes longer than a read.
        taken = [stamp + offset for stamp in stamps]
        if not self._measured and not seen - _OLD_S < taken[-1] < seen + _EARLY_S:
            # Come back with another clock, whose offset liblsl is still measuring.
            return self.info.no_rows
        chunk = self._carries.take(data, taken, seen)
        self._news += self._carries.events()
        return self.info.no_rows if chunk is None else chunk

    def _correct(self) -> None:
        """Take the newest clock offset; keep the old line while the sender does not answer."""
        start = now()
        try:
            offset = self._inlet.time_correction(timeout=0.0) - self._ahead
        except self._pylsl.util.TimeoutError:
            return
        if not self._measured:
            self._offsets = OffsetLine()
        self._offsets.add(start, offset)
        self._measured, self._corrected_at = True, start

    def events(self) -> list[SourceEvent]:
        """Events since the last call."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Unsubscribe; safe to call twice."""
        inlet, self._inlet = self._inlet, None
        if inlet is not None:
            inlet.close_stream()
