"""A calibration of any length uses all of it, and says what each half minute was like."""

import numpy as np
import pytest

from dsp.checks import InputError
from dsp.grid import RATE
from dsp.quality import CleanBlock, Guard
from dsp.tracking.alignment import KEEP, Aligned
from dsp.tracking.calibrate import calibrate
from dsp.tracking.decoder import ridge
from dsp.tracking.expectation import CENTRE, acoustics

CH, SFREQ = ("Fz", "Cz"), 125.0


def recording(seconds: int) -> tuple:
    rng = np.random.default_rng(seconds)
    rows = np.full((seconds * 64, 4), CENTRE[3])
    rows[:, :3] = 0.0
    at = np.cumsum(rng.uniform(0.3, 0.8, 4 * seconds))
    rows[(at[at < seconds] * 64).astype(int), 0] = 1.0
    times = 100.0 + np.arange(len(rows)) / 64
    eeg_times = 100.0 + np.arange(round(seconds * SFREQ)) / SFREQ
    answer = np.interp(eeg_times - 0.1, times, np.convolve(rows[:, 0], np.hanning(13), "same"))
    eeg = 10.0 * rng.standard_normal((eeg_times.size, 2)) + 5.0 * answer[:, None]
    block = Guard(ch_names=CH, sfreq=SFREQ).push(eeg.astype(np.float32), eeg_times)
    return [block], (rows, times)


@pytest.mark.parametrize("seconds", [100, 2 * KEEP // RATE])
def test_nothing_of_a_recording_is_forgotten(seconds: int) -> None:
    decoder = calibrate([recording(seconds)], ch_names=CH, sfreq=SFREQ)
    assert decoder.sums.seconds > 0.85 * seconds
    assert len(decoder.windows) >= seconds // 30 - 2
    assert decoder.windows[:, 0].mean() == pytest.approx(decoder.r, abs=0.05)
    assert decoder.windows[:, 5] == pytest.approx(np.full(len(decoder.windows), CENTRE[3]))


# ---- written out


def person(seed: int, seconds: int, gain: float) -> tuple:
    """Two electrodes of 20 and 5 µV and an answer of the second, 0.1 s after each onset."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((seconds * RATE, 4))
    rows[:, 0] = (rng.random(len(rows)) < 0.06) * rng.uniform(0.5, 1.0, len(rows))
    rows[:, 3] = -20.0 + rng.standard_normal(len(rows))
    times = 100.0 + np.arange(len(rows)) / RATE
    eeg = np.arange(seconds * 128) / 128
    answer = np.interp(eeg - 0.1, times - 100.0, np.convolve(rows[:, 0], np.hanning(13), "same"))
    data = rng.standard_normal((eeg.size, 2)) * [20.0, 5.0] + gain * answer[:, None] * [0.0, 1.0]
    valid = np.ones(data.shape, dtype=bool)
    valid[20 * 128 : 21 * 128] = valid[30 * 128 : 32 * 128, 0] = False
    return [CleanBlock(data.astype(np.float32), 100.0 + eeg, valid, ())], (rows, times)


class Written:
    """All that calibration works out, with lags that begin at once."""

    def __init__(self, recordings: list[tuple], *, whole: bool = True) -> None:
        self.recordings, self.whole = recordings, whole

    def pieces(self, band: tuple[float, float], lags: np.ndarray) -> list[dict]:
        """Design, sound and where they come from, of each part."""
        out = []
        for number, (blocks, (rows, times)) in enumerate(self.recordings):
            aligned = Aligned(2, sfreq=128.0, band=band, reach=int(lags.max()))
            block = blocks[0]
            aligned.push_eeg(np.where(block.valid, block.eeg, np.nan), block.times)
            aligned.push_sound(rows[:, [0, 2]], times)
            seconds = list(aligned.seconds())
            size = len(seconds) if self.whole else max(min(30, -(-len(seconds) // 2)), 1)
            for start in range(0, len(seconds), size):
                piece = seconds[start : start + size]
                eeg = np.concatenate([e[np.arange(64)[:, None] + lags] for _, e, _ in piece])
                design = eeg.transpose(0, 2, 1).reshape(len(eeg), -1)
                sound = np.concatenate([f for _, _, f in piece])
                ok = np.isfinite(sound) & (np.isfinite(design).mean(axis=1) >= 0.5)
                sound = np.nan_to_num(sound)
                rng = np.random.default_rng(1000 * number + start)
                low = min(128, sound.size // 4)
                shifts = rng.integers(low, sound.size - low, 60)
                targets = np.stack([sound, *(np.roll(sound, s) for s in shifts)], axis=1)
                first = piece[0][0]
                if ok.sum() > 5 * RATE:
                    part = {"x": np.nan_to_num(design), "ok": ok, "y": targets}
                    out.append(part | {"from": number, "first": first})
        return out

    def weights(
        self, parts: list[dict], left_out: int, n_lags: int, *, common: bool = False
    ) -> np.ndarray:
        rest = [p for k, p in enumerate(parts) if k != left_out]
        x, y = (np.concatenate([p[key][p["ok"]] for p in rest]) for key in ("x", "y"))
        cov = x.T @ x
        unit = 1.0 / np.sqrt(np.repeat(np.diag(cov).reshape(2, -1).mean(axis=1), n_lags))
        penalty = min(30.0 / (len(x) / RATE), 3.0)
        chance = np.sum(y[:, 0] ** 2) / (14.0 * len(x) / RATE) if common else None
        scaled = ridge(cov * np.outer(unit, unit), (x.T @ y) * unit[:, None], penalty=penalty,
                       n_lags=n_lags, chance=chance)  # fmt: skip
        return np.asarray(scaled * unit[:, None])

    def held_out(self, parts: list[dict], n_lags: int) -> np.ndarray:
        """Of the sound and of shifted ones."""
        total, count = np.zeros(61), 0
        for k, p in enumerate(parts):
            x, y = p["x"][p["ok"]], p["y"][p["ok"]]
            rebuilt = x @ self.weights(parts, k, n_lags)
            r = np.sum(rebuilt * y, axis=0) / np.sqrt(np.sum(rebuilt**2, 0) * np.sum(y**2, 0))
            total, count = total + len(x) * r, count + len(x)
        return total / count

    def choice(self) -> tuple[tuple[float, float], np.ndarray, float, float]:
        best, null = (-np.inf,), np.full(60, -1.0)
        for band in ((1.0, 8.0), (1.0, 4.0), (4.0, 8.0), (2.0, 8.0)):
            lags = np.arange(0, 39, 3)
            parts = self.pieces(band, lags)
            for last in (26, 38):  # 0.4 and 0.6 s
                inside = lags[lags <= last]
                cut = []
                for p in parts:
                    x = p["x"].reshape(len(p["x"]), 2, -1)[:, :, : inside.size]
                    cut.append(p | {"x": x.reshape(len(x), -1)})
                r = self.held_out(cut, inside.size) * np.sqrt(band[1] - band[0])
                null = np.maximum(null, r[1:])
                merit = r[0] / (1.0 if band == (1.0, 8.0) else 1.03)
                if merit > best[0]:
                    best = merit, band, inside, r[0] / np.sqrt(band[1] - band[0])
        _, band, lags, r = best
        return band, lags, r, np.quantile(null, 0.95) / np.sqrt(band[1] - band[0])


@pytest.mark.parametrize(
    ("gain", "seconds"), [(9.0, (40, 65)), (2.0, (65, 36)), (0.0, (40, 45)), (9.0, (70,))]
)
def test_a_calibration_is_written_out(gain: float, seconds: tuple[int, ...]) -> None:
    recordings = [person(10 + k, s, gain) for k, s in enumerate(seconds)]
    written = Written(recordings, whole=len(seconds) > 1)
    band, lags, r, null95 = written.choice()
    got = calibrate(recordings, ch_names=CH, sfreq=128.0, search=0.0)
    assert got.band == band
    assert got.lags.tolist() == lags.tolist()
    assert got.r_null95 == pytest.approx(null95, rel=1e-6)
    assert got.found == (r > null95)
    assert got.found == (gain > 0.0)
    parts = written.pieces(band, lags)
    if got.found:
        r = written.held_out(parts, lags.size)[0]
    assert got.r == pytest.approx(r, rel=1e-6)
    assert got.effect == pytest.approx(np.arctanh(min(max(r, 0.0), 0.9)) * np.sqrt(70.0))
    x, y = (np.concatenate([p[key][p["ok"]] for p in parts]) for key in ("x", "y"))
    levels = np.sqrt(np.mean(x.reshape(len(x), 2, -1) ** 2, axis=(0, 2)))
    unit = np.repeat(1.0 / levels, lags.size)
    assert got.levels == pytest.approx(levels)
    assert got.sums.cov == pytest.approx(x.T @ x * np.outer(unit, unit))
    assert got.sums.cross == pytest.approx(x.T @ y[:, 0] * unit)
    assert got.sums.seconds == pytest.approx(len(x) / RATE)
    assert got.sums.power == pytest.approx(np.sum(y[:, 0] ** 2))
    windows = []
    for k, p in enumerate(parts):
        weights = written.weights(parts, k, lags.size, common=True)[:, 0]
        for start in range(0, len(p["x"]) - 30 * RATE + 1, 30 * RATE):
            span = slice(start, start + 30 * RATE)
            ok = p["ok"][span]
            rebuilt, sound = (p["x"][span] @ weights)[ok], p["y"][span, 0][ok]
            rows = recordings[p["from"]][1][0]
            begin = (p["first"] - 100) * RATE + start
            heard = rows[begin : begin + 30 * RATE]
            sd = 1.0 / np.sqrt(2.0 * (band[1] - band[0]) * ok.sum() / RATE)
            x4 = acoustics(heard[:, 0], heard[:, 3])
            windows.append([np.corrcoef(rebuilt, sound)[0, 1], sd, *x4])
    assert len(windows) >= 1
    np.testing.assert_allclose(got.windows, windows, rtol=1e-5)


@pytest.mark.parametrize(("seconds", "enough"), [(28, True), (22, False)])
def test_twenty_seconds_are_needed(seconds: int, enough: bool) -> None:
    recordings = [person(1, seconds, 9.0)]
    if enough:
        assert calibrate(recordings, ch_names=CH, sfreq=128.0, search=0.0).sums.seconds >= 20.0
    else:
        with pytest.raises(InputError, match="s of clean EEG with sound to calibrate on"):
            calibrate(recordings, ch_names=CH, sfreq=128.0, search=0.0)


def test_a_recording_of_ten_seconds_is_none() -> None:
    long, short = [person(k, 40, 9.0) for k in (1, 2)], person(3, 10, 9.0)
    known = calibrate(long, ch_names=CH, sfreq=128.0, search=0.0)
    again = calibrate([long[0], short, long[1]], ch_names=CH, sfreq=128.0, search=0.0)
    assert again.r == known.r
    assert again.sums.seconds == known.sums.seconds
