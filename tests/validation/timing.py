"""Tests 7 to 9: clocks that drift, packets that come late or never, a delay that changed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.lab.runs import Run, go_through
from devices.formats.recording import Recording
from devices.sources.placing import SamplePlacer
from dsp.grid import RATE, Floats
from tests.doubles.simulated_brain import SFREQ, START, Brain, music
from tests.validation.rows import Row, Sizes, calibrated, correlation, generator, loss_row

PACKET = 10  # samples that arrive together
_MODULUS = 65536


def device(
    rng: np.random.Generator,
    brain: Brain,
    heard: Floats,
    *,
    ppm: float = 0.0,
    jitter: float = 0.0,
    bursts: bool = False,
    loss: float = 0.0,
    hole: tuple[float, float] | None = None,
    believed: bool = False,
) -> tuple[Recording, Floats]:
    """A recording as a headset with a clock of its own gives it, and the error of its stamps.

    Samples are taken every ``(1 + ppm) / 250`` s. Packets of ten arrive later by an exponential
    delay of standard deviation `jitter` (delays are never negative), with `bursts` held up now and
    then by 0.3 s, and in order. They go through the placer of the acquisition, or, `believed`,
    get the stamps of the nominal rate. Errors are those of each sample, NaN where it was lost.
    """
    seconds = heard.size / RATE
    n = int(seconds * SFREQ)
    whole = brain.record(rng, heard)
    step = (1.0 + ppm * 1e-6) / SFREQ
    true = START + np.arange(n) * step
    index = (true - START) * SFREQ
    low = np.minimum(index.astype(np.int64), n - 2)
    part = np.clip(index - low, 0.0, 1.0)[:, None]
    eeg = ((1.0 - part) * whole.eeg[low] + part * whole.eeg[low + 1]).astype(np.float32)
    if believed:
        times = START + np.arange(n) / SFREQ
        return replace(whole, eeg=eeg, times=times), times - true
    ends = np.arange(PACKET - 1, n, PACKET)
    delay = rng.exponential(jitter, ends.size) if jitter else np.zeros(ends.size)
    if bursts:
        delay += np.where(rng.random(ends.size) < 0.02, 0.3, 0.0)
    arrival = np.maximum.accumulate(true[ends] + delay)
    kept = rng.random(ends.size) >= loss
    if hole is not None:
        kept &= (true[ends] < START + hole[0]) | (true[ends] >= START + hole[1])
    # A column with the number of the sample comes along, so that each is known again.
    named = np.column_stack([eeg, np.arange(n)]).astype(np.float32)
    placer = SamplePlacer(SFREQ, modulus=_MODULUS)
    placed = []
    for read in np.arange(START, arrival[-1] + 0.1, 0.1):
        here = np.flatnonzero(kept & (arrival >= read) & (arrival < read + 0.1))
        if here.size == 0:
            continue
        rows = (ends[here][:, None] + np.arange(1 - PACKET, 1)).ravel()
        got = placer.place(
            named[rows], np.repeat(arrival[here], PACKET), rows % _MODULUS, seen=read + 0.1
        )
        if got is not None:
            placed.append(got[0])
    data = np.concatenate([c.data for c in placed])
    times = np.concatenate([c.times for c in placed])
    seen = np.isfinite(data[:, -1])
    errors = np.full(n, np.nan)
    which = data[seen, -1].astype(np.int64)
    errors[which] = times[seen] - true[which]
    return replace(whole, eeg=data[:, :-1], times=times), errors


def drift(size: Sizes) -> list[Row]:
    """Test 7: ten minutes on a clock that is wrong; r of the last three."""
    people = size(5, 1)
    cells = {
        "right": (0.0, False), "20": (20.0, False), "100": (100.0, False), "200": (200.0, False),
        "50 raw": (50.0, True), "100 raw": (100.0, True), "200 raw": (200.0, True),
    }  # fmt: skip
    r: dict[str, list[float]] = {name: [] for name in cells}
    for seed in range(people):
        brain, decoder = calibrated(seed)
        track = music(generator(7, seed), 600.0)
        for name, (ppm, believed) in cells.items():
            recording, _ = device(generator(7, seed, 1), brain, track.feature, ppm=ppm,
                                  jitter=0.003, believed=believed)  # fmt: skip
            run = go_through(recording, track.stimulus(), decoder=decoder)
            r[name].append(correlation(run, first=run.rebuilt.size / RATE - 180.0))
    rows = [
        loss_row(7, f"clock wrong by {name} ppm, stamps from arrivals", r["right"], r[name],
                 limit=0.05)
        for name in ("20", "100", "200")
    ]  # fmt: skip
    for name in ("50 raw", "100 raw", "200 raw"):
        loss = 1.0 - float(np.mean(r[name]) / np.mean(r["right"]))
        what = f"clock wrong by {name.split()[0]} ppm, nominal rate believed: loss of r"
        rows.append(Row(7, what, "failure shown", f"{loss:.0%}", people, None, loss))
    return rows


def arrivals(size: Sizes) -> list[Row]:
    """Test 8: jitter, bursts, loss, and a connection that breaks."""
    people = size(5, 1)
    cells: dict[str, dict[str, float | bool]] = {
        "0": {}, "20 ms": {"jitter": 0.020}, "50 ms": {"jitter": 0.050},
        "20 ms, bursts": {"jitter": 0.020, "bursts": True},
        "5 % loss": {"loss": 0.05}, "20 ms, bursts, 5 % loss":
        {"jitter": 0.020, "bursts": True, "loss": 0.05},
    }  # fmt: skip
    r: dict[str, list[float]] = {name: [] for name in cells}
    wrong: dict[str, list[Floats]] = {name: [] for name in cells}
    for seed in range(people):
        brain, decoder = calibrated(seed)
        track = music(generator(8, seed), 240.0)
        for name, how in cells.items():
            recording, errors = device(generator(8, seed, 1), brain, track.feature, **how)  # type: ignore[arg-type]
            run = go_through(recording, track.stimulus(), decoder=decoder)
            r[name].append(correlation(run, first=20.0))
            wrong[name].append(1000.0 * errors[np.isfinite(errors)][int(20 * SFREQ) :])
    off = {n: np.concatenate(e) for n, e in wrong.items()}
    told = {n: f"stamps late by {np.mean(e):.1f} ms, SD {np.std(e):.1f}" for n, e in off.items()}
    rows = [
        loss_row(8, f"packets with jitter of {name} ({told[name]})" if "ms" in name else
                 f"{name} of packets ({told[name]})", r["0"], r[name], limit=0.10)
        for name in cells if name not in ("0", "50 ms")
    ]  # fmt: skip
    loss = 1.0 - float(np.mean(r["50 ms"]) / np.mean(r["0"]))
    what = f"packets with jitter of 50 ms ({told['50 ms']}): loss of r"
    rows.append(Row(8, what, "shown beside", f"{loss:.1%}", people, None, loss))
    return rows + reconnect(size)


def reconnect(size: Sizes) -> list[Row]:
    """Test 8, without a brain: how far stamps jump when the connection was gone for 5 s."""
    brain = Brain(1, coupling=0.0)
    rows = []
    for jitter in (0.003, 0.020):
        jumps = []
        for k in range(size(8, 2)):
            rng = generator(8, 9, k)
            _, errors = device(rng, brain, np.zeros(150 * RATE), jitter=jitter, hole=(80.0, 85.0))
            at = int(80.0 * SFREQ)
            before = float(np.nanmedian(errors[at - int(10 * SFREQ) : at]))
            after = errors[int(85.0 * SFREQ) + PACKET :]
            jumps.append(float(np.nanmax(np.abs(after - before))))
        worst = 1000.0 * max(jumps)
        rows.append(Row(8, f"gone for 5 s, jitter of {1000 * jitter:.0f} ms: largest jump of "
                        "stamps afterwards", "at most 5 ms", f"{worst:.1f} ms", len(jumps),
                        worst <= 5.0, worst))  # fmt: skip
    return rows


def offset(size: Sizes) -> list[Row]:
    """Test 9: the sound comes later than at calibration by a constant."""
    people = size(5, 1)
    moves = (0.0, 0.02, 0.04, 0.08, 0.12)
    negative: list[bool] = []
    single: list[bool] = []
    wrong: dict[float, list[float]] = {m: [] for m in moves}
    warned: dict[float, list[bool]] = {m: [] for m in moves}
    r: dict[float, list[float]] = {m: [] for m in moves}
    for seed in range(people):
        brain, decoder = calibrated(seed)
        rng = generator(9, seed)
        track = music(rng, 600.0)
        recording = brain.record(rng, track.feature)
        heard = track.stimulus()
        for moved in moves:
            # The program believes that the sound was heard earlier than it was.
            run = go_through(recording, replace(heard, times=heard.times - moved), decoder=decoder)
            r[moved].append(correlation(run, first=20.0))
            negative.append(_silently_negative(run))
            single += [t.usable and t.r < -t.r_null95 for _, t in run.seconds]
            said = run.seconds[-1][1]
            wrong[moved].append(
                math.inf if math.isnan(said.delay_change) else said.delay_change - moved
            )
            warned[moved].append(any("than at calibration" in r for r in said.reasons))
    rows = [
        Row(9, "sound late by 0-120 ms after calibration: sessions that give a negative r beyond "
            "chance as a number", "never", f"{sum(negative)} of {len(negative)}",
            len(negative), not any(negative), float(sum(negative))),
        Row(9, "the same: single seconds like that", "shown beside", f"{np.mean(single):.1%}",
            len(single), None, float(np.mean(single))),
    ]  # fmt: skip
    for moved in moves:
        worst = 1000.0 * float(np.max(np.abs(wrong[moved])))
        mean = float(np.mean(r[moved]))
        late = f"sound late by {1000 * moved:.0f} ms"
        rows.append(Row(9, f"{late} (r {mean:.3f}): error of the delay found in 10 min, worst",
                        "at most 8 ms", f"{worst:.0f} ms", people, worst <= 8.0,
                        worst))  # fmt: skip
        share = float(np.mean(warned[moved]))
        rows.append(Row(9, f"{late}: warned of", "shown beside", f"{share:.0%}", people, None,
                        share))  # fmt: skip
    return rows


def _silently_negative(run: Run) -> bool:
    """True if a tenth of the usable seconds read a negative r beyond chance."""
    seconds = [t for _, t in run.seconds if t.usable]
    return bool(seconds) and float(np.mean([t.r < -t.r_null95 for t in seconds])) > 0.10
