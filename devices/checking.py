"""Is this headset fit for a session? What some seconds of it show, in numbers and in words.

`collect` reads a running acquisition, `judge` turns what it read into a `SourceCheck`. Nothing
here prints: the command line shows it, and a window may.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from devices.acquisition import Acquisition
from devices.clock import now
from devices.silence import STALL_S
from devices.sources.source import RATE_SAID, RATE_SHOWN, SourceInfo, SourceState, Timing
from dsp.contacts import CURES, ElectrodeQuality, grade_electrodes
from dsp.grid import Floats
from dsp.quality import LOOKAHEAD, Guard

#: From the best to the worst.
Verdict = Literal["good", "usable", "poor", "unusable"]
VERDICTS: tuple[Verdict, ...] = ("good", "usable", "poor", "unusable")

LEAST_S, MOST_S = 1.0, 600.0  #: s that a check may last
_SENDER_CURE = "look after the sender"
_LOSS = (0.005, 0.05, 0.3)  # share of samples beyond which it is no better than usable, poor, un-
_LIKELY = 0.02  # share by which a rate may be off the one in use, which is told anew at 0.005
_JITTER_S = 0.05  # s; more than that says that the stamps are hardly better than a guess
_EXTRA_S = LOOKAHEAD + 0.1  # s read beyond those asked for, so that the last second can be judged
_LATE_S = 1.5  # s that are waited for them
_LOOK_S = 0.1  # s between looks into the ring


@dataclass(frozen=True)
class Collected:
    """What was read of a source.

    Attributes
    ----------
    info : SourceInfo
    eeg : float32 [shape=(n, n_channels)]
        Microvolts of the electrodes; a lost sample is a row of NaN.
    times : float64 [shape=(n,)]
        LSL seconds.
    seconds : float
        How long the check lasted.
    sfreq : float
        Rate in use, Hz: the stated one, or the one that it was told to have instead.
    timing : Timing
    state : SourceState
        In which it was left.
    silences : int
        Times that it fell silent, or said that it was gone.
    notes : tuple of str
        What the source said for people, and by what it was lost.
    """

    info: SourceInfo
    eeg: npt.NDArray[np.float32]
    times: Floats
    seconds: float
    sfreq: float
    timing: Timing
    state: SourceState = "streaming"
    silences: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceCheck:
    """A source, judged.

    Attributes
    ----------
    info : SourceInfo
    seconds : float
        How long it was looked at.
    sfreq, sfreq_measured : float
        Stated, and as samples came, Hz.
    received, lost, duplicated : int
        Samples, of the seconds that were looked at.
    stamp_jitter : float
        Robust sd of arrival less fitted time, s.
    quality : dict of str to ElectrodeQuality
        By electrode, in the source's order.
    notices : tuple of str
        Sentences on what is out of the ordinary, and harms nothing by itself.
    problems : tuple of str
        Sentences on what keeps the verdict from being good, with what to do; the worst first.
    verdict : Verdict
    """

    info: SourceInfo
    seconds: float
    sfreq: float
    sfreq_measured: float
    received: int
    lost: int
    duplicated: int
    stamp_jitter: float
    quality: dict[str, ElectrodeQuality]
    notices: tuple[str, ...]
    problems: tuple[str, ...]
    verdict: Verdict


def collect(
    acquisition: Acquisition,
    seconds: float,
    *,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[float, int], object] = lambda seconds, rows: None,
) -> Collected:
    """Read a source that is ready for some seconds.

    Parameters
    ----------
    acquisition : Acquisition
        After `wait_ready`.
    seconds : float
        How long.
    stopped : callable
        Asked ten times a second; True ends at once, with what there is.
    tell : callable
        Called as often with the seconds that passed and the rows that came.

    Raises
    ------
    InputError
        If its rate is too low for EEG to be judged.
    """
    info, begin = acquisition.info, now()
    Guard(ch_names=info.ch_names, sfreq=info.sfreq)  # its error is worth no half minute
    ring, n_channels = acquisition.ring, len(info.ch_names)
    eeg, times = [np.empty((0, n_channels), np.float32)], [np.empty(0)]
    sfreq, silences, row = info.sfreq, 0, 0
    notes: list[str] = []
    here: SourceState = "streaming"
    enough, first = seconds + _EXTRA_S, math.nan
    while not stopped():
        ended = acquisition.state == "closed"  # a recording; looked at before its last rows
        block = ring.since(row)
        row = block.next
        eeg.append(block.data[:, :n_channels])
        times.append(block.times)
        for event in acquisition.events():
            sfreq = float(event.value) if event.kind == "rate" else sfreq
            if event.kind == "state":
                before, here = here, event.value
                silences += before == "streaming" and here in ("stalled", "lost")
            newly_lost = event.kind == "state" and here == "lost" != before
            if event.text and (newly_lost or event.kind in ("rate", "note")):
                notes.append(event.text)
        passed = now() - begin
        tell(min(passed, seconds), row)
        if block.times.size:
            first = block.times[0] if math.isnan(first) else first
            if block.times[-1] - first >= enough:
                break
        if ended or passed >= enough + _LATE_S:
            break
        time.sleep(_LOOK_S)
    stamps = np.concatenate(times)
    span = float(stamps[-1] - stamps[0]) if stamps.size else 0.0  # more where some had piled up
    return Collected(
        info=info,
        eeg=np.concatenate(eeg),
        times=stamps,
        seconds=min(max(now() - begin, span), seconds),
        sfreq=sfreq,
        timing=acquisition.timing,
        state=acquisition.state,
        silences=silences,
        notes=tuple(dict.fromkeys(notes)),
    )


def judge(found: Collected) -> SourceCheck:
    """Say what was read of a source in numbers and in words.

    Raises
    ------
    InputError
        If its rate is too low for EEG to be judged.
    """
    info, times = found.info, found.times
    measured = measured_rate(times, found.sfreq)
    off = abs(measured / info.sfreq - 1.0)
    sfreq = measured if off > RATE_SHOWN else info.sfreq
    if off > RATE_SHOWN:  # the first rows were timed before that was known
        times = times[-1] - np.arange(times.size)[::-1] / measured
    eeg, times = _to_the_end(found, times, sfreq)
    quality = grade_electrodes(eeg, times, ch_names=info.ch_names, sfreq=sfreq)
    inside = times < times[0] + found.seconds if times.size else slice(0, 0)
    missing = np.asarray(np.isnan(eeg[inside]).all(axis=1))
    lost = int(np.count_nonzero(missing))
    received = missing.size - lost
    notices = [text for text in (info.notice, *found.notes) if text]
    if off > RATE_SHOWN and not any("sends" in text for text in found.notes):
        notices.append(
            f"It states {info.sfreq:g} Hz and sends {measured:.1f}; the measured rate is used."
        )
    begin = float(found.times[0]) if times.size else math.inf
    twice = sum(begin <= at < begin + found.seconds for at in found.timing.duplicated)
    if twice:
        notices.append(f"{twice} samples came twice, and were left out.")
    away = _absences(missing, sfreq) if found.silences else []
    gone = sum(end - begin for begin, end in away)
    loss = lost / max(missing.size, 1)
    sent_so = any("are no numbers" in note for note in found.notes)
    problems = [
        *_electrode_problems(quality, lossy=loss > _LOSS[0], sent_so=sent_so),
        *_loss_problems((lost - gone) / max(missing.size - gone, 1), sent_so=sent_so),
        *_absence_problems([(a / sfreq, b / sfreq) for a, b in away], gone, missing.size, found),
        *_stream_problems(off, found),
    ]
    problems.sort(key=lambda problem: -problem[0])
    return SourceCheck(
        info=info,
        seconds=found.seconds,
        sfreq=info.sfreq,
        sfreq_measured=measured,
        received=received,
        lost=lost,
        duplicated=twice,
        stamp_jitter=found.timing.jitter,
        quality=quality,
        notices=tuple(notices),
        problems=tuple(text for _, text in problems),
        verdict=VERDICTS[problems[0][0] if problems else 0],
    )


def measured_rate(times: Floats, sfreq: float) -> float:
    """Rows a second by their own times, Hz, or `sfreq`, the rate in use, where they cannot tell.

    From the second half, where the line through the times has settled; over some seconds one that
    is still on its way looks like another rate.
    """
    late = times[times.size // 2 :]
    if late.size < 2 * sfreq:
        late = times
    if late.size < 2 or late[-1] <= late[0]:
        return sfreq
    rate = float((late.size - 1) / (late[-1] - late[0]))
    return rate if abs(rate / sfreq - 1.0) < _LIKELY else sfreq


def _electrode_problems(
    quality: dict[str, ElectrodeQuality], *, lossy: bool, sent_so: bool
) -> list[tuple[int, str]]:
    """How bad, as a place in `VERDICTS`, and a sentence; what all lose is the stream's problem.

    `sent_so` where the sender gives no numbers: no radio is blamed for that.
    """
    own = {name: one for name, one in quality.items() if not (lossy and one.word == "gap")}
    bad = [name for name, one in own.items() if one.grade == 4]
    fair = [name for name, one in own.items() if one.grade == 2]
    problems = []
    if bad:
        how = 3 if len(bad) == len(quality) else 2 if 2 * len(bad) > len(quality) else 1
        who = "All electrodes are" if how == 3 else f"{_listed(bad)} {_are(bad)}"
        problems.append((how, f"{who} bad; {_cure(quality, bad, sent_so)}."))
    if 2 * len(fair) > len(quality):
        problems.append(
            (1, f"{_listed(fair)} {_are(fair)} only fair; {_cure(quality, fair, sent_so)}.")
        )
    return problems


def _cure(quality: dict[str, ElectrodeQuality], names: Sequence[str], sent_so: bool) -> str:
    """What helps against the commonest fault of these electrodes."""
    word = Counter(quality[name].word for name in names).most_common(1)[0][0]
    cure = _SENDER_CURE if sent_so and word == "gap" else CURES[word]
    return f"{word}: {cure}"


def _to_the_end(
    found: Collected, times: Floats, sfreq: float
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Rows and their times, with those that are missing to the end of what was looked at as NaN."""
    if found.state not in ("stalled", "lost") or not times.size:
        return found.eeg, times
    n = max(0, math.ceil((times[0] + found.seconds - times[-1]) * sfreq) - 1)
    rows = np.full((n, found.eeg.shape[1]), np.nan, dtype=np.float32)
    later = times[-1] + np.arange(1, n + 1) / sfreq
    return np.concatenate((found.eeg, rows)), np.concatenate((times, later))


def _absences(missing: npt.NDArray[np.bool_], sfreq: float) -> list[tuple[int, int]]:
    """First row, and the one after the last, of each silence of a source."""
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).tolist()
    holes = zip(edges[::2], edges[1::2], strict=True)
    return [(begin, end) for begin, end in holes if end - begin >= STALL_S * sfreq]


def _absence_problems(
    away: list[tuple[float, float]], gone: int, rows: int, found: Collected
) -> list[tuple[int, str]]:
    """How bad, and a sentence on when the source was away, s from the first row."""
    lost, cure = found.state == "lost", "check its plug, its battery, and that it is near"
    if away:
        spans = [f"from {begin:.1f} to {end:.1f} s" for begin, end in away]
        if found.state in ("stalled", "lost"):
            spans[-1] = f"from {away[-1][0]:.1f} s to the end"
        how = 3 if lost else max(1, sum(gone / rows > limit for limit in _LOSS))
        return [(how, f"It was gone {_listed(spans)}; {cure}.")]
    if lost:
        return [(3, "It was gone at the end; check that it is switched on and near.")]
    if found.silences:
        times = "once" if found.silences == 1 else f"{found.silences} times"
        return [(1, f"It fell silent {times}; {cure}.")]
    return []


def _loss_problems(loss: float, *, sent_so: bool) -> list[tuple[int, str]]:
    """How bad losses are while the source was there."""
    if loss <= _LOSS[0]:
        return []
    how = sum(loss > limit for limit in _LOSS)
    if sent_so:
        return [(how, f"{100 * loss:.1f} % of the samples were lost, or sent as no number (NaN); "
                 f"{_SENDER_CURE}.")]  # fmt: skip
    cure = "bring the headset and its receiver closer together, and away from other radios"
    return [(how, f"{100 * loss:.1f} % of the samples were lost; {cure}.")]


def _stream_problems(off: float, found: Collected) -> list[tuple[int, str]]:
    problems = []
    if off > RATE_SAID:
        problems.append((1, "Its rate is not the one it states; check the settings of its sender."))
    if found.timing.jitter > _JITTER_S:
        ms = 1000 * found.timing.jitter
        problems.append((1, f"Its stamps are uneven ({ms:.0f} ms); end what keeps this computer "
                         "busy, and prefer a cable to a radio."))  # fmt: skip
    return problems


def _listed(names: Sequence[str]) -> str:
    """Names as they are read: ``Fp1, Fp2 and Fz``, the first six of many."""
    if len(names) > 7:
        return f"{', '.join(names[:6])} and {len(names) - 6} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
