"""What is known of one person's EEG and music, from all their sessions: a plain value.

A session teaches (`app.loop.lesson`), `learn` puts it to what was known, and the next session
takes what holds for its headset and its sound output (`Listener.calibration_for`). Who keeps the
bytes is another's affair.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.loop.calibration import MIN_MEANS, Calibration, Theta, more_rated, theta_baseline
from app.loop.lesson import KEPT, Excerpt, Lesson, Setup
from dsp.agreement import Agreement, weighed
from dsp.checks import InputError
from dsp.electrodes import theta_sites
from dsp.enjoyment import EnjoymentModel
from dsp.grid import RATE, Floats
from dsp.tracking.calibrate import calibrate
from dsp.tracking.decoder import Decoder
from playlists.listener_record import ListenerRecord, TrackEvent, TrackKey, named, track_key
from playlists.preference import sessions, together

SCHEMA = 1  #: version of what `Listener.to_bytes` writes
NAME = "own sessions"  #: of a calibration that was learnt here
ELSEWHERE = 0.5  #: share of what is believed of the EEG that another headset takes along
MOVED = 0.03  #: s by which an answer must come at another time to be taken for moved
ALPHA_RISE = 2.0  #: dB by which alpha rises in most people who close their eyes
LOST = 0.7  #: share of r that must be left where sessions are put together that differ
_PLAYS, _SAID, _SETUPS = 120, 240, 8  # newest of which theta is kept, ratings, and setups


@dataclass(frozen=True)
class HeardPlay:
    """Theta of a play, and what was heard when (seconds since 1970)."""

    track: TrackKey
    at: float
    theta: Theta


@dataclass(frozen=True)
class Fitted:
    """What was learnt with one headset and one sound output.

    Attributes
    ----------
    setup : Setup
    decoded : tuple of str
        Electrodes of the excerpts.
    excerpts : tuple of Excerpt
        The newest `KEPT` seconds of clean EEG with sound.
    decoder : Decoder or None
        None until an answer to sound is found in them.
    plays : tuple of HeardPlay
        The newest `_PLAYS` with enough clean theta, rated or not, the newest last.
    sessions : int
    """

    setup: Setup
    decoded: tuple[str, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    decoder: Decoder | None = None
    plays: tuple[HeardPlay, ...] = ()
    sessions: int = 0

    @property
    def seconds(self) -> float:
        """Clean EEG with sound that the decoder is from, s."""
        return sum(one.seconds for one in self.excerpts)


@dataclass(frozen=True)
class Listener:
    """One person.

    Attributes
    ----------
    record : ListenerRecord
        Plays, ratings and familiarity of tracks.
    fitted : tuple of Fitted
        The setup of the newest session last.
    sessions : int
    """

    record: ListenerRecord = field(default_factory=ListenerRecord)
    fitted: tuple[Fitted, ...] = ()
    sessions: int = 0

    def calibration_for(self, setup: Setup) -> tuple[Calibration | None, tuple[str, ...]]:
        """Return what holds for a setup, and what is to be said of it, a sentence each.

        Without the same headset and electrodes *and* the same sound output there is no decoder:
        nothing may be scored at a delay of something else.
        """
        same = [one for one in self.fitted if _where(one.setup) == _where(setup)]
        if same:
            return self._calibration(same[-1], decoder=same[-1].decoder), ()
        kin = [one for one in self.fitted if one.setup.simulated == setup.simulated]
        if not kin:
            return None, ()
        head = [one for one in kin if _head(one.setup) == _head(setup)]
        if head:
            known = head[-1]
            return self._calibration(known, decoder=None), (
                f"The sound goes to {setup.output}, and the answer to it is known with "
                f"{known.setup.output} alone: its delay is found anew. Ratings, and what the EEG "
                "says of enjoyment, carry over.",
            )
        known = kin[-1]
        alike = _theta_names(known.setup) == _theta_names(setup) != ()
        old = self._calibration(known, decoder=None)
        kept = old if alike else Calibration.nothing(NAME)
        level = "its level of theta, and half" if alike else "half"
        anew = (
            "the answer to sound is" if alike else "the answer to sound and the level of theta are"
        )
        return replace(
            kept,
            simulated=setup.simulated,
            believed=_less(old.believed),
            n_ratings=old.n_ratings,
        ), (
            f"{setup.headset} is another headset than {known.setup.headset}, or has other "
            f"electrodes: ratings carry over, and {level} of what the EEG counted; {anew} learnt "
            "anew.",
        )

    def _calibration(self, known: Fitted, *, decoder: Decoder | None) -> Calibration:
        """What was learnt with the headset of `known`, whatever the sound went to."""
        heard = [
            one
            for other in self.fitted
            if _head(other.setup) == _head(known.setup)
            for one in other.plays
        ]
        heard = sorted(heard, key=lambda one: one.at)[-_PLAYS:]
        plays = tuple(one.theta for one in heard)
        level, sd = theta_baseline(plays) or (math.nan, math.nan)
        return Calibration(
            NAME,
            decoder,
            level,
            sd,
            (),
            simulated=known.setup.simulated,
            believed=_believed(self.record, heard, sd) if math.isfinite(sd) else None,
            n_ratings=sum(one.tells for one in plays),
            plays=plays,
            same_headset=decoder is not None,
        )

    def to_bytes(self) -> bytes:
        """Return it as a npz archive without pickled objects."""
        arrays: dict[str, Any] = {}
        rows = []
        for k, one in enumerate(self.fitted):
            setup = one.setup
            rows.append(
                {
                    "headset": setup.headset,
                    "ch_names": setup.ch_names,
                    "sfreq": setup.sfreq,
                    "output": setup.output,
                    "simulated": setup.simulated,
                    "decoded": one.decoded,
                    "starts": [e.start for e in one.excerpts],
                    "heard": [(play.track, play.at) for play in one.plays],
                    "sessions": one.sessions,
                }
            )
            for i, excerpt in enumerate(one.excerpts):
                for name in ("eeg", "unit", "sound"):
                    arrays[f"{k}_{i}_{name}"] = getattr(excerpt, name)
            arrays[f"{k}_plays"] = np.array([p.theta.row for p in one.plays]).reshape(-1, 4)
            if one.decoder is not None:
                for name, value in one.decoder.to_arrays().items():
                    arrays[f"{k}_decoder_{name}"] = value
        told = {"schema": SCHEMA, "sessions": self.sessions, "fitted": rows}
        told["record"] = self.record.to_dict()
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Listener:
        """Read what `to_bytes` gave.

        Raises
        ------
        InputError
            If it is of a newer version, or does not hold together.
        """
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as file:
                arrays = dict(file)
            told = json.loads(arrays["told"].tobytes())
            schema = told["schema"]
            if schema == SCHEMA:
                record = ListenerRecord.from_dict(told["record"])
                fitted = tuple(
                    _fitted(k, row, arrays, record.names) for k, row in enumerate(told["fitted"])
                )
                return cls(record, fitted, int(told["sessions"]))
        except Exception as error:  # zip, zlib and numpy have a dozen ways to find a file damaged
            first = str(error).split(". ")[0]
            raise InputError(
                f"What was learnt of this listener cannot be read ({first}); take it from the "
                "backup, or learn it again with `attune calibrate`."
            ) from error
        raise InputError(
            f"What was learnt of this listener has version {schema!r}, and this program reads "
            f"{SCHEMA}; install the newest Attune."
        )


def learn(listener: Listener, lesson: Lesson) -> tuple[Listener, tuple[str, ...]]:
    """Put what a session taught to what was known.

    Returns
    -------
    Listener
    said : tuple of str
        What was learnt, and what could not be and why; a sentence each.
    """
    record = listener.record.after(named(lesson.tracks), _events(lesson))
    taught = replace(listener, record=record, sessions=listener.sessions + 1)
    if lesson.setup is None:
        return taught, lesson.reasons
    where = _where(lesson.setup)
    before = next(
        (one for one in listener.fitted if _where(one.setup) == where), Fitted(lesson.setup)
    )
    fitted, said = _fit(before, lesson)
    others = [one for one in listener.fitted if _where(one.setup) != where]
    return replace(taught, fitted=(*others, fitted)[-_SETUPS:]), (*said, *lesson.reasons)


def _fit(before: Fitted, lesson: Lesson) -> tuple[Fitted, tuple[str, ...]]:
    assert lesson.setup is not None
    said: list[str] = []
    if math.isfinite(lesson.alpha_rise):
        said.append(_eyes(lesson.alpha_rise))
    before = _answer(before, lesson, said)
    new = (
        HeardPlay(track_key(lesson.tracks[one.place]), lesson.at + one.began, one.theta)
        for one in lesson.plays
        if one.theta.n >= MIN_MEANS
    )
    # A session that teaches again brings no play twice.
    kept = tuple({(one.track, one.at): one for one in (*before.plays, *new)}.values())[-_PLAYS:]
    thetas = [one.theta for one in kept]
    if not theta_baseline(thetas) and theta_sites(lesson.setup.ch_names):
        said.append(
            f"About {more_rated(thetas)} more rated tracks are needed before the EEG can count."
        )
    return replace(before, setup=lesson.setup, plays=kept, sessions=before.sessions + 1), tuple(
        said
    )


def _eyes(rise: float) -> str:
    """Say what closed eyes did, which every awake brain shows (Berger 1929)."""
    if rise >= ALPHA_RISE:
        return f"With closed eyes alpha rises by {rise:.0f} dB: the electrodes see the brain."
    return (
        f"With closed eyes alpha changes by {rise:+.0f} dB, and in most people it doubles: see to "
        "the contact of the electrodes, most of all at the back."
    )


def _answer(before: Fitted, lesson: Lesson, said: list[str]) -> Fitted:
    """Learn of the answer to sound, and say what.

    Where one is known, a session teaches of it only if it was seen in there too: at its delay, or
    at another that was found. What was learnt before is then moved to the delay of today.
    """
    new = [one.excerpt for one in lesson.plays if one.excerpt is not None]
    old = before.excerpts if before.decoded == lesson.decoded else ()
    if not new:
        return before
    told = [one.delay for one in lesson.plays if math.isfinite(one.delay)]
    delay = float(np.median(told)) if told else math.nan
    if before.decoder is not None and abs(delay) >= MOVED:
        known = [one for one in lesson.plays if math.isfinite(one.delay)]
        new = [one.excerpt for one in known if one.excerpt is not None]
        old = tuple(one.later(round(delay * RATE)) for one in old)
        side = "later" if delay > 0.0 else "sooner"
        said.append(
            f"The answer came {1000.0 * abs(delay):.0f} ms {side} than in earlier sessions: what "
            "they taught was moved by as much, and nothing was learnt until that was known."
        )
    excerpts = tuple(_newest([*old, *new], KEPT))
    decoder, sentence = _decoder(excerpts, lesson.decoded)
    seen = before.decoder is None or math.isfinite(delay) or lesson.followed
    if not seen and before.decoder is not None:
        alone, anew = _decoder(new, lesson.decoded)
        if alone is not None and (decoder is None or alone.r > decoder.r):
            excerpts, decoder = tuple(new), alone
            sentence = f"The answer came otherwise than before, and is learnt anew. {anew}"
        elif decoder is None or decoder.r < LOST * before.decoder.r:
            said.append(
                "The answer to sound that is known was not seen in this session: nothing was "
                "learnt of it."
            )
            return before
    said.append(sentence)
    return replace(before, decoded=lesson.decoded, excerpts=excerpts, decoder=decoder)


def _decoder(excerpts: Sequence[Excerpt], ch_names: Sequence[str]) -> tuple[Decoder | None, str]:
    """Find the answer to sound in excerpts, and say what was found."""
    minutes = sum(one.seconds for one in excerpts) / 60.0
    try:
        found = calibrate([one.recording for one in excerpts], ch_names=ch_names, sfreq=RATE)
    except InputError as error:
        return None, str(error)
    chance = f"r {found.r:.2f}, chance up to {found.r_null95:.2f}"
    if not found.found:
        return None, (
            f"No answer to sound was found in {minutes:.0f} min of clean EEG ({chance}): the next "
            "session looks for it again."
        )
    return found, f"The answer to sound is known from {minutes:.0f} min of clean EEG ({chance})."


def _newest(excerpts: Sequence[Excerpt], seconds: float) -> Iterator[Excerpt]:
    """Yield the newest excerpts that make up `seconds`, in their order."""
    total, first = 0.0, len(excerpts)
    while first > 0 and total < seconds:
        first -= 1
        total += excerpts[first].seconds
    yield from excerpts[first:]


def _events(lesson: Lesson) -> Iterator[TrackEvent]:
    """What a record keeps of a session."""
    for one in lesson.plays:
        key, at = track_key(lesson.tracks[one.place]), lesson.at
        yield TrackEvent(key, "play", at + one.began, value=one.share)
        for when, value in one.ratings:
            yield TrackEvent(key, "rating", at + when, value=value, scale="1-9")
        for when, value in one.taps:
            yield TrackEvent(key, "tap", at + when, value=value, scale="faces")
        if one.skipped is not None:
            yield TrackEvent(key, "skip", at + one.skipped)
        if one.undone is not None:
            yield TrackEvent(key, "undone", at + one.undone)


def _believed(record: ListenerRecord, heard: Sequence[HeardPlay], sd: float) -> Floats:
    """Weigh the hypotheses of the EEG by all plays that are kept and what was said since then."""
    said = [
        one for one in record.events if one.kind in ("rating", "tap") and one.at >= heard[0].at
    ][-_SAID:]
    moments = [(one.track, one.at) for one in heard] + [(one.track, one.at) for one in said]
    expected, covariance = together(record, moments)
    known = Agreement(
        scores=np.array([one.theta.db for one in heard]) / sd,
        n_means=np.array([one.theta.n for one in heard], dtype=np.float64),
        sessions=sessions(np.array([one.at for one in heard])),
        said=np.array([one.value for one in said]),
        taps=np.array([one.kind == "tap" for one in said]),
        expected=expected,
        covariance=covariance,
    )
    return weighed(EnjoymentModel(), known)


def _less(believed: Floats | None) -> Floats | None:
    """Leave `ELSEWHERE` of what was learnt, in log odds against the prior.

    Weights that are mixed with their prior instead lose most where most was earned.
    """
    if believed is None:
        return None
    kept = believed**ELSEWHERE * EnjoymentModel().prior ** (1.0 - ELSEWHERE)
    return np.asarray(kept / kept.sum())


def _head(setup: Setup) -> tuple[str, tuple[str, ...]]:
    return setup.headset, setup.ch_names


def _where(setup: Setup) -> tuple[str, tuple[str, ...], str]:
    return setup.headset, setup.ch_names, setup.output


def _theta_names(setup: Setup) -> tuple[str, ...]:
    return tuple(setup.ch_names[i] for i in theta_sites(setup.ch_names))


def _fitted(
    k: int, row: Mapping[str, Any], arrays: Mapping[str, Any], names: Collection[TrackKey]
) -> Fitted:
    setup = Setup(
        str(row["headset"]),
        tuple(map(str, row["ch_names"])),
        float(row["sfreq"]),
        str(row["output"]),
        bool(row["simulated"]),
    )
    decoded = tuple(map(str, row["decoded"]))
    excerpts = tuple(
        _excerpt(int(start), decoded, *(arrays[f"{k}_{i}_{n}"] for n in ("eeg", "unit", "sound")))
        for i, start in enumerate(row["starts"])
    )
    prefix = f"{k}_decoder_"
    known = {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}
    plays = tuple(
        HeardPlay(TrackKey(str(track)), float(at), Theta.of_row(theta))
        for (track, at), theta in zip(row["heard"], arrays[f"{k}_plays"], strict=True)
    )
    if any(p.theta.n < MIN_MEANS or p.track not in names or not math.isfinite(p.at) for p in plays):
        raise ValueError("theta of a play has no track, no time or too few means")
    return Fitted(
        setup,
        decoded,
        excerpts,
        Decoder.from_arrays(known) if known else None,
        plays,
        int(row["sessions"]),
    )


def _excerpt(start: int, ch_names: Sequence[str], eeg: Any, unit: Any, sound: Any) -> Excerpt:
    fits = eeg.dtype == np.int16 and eeg.shape[1:] == (len(ch_names),) == unit.shape
    if not (fits and sound.dtype == np.float32 and sound.shape == (len(eeg), 3)):
        raise ValueError(f"an excerpt has EEG {eeg.shape} and sound {sound.shape}")
    return Excerpt(start, eeg, unit, sound)
