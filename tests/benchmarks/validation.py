"""Monte-Carlo validation of tracking: tests of the science notes, section 8.3, by number.

``python tests/benchmarks/validation.py`` runs them (some minutes) and writes docs/validation.md;
``pytest -m slow tests/benchmarks/test_validation.py`` holds the figures to their limits.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from app.evaluate import go_through  # noqa: E402
from app.heard import file_stimulus, lasting  # noqa: E402
from devices.formats.npz import read_npz  # noqa: E402
from dsp.decoder import Decoder  # noqa: E402
from dsp.filters import bandpass  # noqa: E402
from dsp.nulls import Nulls  # noqa: E402
from dsp.quality import CleanBlock, Guard  # noqa: E402
from dsp.tracking import FOLLOWING, Tracker, Tracking, calibrate  # noqa: E402

RATE, SFREQ = 64, 128
SITES = ("Fz", "Cz", "TP9")
KERNEL = np.concatenate([np.zeros(4), -np.hanning(9), 0.8 * np.hanning(13), np.zeros(2)])
RESTING = sorted((ROOT.parent / "shared/data/eeg/muse_no_sound").glob("*.npz"))
STARTER = sorted((ROOT / "playlists/starter").glob("*.ogg"))


@dataclass(frozen=True)
class Row:
    """One figure against its limit."""

    number: str
    what: str
    figure: str
    limit: str
    passed: bool


# ---- scenes


def music(rng: np.random.Generator, seconds: int, *, loop: bool = False) -> np.ndarray:
    """Metrical onsets on sixteenths, 80-140 BPM; `loop` repeats one bar exactly."""
    step = 60.0 / rng.uniform(80, 140) / 4
    bar = rng.uniform(0, 1, 16) * (rng.random(16) < 0.5)
    bar[::4] += 0.6
    flux = np.zeros(seconds * RATE)
    for i in range(int(seconds / step) - 1):
        at = i * step + (0.0 if loop else rng.normal(0, 0.008))
        size = bar[i % 16] * (1.0 if loop else rng.uniform(0.6, 1.3) * (rng.random() < 0.92))
        if 0 <= at * RATE < flux.size:
            flux[int(at * RATE)] += size
    return flux


def pink(rng: np.random.Generator, seconds: int, channels: int, sfreq: int) -> np.ndarray:
    """1/f noise of 9 µV rms."""
    n = seconds * sfreq
    hz = np.fft.rfftfreq(n, 1 / sfreq)
    z = rng.standard_normal((hz.size, channels)) + 1j * rng.standard_normal((hz.size, channels))
    x = np.fft.irfft(z / np.maximum(hz, 0.5)[:, None] ** 0.6, n, axis=0)
    return 9.0 * x / x.std()


def answer(flux: np.ndarray, gain: float, sfreq: int) -> np.ndarray:
    """Response of `gain` µV rms at the second site."""
    got = np.convolve(flux, KERNEL)[: flux.size]
    n = flux.size * sfreq // RATE
    fine = np.interp(np.arange(n) * RATE / sfreq, np.arange(flux.size), got / got.std())
    return gain * fine[:, None] * np.array([0.9, 1.0, -0.4])


def go(
    eeg: np.ndarray,
    flux: np.ndarray,
    *,
    sfreq: int = SFREQ,
    names: tuple[str, ...] = SITES,
    decoder: Decoder | None = None,
    guard: bool = False,
) -> list[Tracking]:
    """Second by second through guard (or none) and tracker."""
    judge = Guard(ch_names=names, sfreq=sfreq) if guard else None
    tracker = Tracker(ch_names=names, sfreq=sfreq, decoder=decoder)
    rows = np.stack([flux, flux, np.zeros_like(flux)], axis=1)
    out = []
    for k in range(len(eeg) // sfreq):
        part = eeg[k * sfreq : (k + 1) * sfreq].astype(np.float32)
        times = 1000.0 + k + np.arange(sfreq) / sfreq
        if judge is not None:
            block = judge.push(part, times)
        else:
            block = CleanBlock(part, times, np.isfinite(part), ())
        if block is not None:
            tracker.push_eeg(block)
        at = slice(k * RATE, (k + 1) * RATE)
        tracker.push_stimulus(rows[at], 1000.003 + np.arange(at.start, at.stop) / RATE)
        out.append(tracker.estimate(1001.0 + k))
    return out


def independent(states: list[Tracking]) -> list[float]:
    """p of 30 s windows that do not overlap."""
    return [s.p for s in states[39::30] if np.isfinite(s.r)]


def following(states: list[Tracking]) -> float:
    """Share of seconds from 30 s on."""
    return float(np.mean([s.state == FOLLOWING for s in states[30:]]))


def stored(gain: float = 2.0) -> Decoder:
    """A decoder of somebody with a clear answer."""
    recordings = []
    for k in range(4):
        rng = np.random.default_rng(900 + k)
        flux = music(rng, 110)
        eeg = pink(rng, 110, 3, SFREQ) + answer(flux, gain, SFREQ)
        times = 1000.0 + np.arange(len(eeg)) / SFREQ
        block = CleanBlock(eeg.astype(np.float32), times, np.isfinite(eeg), ())
        rows = np.stack([flux, flux, np.zeros_like(flux)], axis=1)
        recordings.append(([block], (rows, 1000.003 + np.arange(flux.size) / RATE)))
    return calibrate(recordings, ch_names=SITES, sfreq=float(SFREQ))


# ---- the tests


def t01() -> Row:
    rng = np.random.default_rng(1)
    states = go(pink(rng, 60, 3, SFREQ), np.zeros(60 * RATE))
    numbers = sum(s.state != "cannot tell" for s in states)
    return Row("1", "no sound: seconds with another state than 'cannot tell'", f"{numbers} of 60",
               "0", numbers == 0)  # fmt: skip


def t02(sessions: int) -> list[Row]:
    rows = []
    known = stored()
    for label, loop, decoder in (
        ("music, from nothing", False, None),
        ("music, another's decoder", False, known),
        ("loop, from nothing", True, None),
    ):
        p: list[float] = []
        ever, share = [], []
        for k in range(sessions):
            rng = np.random.default_rng(2000 + k)
            flux = music(rng, 160, loop=loop)
            states = go(pink(rng, 160, 3, SFREQ), flux, decoder=decoder)
            p += independent(states)
            ever.append(states[-1].ever_following)
            share.append(following(states))
        rate = float(np.mean(np.array(p) < 0.05))
        rows.append(Row("2", f"1/f noise, {label}: p < 0.05 in {len(p)} windows", f"{rate:.1%}",
                        "6.4 %", rate <= 0.064))  # fmt: skip
        rows.append(Row("2", f"the same: sessions of 160 s ever following ({sessions})",
                        f"{np.mean(ever):.1%}; 'following' {np.mean(share):.2%} of time", "5 %",
                        float(np.mean(ever)) <= 0.05))  # fmt: skip
    return rows


def t03() -> list[Row]:
    p: list[float] = []
    for path in RESTING:
        recording = read_npz(path)
        if np.diff(recording.times).max() > 10:
            continue
        for sound in STARTER:
            stimulus = file_stimulus(sound, start=float(recording.times[0]))
            run = go_through(recording, lasting(stimulus, float(recording.times[-1])))
            p += independent([s for _, s in run.seconds])
    if not p:
        return []
    rate = float(np.mean(np.array(p) < 0.05))
    return [Row("3", f"real EEG without sound, starter tracks: p < 0.05 in {len(p)} windows",
                f"{rate:.1%}", "6.4 %", rate <= 0.064)]  # fmt: skip


def t04(sessions: int) -> Row:
    false, named = [], []
    for k in range(sessions):
        rng = np.random.default_rng(4000 + k)
        seconds, sfreq = 120, 250
        beat = rng.uniform(80, 140) / 60
        flux = np.zeros(seconds * RATE)
        flux[(np.arange(int(seconds * beat)) / beat * RATE).astype(int)] = 1.0
        t = np.arange(seconds * sfreq) / sfreq
        lines = [5.0, 10.0, 15.0] if k % 2 else [beat, 2 * beat, 5.0]
        eeg = np.stack([20 * np.sin(2 * np.pi * f * t + 1.0) for f in lines], axis=1)
        states = go(eeg, flux, sfreq=sfreq, names=("E1", "E2", "E3"), guard=True)
        false.append(following(states))
        named.append(any("steady tone" in r for r in states[-1].reasons))
    ok = float(np.mean(false)) <= 0.07 and all(named)
    return Row("4", "sines of a synthetic board, also at the beat, looped music: 'following'",
               f"{np.mean(false):.1%} of time; tone named in {np.mean(named):.0%}", "7 %; always",
               ok)  # fmt: skip


def t05(sessions: int) -> list[Row]:
    out = []
    for label, linked in (("its own", True), ("another", False)):
        p: list[float] = []
        for k in range(sessions):
            rng = np.random.default_rng(5000 + k)
            flux, other = (
                np.abs(np.convolve(rng.standard_normal(100 * RATE), np.ones(4), mode="same"))
                for _ in "ab"
            )
            heard = flux if linked else other
            states = go(pink(rng, 100, 3, SFREQ) + answer(heard, 2.5, SFREQ), flux)
            p += independent(states)[1:]
        rate = float(np.mean(np.array(p) < 0.05))
        ok = rate >= 0.5 if linked else rate <= 0.10
        limit = "at least 50 %" if linked else "10 % (few windows)"
        out.append(Row("5", f"answer to noise, {label} feature: p < 0.05 in {len(p)} windows",
                       f"{rate:.0%}", limit, ok))  # fmt: skip
    return out


def t06(windows: int) -> list[Row]:
    """Power and interval of a 30 s and a 60 s window at given correlations."""
    nulls, taps = Nulls(seed=0), bandpass(1.0, 8.0)
    rng = np.random.default_rng(6)
    rows, power = [], []
    for seconds in (30, 60):
        for r in (0.0, 0.05, 0.1, 0.2):
            hits, inside = [], []
            for _ in range(windows):
                n = seconds * RATE + 2 * taps.size
                s, e = (np.convolve(rng.standard_normal(n), taps, mode="same") for _ in "ab")
                s, e = (v[taps.size : -taps.size] / v.std() for v in (s, e))
                y = r * s + np.sqrt(1 - r * r) * e
                null = nulls.judge(y - y.mean(), s, s)
                assert null is not None
                size = np.linalg.norm(y - y.mean()) * np.linalg.norm(s - s.mean())
                got = float((y - y.mean()) @ (s - s.mean())) / size
                spread = 1.645 * null.sd / size
                inside.append(abs(np.arctanh(got) - np.arctanh(r)) < spread)
                hits.append(null.p < 0.05)
            power.append(float(np.mean(hits)))
            z = np.arctanh(r) * np.sqrt(14 * seconds) - 1.645
            theory = float(0.5 * (1 + np.tanh(z * 0.7978845608 * (1 + 0.044715 * z * z))))
            cover = float(np.mean(inside))
            ok = abs(power[-1] - theory) <= max(0.2 * theory, 0.05) and 0.86 <= cover <= 0.94
            rows.append(Row("6", f"r = {r:g}, {seconds} s: power; coverage of the 90 % interval",
                            f"{power[-1]:.0%}; {cover:.0%}",
                            f"{theory:.0%} ± a fifth; 88-92 % ± 2", ok))  # fmt: skip
    return rows


def t10(sessions: int) -> list[Row]:
    out = []
    for label, rate, muscle in (
        ("blinks on 15 % of beats", 0.15, False),
        ("blinks on 30 % of beats", 0.30, False),
        ("muscle bursts on 30 % of beats", 0.30, True),
    ):
        ever = []
        for k in range(sessions):
            rng = np.random.default_rng(7000 + k)
            seconds, sfreq = 150, 250
            beat = 60 / rng.uniform(80, 140)
            flux = np.zeros(seconds * RATE)
            eeg = pink(rng, seconds, 4, sfreq)
            for b in range(int(seconds / beat) - 2):
                flux[int(b * beat * RATE)] += rng.uniform(0.6, 1.2)
                flux[int((b + 0.5) * beat * RATE)] += rng.uniform(0.0, 0.5)
                if rng.random() < rate:
                    at = int((b * beat + 0.1 + rng.normal(0, 0.05)) * sfreq)
                    n = int(rng.uniform(0.25, 0.35) * sfreq)
                    at = min(max(at, 0), len(eeg) - n)
                    if muscle:
                        burst = np.hanning(n) * rng.normal(0, 12, n)
                        eeg[at : at + n] += burst[:, None] * [0.2, 0.2, 1.0, 1.0]
                    else:
                        lid = rng.uniform(70, 150) * np.hanning(n)
                        eeg[at : at + n] += lid[:, None] * [1.0, 0.9, 0.25, 0.1]
            names = ("Fp1", "Fp2", "T7", "T8")
            ever.append(
                any(
                    s.state == FOLLOWING
                    for s in go(eeg, flux, sfreq=sfreq, names=names, guard=True)
                )
            )
        share = float(np.mean(ever))
        out.append(Row("11" if muscle else "10",
                       f"{label}, silent brain: sessions ever 'following' ({sessions})",
                       f"{share:.1%}", "7 %", share <= 0.07))  # fmt: skip
    return out


def t13() -> Row:
    loss = []
    known = stored()
    for k in range(12):
        rng = np.random.default_rng(8000 + k)
        flux = music(rng, 100)
        eeg = pink(rng, 100, 3, SFREQ) + answer(flux, 2.5, SFREQ)
        whole = [s.r for s in go(eeg, flux, decoder=known)[75::10]]
        eeg[30 * SFREQ :, 2] = np.nan
        off = [s.r for s in go(eeg, flux, decoder=known)[75::10]]
        loss.append(1 - np.mean(off) / np.mean(whole))
    share = float(np.mean(loss))
    return Row("13", "weakest of three electrodes off: loss of r", f"{share:.0%}", "10 %",
               share <= 0.10)  # fmt: skip


def rows(*, scale: float = 1.0) -> list[Row]:
    """All figures; `scale` shrinks the number of sessions."""

    def n(count: int) -> int:
        return max(int(count * scale), 4)

    tests: list[Callable[[], Row | list[Row]]] = [
        t01,
        lambda: t02(n(250)),
        t03,
        lambda: t04(n(40)),
        lambda: t05(n(30)),
        lambda: t06(n(400)),
        lambda: t10(n(60)),
        t13,
    ]
    out: list[Row] = []
    for test in tests:
        got = test()
        out += got if isinstance(got, list) else [got]
    return out


def verdict(row: Row) -> str:
    """Word for the last column."""
    return "ok" if row.passed else "NOT MET"


def main() -> int:
    """Run all and write docs/validation.md."""
    start = time.monotonic()
    results = rows(scale=float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    lines = [
        "# Validation of tracking by simulation",
        "",
        "Written by `python tests/benchmarks/validation.py`; the numbers in the first column are",
        "those of the list of tests an expert reviewer will run (science notes, 8.3). Surrogate p",
        "values are judged in tests 2-6, the state in the others.",
        "",
        "| # | what | figure | limit | |",
        "|---|---|---|---|---|",
        *(f"| {r.number} | {r.what} | {r.figure} | {r.limit} | {verdict(r)} |" for r in results),
        "",
        f"Run time {time.monotonic() - start:.0f} s. Test 12 (electrical bleed) is",
        "`tests/dsp/test_tracking_states.py`; 16: calibration leaves out whole recordings",
        "(`dsp/calibration.py`). Tests 7-9, 14 and 15 are not simulated here yet.",
        "",
    ]
    (ROOT / "docs" / "validation.md").write_text("\n".join(lines), encoding="utf-8")
    return 0 if all(r.passed for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
