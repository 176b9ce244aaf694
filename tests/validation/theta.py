"""Tests 23 and 24: frontal theta beside slow artefact, blinks and bad contact, and what follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from app.loop.belief import Belief
from app.loop.calibration import load_calibration
from app.loop.senses import FRESH
from app.settings import Settings, load_preset
from devices.listener import MONTAGE, Listener
from devices.timeline import COLUMNS
from dsp.grid import Floats
from dsp.quality import Guard
from dsp.reward import FrontalTheta, ThetaScore
from playlists.tracks import Place
from tests.doubles import second_brain
from tests.validation.rows import Row, Sizes, generator, shown

_SFREQ, _START = 250.0, 1000.0
#: How the field of the eyes falls off from the forehead, by electrode of the first listener.
_FRONTAL = dict(zip(MONTAGE, (1.0, 0.3, 1.0, 1.0, 0.15, 0.15, 0.1, 0.1), strict=True))
_BLINK_UV, _BLINK_S = 110.0, 0.3

Made = tuple[tuple[str, ...], float, Floats]  # electrodes, rate, microvolt
Trouble = Callable[[np.random.Generator, int], Floats]  # at the forehead, so many samples


def slow(microvolts: float) -> Trouble:
    """Noise in 1-3.5 Hz."""

    def made(rng: np.random.Generator, n: int) -> Floats:
        hz = np.fft.rfftfreq(n, 1.0 / _SFREQ)
        z = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
        x = np.fft.irfft(np.where((hz >= 1.0) & (hz <= 3.5), z, 0.0), n)
        return np.asarray(microvolts * x / x.std())

    return made


def blinks(per_minute: float) -> Trouble:
    """Lids that close so often, at least half a second apart."""

    def made(rng: np.random.Generator, n: int) -> Floats:
        x = np.zeros(n)
        shape = np.hanning(round(_BLINK_S * _SFREQ))
        at = 0.0
        while (at := at + 0.5 + rng.exponential(60.0 / per_minute - 0.5)) * _SFREQ < n - shape.size:
            i = int(at * _SFREQ)
            x[i : i + shape.size] += _BLINK_UV * rng.uniform(0.6, 1.3) * shape
        return x

    return made


def contact(microvolts: float) -> Trouble:
    """White noise, as of a dry electrode."""
    return lambda rng, n: microvolts * rng.standard_normal(n)


def first_listener(
    seed: int, seconds: int, trouble: Trouble | None = None, *, liking: float = 0.5
) -> Made:
    """The listener of the simulated source, who is as pleased as `liking` all the time."""
    nothing = SimpleNamespace(since=lambda row: (row, np.empty((0, len(COLUMNS)))))
    listener = Listener(
        "clear", seed=seed, ch_names=MONTAGE, sfreq=_SFREQ,
        timeline=nothing, tracks=SimpleNamespace(get=lambda play: None),  # type: ignore[arg-type]
    )  # fmt: skip
    listener._liking = listener._felt = liking
    n = int(seconds * _SFREQ)
    eeg = listener.voltages(_START + np.arange(n) / _SFREQ).astype(np.float64)
    if trouble is not None:
        at_forehead = trouble(generator(23, seed), n)
        eeg += at_forehead[:, None] * [_FRONTAL[name] for name in MONTAGE]
    return MONTAGE, _SFREQ, eeg


def second_listener(
    seed: int, seconds: int, trouble: second_brain.Trouble, *, sites: tuple[str, ...] = MONTAGE
) -> Made:
    """The listener of `second_brain`, to whom nothing is played that is answered."""
    muse = sites == second_brain.MUSE
    reference = second_brain.MUSE_REFERENCE if muse else ("M1", "M2")
    person = second_brain.Person(sites=sites, reference=reference, r=0.0, seed=seed)
    sound = second_brain.music(seconds, seed=seed)
    session = second_brain.listen(person, sound, seed=seed, trouble=trouble)
    return sites, person.sfreq, session.eeg


def scores(made: Made) -> list[ThetaScore]:
    """Every score of the running stream."""
    ch_names, sfreq, eeg = made
    times = _START + np.arange(len(eeg)) / sfreq
    block = Guard(ch_names=ch_names, sfreq=sfreq).push(eeg.astype(np.float32), times)
    assert block is not None
    return FrontalTheta(ch_names=ch_names, sfreq=sfreq).push(block)


def _usable(told: list[ThetaScore]) -> tuple[float, float]:
    """Mean of the usable scores, and their share."""
    db = [one.db for one in told if one.usable]
    return float(np.mean(db)) if db else math.nan, len(db) / len(told)


def _shift_rows(
    who: str, clean: list[Made], troubled: dict[str, list[Made]], judged: frozenset[str]
) -> list[Row]:
    known = np.array([_usable(scores(one)) for one in clean])
    n = len(clean)
    share = float(known[:, 1].mean())
    rows = [Row(23, f"{who}, clean: usable share", "shown beside", f"{share:.0%}", n, None, share)]
    for name, people in troubled.items():
        found = np.array([_usable(scores(one)) for one in people])
        shift = (found - known)[np.isfinite(found[:, 0]), 0]
        share = float(found[:, 1].mean())
        mean = float(shift.mean()) if shift.size else math.nan
        error = float(shift.std(ddof=1)) / math.sqrt(shift.size) if shift.size > 1 else math.nan
        said = f"{mean:+.2f} dB (SE {error:.2f})" if shift.size else "nothing is usable"
        row = Row(23, f"{who}, {name}: shift of the usable score", "at most 0.3 dB", said, n,
                  abs(mean) <= 0.3, mean if shift.size else 0.0)  # fmt: skip
        rows.append(row if name in judged and shift.size else shown(row))
        row = Row(23, f"{who}, {name}: usable share", "at least 50%", f"{share:.0%}", n,
                  share >= 0.5, share)  # fmt: skip
        rows.append(row if "5 µV" in name and name in judged else shown(row))
    return rows


def shifts(size: Sizes) -> list[Row]:
    """Test 23: what adds to the EEG at the forehead does not move the score."""
    people, seconds = range(size(8, 1)), size(150, 60)
    own = {
        "slow artefact of 5 µV": slow(5.0),
        "slow artefact of 10 µV": slow(10.0),
        "40 blinks a minute": blinks(40.0),
        "white noise of 5 µV": contact(5.0),
    }
    troubles = {
        "slow artefact of 5 µV": second_brain.Trouble(slow_uv=5.0),
        "slow artefact of 10 µV": second_brain.Trouble(slow_uv=10.0),
        "40 blinks a minute": second_brain.Trouble(blinks_per_min=40.0),
    }
    judged = frozenset(troubles)
    rows = _shift_rows(
        "first listener",
        [first_listener(k, seconds) for k in people],
        {name: [first_listener(k, seconds, t) for k in people] for name, t in own.items()},
        judged,
    )
    for who, sites in (("", MONTAGE), (", four Muse sites", second_brain.MUSE)):
        rows += _shift_rows(
            f"second listener{who}",
            [second_listener(k, seconds, second_brain.Trouble(), sites=sites) for k in people],
            {
                name: [second_listener(k, seconds, t, sites=sites) for k in people]
                for name, t in troubles.items()
            },
            judged,
        )
    return rows


def condition_holds(told: list[ThetaScore], settings: Settings) -> bool:
    """Whether the estimate of a first track nobody rates is low for so long that the EEG may act.

    All else that an action needs (the brain follows, the track has played for long enough) is
    taken as given; whatever EEG is not usable breaks the condition, as in `app.loop`.
    """
    belief = Belief(settings, load_calibration("clear"), eeg=True)
    belief.begin(Place(0), first=True)
    pending, held = list(told), 0.0
    last = math.floor(told[-1].t1)
    for now in range(math.floor(told[0].t0), last + 1):
        belief.step(1.0)
        while pending and pending[0].t1 <= now:
            score = pending.pop(0)
            if score.usable:
                belief.score(score)
        low = belief.level()[2] > settings.limits.p_layer
        held = held + 1.0 if low and now - belief.entered <= FRESH else 0.0
        if held > settings.timing.sustain:
            return True
    return False


def condition(size: Sizes) -> list[Row]:
    """Test 24: the exaggerated calibration, a track that is liked, and a troubled forehead."""
    seeds, settings = size(24, 2), load_preset("demo")
    rows = []
    for name, trouble in (
        ("clean", None),
        ("slow artefact of 5 µV", slow(5.0)),
        ("slow artefact of 10 µV", slow(10.0)),
        ("40 blinks a minute", blinks(40.0)),
    ):
        held = [
            condition_holds(scores(first_listener(k, 120, trouble, liking=0.55)), settings)
            for k in range(1000, 1000 + seeds)
        ]
        share = float(np.mean(held))
        rows.append(Row(24, f"liked track (0.55), calibration clear, {name}: runs in which the "
                        "EEG's condition to act holds", "at most 5%", f"{share:.1%}", seeds,
                        share <= 0.05, share))  # fmt: skip
    return rows
