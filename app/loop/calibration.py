"""What earlier sessions taught about one person's EEG; honest where they found nothing.

Each part may be missing: who has listened and never rated has a decoder and no baseline of theta.
"""

from __future__ import annotations

import errno
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.enjoyment import EnjoymentModel
from dsp.grid import Floats
from dsp.tracking.tracker import Decoder

#: All made alike, by `attune simulate calibration --listener NAME --seed 0 --out NAME.npz`
CALIBRATION_DIR = Path(__file__).parent / "calibrations"

MEAN = 5  #: scores of 2 s in a mean of 10 s
MIN_MEANS = 3  #: means of 10 s that a play needs to tell its level
MIN_RATED = 4  #: rated plays that a baseline needs
# How much theta may rise with enjoyment, in sd of a 10 s mean from 0 to 1, and by how much the
# level of a track wanders by itself: what the filter of `dsp.enjoyment` assumes at gain 2.
_SLOPE, _OFFSET = 1.0, 0.4


@dataclass(frozen=True)
class Theta:
    """Frontal theta of one play, by its means over 10 s.

    Attributes
    ----------
    n : int
    db : float
        Their mean, dB over the aperiodic fit.
    ss : float
        Sum of the squared deviations from it, dB squared.
    rating : float or None
        What the play was given, 0..1.

    Examples
    --------
    >>> Theta.of([1.0, 2.0, 3.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 9.0], rating=0.5)
    Theta(n=2, db=3.0, ss=2.0, rating=0.5)
    """

    n: int
    db: float
    ss: float
    rating: float | None = None

    @classmethod
    def of(cls, db: Sequence[float], *, rating: float | None = None) -> Theta:
        """Take the scores of a play, in their order; those left over after the last 10 s go."""
        n = len(db) // MEAN
        if not n:
            return cls(0, math.nan, 0.0, rating)
        means = np.reshape(db[: MEAN * n], (n, MEAN)).mean(axis=1)
        return cls(n, float(means.mean()), float(np.sum((means - means.mean()) ** 2)), rating)

    @property
    def row(self) -> tuple[float, ...]:
        """The same as numbers, NaN for no rating."""
        return self.n, self.db, self.ss, math.nan if self.rating is None else self.rating

    @classmethod
    def of_row(cls, row: Sequence[float]) -> Theta:
        """Back from `row`; ValueError if it could be of no play."""
        n, db, ss, rating = (float(x) for x in row)
        known = 0.0 <= rating <= 1.0 or math.isnan(rating)
        if not (n >= 0.0 and ss >= 0.0 and known and (math.isfinite(db) or not n)):
            raise ValueError(f"theta of a play is {tuple(row)}")
        return cls(int(n), db, ss, None if math.isnan(rating) else rating)

    @property
    def tells(self) -> bool:
        """Whether it was rated, and clean for long enough."""
        return self.rating is not None and self.n >= MIN_MEANS


def theta_baseline(plays: Sequence[Theta]) -> tuple[float, float] | None:
    """Frontal theta at middling enjoyment, and the sd of its 10 s means within a track, dB.

    The level is that of a line through the means of rated plays at rating 0.5. Few plays, or
    ratings all alike, tell little of its slope: it is held to what a scalp shows at all by a normal
    prior (Bayesian regression; Bishop 2006, Pattern Recognition and Machine Learning, 3.3).

    Returns
    -------
    (level, sd) or None
        None with fewer than `MIN_RATED` plays that tell.

    Examples
    --------
    >>> theta_baseline([Theta(5, 2.0 + r, 4.0, r) for r in (0.25, 0.5, 0.5, 0.75)])
    (2.5, 1.0)
    >>> theta_baseline([Theta(5, 2.0, 4.0, 0.5)]) is None
    True
    """
    told = [one for one in plays if one.tells]
    if len(told) < MIN_RATED:
        return None
    n, db, rating = np.array([(one.n, one.db, one.rating) for one in told], dtype=np.float64).T
    sd = math.sqrt(sum(one.ss for one in told) / float((n - 1).sum()))
    if not sd > 0.0:
        return None
    weight = 1.0 / (_OFFSET**2 + 1.0 / n)  # of a play's mean, in units of sd
    at = rating - float(weight @ rating / weight.sum())
    level = float(weight @ db / weight.sum())
    slope = float(weight @ (at * (db - level))) / float(weight @ at**2 + _SLOPE**-2)
    return float(level + slope * (0.5 - (rating[0] - at[0]))), sd


def more_rated(plays: Sequence[Theta]) -> int:
    """How many more rated plays with clean EEG a baseline needs."""
    return max(MIN_RATED - sum(one.tells for one in plays), 0)


@dataclass(frozen=True)
class Calibration:
    """Decoder, theta baseline and checks of one person and montage.

    Attributes
    ----------
    name : str
        Whose it is.
    decoder : Decoder or None
        Prior decoder of the tracking; None where the answer to sound is to be found from nothing.
    theta_db : float
        Frontal theta over the aperiodic fit at middling enjoyment, dB; NaN where not known.
    theta_sd : float
        Standard deviation of its 10 s means within a track, dB; NaN where not known.
    checks : tuple of float
        z of each check, loved against neutral, that `believed` does not hold yet.
    simulated : bool or None
        Whether it is of no person; None where an early file does not say.
    believed : float64 [shape=(gains, offset sds, scales)] or None
        Weight of each hypothesis of `EnjoymentFilter` to begin with; None: those of the model.
    n_ratings : int
        Ratings that `believed` comes from.
    plays : tuple of Theta
        Plays of earlier sessions, from which a baseline is learnt as soon as they are enough.
    same_headset : bool
        Whether it was learnt with the headset and electrodes that are worn now.
    """

    name: str
    decoder: Decoder | None
    theta_db: float
    theta_sd: float
    checks: tuple[float, ...]
    simulated: bool | None = None
    believed: Floats | None = None
    n_ratings: int = 0
    plays: tuple[Theta, ...] = ()
    same_headset: bool = False

    @classmethod
    def nothing(cls, name: str = "") -> Calibration:
        """Return that of somebody of whom nothing is known."""
        return cls(name, None, math.nan, math.nan, ())

    @property
    def knows_theta(self) -> bool:
        """Whether a score of the EEG says anything."""
        return math.isfinite(self.theta_db) and math.isfinite(self.theta_sd)

    def to_npz(self) -> bytes:
        """Return it as a npz file without pickled objects."""
        known = self.decoder.to_arrays() if self.decoder is not None else {}
        arrays: dict[str, Any] = {f"decoder_{k}": v for k, v in known.items()}
        arrays["name"] = np.array(self.name)
        arrays["theta"] = np.array([self.theta_db, self.theta_sd])
        arrays["checks"] = np.array(self.checks)
        if self.simulated is not None:
            arrays["simulated"] = np.array(self.simulated)
        if self.plays:
            arrays["plays"] = np.array([one.row for one in self.plays])
        if self.same_headset:
            arrays["same_headset"] = np.array(True)
        if self.believed is not None:
            arrays["believed"] = self.believed
            arrays["n_ratings"] = np.array(self.n_ratings)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_npz(cls, raw: bytes, *, origin: str) -> Calibration:
        """Read what `to_npz` gave.

        Raises
        ------
        InputError
            Naming `origin`, if it does not hold together.
        """
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as file:
                arrays = dict(file)
            prefix = "decoder_"
            known = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            decoder = Decoder.from_arrays(known) if known else None
            theta, checks = (_numbers(arrays[name]) for name in ("theta", "checks"))
            if len(theta) != 2 or not all(map(math.isfinite, checks)):
                raise ValueError(f"theta and checks are {theta} and {checks}")
            known_theta = all(map(math.isfinite, theta)) and theta[1] > 0.0
            if not (known_theta or all(map(math.isnan, theta))):
                raise ValueError(f"theta is {theta}, not a level and an sd above 0 dB, or neither")
            name, said = str(arrays["name"]), arrays.get("simulated")
            return cls(
                name,
                decoder,
                *theta,
                checks,
                simulated=None if said is None else bool(said),
                believed=_believed(arrays.get("believed")),
                n_ratings=int(arrays.get("n_ratings", 0)),
                plays=tuple(Theta.of_row(row) for row in arrays.get("plays", ())),
                same_headset=bool(arrays.get("same_headset", False)),
            )
        except Exception as error:  # zip, zlib and numpy have a dozen ways to find a file damaged
            first = str(error).split(". ")[0]  # what numpy advises beyond is not for this file
            raise InputError(
                f"{origin!r} is no calibration ({first}); give a file that `attune calibrate` or "
                "`attune simulate calibration` wrote, or leave it out."
            ) from error


def _numbers(array: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(x) for x in array)


def _believed(stored: npt.NDArray[Any] | None) -> Floats | None:
    """Check the weights; those of a bank that has changed since are nobody's any more."""
    if stored is None or stored.shape != EnjoymentModel().prior.shape:
        return None
    weights = np.asarray(stored, dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights > 0.0).all()):
        raise ValueError("a weight of the gains is not above 0")
    return weights


def load_calibration(name: str) -> Calibration:
    """Read a shipped calibration by name, or any by path.

    Raises
    ------
    InputError
        If there is none, or it does not hold together.
    """
    shipped = CALIBRATION_DIR / f"{name}.npz"
    path = shipped if shipped.exists() else Path(name)
    try:
        if not path.is_file():  # a pipe or a device has no end
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{name!r} is no calibration ({error.strerror or error}); give a file that `attune "
            "calibrate` or `attune simulate calibration` wrote, or leave it out."
        ) from error
    return Calibration.from_npz(raw, origin=name)
