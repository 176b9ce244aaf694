"""What earlier sessions taught about one person's EEG; honest where they found nothing."""

from __future__ import annotations

import errno
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsp.checks import InputError
from dsp.tracking.tracker import Decoder

#: All made alike, by `attune simulate calibration --listener NAME --seed 0 --out NAME.npz`
CALIBRATION_DIR = Path(__file__).parent / "calibrations"


@dataclass(frozen=True)
class Calibration:
    """Decoder, theta baseline and checks of one person and montage.

    Attributes
    ----------
    name : str
        Whose it is.
    decoder : Decoder
        Prior decoder of the tracking.
    theta_db : float
        Frontal theta over the aperiodic fit at middling enjoyment, dB.
    theta_sd : float
        Standard deviation of its 10 s means within a track, dB.
    checks : tuple of float
        z of each three-minute check, loved against neutral.
    simulated : bool or None
        Whether it is of no person; None where an early file does not say.
    """

    name: str
    decoder: Decoder
    theta_db: float
    theta_sd: float
    checks: tuple[float, ...]
    simulated: bool | None = None

    def to_npz(self) -> bytes:
        """Return it as a npz file without pickled objects."""
        arrays: dict[str, Any] = {f"decoder_{k}": v for k, v in self.decoder.to_arrays().items()}
        arrays["name"] = np.array(self.name)
        arrays["theta"] = np.array([self.theta_db, self.theta_sd])
        arrays["checks"] = np.array(self.checks)
        if self.simulated is not None:
            arrays["simulated"] = np.array(self.simulated)
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
            decoder = Decoder.from_arrays(
                {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            )
            numbers = [float(x) for x in (*arrays["theta"], *arrays["checks"])]
            if not all(map(math.isfinite, numbers)) or numbers[1] <= 0.0:
                raise ValueError(f"theta and checks are {numbers}")
            name, said = str(arrays["name"]), arrays.get("simulated")
            simulated = None if said is None else bool(said)
            return cls(name, decoder, numbers[0], numbers[1], tuple(numbers[2:]), simulated)
        except Exception as error:  # zip, zlib and numpy have a dozen ways to find a file damaged
            first = str(error).split(". ")[0]  # what numpy advises beyond is not for this file
            raise InputError(
                f"{origin!r} is no calibration ({first}); give a file that `attune simulate "
                "calibration` wrote, or leave it out."
            ) from error


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
            "simulate calibration` wrote, or leave it out."
        ) from error
    return Calibration.from_npz(raw, origin=name)
