"""Electrode impedance from the tone that a lead-off current makes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dsp.checks import check_channels, check_number

LEAD_OFF_HZ = 31.25  #: of OpenBCI's boards: an eighth of the 250 Hz at which their chips sample
_CURRENT = 6e-9  # A, amplitude
_SERIES_KOHM = 2.2  # of the board's own protection, before each input
_LEAST_S = 0.5


def lead_off_kohm(uv: npt.NDArray[np.floating], sfreq: float) -> npt.NDArray[np.float64]:
    """Return the impedance of each electrode while the board's lead-off current is on.

    A sine and a cosine of the tone, an offset and a drift are fitted to the samples by least
    squares under a Hann window, so that neither EEG nor mains in the same samples count. The root
    mean square, which is usual, takes all of it for the tone: 4.2 for 2.5 kOhm at 20 uV of EEG.

    Parameters
    ----------
    uv : float [shape=(n_samples, n_channels)]
        Microvolts, at least half a second; rows of NaN are lost samples.
    sfreq : float
        Stated sampling rate, Hz: tone and samples come from the same quartz.

    Returns
    -------
    float64 [shape=(n_channels,)]
        Kiloohm, not below zero; NaN where a channel has not half a second of samples.

    Notes
    -----
    Lead-off as in the ADS1299's data sheet (Texas Instruments, SBAS499), with the values that
    OpenBCI's firmware sets: 6 nA at an eighth of the rate, 2.2 kOhm in series.

    Examples
    --------
    >>> t = np.arange(500) / 250.0
    >>> tone = 6e-3 * 12.2 * 1e3 * np.sin(2 * np.pi * 31.25 * t)  # 6 nA through 12.2 kOhm, in uV
    >>> lead_off_kohm(tone[:, None], 250.0).round(2).tolist()
    [10.0]
    """
    check_number("sfreq", sfreq, low=3.0 * LEAD_OFF_HZ)
    rows = check_channels("EEG with lead-off", uv, np.shape(uv)[-1]).astype(np.float64)
    n, n_channels = rows.shape
    angle = 2.0 * np.pi * LEAD_OFF_HZ / sfreq * np.arange(n)
    model = np.column_stack((np.sin(angle), np.cos(angle), np.ones(n), np.linspace(-1, 1, n)))
    window = np.sqrt(np.hanning(n + 2)[1:-1])
    out = np.full(n_channels, np.nan)
    for channel in range(n_channels):
        there = np.isfinite(rows[:, channel])
        if np.count_nonzero(there) < _LEAST_S * sfreq:
            continue
        weight = window[there]
        fit, *_ = np.linalg.lstsq(
            model[there] * weight[:, None], rows[there, channel] * weight, rcond=None
        )
        amplitude = float(np.hypot(fit[0], fit[1]))  # microvolt
        out[channel] = max(amplitude * 1e-6 / _CURRENT * 1e-3 - _SERIES_KOHM, 0.0)
    return out
