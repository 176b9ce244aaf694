"""Cost of tracking once a second, beside the bare loop and beside `mtrf`'s batch fit.

    python -m tests.benchmarks.bench_tracking [--seconds 130] [--channels 16,32,64]

Electrodes at 250 Hz; samples come in and an estimate is asked for once a second, as in a session.
Costs are CPU seconds of the whole process per second of listening, with 1,000 phase-randomised
surrogates beside the shifted ones and one thread of BLAS, as a ratio to the 21 ms that a bare loop
of pylsl, ring and scipy took for 16 electrodes where the limits were set. Our own bare loop
(`bench_session.bare`, in the same run) stands beside: it takes less.

The mean is taken after the first 70 s, when every window and every history is full, and over all
of it, when from nothing all that came is fitted anew (`dsp.tracking.first`): to someone who
answers, and to someone who does not, whose two minutes are all looked at. The worst is the dearest
single second. For 16 electrodes also with as many threads of BLAS as it takes by itself: waiting
threads spin, so that on a busy machine that figure says more of the others than of us. `mtrf` fits
the same filtered data once, with the same lags and band, when all of it is there.
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
from tests.benchmarks.bench_session import bare_cost  # noqa: E402

RATE, SFREQ, SETTLED = 64, 250, 70
SURROGATES = 1000
#: Ratio to the bare loop, by electrodes; and of a single second.
LIMITS, LIMIT_WORST = {16: 0.5, 32: 0.75, 64: 1.0}, 5.0
BARE = 0.021  # s of CPU a second
SITES = "Fz Cz Pz F3 F4 C3 C4 P3 P4 F7 F8 T7 T8 TP9 TP10 Oz".split()


class Scene:
    """A listener who answers 150 ms later, or not at all, in 1/f noise."""

    def __init__(self, seconds: int, channels: int, *, answers: bool = True) -> None:
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
        self.eeg = (noise + 2.0 * answers * answer[:, None]).astype(np.float32)

    def blocks(self) -> list[CleanBlock]:
        """All of it through the guard."""
        block = Guard(ch_names=self.ch_names, sfreq=SFREQ).push(self.eeg, self.times)
        return [] if block is None else [block]


def cost(scene: Scene, *, decoder: Decoder | None, seconds: int) -> dict[str, float | str]:
    """CPU seconds per second: settled, over all, the worst; and the state at the end."""
    guard = Guard(ch_names=scene.ch_names, sfreq=SFREQ)
    tracker = Tracker(ch_names=scene.ch_names, sfreq=SFREQ, decoder=decoder)
    tracker._nulls = Nulls(seed=0, n_phases=SURROGATES)
    spent = []
    guarding, state = 0.0, ""
    for now in range(1, seconds + 1):
        eeg, sound = slice((now - 1) * SFREQ, now * SFREQ), slice((now - 1) * RATE, now * RATE)
        began = time.process_time()
        block = guard.push(scene.eeg[eeg], scene.times[eeg])
        judged = time.process_time()
        tracker.push_stimulus(scene.sound[sound], scene.sound_times[sound])
        if block is not None:
            tracker.push_eeg(block)
        state = tracker.estimate(float(now)).state
        spent.append(time.process_time() - judged)
        guarding += judged - began
    return {
        "settled": round(float(np.mean(spent[SETTLED:])), 5),
        "over_all": round(float(np.mean(spent)), 5),
        "worst": round(max(spent), 5),
        "guard": round(guarding / seconds, 5),
        "state": state,
    }


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


def measure(seconds: int, channels: int) -> dict[str, dict[str, float | str]]:
    """Every figure, with the threads of BLAS that this process has."""
    scene = Scene(seconds, channels)
    decoder = calibrate(
        [(scene.blocks(), (scene.sound, scene.sound_times))],
        ch_names=scene.ch_names,
        sfreq=SFREQ,
        search=0.2,
    )
    silent = Scene(seconds, channels, answers=False)
    return {
        "calibrated": cost(scene, decoder=decoder, seconds=seconds),
        "from_nothing": cost(scene, decoder=None, seconds=seconds),
        "from_nothing_silent": cost(silent, decoder=None, seconds=seconds),
        "mtrf_batch_fit": {"fit_s": mtrf_fit(scene)},
    }


def part(seconds: int, channels: int, threads: str) -> dict[str, dict[str, float | str]]:
    """`measure` in a process of its own; "" are as many threads as BLAS takes by itself."""
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    if threads:
        env["OPENBLAS_NUM_THREADS"] = threads
    words = [sys.executable, "-m", "tests.benchmarks.bench_tracking", "--part"]
    words += ["--seconds", str(seconds), "--channels", str(channels)]
    done = subprocess.run(words, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure and print one JSON object; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=130)
    parser.add_argument("--channels", default="16,32,64")
    parser.add_argument("--part", action="store_true")
    given = parser.parse_args()
    channels = [int(n) for n in given.channels.split(",")]
    if given.seconds < SETTLED + 10:
        parser.error(f"--seconds is {given.seconds}; expected at least {SETTLED + 10}.")
    if given.part:
        print(json.dumps(measure(given.seconds, channels[0])))
        return
    ours = bare_cost(20.0, 16)["cpu_s_per_s"]
    parts = {n: part(given.seconds, n, "1") for n in channels}
    ratios = {
        n: {
            f"{how}_{which}": round(float(found[how][which]) / BARE, 2)
            for how in ("calibrated", "from_nothing", "from_nothing_silent")
            for which in ("settled", "over_all", "worst")
        }
        for n, found in parts.items()
    }
    kept = {
        n: all(
            r <= (LIMIT_WORST if name.endswith("worst") else LIMITS.get(n, LIMITS[64]))
            for name, r in found.items()
        )
        for n, found in ratios.items()
    }
    result = {
        "ratio_to_the_bare_loop": ratios,
        "limits": {"mean": LIMITS, "worst": LIMIT_WORST},
        "kept": kept,
        "bare_cpu_s_per_s": {"where_limits_were_set": BARE, "ours": ours},
        "load_of_the_machine": os.getloadavg()[0],
        "surrogates_measured": SURROGATES,
        "surrogates_of_the_program": {"phases": N_PHASES, "shifts_at_most": MAX_SHIFTS},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "cpu_s_per_s": parts,
        "default_threads_of_16": part(given.seconds, 16, "") if 16 in channels else None,
    }
    print(json.dumps(result, indent=1))
    sys.exit(0 if all(kept.values()) else 1)


if __name__ == "__main__":
    main()
