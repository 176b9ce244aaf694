"""Lines at the beat of what is heard are found and named; a brain and chance hardly ever are."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import BANDS, Strip, bandpass
from dsp.grid import RATE
from dsp.quality import CleanBlock
from dsp.spectra import beat_rate, line_share
from dsp.tracking.alignment import Aligned
from dsp.tracking.doubts.lines import (
    LINE_DB,
    LINE_SECONDS,
    SURE_DB,
    Lines,
    amplitudes,
    gain,
    over_floor,
)
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, Tracker, Tracking

CH = ("Fz", "Cz", "Pz")
START, SECONDS = 1000, 90
SFREQ = 128.0


def loop(seconds: int = SECONDS) -> np.ndarray:
    """Onsets at 120 a minute, every bar of 2 s the same."""
    bar = np.zeros(2 * RATE)
    bar[[0, 16, 32, 48, 64, 80, 96, 112]] = [1.2, 0.2, 0.6, 0.3, 1.0, 0.3, 0.5, 0.2]
    return np.tile(bar, seconds // 2)


def background(seed: int, seconds: int = SECONDS, electrodes: int = 3) -> np.ndarray:
    """1/f noise of 10 µV at 128 Hz."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SFREQ)
    hz = np.fft.rfftfreq(n, 1 / SFREQ)
    z = rng.standard_normal((hz.size, electrodes)) + 1j * rng.standard_normal((hz.size, electrodes))
    noise = np.fft.irfft(z / np.maximum(hz, 0.5)[:, None] ** 0.6, n, axis=0)
    return 10.0 * noise / noise.std()


def sine(hz: float, amplitude: float, seconds: int = SECONDS) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * SFREQ)) / SFREQ + 0.7)


def looks(
    eeg: np.ndarray, flux: np.ndarray, *, chunk: int = 128
) -> list[tuple[str, tuple[bool, ...], tuple[str, ...]]]:
    """What is said at each 5 s while data come in chunks."""
    aligned = Aligned(eeg.shape[1], sfreq=SFREQ, band=BANDS[0], reach=20)
    names = tuple(f"E{k}" for k in range(eeg.shape[1]))
    lines = Lines(aligned, names, band=BANDS[0])
    times = START + np.arange(len(eeg)) / SFREQ
    aligned.push_sound(
        np.stack([flux, np.zeros_like(flux)], axis=1), START + np.arange(flux.size) / RATE
    )
    out = []
    for first in range(0, len(eeg), chunk):
        aligned.push_eeg(eeg[first : first + chunk], times[first : first + chunk])
        for second, _, _ in aligned.seconds():
            if second % 5 == 0:
                said = lines.look(second)
                out.append((said, tuple(bool(c) for c in lines.carried), lines.sentences))
    return out


def track(eeg: np.ndarray, flux: np.ndarray) -> list[Tracking]:
    tracker = Tracker(ch_names=CH[: eeg.shape[1]], sfreq=SFREQ)
    rows = np.stack([flux, flux, np.zeros_like(flux)], axis=1)
    out = []
    for k in range(len(eeg) // 128):
        part = eeg[k * 128 : (k + 1) * 128].astype(np.float32)
        at = START + k + np.arange(128) / SFREQ
        tracker.push_eeg(CleanBlock(part, at, np.isfinite(part), ()))
        tracker.push_stimulus(rows[k * 64 : (k + 1) * 64], START + k + np.arange(64) / RATE)
        out.append(tracker.estimate(START + k + 1.0))
    return out


def test_a_line_at_the_beat_is_found_on_its_electrode_and_named_with_its_frequency() -> None:
    eeg = background(0)
    eeg[:, 1] += sine(4.0, 3.5)
    said, carried, sentences = looks(eeg, loop())[-1]
    assert carried == (False, True, False)
    # In a loop there is nothing beside the beat that would tell a tone from an answer.
    assert sentences == (
        "E1 carries a steady tone, or an answer to the beat, at 4.0 Hz: left out.",
    )
    assert said == ""


def test_a_strong_answer_to_a_loop_is_left_out_and_not_called_a_tone() -> None:
    answer = np.convolve(loop(), np.concatenate([np.zeros(8), -np.hanning(9), np.hanning(13)]))
    fine = np.interp(np.arange(SECONDS * 128) / 2, np.arange(SECONDS * RATE), answer[:-29])
    heard = looks(background(11) + 4.0 * (fine / fine.std())[:, None], loop())
    said = [sentence for one in heard for sentence in (one[0], *one[2]) if sentence]
    assert said
    assert not any("no brain makes" in one or "A steady tone has" in one for one in said)
    assert any("or an answer to the beat, at" in one for one in said)


def test_a_line_away_from_every_harmonic_of_the_beat_is_no_matter() -> None:
    eeg = background(0)
    eeg[:, 1] += sine(4.5, 3.5)
    assert not any(any(carried) for _, carried, _ in looks(eeg, loop()))


def test_a_weaker_line_counts_where_another_electrode_has_shown_it() -> None:
    alone, along = background(1), background(1)
    for eeg in (alone, along):
        eeg[:, 2] += sine(6.0, 1.2)
    along[:, 0] += sine(6.0, 4.0)
    assert not any(any(carried) for _, carried, _ in looks(alone, loop()))
    carried = looks(along, loop())[-1][1]
    assert carried[0]
    assert carried[2]
    assert 6.0 <= LINE_DB < SURE_DB


def test_a_new_line_is_doubt_until_nothing_of_it_is_left_in_what_is_judged() -> None:
    eeg = background(2)
    eeg[:, 0] += sine(6.0, 5.0)
    doubted = [bool(said) for said, _, _ in looks(eeg, loop())]
    first = doubted.index(True)
    assert doubted[first : first + 6] == [True] * 6
    assert not any(doubted[first + 6 :])


def test_a_line_that_goes_is_forgotten() -> None:
    eeg = background(3, 150)
    eeg[: 60 * 128, 0] += sine(6.0, 5.0, 60)
    found = looks(eeg, loop(150))
    assert any(carried[0] for _, carried, _ in found)
    assert not any(found[-1][1])


def test_with_lines_on_all_electrodes_nothing_can_be_told() -> None:
    eeg = background(4)
    for k, size in enumerate((3.5, 4.0, 4.5)):
        eeg[:, k] += np.roll(sine(4.0, size) + sine(6.0, size), 7 * k)
    last = track(eeg, loop())[-1]
    assert last.state == CANNOT_TELL
    assert not last.usable
    assert sum("carries a steady tone" in reason for reason in last.reasons) == 3


def test_the_rest_is_still_decoded_where_one_electrode_carries_a_line() -> None:
    rng = np.random.default_rng(5)
    flux = np.zeros(120 * RATE)
    at = np.arange(0, 119, 0.25) + rng.normal(0, 0.02, 476)
    flux[(np.abs(at) * RATE).astype(int)] = rng.uniform(0.3, 1.0, at.size)
    answer = np.convolve(flux, np.concatenate([np.zeros(8), -np.hanning(9), np.hanning(13)]))
    fine = np.interp(np.arange(120 * 128) / 2, np.arange(flux.size), answer[: flux.size])
    eeg = background(6, 120) + 1.5 * (fine / fine.std())[:, None]
    eeg[:, 0] += sine(6.0, 8.0, 120)
    last = track(eeg, flux)[-1]
    assert last.state == FOLLOWING
    named = [reason for reason in last.reasons if "steady tone" in reason]
    assert named == ["Fz carries a steady tone at 6.0 Hz, which no brain makes."]


def test_unrelated_eeg_is_not_said_to_carry_lines() -> None:
    for seed in range(6):
        eeg = background(20 + seed, 150, electrodes=16)
        assert not any(any(carried) for _, carried, _ in looks(eeg, loop(150)))


def test_a_strong_answer_at_all_electrodes_of_a_dense_net_is_no_line_and_a_line_still_is() -> None:
    gain = np.random.default_rng(1).uniform(0.4, 1.0, 64)
    answered = background(50, 100, electrodes=64)
    answered += (sine(2.0, 1.5, 100) + sine(4.0, 1.5, 100))[:, None] * gain
    assert not any(any(carried) for _, carried, _ in looks(answered, loop(100)))
    answered[:, 7] += sine(6.0, 5.0, 100)
    carried = looks(answered, loop(100))[-1][1]
    assert carried[7]
    assert sum(carried) <= 3  # another may stand 8.3 dB over its floor by chance


def test_masked_samples_do_not_look_like_lines() -> None:
    eeg = background(7)
    eeg[:: 2 * 128] = np.nan
    for first in range(0, len(eeg), 256):
        eeg[first : first + 60] = np.nan
    assert not any(any(carried) for _, carried, _ in looks(eeg, loop()))


def test_without_sound_or_with_little_eeg_nothing_is_looked_for() -> None:
    eeg = background(8) + sine(4.0, 3.0)[:, None]
    assert not any(any(carried) for _, carried, _ in looks(eeg, np.zeros(SECONDS * RATE)))
    early = looks(eeg, loop())[:3]
    assert not any(any(carried) for _, carried, _ in early)
    assert LINE_SECONDS == 60


def test_beat_rate_takes_what_was_not_heard_for_nothing() -> None:
    flux = loop()
    flux[1000:1400] = np.nan
    assert beat_rate(flux) in (pytest.approx(2.0, abs=0.02), pytest.approx(4.0, abs=0.02))
    assert beat_rate(np.full(60 * RATE, np.nan)) == 0.0
    assert beat_rate(np.ones(60 * RATE)) == 0.0
    assert beat_rate(flux[: 15 * RATE]) == 0.0


@settings(max_examples=8, deadline=None)
@given(st.integers(3, 900))
def test_the_cut_into_chunks_does_not_matter(chunk: int) -> None:
    eeg = background(9, 60)
    eeg[:, 1] += sine(4.0, 4.0, 60)
    assert looks(eeg, loop(60), chunk=chunk) == looks(eeg, loop(60), chunk=6000)


def unequal(seed: int, seconds: int = SECONDS) -> np.ndarray:
    """Onsets at 120 a minute and between them, of unequal size, as in music."""
    rng = np.random.default_rng(seed)
    flux = np.zeros(seconds * RATE)
    flux[::16] = rng.choice([0.0, 0.3, 0.6], flux[::16].size)
    flux[::32] = rng.uniform(0.4, 1.6, flux[::32].size)
    return flux


def answer(flux: np.ndarray, microvolts: float) -> np.ndarray:
    """N1 and P2 to each onset, so large from peak to peak for an ordinary one."""
    t = np.arange(32) / RATE
    wave = np.exp(-0.5 * ((t - 0.19) / 0.04) ** 2) - np.exp(-0.5 * ((t - 0.1) / 0.022) ** 2)
    heard = np.convolve(flux, microvolts * wave / np.ptp(wave))[: flux.size]
    at = np.arange(int(flux.size / RATE * SFREQ)) / SFREQ
    return np.asarray(np.interp(at, np.arange(flux.size) / RATE, heard))


def test_a_strong_answer_is_no_tone_and_a_tone_beside_it_is_one() -> None:
    """Half of an electrode is answer (r over 0.4): its lines at the beat are over 2 µV.

    The first looks, while the gain beside the lines is not known, may still be wrong.
    """
    alone, beside = [], []
    for seed in range(4):
        flux, eeg = unequal(seed), background(seed)
        eeg[:, 1] += answer(flux, 25.0)
        alone += [carried for _, carried, _ in looks(eeg, flux)]
        eeg[:, 2] += sine(4.0, 4.5)
        beside += [carried for _, carried, _ in looks(eeg, flux)][-4:]
    assert np.mean(np.array(alone)[:, 1]) < 0.2
    assert np.all(np.array(beside)[:, 2])
    assert np.mean(np.array(beside)[:, 1]) < 0.2


# ---- each measure written out, each bound by itself

CHANCE = np.sqrt(np.log(2.0))  # of a periodogram, median over mean


def on_grid(eeg: np.ndarray, flux: np.ndarray, names: int = 0) -> Lines:
    """At second 1000 + the length of what has come, with sound as it was heard."""
    n, count = eeg.shape
    strip, feature = Strip(count, keep=n), Strip(2, keep=n)
    strip.write(START * RATE, eeg)
    feature.write(START * RATE, np.stack([flux, np.zeros(n)], axis=1))

    def heard(until: int, seconds: int) -> np.ndarray:
        return feature.read((until - seconds) * RATE, until * RATE)

    aligned = SimpleNamespace(eeg=strip, feature=feature, heard=heard)
    return Lines(aligned, [f"E{k}" for k in range(names or count)], band=BANDS[0])  # type: ignore[arg-type]


def tone(hz: float, seconds: int = 60) -> np.ndarray:
    return np.sin(2.0 * np.pi * hz * np.arange(seconds * RATE) / RATE + 0.4)


def white(seed: int, electrodes: int, seconds: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((seconds * RATE, electrodes))


def test_amplitudes_are_those_before_the_filter_where_it_lets_anything_through() -> None:
    signal = white(1, 2, 20) + tone(3.3, 20)[:, None] * [5.0, 0.0]
    signal[300:500, 1] = np.nan
    hz, size = amplitudes(signal, band=(1.0, 8.0))
    n = len(signal)
    assert hz == pytest.approx(np.arange(n + 1) * RATE / (2.0 * n))
    taps, t = bandpass(1.0, 8.0), np.arange(n) / RATE
    for k in (20, 40, 132, 300, 330, 500):
        turn = np.exp(-2j * np.pi * hz[k] * t)
        passed = abs(np.sum(taps * np.exp(-2j * np.pi * hz[k] * np.arange(taps.size) / RATE)))
        for c, count in ((0, n), (1, n - 200)):
            by_hand = 2.0 * abs(np.nan_to_num(signal[:, c]) @ turn) / count / passed
            assert size[k, c] == pytest.approx(by_hand if passed > 0.1 else 0.0)
    gains = np.abs(np.fft.rfft(taps, 2 * n))
    np.testing.assert_array_equal(size[:, 0] > 0.0, gains > 0.1)


def test_the_floor_is_the_mean_power_beside_a_line_by_its_median() -> None:
    hz = np.arange(801) / 100.0
    size = np.random.default_rng(2).rayleigh(1.0, (801, 2))
    size[430] = 0.0  # what the filter keeps out
    beside = (np.abs(hz - 4.0) > 0.1) & (np.abs(hz - 4.0) <= 0.6) & (np.arange(801) != 430)
    top = np.array([5.0, 2.0])
    floor = np.median(size[beside] ** 2, axis=0) / np.log(2.0)
    assert over_floor(hz, size, 4.0, top) == pytest.approx(20.0 * np.log10(top / np.sqrt(floor)))
    assert over_floor(hz, np.zeros_like(size), 4.0, top).tolist() == [0.0, 0.0]


def test_the_gain_beside_a_line_is_written_out() -> None:
    rng = np.random.default_rng(3)
    sound = rng.standard_normal((40 * RATE, 1))
    eeg = 2.0 * np.roll(sound, 10, axis=0) + white(4, 2, 40) * [2.0, 40.0]
    eeg[:, 1] -= 2.0 * np.roll(sound, 10, axis=0)[:, 0]
    eeg[100:130, 0] = np.nan
    hz = np.fft.rfftfreq(len(eeg), 1.0 / RATE)
    s, e = (np.fft.rfft(np.nan_to_num(x), axis=0) for x in (sound, eeg))
    largest, least = np.zeros(2), np.full(2, np.inf)
    for line in (2.0, 3.0, 5.0):
        near = (np.abs(hz - line) > 0.1) & (np.abs(hz - line) <= 0.6)
        power = np.sum(np.abs(s[near]) ** 2)
        turned = np.exp(2j * np.pi * hz[near, None] * 0.15)
        common = np.abs(np.sum(s[near].conj() * e[near] * turned, axis=0))
        chance = 7.0 * power * np.mean(np.abs(e[near]) ** 2, axis=0)
        largest = np.maximum(largest, np.where(common**2 > chance, common / power, 0.0))
        least = np.minimum(least, np.sqrt(chance) / power)
    found = gain(eeg, sound, [2.0, 3.0, 5.0])
    assert found[0] == pytest.approx(largest)
    assert found[1] == pytest.approx(least)
    assert largest[0] > 1.0
    assert largest[1] == 0.0
    assert gain(eeg, sound, [40.0])[0].tolist() == [0.0, 0.0]


def test_a_tone_that_is_over_half_of_the_power_is_one_whatever_is_heard() -> None:
    sizes = np.linspace(0.2, 1.2, 12)
    rest = np.stack([np.convolve(x, bandpass(1.0, 8.0), mode="same") for x in white(5, 12).T], 1)
    eeg = rest + tone(5.3)[:, None] * sizes
    share, _ = line_share(eeg[28 * RATE :], sfreq=RATE, low=1.0, high=9.0)
    lines = on_grid(eeg, np.zeros(len(eeg)))
    said = lines.look(START + 60)
    np.testing.assert_array_equal(lines.carried, share > 0.5)
    assert any((share > 0.4) & (share < 0.5))
    assert any((share > 0.5) & (share < 0.625))
    assert said == "A steady tone has come into the EEG, and is being left out."
    assert all("at 5.3 Hz" in sentence for sentence in lines.sentences)
    assert [bool(lines.look(START + second)) for second in (65, 89, 90)] == [True, True, False]


@pytest.mark.parametrize(("valid", "carried"), [(0.26, True), (0.24, False)])
def test_a_quarter_must_have_been_seen_of_it(valid: float, carried: bool) -> None:
    eeg = tone(5.0)[:, None] * [1.0, 1.0]
    eeg[: 60 * RATE - int(valid * 32 * RATE), 0] = np.nan
    lines = on_grid(eeg, np.zeros(len(eeg)))
    lines.look(START + 60)
    assert lines.carried.tolist() == [carried, True]


def beat(seconds: int = 60) -> np.ndarray:
    """Every half second, no two alike: half of the strongest rhythm is 1 Hz."""
    flux = np.zeros(seconds * RATE)
    flux[::32] = np.random.default_rng(6).uniform(0.9, 1.1, flux[::32].size)
    return flux


@pytest.mark.parametrize(("electrodes", "noise"), [(4, 1.0), (4, 24.0), (24, 1.0), (24, 24.0)])
def test_a_line_at_the_beat_is_larger_than_a_cortex_and_stands_out(
    electrodes: int, noise: float
) -> None:
    """Either bound decides: in little noise that of the cortex, in much that of the floor."""
    rest = white(7, electrodes)
    rest = noise * np.stack([np.convolve(x, bandpass(1.0, 8.0), mode="same") for x in rest.T], 1)
    rest[:, 1] += 6.0 * (tone(4.5) + tone(3.3))  # or one tone would be most of the power
    decided = set()
    for hz in (2.0, 6.0):
        for size in np.linspace(0.7, 2.1, 7) * (2.2 if noise < 2.0 else 3.2):
            eeg = rest.copy()
            eeg[:, 1] += size * tone(hz)
            bins, found = amplitudes(eeg, band=(1.0, 8.0))
            near = np.flatnonzero(np.abs(bins - hz) <= 0.1)
            top = found[near].max(axis=0)
            over = over_floor(bins, found, hz, top)
            many = np.log(electrodes / 4.0)
            sure = (top >= 2.2 + np.sqrt(many) * top / 10 ** (over / 20)) & (over >= 12.0)
            lines = on_grid(eeg, beat())
            lines.look(START + 60)
            named = [s for s in lines.sentences if s.startswith("E1 ")]
            assert lines.carried[1] == sure[1]
            decided.add(bool(sure[1]))
            assert not named or f"at {hz:.1f} Hz" in named[0]
            if not sure.any():
                assert not lines.carried.any()
    assert decided == {True, False}


def test_along_with_another_a_line_counts_from_six_decibels_on() -> None:
    rest = np.stack([np.convolve(x, bandpass(1.0, 8.0), mode="same") for x in white(8, 12).T], 1)
    eeg = 4.0 * rest
    eeg[:, 0] += 9.0 * tone(4.0)
    eeg[:, 1:] += tone(4.0)[:, None] * np.linspace(0.0, 1.6, 11)
    bins, found = amplitudes(eeg, band=(1.0, 8.0))
    top = found[np.abs(bins - 4.0) <= 0.02].max(axis=0)
    over = over_floor(bins, found, 4.0, top)
    lines = on_grid(eeg, beat())
    lines.look(START + 60)
    least = 10.0 * np.log10(10.0**0.6 + np.log(12 / 4))
    np.testing.assert_array_equal(lines.carried, over >= least)
    assert all("at 4.0 Hz" in sentence for sentence in lines.sentences)
    assert any((over > 0.8 * least) & (over < least))
    assert any((over > least) & (over < 1.25 * least))


@pytest.mark.parametrize(
    ("seconds", "seen", "found"),
    [(20, 1.0, True), (19, 1.0, False), (60, 0.41, True), (60, 0.39, False)],
)
def test_twenty_seconds_and_two_fifths_of_them_must_be_there(
    seconds: int, seen: float, found: bool
) -> None:
    eeg = white(9, 2, seconds) + 20.0 * tone(4.0, seconds)[:, None] * [1.0, 0.0]
    eeg[:, 0] += 14.0 * tone(6.37, seconds) + 14.0 * tone(1.61, seconds)  # no single tone
    eeg[int(seen * len(eeg)) :, 0] = np.nan
    n = 60 * RATE
    flux = beat()
    lines = on_grid(eeg, flux[n - len(eeg) :])
    lines._aligned.heard = lambda until, seconds: np.stack([flux, flux], axis=1)  # type: ignore[method-assign]
    lines.look(START + seconds)
    assert lines.carried[0] == found


@pytest.mark.parametrize(("hz", "found"), [(6.4, True), (7.2, False)])
def test_lines_are_looked_for_up_to_the_eighth_of_half_the_strongest_rhythm(
    monkeypatch: pytest.MonkeyPatch, hz: float, found: bool
) -> None:
    eeg = white(10, 2) + 9.0 * (tone(hz) + tone(3.65) + tone(2.05))[:, None] * [1.0, 0.0]
    monkeypatch.setattr("dsp.tracking.doubts.lines.beat_rate", lambda heard: 1.6)
    lines = on_grid(eeg, np.zeros(len(eeg)))
    lines.look(START + 60)
    assert lines.carried.tolist() == [found, False]
