"""A synthetic session folder, written through `SessionWriter`, for tests and for looking at.

The story is that of the demo: a first track that is not liked, the low layer after 40 s, a
change after 64 s, a rise on the second track. The curves are invented; nothing is analysed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from app.records.sealed import Seal
from app.records.writer import SessionWriter
from devices.timeline import COLUMNS
from dsp.sound.heard import HEARD_NAMES, Heard

CH_NAMES = ("Fz", "Cz", "F3", "F4", "T7", "T8", "TP9", "TP10")
SFREQ = 250.0
T0 = 5000.25
NOTICE = (
    "Simulated listener with an exaggerated EEG answer; "
    "a real headset would need far longer, or a rating."
)
TITLES = ("Cold Harbour", "Glass Meadow", "Night Bus", "Slow River")


def manifest(*, listener: str | None = "clear", **changes: Any) -> dict[str, Any]:
    simulated = listener is not None
    return {
        "name": "demo",
        "program": {"name": "attune", "version": "0.1.0", "python": "3.11.2"},
        "settings": {"name": "demo", "timing": {"dwell": 45.0}},
        "settings_sha256": "9f2c41d7a8b3" + "0" * 52,
        "seed": 7,
        "source": {
            "name": "Synthetic board, simulated listener" if simulated else "Cyton",
            "ch_names": CH_NAMES,
            "sfreq": SFREQ,
            "simulated": simulated,
            "notice": NOTICE if simulated else "",
            "details": {"board_id": -1 if simulated else 0},
        },
        "listener": listener,
        "notice": NOTICE if simulated else "",
        "calibration": "stored",
        "calibration_name": listener,
        "started": "2026-05-14T16:05:00+02:00",
        "start": T0,
        "tracks": [
            {"index": i, "title": title, "artist": "Attune", "duration": 150.0}
            for i, title in enumerate(TITLES)
        ],
        **changes,
    }


def decision(kind: str, target: int | None, because: str, cause: str = "eeg") -> dict[str, Any]:
    return {
        "kind": kind,
        "target": target,
        "because": because,
        "cause": cause,
        "propensity": 1.0,
        "alternatives": [],
        "numbers": {"p_low": 0.91},
    }


def _acts(second: int, *, closes: bool) -> list[dict[str, Any]]:
    """Decisions of the story at this second."""
    if not closes:
        return []
    if second == 40:
        because = "Enjoyment was probably low for 4 s (34 ± 9): low layer in over 7 s."
        return [decision("layer_on", None, because)]
    if second == 64:
        because = f"Still low 24 s after the low layer: change to {TITLES[1]} (expected 55 ± 20)."
        return [decision("change_track", 1, because), decision("layer_off", None, "Track changed.")]
    return []


def tick(second: int, *, rng: np.random.Generator, closes: bool, eeg: bool) -> dict[str, Any]:
    """The numbers of one second of the story."""
    changed = closes and second > 64  # heard the second after it was decided
    goal = 0.80 if changed else 0.32
    since = second - 64 if changed else second
    mean = goal + (0.5 - goal) * np.exp(-since / 14.0) + 0.02 * np.sin(second / 3.1)
    mean = float(mean if eeg else 0.5) + float(rng.normal(0, 0.008))
    following = eeg and second > 24 and second % 47 > 9
    state = "following" if following else "not following" if second % 5 else "cannot tell"
    r = 0.11 + 0.03 * np.sin(second / 6.0) if following else 0.01 + 0.02 * np.sin(second / 4.0)
    layer = np.interp(second, [40, 47, 64, 68], [0, 1, 1, 0]) if closes else 0.0
    quality = dict.fromkeys(CH_NAMES, "good")
    if second % 11 == 0:
        quality["Fz"] = "blink"
    if 70 <= second < 84:
        quality["T8"] = "muscle"
    usable = eeg and second > 8
    now = T0 + second
    return {
        "t": now,
        "kind": "tick",
        "now": now,
        "eeg_until": now - 0.012 if eeg else None,
        "heard_until": now - 0.2,
        "track": 1 if changed else 0,
        "position_s": float(since),
        "enjoyment": {
            "mean": mean,
            "sd": 0.20 * np.exp(-since / 20.0) + 0.08,
            "p_low": float(mean < 0.42),
            "usable": usable,
            "age_s": 1.0,
            "reasons": [] if usable else ["the session has just begun"],
        },
        "twin": {"mean": 0.55 if changed else 0.5, "sd": 0.21, "p_low": 0.3},
        "tracking": {
            "state": state if eeg else "cannot tell",
            "r": float(r) if eeg else float("nan"),
            "r_null95": 0.06 + 0.3 / (5 + second),
            "r_low": float(r) - 0.03,
            "r_high": float(r) + 0.03,
            "p": 0.01,
            "evidence": 0.1 * second,
            "ever_following": second > 24,
            "usable": usable,
            "usable_s": float(second),
            "age_s": 1.0,
            "reasons": [],
        },
        "eeg_weight": 0.31 if eeg else 0.0,
        "theta_db": 2.0,
        "quality": quality if eeg else {},
        "layer_level": float(layer),
        "events": [],
    }


def feed(writer: SessionWriter, second: int, *, rng: np.random.Generator, eeg: bool = True) -> None:
    """Hand over one second of signals, in the pieces in which they come."""
    if eeg:
        times = T0 + second + np.arange(250) / SFREQ + rng.normal(0, 1e-4, 250)
        data = rng.normal(0, 12, (250, len(CH_NAMES))).astype(np.float32)
        if second == 3:
            data[40:60] = np.nan  # a gap: lost samples are rows of NaN
        for start in range(0, 250, 10):
            writer.eeg(data[start : start + 10], np.sort(times)[start : start + 10])
    heard = rng.random((64, len(HEARD_NAMES))).astype(np.float32)
    writer.heard(Heard(T0 + second + np.arange(64) / 64, heard))
    rows = np.zeros((100, len(COLUMNS)))
    rows[:, 0] = T0 + second + np.arange(100) / 100
    rows[:, 1] = second * 48000 + 480 * np.arange(100)
    writer.timeline(rows)


def make_session(
    root: Path,
    *,
    seconds: int = 120,
    ratings: tuple[tuple[int, int], ...] = (),
    closes: bool = True,
    eeg: bool = True,
    signals: bool = True,
    listener: str | None = "clear",
    end: bool = True,
    titles: tuple[str, ...] = TITLES,
    seal: Seal | None = None,
    **changes: Any,
) -> Path:
    """Write a session of `seconds`; return its folder.

    `ratings` are (second, 1..9). `end=False` leaves it as a kill would. `seal` encrypts it.
    """
    rng = np.random.default_rng(1)
    writer = SessionWriter(root, manifest(listener=listener, **changes), seal=seal)

    def track(index: int, second: int) -> None:
        mean = 0.55 if index else 0.5
        writer.event(
            {"t": T0 + second, "kind": "track", "index": index, "title": titles[index],
             "artist": "Attune", "duration": 150.0, "prior_mean": mean, "prior_sd": 0.2}
        )  # fmt: skip

    track(0, 0)
    given = dict(ratings)
    for second in range(seconds):
        if signals:
            feed(writer, second, rng=rng, eeg=eeg)
        writer.event(tick(second, rng=rng, closes=closes, eeg=eeg))
        if second in given:
            writer.event(
                {"t": T0 + second + 0.4, "kind": "rating", "value": (given[second] - 1) / 8,
                 "scale": "1-9", "given": given[second]}
            )  # fmt: skip
        for act in _acts(second, closes=closes):
            writer.event({"t": T0 + second, "kind": "decision", "decision": act})
            if act["kind"] == "change_track":
                track(1, second)
        if listener is not None:
            changed = closes and second >= 64
            hidden = 0.85 if changed else 0.5 - 0.35 * min(1.0, second / 12)
            writer.event({"t": T0 + second, "kind": "truth", "enjoyment": hidden})
    if end:
        writer.event({"t": T0 + seconds, "kind": "stop"})
    summary = {"lost_blocks": 0, "output": "null", "output_is_null": True, "timing_residual": 2e-4}
    writer.close(summary if end else None)
    if not end:
        _undo_end(writer.folder)
    return writer.folder


def _undo_end(folder: Path) -> None:
    """Leave the folder as a kill would: no end in the manifest, half a line, half a chunk."""
    import json

    path = folder / "session.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "ended": None, "clean": False}), "utf-8")
    for name in ("events.jsonl", "recording.xdf"):
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[:-37])
