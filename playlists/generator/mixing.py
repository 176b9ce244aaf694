"""From a score to a stereo mix: notes into parts, parts through effects, the sum to -18 LUFS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dsp.grid import FS
from dsp.sound.loudness import TARGET_LUFS, Loudness, TruePeak
from playlists.generator.drums import TAKES, stroke
from playlists.generator.instruments import Sound, Voice
from playlists.generator.score import Part, Score

PEAK_DBTP = -1.6  #: room for what the codec adds

_LAYERS = 4  # brightness steps at which a voice is rendered
_LONGEST = 10.0  # s of any one note
_PANS = {"kick": 0.0, "soft_kick": 0.0, "snare": 0.05, "hat": 0.3, "open_hat": 0.3, "ride": -0.35}
_MORE_PANS = {"shaker": -0.4, "high_tom": 0.25, "low_tom": -0.25, "rim": -0.2, "crash": -0.2}


def mix(score: Score) -> npt.NDArray[np.float32]:
    """Return the piece as float32 [shape=(n_frames, 2)]; the same score gives the same samples."""
    n = round(score.duration * FS)
    rng = np.random.default_rng(score.seed + 1)
    dry, to_reverb, to_delay = (np.zeros((n, 2), dtype=np.float32) for _ in range(3))
    pushed = _push(score, n)
    for name in sorted(score.notes):
        part = score.parts[name]
        sound = _part(score, name, n, rng)
        if part.duck:
            sound *= (1.0 - part.duck * pushed).astype(np.float32)
        placed = sound[:, None] * _pan(part.pan) * np.float32(10.0 ** (part.gain / 20.0))
        dry += placed
        to_reverb += placed * np.float32(part.reverb)
        to_delay += placed * np.float32(part.delay)
    drums = _drums(score, n)
    dry += drums
    to_reverb += drums * np.float32(0.09)
    dry += _delayed(to_delay, 0.75 * 60.0 / score.tempo)
    dry += _reverberated(to_reverb + 0.4 * to_delay, score.reverb_s, rng)
    return _mastered(dry, score)


def _part(score: Score, name: str, n: int, rng: np.random.Generator) -> Sound:
    part, out = score.parts[name], np.zeros(n, dtype=np.float32)
    cache: dict[tuple[int, int], Sound] = {}
    for note in score.notes[name]:
        layer = min(_LAYERS - 1, int(note.velocity * _LAYERS))
        seconds = score.seconds(note.start + note.length) - score.seconds(note.start)
        length = int(min(_LONGEST, seconds + part.release) * FS)
        key = (note.pitch, layer)
        if key not in cache or cache[key].size < length:
            cache[key] = _rendered(part.voice, note.pitch, layer, length)
        loose = float(np.clip(part.loose * rng.standard_normal(), -0.008, 0.008))
        first = max(0, round((score.seconds(note.start) + loose) * FS))
        length = min(length, n - first)
        if length <= 0:
            continue
        sound = cache[key][:length] * np.float32(note.velocity**1.4)
        fade = min(length, int(part.release * FS))
        sound[length - fade :] *= _release(fade)
        out[first : first + length] += sound
    return _driven(out, part)


def _rendered(voice: Voice, pitch: int, layer: int, length: int) -> Sound:
    rng = np.random.default_rng(1000 * pitch + layer)
    return voice(440.0 * 2.0 ** ((pitch - 69) / 12.0), length, (layer + 0.5) / _LAYERS, rng)


def _release(n: int) -> Sound:
    return np.asarray((0.5 + 0.5 * np.cos(np.pi * np.arange(n) / max(1, n))) ** 1.5, np.float32)


def _driven(sound: Sound, part: Part) -> Sound:
    """Guitar amplifier: soft clipping, then a loudspeaker that ends at 4.5 kHz."""
    if not part.drive:
        return sound
    clipped = np.tanh(part.drive * sound.astype(np.float64)) / np.tanh(part.drive)
    return _shelved(clipped, low=85.0, high=4500.0)


def _shelved(sound: npt.NDArray[np.float64], *, low: float, high: float) -> Sound:
    from scipy import signal

    band = signal.butter(2, [low, high], btype="bandpass", fs=FS, output="sos")
    return np.asarray(signal.sosfilt(band, sound, axis=0), dtype=np.float32)


def _drums(score: Score, n: int) -> Sound:
    out = np.zeros((n, 2), dtype=np.float32)
    pans = {**_PANS, **_MORE_PANS}
    gain = np.float32(10.0 ** (score.drum_gain / 20.0))
    for k, (name, beat, velocity) in enumerate(score.strokes):
        first = round(score.seconds(beat) * FS)
        sound = stroke(name, k % TAKES)[: max(0, n - first)] * np.float32(velocity**1.3) * gain
        out[first : first + sound.size] += sound[:, None] * _pan(pans.get(name, 0.0))
    return out


def _push(score: Score, n: int) -> npt.NDArray[np.float64]:
    """0..1: how far the kick drum pushes other parts down."""
    out, shape = np.zeros(n), np.exp(-np.arange(int(0.3 * FS)) / FS * 14.0)
    shape[: FS // 100] *= np.linspace(0.0, 1.0, FS // 100)
    for name, beat, velocity in score.strokes:
        if "kick" in name:
            first = round(score.seconds(beat) * FS)
            size = min(shape.size, n - first)
            here = out[first : first + size]
            np.maximum(here, velocity * shape[:size], out=here)
    return out


def _pan(pan: float) -> npt.NDArray[np.float32]:
    angle = (pan + 1.0) * np.pi / 4.0
    return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32) * np.float32(np.sqrt(2.0))


def _delayed(sound: Sound, seconds: float) -> Sound:
    """Echoes from side to side, each duller and 5 dB softer."""
    out, lag = np.zeros_like(sound), round(seconds * FS)
    echo = sound
    for k in range(1, 5):
        if k * lag >= sound.shape[0]:
            break
        echo = _shelved(echo[:, ::-1].astype(np.float64), low=180.0, high=5200.0)
        out[k * lag :] += np.float32(0.56**k) * echo[: sound.shape[0] - k * lag]
    return out


def _reverberated(sound: Sound, seconds: float, rng: np.random.Generator) -> Sound:
    """Room of decaying noise, the highs dying sooner, after 18 ms; nothing below 180 Hz."""
    from scipy import signal

    n = int(seconds * 1.1 * FS)
    time = np.arange(n) / FS
    tail = np.zeros((n, 2))
    for low, high, share in ((180.0, 1200.0, 1.0), (1200.0, 4000.0, 0.72), (4000.0, 9000.0, 0.42)):
        noise = _shelved(rng.standard_normal((n, 2)), low=low, high=high)
        tail += noise * np.exp(-6.91 * time / (seconds * share))[:, None]
    tail *= np.minimum(1.0, time / 0.006)[:, None]
    tail /= np.sqrt((tail**2).sum(axis=0))
    wet = signal.oaconvolve(sound.astype(np.float64), tail, axes=0)[: sound.shape[0]]
    late = int(0.018 * FS)
    out = np.zeros_like(sound)
    out[late:] = 1.1 * wet[:-late]
    return out


def _mastered(sound: Sound, score: Score) -> npt.NDArray[np.float32]:
    from scipy import signal

    high_pass = signal.butter(2, 28.0, btype="highpass", fs=FS, output="sos")
    clean = signal.sosfilt(high_pass, sound.astype(np.float64), axis=0)
    bright = signal.butter(1, 3200.0, btype="highpass", fs=FS, output="sos")
    clean += (10.0 ** (score.air / 20.0) - 1.0) * signal.sosfilt(bright, clean, axis=0)
    fade = int(min(score.ring, 1.5) * FS)
    clean[-fade:] *= (0.5 + 0.5 * np.cos(np.pi * np.arange(fade) / fade))[:, None]
    for _ in range(3):  # the knee takes some loudness, which the next round gives back
        clean *= 10.0 ** ((TARGET_LUFS - _lufs(clean)) / 20.0)
        clean = _knee(clean, 0.45, 0.80)
    peak = TruePeak()
    peak.push(clean.astype(np.float32))
    ceiling = 10.0 ** (PEAK_DBTP / 20.0)
    return np.asarray(clean * min(1.0, ceiling / peak.finish()), dtype=np.float32)


def _lufs(sound: npt.NDArray[np.float64]) -> float:
    meter = Loudness()
    meter.push(sound.astype(np.float32))
    return meter.integrated()


def _knee(sound: npt.NDArray[np.float64], start: float, top: float) -> npt.NDArray[np.float64]:
    """Bend what is over `start` so that it never passes `top`."""
    size = np.abs(sound)
    over = np.maximum(0.0, size - start) / (top - start)
    bent = np.where(size > start, start + (top - start) * np.tanh(over), size)
    return np.sign(sound) * bent
