"""Cost of tracking once a second, as a share of one core and beside `mtrf`'s batch fit.

    python -m tests.benchmarks.bench_tracking [--seconds 120] [--channels 16]

16 channels at 250 Hz; samples come in and an estimate is asked for once a second, as in a session.
Costs are CPU seconds of the whole process, all threads of BLAS included, per second of listening,
taken after the first 70 s, when every window and every history is full. Measured with 1,000
phase-randomised surrogates beside the shifted ones, and with the program's own number; with one
thread of BLAS, and with as many as it takes by itself: waiting threads spin, so that on a machine
that is busy with other things the second figure says more of the others than of us.
`mtrf` fits the same filtered data once, with the same lags and band, when all of it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]

from dsp.quality import CleanBlock, Guard  # noqa: E402
from dsp.tracking.alignment import Aligned  # noqa: E402
from dsp.tracking.decoder import WIDE_LAGS, Decoder  # noqa: E402
from dsp.tracking.nulls import MAX_SHIFTS, N_PHASES, Nulls  # noqa: E402
from dsp.tracking.tracker import Tracker, calibrate  # noqa: E402

RATE, SFREQ, SETTLED = 64, 250, 70
SURROGATES, LIMIT = 1000, 0.015
SITES = "Fz Cz Pz F3 F4 C3 C4 P3 P4 F7 F8 T7 T8 TP9 TP10 Oz".split()


class Scene:
    """A listener who answers 150 ms later, in 1/f noise."""

    def __init__(self, seconds: int, channels: int) -> None:
        rng = np.random.default_rng(1)
        self.ch_names = [*SITES, *(f"E{k}" for k in range(channels))][:channels]
        rows = seconds * RATE
        self.sound = np.zeros((rows, 3))
        onsets = np.cumsum(rng.integers(16, 48, rows // 16))
        self.sound[onsets[onsets < rows], 0] = 1.0
        self.sound_times = np.arange(rows) / RATE
        kernel = np.concatenate([np.zeros(8), np.hanning(11), -np.hanning(13)])
        answer = np.convolve(self.sound[:, 0], kernel)[:rows]
        n = seconds * SFREQ
        self.times = np.arange(n) / SFREQ
        noise = np.cumsum(rng.standard_normal((n, channels)), axis=0)
        noise -= noise[np.maximum(np.arange(n) - SFREQ, 0)]
        answer = np.interp(self.times, self.sound_times, answer)
        self.eeg = (noise + 2.0 * answer[:, None]).astype(np.float32)

    def blocks(self) -> list[CleanBlock]:
        """All of it through the guard."""
        block = Guard(ch_names=self.ch_names, sfreq=SFREQ).push(self.eeg, self.times)
        return [] if block is None else [block]


def cost(
    scene: Scene, *, decoder: Decoder | None, n_phases: int, seconds: int
) -> dict[str, float | str]:
    """CPU seconds per second of listening, of guard and of tracker; and the state at the end."""
    guard = Guard(ch_names=scene.ch_names, sfreq=SFREQ)
    tracker = Tracker(ch_names=scene.ch_names, sfreq=SFREQ, decoder=decoder)
    tracker._nulls = Nulls(seed=0, n_phases=n_phases)
    guarding = tracking = 0.0
    state = ""
    for now in range(1, seconds + 1):
        eeg, sound = slice((now - 1) * SFREQ, now * SFREQ), slice((now - 1) * RATE, now * RATE)
        began = time.process_time()
        block = guard.push(scene.eeg[eeg], scene.times[eeg])
        judged = time.process_time()
        tracker.push_stimulus(scene.sound[sound], scene.sound_times[sound])
        if block is not None:
            tracker.push_eeg(block)
        state = tracker.estimate(float(now)).state
        done = time.process_time()
        if now > SETTLED:
            guarding += judged - began
            tracking += done - judged
    n = seconds - SETTLED
    return {"tracking": round(tracking / n, 5), "guard": round(guarding / n, 5), "state": state}


def mtrf_fit(scene: Scene) -> float:
    """CPU seconds of one fit of `mtrf` to all the data at 64 Hz; the best of three."""
    from mtrf.model import TRF

    aligned = Aligned(len(scene.ch_names), sfreq=SFREQ, band=(1.0, 8.0), reach=0)
    for block in scene.blocks():
        aligned.push_eeg(np.where(block.valid, block.eeg, np.nan), block.times)
    aligned.push_sound(scene.sound[:, [0, 2]], scene.sound_times)
    seconds = list(aligned.seconds())
    eeg = np.nan_to_num(np.concatenate([s[1] for s in seconds]))
    sound = np.nan_to_num(np.concatenate([s[2] for s in seconds]))
    # The same number of weights: every second lag at 64 Hz is every lag at 32 Hz.
    longest = float(WIDE_LAGS.max()) / RATE
    spent = []
    for _ in range(3):
        began = time.process_time()
        model = TRF(direction=-1)
        model.train(sound[::2, None], eeg[::2], RATE // 2, 0.0, longest, 1.0, verbose=False)
        spent.append(time.process_time() - began)
    return round(min(spent), 4)


def measure(seconds: int, channels: int) -> dict[str, object]:
    """Every figure, with the threads of BLAS that this process has."""
    scene = Scene(seconds, channels)
    decoder = calibrate(
        [(scene.blocks(), (scene.sound, scene.sound_times))],
        ch_names=scene.ch_names,
        sfreq=SFREQ,
        search=0.2,
    )
    out: dict[str, object] = {}
    for name, known in (("calibrated", decoder), ("from_nothing", None)):
        for n in (SURROGATES, N_PHASES):
            part = cost(scene, decoder=known, n_phases=n, seconds=seconds)
            out[f"{name}_{n}"] = part
    fit = mtrf_fit(scene)
    tracking = out[f"from_nothing_{SURROGATES}"]
    assert isinstance(tracking, dict)
    out["mtrf_batch_fit_s"] = fit
    out["tracking_a_second_over_mtrf_batch_fit"] = round(tracking["tracking"] / fit, 4)
    return out


def main() -> None:
    """Measure with one thread of BLAS and with its default; print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--part", action="store_true")
    given = parser.parse_args()
    if given.seconds < SETTLED + 10:
        parser.error(f"--seconds is {given.seconds}; expected at least {SETTLED + 10}.")
    if given.part:
        print(json.dumps(measure(given.seconds, given.channels)))
        return
    words = [
        sys.executable,
        "-m",
        "tests.benchmarks.bench_tracking",
        "--part",
        "--seconds",
        str(given.seconds),
    ]
    words += ["--channels", str(given.channels)]
    bare = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    parts = {}
    for name, env in (("one_thread", bare | {"OPENBLAS_NUM_THREADS": "1"}), ("default", bare)):
        done = subprocess.run(words, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        parts[name] = json.loads(done.stdout)
    shares = {
        name: max(part[f"{how}_{SURROGATES}"]["tracking"] for how in ("calibrated", "from_nothing"))
        for name, part in parts.items()
    }
    result = {
        "share_of_one_core": shares,
        "limit": LIMIT,
        "met": {name: share <= LIMIT for name, share in shares.items()},
        "load_of_the_machine": os.getloadavg()[0],
        "channels": given.channels,
        "sfreq": SFREQ,
        "surrogates_measured": SURROGATES,
        "surrogates_of_the_program": {"phases": N_PHASES, "shifts_at_most": MAX_SHIFTS},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        **parts,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
