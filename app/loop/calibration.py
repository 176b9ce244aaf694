"""What earlier sessions taught about one person's EEG; honest where they found nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsp.checks import InputError
from dsp.tracking.tracker import Decoder

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
    """

    name: str
    decoder: Decoder
    theta_db: float
    theta_sd: float
    checks: tuple[float, ...]

    def save(self, path: Path) -> None:
        """Write it as a npz file without pickled objects."""
        arrays: dict[str, Any] = {f"decoder_{k}": v for k, v in self.decoder.to_arrays().items()}
        arrays["name"] = np.array(self.name)
        arrays["theta"] = np.array([self.theta_db, self.theta_sd])
        arrays["checks"] = np.array(self.checks)
        np.savez_compressed(path, allow_pickle=False, **arrays)


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
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        prefix = "decoder_"
        decoder = Decoder.from_arrays(
            {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        )
        theta = arrays["theta"]
        return Calibration(
            name=str(arrays["name"]),
            decoder=decoder,
            theta_db=float(theta[0]),
            theta_sd=float(theta[1]),
            checks=tuple(float(z) for z in arrays["checks"]),
        )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{name!r} is no calibration ({error}); give a file that `attune simulate calibration` "
            "wrote, or leave it out."
        ) from error
