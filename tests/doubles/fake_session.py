"""A session that tells the story of the demo without any device: for the window's tests."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.session.snapshot import (
    FOLLOWING_STATES,
    NO_EEG,
    DecisionLine,
    History,
    Phase,
    RatingView,
    Snapshot,
    Span,
    TrackView,
)
from devices.ring import Ring
from devices.sources.source import SourceInfo
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import Play
from dsp.tracking.scores import Tracking

MONTAGE = ("Fz", "Cz", "F3", "F4", "T7", "T8", "TP9", "TP10")
NOTICE = (
    "Simulated listener with an exaggerated EEG answer; "
    "a real headset would need far longer, or a rating."
)
LAYER_ON, CHANGE = 38.0, 64.0
FIRST = TrackView(
    0, "Slow River", "Attune starter", 150.0, 0.0, 84.0, "D minor", "first of the playlist"
)
SECOND = TrackView(
    3,
    "Harbour Light",
    "Attune starter",
    96.0,
    0.0,
    116.0,
    "A minor",
    "enjoyment 31 ± 7 stayed under 42; better expected elsewhere with probability 0.93",
)
QUEUE = (
    TrackView(4, "Glass Meadow", "Attune starter", 80.0, mean=0.58, sd=0.2),
    TrackView(5, "Tall Grass", "Attune starter", 84.0, mean=0.55, sd=0.2),
    TrackView(6, "Paper Lanterns", "Attune starter", 90.0, mean=0.55, sd=0.2),
)


def _curves(t: np.ndarray) -> tuple[np.ndarray, ...]:
    wobble = 0.025 * np.sin(t / 3.1) + 0.018 * np.sin(t / 1.3 + 1.0)
    fall = 0.5 - 0.22 / (1 + np.exp(-(t - 26) / 5))
    rise = 0.46 / (1 + np.exp(-(t - CHANGE - 14) / 5))
    mean = fall + rise + wobble
    sd = (
        0.06
        + 0.1 * np.exp(-t / 18)
        + 0.06 * np.exp(-np.clip(t - CHANGE, 0, None) / 9) * (t > CHANGE)
    )
    r = 0.05 + 0.16 / (1 + np.exp(-(t - 24) / 4)) + 0.03 * np.sin(t / 4.4) + 0.05 * (t > 84)
    level = 0.09 + 0.05 * np.exp(-t / 15)
    state = np.where(t < 16, 0, np.where(r > level + 0.02, 2, 1)).astype(np.int8)
    r = np.where(t < 10, np.nan, r)
    return mean, sd, r, np.where(t < 10, np.nan, level), state


def story(t: float, *, phase: Phase = "running") -> Snapshot:
    """What the demo looks like `t` seconds after its start."""
    second = t >= CHANGE
    times = np.arange(1.0, math.floor(t) + 1)
    mean, sd, r, level, state = _curves(times)
    layer_db, layer_state, spans = -math.inf, "off", ()
    if t >= LAYER_ON:
        end = None if t < CHANGE + 7 else CHANGE + 7
        spans = (Span(LAYER_ON, end),)
        if t < LAYER_ON + 7:
            layer_db, layer_state = -54 + 36 * (t - LAYER_ON) / 7, "fading in"
        elif t < CHANGE:
            layer_db, layer_state = -18.0, "on"
        elif end is None:
            layer_db, layer_state = -18 - 36 * (t - CHANGE) / 7, "fading out"
    lines = [DecisionLine(0.0, "Start with Slow River.")]
    if t >= LAYER_ON:
        lines.append(
            DecisionLine(
                LAYER_ON,
                "Enjoyment 31 ± 7, under 42 with probability 0.93 for 4 s. "
                "Low-frequency layer in over 7 s.",
            )
        )
    if second:
        lines.append(
            DecisionLine(
                CHANGE,
                "Still under 42 after 26 s of the layer. "
                "Next track Harbour Light, expected 55 ± 20; layer out.",
            )
        )
    enjoyment, tracking = None, None
    if times.size > 4:
        m, s = float(mean[-1]), float(sd[-1])
        enjoyment = Enjoyment(m, s, 0.5 * math.erfc((m - 0.42) / s / math.sqrt(2)), True, 1.0, ())
        tracking = Tracking(
            state=FOLLOWING_STATES[state[-1]],
            r=float(r[-1]),
            r_null95=float(level[-1]),
            r_low=float(r[-1]) - 0.06,
            r_high=float(r[-1]) + 0.06,
            p=0.01,
            evidence=4.0,
            ever_following=t > 24,
            usable_s=28.0,
            age_s=0.0,
            usable=True,
            reasons=("under 16 s of clean EEG so far",) if t < 16 else (),
        )
    track = replace(SECOND, position=t - CHANGE) if second else replace(FIRST, position=t)
    quality = tuple(
        (
            name,
            4 if name == "TP10" and 40 < t < 52 else 2 if name == "T8" else 1,
            "contact" if name == "TP10" and 40 < t < 52 else "muscle" if name == "T8" else "good",
        )
        for name in MONTAGE
    )
    return Snapshot(
        t=t,
        phase=phase,
        source_state="streaming",
        source_name="Synthetic board, simulated listener",
        simulated=True,
        listener_notice=NOTICE,
        calibration="stored",
        track=track,
        play=Play(1 if second else 0),
        possible_next=QUEUE,
        enjoyment=enjoyment,
        tracking=tracking,
        eeg_weight=min(0.94, t / 90),
        eeg_gate="" if t > 24 else "following not yet shown in this session",
        layer_level=0.0 if layer_state == "off" else 1.0,
        layer_db=layer_db,
        layer_state=layer_state,
        layer_recipe="sub-bass on the beat",
        quality=quality,
        decisions=tuple(lines),
        history=History(
            times,
            mean,
            sd,
            r,
            level,
            state,
            np.ones(times.size, dtype=bool),
            spans,
            ((0.0, "Slow River"), (CHANGE, "Harbour Light"))[: 2 if second else 1],
        ),
        output_name="USB Audio",
        folder=Path("/home/anna/Attune/2026-11-24_17-20-05"),
    )


def _without_headset(shot: Snapshot) -> Snapshot:
    """What the same moment looks like where nobody wears a headset."""
    reason = "no headset: ratings and priors alone"
    n, history = shot.history.t.size, shot.history
    nothing = np.full(n, np.nan)
    return replace(
        shot,
        source_state="none",
        source_name="No headset",
        simulated=False,
        listener_notice="",
        tracking=None,
        quality=(),
        eeg_weight=0.0,
        eeg_gate=reason,
        enjoyment=Enjoyment(0.55, 0.2, 0.26, False, math.inf, (reason,)),
        history=replace(
            history,
            r=nothing,
            r_null95=nothing,
            state=np.full(n, NO_EEG, dtype=np.int8),
            usable=np.zeros(n, dtype=bool),
        ),
    )


class FakeSession:
    """Counts what it is asked for; its story runs from `t0` at `speed`, or stands still at 0."""

    def __init__(
        self, *, t0: float = 0.0, speed: float = 1.0, seed: int = 1, headset: bool = True
    ) -> None:
        self.calls: list[tuple[str, object]] = []
        self.threads: list[str] = []
        self.beats = 0
        self._headset = headset
        self.info = SourceInfo("Synthetic board", MONTAGE, 250.0, True, NOTICE) if headset else None
        self._ring = Ring.create(len(MONTAGE), 30.0, 250.0, local=True)
        self._rng = np.random.default_rng(seed)
        self._t0, self._speed, self._begun = t0, speed, time.monotonic()
        self._phase: Phase = "starting"
        self._held = self._layer_off = False
        self.changes: dict[str, object] = {}
        self.ratings: list[RatingView] = []
        self.marks: list[float] = []
        self.report: Path | None = None
        self.refuse: Callable[[], None] | None = None
        self._slow = np.zeros(len(MONTAGE))
        if t0:
            self._write(2600)

    @property
    def t(self) -> float:
        return self._t0 + self._speed * (time.monotonic() - self._begun)

    @property
    def ring(self) -> Ring | None:
        if not self._headset:
            return None
        if self._speed and self._phase in ("running", "paused"):
            self._write(
                int(self._speed * 250 * (time.monotonic() - self._begun)) - self._ring.total
            )
        return self._ring

    def _write(self, n: int) -> None:
        if n <= 0:
            return
        first = self._ring.total
        stamps = (first + np.arange(n)) / 250.0
        white = self._rng.standard_normal((n, len(MONTAGE)))
        rows = np.empty_like(white)
        for i in range(n):
            self._slow = 0.93 * self._slow + white[i]
            rows[i] = 3.2 * self._slow + 1.5 * white[i]
        rows += (
            7
            * np.sin(2 * np.pi * 10 * stamps)[:, None]
            * (0.5 + 0.5 * np.sin(0.7 * stamps))[:, None]
        )
        blink = (stamps % 6.5) < 0.35
        rows[blink, :2] += 90 * np.sin(np.pi * (stamps[blink] % 6.5) / 0.35)[:, None]
        lost = (stamps % 9.0 > 4.0) & (stamps % 9.0 < 4.4)
        rows[lost] = np.nan
        self._ring.write((rows + 3000.0).astype(np.float32), stamps)

    def _call(self, name: str, value: object = None) -> None:
        self.calls.append((name, value))
        self.threads.append(threading.current_thread().name)

    def start(self) -> None:
        self._call("start")
        if self.refuse is not None:
            self.refuse()
        self._begun = time.monotonic()
        self._phase = "running"

    def stop(self) -> None:
        self._call("stop")
        self._phase = "stopped"

    def close(self) -> None:
        self._call("close")
        self._phase = "ended"

    def snapshot(self) -> Snapshot:
        shot = story(self.t) if self._phase != "starting" else Snapshot(t=0.0, phase="starting")
        shot = replace(
            shot,
            phase=self._phase,
            ratings=tuple(self.ratings),
            marks=tuple(self.marks),
            on_hold=self._held,
            layer_off=self._layer_off,
            report=self.report,
        )
        return replace(shot if self._headset else _without_headset(shot), **self.changes)

    def rate(self, given: int) -> None:
        self._call("rate", given)
        shot = story(self.t)
        assert shot.track is not None
        self.ratings.append(RatingView(self.t, given, shot.play, shot.track.title))

    def tap(self, face: str) -> None:
        self._call("tap", face)

    def next(self) -> None:
        self._call("next")

    def toggle_pause(self) -> None:
        self._call("toggle_pause")
        self._phase = "running" if self._phase == "paused" else "paused"

    def hold(self, on: bool) -> None:
        self._call("hold", on)
        self._held = on

    def mark(self) -> None:
        self._call("mark")
        self.marks.append(self.t)

    def layer_off(self, on: bool) -> None:
        self._call("layer_off", on)
        self._layer_off = on

    def leave_eeg_out(self) -> None:
        self._call("leave_eeg_out")

    def skip(self) -> None:
        self._call("skip")

    def undo(self) -> None:
        self._call("undo")

    def beat(self) -> None:
        """Beats are not counted among the calls: they come all the time."""
        self.beats += 1
