"""A second made-up listener, by other means than the first and sharing no code with it.

An estimator fits the simulator it was made on. This one was written from the reference text
alone; where neither a paper nor that text gives a number, the comment says *assumed*.

Sound: voices on a sixteenth grid with accents and 8 ms of timing, as envelopes in bands; the rows
follow the definitions of `dsp.sound.stimulus`. Rows of real tracks are taken as well.

EEG: dipoles in a homogeneous conductor, seen at any sites of the 10-10 system against any
reference. The background is a few dozen sources of 1/f noise whose gains wander; alpha comes in
bursts. The answer comes from both auditory cortices (fronto-central against mastoids), follows
flux and rise together and compressed, with a gain that wanders, and is so large that an offline
ridge trained on ten minutes is expected to reach `Person.r` on what it has not seen (a single
piece of music differs from that by a fifth). Absolute r per montage is idealised.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, lfilter, sosfiltfilt

from dsp.grid import RATE
from dsp.quality import Guard

MUSE, MUSE_REFERENCE = ("TP9", "AF7", "AF8", "TP10"), ("Fpz",)
CYTON = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")
FINE = 12 * RATE  # Hz at which sound is made

# Midline angle from the vertex and azimuth of the outermost site of each row, degrees (10-10
# system, Jurcak et al. 2007, NeuroImage 34:1600, as equal steps on a sphere).
_ROWS = {
    "FP": (72, 18), "AF": (54, 36), "F": (36, 54), "FT": (18, 72), "FC": (18, 72), "T": (0, 90),
    "C": (0, 90), "TP": (-18, 108), "CP": (-18, 108), "P": (-36, 126), "PO": (-54, 144),
    "O": (-72, 162), "A": (0, 98), "M": (0, 108),
}  # fmt: skip

# Latency s, width s, size: peaks at 55, 110, 190 and 300 ms (reference text, section 9); widths
# and sizes assumed.
_WAVES = ((0.058, 0.014, 0.5), (0.112, 0.021, -1.0), (0.19, 0.034, 0.9), (0.305, 0.06, -0.35))


@dataclass(frozen=True)
class Person:
    """Who listens, through what: the same head, noise and answer in every session.

    `r` is what an offline ridge is expected to reach; 0 is nobody's answer. Microvolt are rms
    over the electrodes before any filter (assumed, of the usual order).
    """

    sites: tuple[str, ...] = CYTON
    reference: tuple[str, ...] = ("M1", "M2")
    sfreq: float = 250.0
    r: float = 0.1
    seed: int = 0
    background_uv: float = 10.0
    alpha_uv: float = 5.0


@dataclass(frozen=True)
class Leak:
    """Sound that gets into the leads without a brain.

    `uv` is the rms in 1-8 Hz of what it adds to an electrode; `of` what it follows: the rectified
    sound (``level``: linear rms), its ``flux``, ``rise`` or ``layer``. Every electrode has it at
    the same delay and with the same sign, by its own gain (0.6-1.4, assumed).
    """

    uv: float
    of: str = "level"
    delay_s: float = 0.0
    lowpass_hz: float | None = None


@dataclass(frozen=True)
class Trouble:
    """What else there is in the EEG of a session; everything is off unless given."""

    blinks_per_min: float = 0.0
    blinks_on_accents: bool = False
    slow_uv: float = 0.0  # rms of 1-3.5 Hz at Fpz, a part of it each electrode's own
    muscle_per_min: float = 0.0
    muscle_uv: float = 15.0
    heart_uv: float = 0.0  # of the R wave at the mastoids
    heart_bpm: float = 68.0
    mains_uv: float = 0.0
    off: tuple[tuple[str, float, float], ...] = ()  # site, from, until: off the skin, s


@dataclass(frozen=True, eq=False)
class Listened:
    """A session: `eeg` in microvolt [shape=(n, n_sites)] at `times`, rows of sound at `stamps`."""

    person: Person
    eeg: np.ndarray
    times: np.ndarray
    values: np.ndarray
    stamps: np.ndarray
    parts: dict[str, np.ndarray] = field(default_factory=dict)

    def recording(self) -> tuple[list, tuple[np.ndarray, np.ndarray]]:
        """Return judged blocks and sound, as `dsp.tracking.calibrate` takes a recording."""
        guard = Guard(ch_names=self.person.sites, sfreq=self.person.sfreq)
        return [guard.push(self.eeg, self.times)], (self.values, self.stamps)


def music(seconds: float, *, seed: int, bpm: float | None = None, start: float = 100.0):
    """Rows of a piece [shape=(n, 4)] (flux, rise, layer: none, level) and their stamps."""
    rng = np.random.default_rng([seed, 1])
    sixteenth = 60.0 / (bpm or rng.uniform(80.0, 140.0)) / 4.0
    n = int(seconds * FINE)
    n_voices, n_bands = 6, 8
    bands = np.zeros((n_bands, n))
    for voice in range(n_voices):
        hits = _hits(rng, sixteenth, seconds, often=rng.uniform(0.25, 0.9))
        strikes = np.zeros(n)
        np.add.at(strikes, hits, rng.lognormal(0.0, 0.35, hits.size))
        decay = math.exp(-1.0 / (FINE * (0.06 if voice < 3 else rng.uniform(0.15, 0.6))))
        attack = math.exp(-1.0 / (FINE * 0.004))
        sounding = lfilter([1 - attack], [1, -attack], lfilter([1.0], [1, -decay], strikes))
        sounding *= np.exp(0.2 * wander(rng, n, FINE, 0.03)[0])  # no tone is smooth
        bands += rng.dirichlet(np.full(n_bands, 0.5))[:, None] * sounding**2
    bands *= np.exp(2 * 0.25 * wander(rng, n, FINE, 15.0)[0])  # louder and softer passages
    bands *= 0.1**2 / bands.sum(axis=0).mean()
    return _rows(np.sqrt(bands), start)


def _hits(rng, sixteenth, seconds, *, often):
    """Samples at which a voice sounds: a bar's pattern that changes a little from bar to bar."""
    accent = np.tile([1.0, 0.25, 0.55, 0.3], 4)
    pattern = rng.random(16) < often * accent
    times = []
    for bar in range(int(seconds / sixteenth / 16)):
        if bar % 8 == 0:
            pattern = rng.random(16) < often * accent
        played = pattern ^ (rng.random(16) < 0.06)
        times.append((bar * 16 + np.flatnonzero(played)) * sixteenth)
    when = np.concatenate(times)
    when = when + rng.normal(0.0, 0.008, when.size)
    hits = np.round(when * FINE).astype(int)
    return hits[(hits >= 0) & (hits < int(seconds * FINE))]


def _rows(bands, start):
    """Rows of `dsp.sound.stimulus` of envelopes in bands."""
    hop = FINE // RATE
    hann = np.hanning(3 * hop + 1)[:-1]
    seen = lfilter(hann / hann.sum(), [1.0], bands)[:, hop - 1 :: hop]
    power = (bands**2).sum(axis=0)
    rms = np.sqrt(power[: seen.shape[1] * hop].reshape(-1, hop).mean(axis=1))
    flux = np.maximum(np.diff(np.log1p(100 * seen), prepend=0.0), 0.0).mean(axis=0)
    rise = np.maximum(np.diff(np.log1p(100 * rms), prepend=0.0), 0.0)
    level = 20 * np.log10(np.maximum(rms, 1e-6))
    stamps = start + ((np.arange(rms.size) + 1) * hop - 1.5 * hop) / FINE
    values = np.stack([flux, rise, np.zeros(rms.size), level], axis=1)
    return values.astype(np.float32), stamps


def wander(rng, n, rate, tau, rows=1):
    """Stationary first-order processes of variance 1 and memory `tau` s [shape=(rows, n)]."""
    a = math.exp(-1.0 / (rate * tau))
    shocks = rng.standard_normal((rows, n)) * math.sqrt(1 - a**2)
    shocks[:, 0] /= math.sqrt(1 - a**2)
    return lfilter([1.0], [1.0, -a], shocks)


def pink(rng, n, rate, rows):
    """1/f above 0.2 Hz of about variance 1, of the same density at 4 Hz whatever the rate."""
    poles, zeros = (np.exp(-2 * math.pi * f * 4.0 ** np.arange(4) / rate) for f in (0.2, 0.4))
    top, bottom = np.poly(zeros), np.poly(poles)
    z = np.exp(2j * math.pi * 4.0 / rate)
    at_4_hz = abs(np.polyval(top, z) / np.polyval(bottom, z))
    before = int(4 * rate)  # until the filter has settled
    shaped = lfilter(top, bottom, rng.standard_normal((rows, before + n)))[:, before:]
    octaves = math.log(125 / 0.2)  # variance of 1/f over what an amplifier passes
    return shaped * math.sqrt(rate / (2 * 4.0 * octaves)) / at_4_hz


def place(site: str) -> np.ndarray:
    """Where a site is on a head of radius 1 (right, front, up)."""
    match = re.match(r"^([A-Za-z]+?)(z|\d+)$", site)
    if not match or match[1].upper() not in _ROWS:
        raise ValueError(f"{site!r} is no site of the 10-10 system.")
    row = match[1].upper()
    midline, azimuth = (math.radians(angle) for angle in _ROWS[row])
    middle = np.array([0.0, math.sin(midline), math.cos(midline)])
    if match[2].lower() == "z":
        return middle
    number = int(match[2])
    polar = math.radians({"A": 105, "M": 105}.get(row, 90 if number >= 9 else 72))
    side = -1.0 if number % 2 else 1.0
    outer = np.array([side * math.sin(azimuth), math.cos(azimuth), 0.0]) * math.sin(polar)
    outer[2] = math.cos(polar)
    steps = (number + 1) // 2 / 4 if row not in ("FP", "O", "A", "M") else 1.0
    share = min(steps, 1.0)  # 7 and 9 lie on the outermost ring
    angle = math.acos(float(np.clip(middle @ outer, -1, 1)))
    inner = math.sin((1 - share) * angle) * middle + math.sin(share * angle) * outer
    return inner / math.sin(angle)


def seen_at(person: Person, where: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Potential of dipoles [shape=(k, 3) each] at the sites against the reference."""

    def potential(sites: Sequence[str]) -> np.ndarray:
        away = np.array([place(one) for one in sites])[:, None] - where
        return (away * moment).sum(axis=2) / np.linalg.norm(away, axis=2) ** 3

    return potential(person.sites) - potential(person.reference).mean(axis=0)


def _frontal(sites: Sequence[str]) -> np.ndarray:
    """Share of the eyes' field: falls with the angle from Fpz (assumed: to 1/e in 40 degrees)."""
    angles = np.arccos([float(np.clip(place(s) @ place("Fpz"), -1, 1)) for s in sites])
    return np.exp(-((angles / 0.7) ** 2))


def _background(person: Person, rng, n, rate):
    head = np.random.default_rng([person.seed, 2])
    k = 32  # sources; assumed. As deep as one shell needs to smear like a skull (Ary et al. 1981)
    where = head.normal((0.0, 0.0, 0.5), 1.0, (k, 3))
    where *= head.uniform(0.3, 0.65, (k, 1)) / np.linalg.norm(where, axis=1, keepdims=True)
    moment = where / np.linalg.norm(where, axis=1, keepdims=True) + 0.5 * head.normal(size=(k, 3))
    mixing = seen_at(person, where, moment)
    mixing *= person.background_uv / math.sqrt((mixing**2).sum(axis=1).mean())
    sources = pink(rng, n, rate, k) * np.exp(0.25 * wander(rng, n, rate, 30.0, k))
    own = pink(rng, n, rate, len(person.sites))
    eeg = mixing @ sources + 0.25 * person.background_uv * own
    back = np.array([[x, -0.5, 0.2] for x in (-0.3, 0.0, 0.3)])
    occipital = seen_at(person, back, back + 0.3 * head.normal(size=back.shape))
    occipital *= person.alpha_uv / math.sqrt((occipital**2).sum(axis=1).mean())
    pole = np.exp((-1 / 0.3 + 2j * math.pi * head.normal(10.0, 0.7)) / rate)
    ring = lfilter([1.0], [1.0, -pole], rng.standard_normal((3, n)) + 0j).real
    bursts = np.maximum(wander(rng, n, rate, 1.0, 3) - 0.2, 0.0)
    alpha = occipital @ (bursts * ring / ring.std())
    return (eeg + alpha).T + rng.normal(0.0, 0.7 * math.sqrt(rate / 250), (n, len(person.sites)))


def _drive(values: np.ndarray, louder: float) -> np.ndarray:
    flux, rise = (np.log1p(values[:, i] / (values[:, i].mean() + 1e-9)) for i in (0, 1))
    drive = flux / (flux.std() + 1e-9) + 0.4 * rise / (rise.std() + 1e-9)  # shares assumed
    level = values[:, 3].astype(np.float64)
    return drive * 10 ** (louder * (level - np.median(level)) / 20)


def answer_of(person: Person, values, stamps, *, rng, louder=0.0):
    """Return the answer at size 1 as a function of LSL seconds [shape=(n_sites, n)]."""
    head = np.random.default_rng([person.seed, 3])
    where = np.array([[-0.45, 0.04, 0.2], [0.45, 0.04, 0.2]])
    moment = np.array([[0.1, 0.4, 0.9], [-0.1, 0.4, 0.9]]) * head.uniform(0.7, 1.3, (2, 1))
    field_of = seen_at(person, where, moment)
    lags = np.arange(int(0.6 * RATE)) / RATE
    drive = _drive(values, louder)
    heard = []
    waves = [(t * head.normal(1, 0.06), sd, a * head.normal(1, 0.2)) for t, sd, a in _WAVES]
    for _ in range(2):
        early = head.normal(0.0, 0.004)  # the two sides differ by some ms; assumed
        kernel = sum(a * np.exp(-0.5 * ((lags - t - early) / sd) ** 2) for t, sd, a in waves)
        heard.append(np.convolve(drive, kernel)[: drive.size])
    attention = np.exp(0.3 * wander(rng, drive.size, RATE, 60.0)[0])  # assumed
    attention /= math.sqrt(float(np.mean(attention**2)))
    evoked = field_of @ np.array(heard) * attention
    return CubicSpline(stamps, evoked / math.sqrt((field_of**2).sum()), axis=1)


@lru_cache(maxsize=64)
def size_of(person: Person) -> float:
    """Microvolt per unit of answer at which an offline ridge is expected to reach `person.r`.

    Backward ridge, lags 0-400 ms at 32 Hz, 1-8 Hz, penalty 0.1 of the mean eigenvalue, trained on
    600 s of which 15 samples a second are independent (reference text, 3.3 and 9). Noise and
    answer come from a recording of 240 s; chance plays no part in it.
    """
    if person.r == 0.0:
        return 0.0
    rng = np.random.default_rng([person.seed, 4])
    pieces = [music(80.0, seed=1000 * person.seed + k, start=80.0 * k) for k in range(3)]
    values, stamps = (np.concatenate(both) for both in zip(*pieces, strict=True))
    stamps = stamps[0] + np.arange(stamps.size) / RATE
    band = butter(4, (1.0, 8.0), "bandpass", fs=RATE, output="sos")
    signals = [
        _background(person, rng, stamps.size, RATE),
        answer_of(person, values, stamps, rng=rng)(stamps).T,
        values[:, :1],
    ]
    noise, answer, flux = (sosfiltfilt(band, one, axis=0)[::2] for one in signals)
    n_noise, n_answer = (_sums(one, flux[:, 0]) for one in (noise, answer))
    power = float(np.mean(flux**2))

    def r_at(size: float) -> float:
        cov, cross = n_noise[0] + size**2 * n_answer[0], size * n_answer[1]
        solved = np.linalg.inv(cov + 0.1 * np.trace(cov) / len(cov) * np.eye(len(cov)))
        w = solved @ cross
        learnt_wrong = np.trace(solved @ cov @ solved @ cov) * power / (15 * 600)
        return float(w @ cross / math.sqrt((w @ cov @ w + learnt_wrong) * power))

    low, high = 1e-4, 1e4
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if r_at(middle) < person.r else (low, middle)
    return math.sqrt(low * high)


def _sums(signal, flux):
    lags = range(14)
    rows = np.concatenate([signal[k : len(signal) - 14 + k] for k in lags], axis=1)
    return rows.T @ rows / len(rows), rows.T @ flux[: len(rows)] / len(rows)


def listen(
    person: Person,
    sound: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 0,
    delay: float | Callable[[np.ndarray], np.ndarray] = 0.0,
    louder: float = 0.0,
    leaks: Sequence[Leak] = (),
    trouble: Trouble = Trouble(),
) -> Listened:
    """One session of `person` with the rows and stamps `sound`.

    `delay` is that of the set-up, s, or a function of the seconds since the beginning; `louder`
    how the answer grows with level (1: as fast as the amplitude).
    """
    values, stamps = np.asarray(sound[0], dtype=np.float64), np.asarray(sound[1])
    rng = np.random.default_rng([person.seed, seed, 5])
    n = int((stamps[-1] - stamps[0]) * person.sfreq)
    times = stamps[0] + np.arange(n) / person.sfreq
    passed = times - times[0]
    late = delay(passed) if callable(delay) else np.full(n, delay)
    parts = {"background": _background(person, rng, n, person.sfreq)}
    if person.r:
        evoked = answer_of(person, values, stamps, rng=rng, louder=louder)
        parts["answer"] = size_of(person) * evoked(np.maximum(times - late, stamps[0])).T
    parts["leak"] = sum((_leaked(person, one, values, stamps, times) for one in leaks), 0.0)
    parts["trouble"] = _troubles(person, trouble, rng, values, stamps, passed)
    eeg = np.asarray(sum(parts.values()))
    for site, begins, ends in trouble.off:
        lost = (passed >= begins) & (passed < ends)
        hum = 60 * np.sin(2 * math.pi * 50 * passed + rng.uniform(0, 6))
        loose = 150 * wander(rng, n, person.sfreq, 0.2)[0] + rng.normal(0, 40, n) + hum
        eeg[lost, person.sites.index(site)] = loose[lost]
    return Listened(person, eeg, times, values.astype(np.float32), stamps, parts)


def _leaked(person, leak, values, stamps, times):
    column = {"flux": 0, "rise": 1, "layer": 2, "level": 3}[leak.of]
    shape, stamp = values[:, column], stamps
    if leak.of == "level":
        # The level is that of the newest hop, one hop after the window's centre.
        shape, stamp = 10 ** (shape / 20), stamps + 1 / RATE
    band = butter(4, (1.0, 8.0), "bandpass", fs=RATE, output="sos")
    shape = (shape - shape.mean()) / (sosfiltfilt(band, shape).std() + 1e-12)
    if leak.lowpass_hz is not None:
        a = math.exp(-2 * math.pi * leak.lowpass_hz / RATE)
        shape = lfilter([1 - a], [1, -a], shape)
        shape = shape / sosfiltfilt(band, shape).std()
    gains = np.random.default_rng([person.seed, 6]).uniform(0.6, 1.4, len(person.sites))
    gains /= math.sqrt(float(np.mean(gains**2)))
    at = np.clip(times - leak.delay_s, stamp[0], stamp[-1])
    return leak.uv * CubicSpline(stamp, shape)(at)[:, None] * gains


def _troubles(person, trouble, rng, values, stamps, passed):
    n, rate = passed.size, person.sfreq
    eyes = _frontal(person.sites)
    total = np.zeros((n, len(person.sites)))
    total += _lids(trouble, rng, values, stamps, passed)[:, None] * eyes
    if trouble.slow_uv:
        band = butter(2, (1.0, 3.5), "bandpass", fs=rate, output="sos")
        slow = sosfiltfilt(band, rng.standard_normal((n, 1 + eyes.size)), axis=0)
        slow /= slow.std(axis=0)
        total += trouble.slow_uv * (0.8 * slow[:, :1] + 0.6 * slow[:, 1:]) * eyes
    temples = np.array([np.exp(-3.0 * place(s)[2] ** 2) for s in person.sites])  # low on the head
    for begins in _moments(rng, trouble.muscle_per_min, passed[-1]):
        lasts = rng.uniform(0.5, 3.0)
        there = slice(*np.searchsorted(passed, (begins, begins + lasts)))
        since = passed[there, None] - begins
        tense = np.clip(since / 0.1, 0, 1) * np.clip((lasts - since) / 0.3, 0, 1)
        white = rng.standard_normal((tense.size, eyes.size))
        buzz = np.diff(white, axis=0, prepend=0.0) / math.sqrt(2)  # grows with frequency
        total[there] += trouble.muscle_uv * buzz * temples * tense
    if trouble.heart_uv:
        total += trouble.heart_uv * _heart(trouble, rng, passed)[:, None] * _neck(person)
    return total + trouble.mains_uv * np.sin(2 * math.pi * 50 * passed)[:, None]


def _moments(rng, per_min, until):
    return np.sort(rng.uniform(0.0, until, rng.poisson(per_min * until / 60)))


def _lids(trouble, rng, values, stamps, passed):
    """Blinks at Fpz: up in 0.1 s, down in 0.2 s, 60-160 microvolt (assumed, of usual size)."""
    moments = _moments(rng, trouble.blinks_per_min, passed[-1])
    if trouble.blinks_on_accents:  # the lid falls with the next strong onset
        flux = values[:, 0]
        strong = stamps[flux > np.quantile(flux, 0.97)] - stamps[0]
        after = np.searchsorted(strong, moments)
        moments = strong[np.minimum(after, strong.size - 1)] + rng.normal(0.1, 0.03, moments.size)
    lids = np.zeros(passed.size)
    for at in moments:
        there = slice(*np.searchsorted(passed, (at - 0.3, at + 0.6)))
        since = passed[there] - at
        lid = np.exp(-((since / np.where(since < 0, 0.05, 0.11)) ** 2))
        lids[there] = np.maximum(lids[there], rng.uniform(60.0, 160.0) * lid)
    return lids


def _heart(trouble, rng, passed):
    """R and T waves; beats differ by 4 % (assumed)."""
    period = 60.0 / trouble.heart_bpm
    beats = np.cumsum(period * rng.normal(1.0, 0.04, int(passed[-1] / period) + 2))
    since = passed - beats[np.maximum(np.searchsorted(beats, passed) - 1, 0)]
    wave = np.exp(-(((since - 0.05) / 0.012) ** 2)) + 0.25 * np.exp(-(((since - 0.3) / 0.05) ** 2))
    return np.asarray(wave)


def _neck(person):
    """The heart's field: from the right above to the left below (assumed)."""
    along = np.array([-0.7, 0.0, -0.7])
    reference = np.mean([place(one) @ along for one in person.reference])
    return np.array([place(one) @ along for one in person.sites]) - reference
