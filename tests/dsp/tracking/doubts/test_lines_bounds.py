"""Lines at the beat: each measure written out, and each bound by itself."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import BANDS, Strip, bandpass
from dsp.grid import RATE
from dsp.spectra import line_share
from dsp.tracking.doubts.lines import CORTEX, Lines, amplitudes, gain, over_floor

START = 1000

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
    # An electrode that is silent, or at that line: a millionth of a microvolt is taken for it.
    silent = over_floor(hz, size, 4.0, np.array([0.0, 2.0]))
    assert silent[0] == pytest.approx(-120.0 - 10.0 * np.log10(floor[0]))
    size[:, 1] = 0.0
    assert over_floor(hz, size, 4.0, top)[1] == pytest.approx(120.0 + 20.0 * np.log10(2.0))


def test_the_gain_beside_a_line_is_written_out() -> None:
    rng = np.random.default_rng(3)
    sound = rng.standard_normal((40 * RATE, 1))
    eeg = 2.0 * np.roll(sound, 10, axis=0) + white(4, 3, 40) * [2.0, 40.0, 0.0]
    eeg[:, 1] -= 2.0 * np.roll(sound, 10, axis=0)[:, 0]
    eeg[:, 2] = 0.0
    eeg[100:130, 0] = np.nan
    hz = np.fft.rfftfreq(len(eeg), 1.0 / RATE)
    s, e = (np.fft.rfft(np.nan_to_num(x), axis=0) for x in (sound, eeg))
    largest, least = np.zeros(3), np.full(3, np.inf)
    for line in (2.0, 3.0, 5.0):
        near = (np.abs(hz - line) > 0.1) & (np.abs(hz - line) <= 0.6)
        power = np.sum(np.abs(s[near]) ** 2)
        turned = np.exp(2j * np.pi * hz[near, None] * 0.15)
        common = np.abs(np.sum(s[near].conj() * e[near] * turned, axis=0))
        chance = 7.0 * power * np.maximum(np.mean(np.abs(e[near]) ** 2, axis=0), 1e-30)
        largest = np.maximum(largest, np.where(common**2 > chance, common / power, 0.0))
        least = np.minimum(least, np.sqrt(chance) / power)
    found = gain(eeg, sound, [2.0, 3.0, 5.0])
    assert found[0] == pytest.approx(largest)
    assert found[1] == pytest.approx(least, rel=1e-6, abs=0.0)
    assert largest[0] > 1.0
    assert largest[1] == 0.0
    assert gain(eeg, sound, [40.0])[0].tolist() == [0.0, 0.0, 0.0]


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


@pytest.mark.parametrize(("valid", "carried"), [(0.26, True), (0.25, False)])
def test_more_than_a_quarter_must_have_been_seen_of_it(valid: float, carried: bool) -> None:
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


@pytest.mark.parametrize(
    ("hz", "carried"), [(0.90625, False), (1.125, True), (8.75, True), (9.5, False)]
)
def test_a_tone_counts_by_itself_from_one_to_nine_hertz(hz: float, carried: bool) -> None:
    eeg = tone(hz)[:, None] * [2.0, 0.0] + white(13, 2)
    lines = on_grid(eeg, np.zeros(len(eeg)))
    lines.look(START + 60)
    assert lines.carried.tolist() == [carried, False]


def test_it_is_looked_for_in_the_newest_32_seconds() -> None:
    eeg = tone(5.0)[:, None] * [1.0, 1.0]
    eeg[27 * RATE : 28 * RATE, 0] += 1e5 * white(15, 1, 1)[:, 0]  # over
    eeg[28 * RATE : 29 * RATE, 1] += 1e5 * white(15, 1, 1)[:, 0]
    lines = on_grid(eeg, np.zeros(len(eeg)))
    lines.look(START + 60)
    assert lines.carried.tolist() == [True, False]


def found_at(lines: Lines, **found: list[bool]) -> str:
    """What is said where the two looks find this on each electrode, at 5 and at 4 Hz."""
    tones, sure, along, either = (np.array(found[k]) for k in ("tones", "sure", "along", "either"))
    hz = np.full(tones.size, 4.0)
    lines._strong = lambda second: (tones, hz + 1.0)  # type: ignore[method-assign]
    lines._at_the_beat = lambda second: (sure, sure | along, hz, either)  # type: ignore[method-assign]
    return lines.look(START)


def test_a_tone_that_is_certain_is_called_one_and_what_may_be_an_answer_is_not() -> None:
    yes, no = True, False
    lines = on_grid(np.zeros((RATE, 5)), np.zeros(RATE))
    kinds = {"tones": [yes, no, no, yes, no], "sure": [no, yes, yes, yes, no]}
    found_at(lines, **kinds, along=[no, no, no, no, yes], either=[no, no, yes, yes, yes])
    assert lines.sentences == (
        "E0 carries a steady tone at 5.0 Hz, which no brain makes.",
        "E1 carries a steady tone at 4.0 Hz, which no brain makes.",
        "E2 carries a steady tone, or an answer to the beat, at 4.0 Hz: left out.",
        "E3 carries a steady tone at 5.0 Hz, which no brain makes.",
        "E4 carries a steady tone, or an answer to the beat, at 4.0 Hz: left out.",
    )


@pytest.mark.parametrize(
    ("tones", "sure", "either", "said"),
    [
        (True, False, False, "A steady tone has"),
        (False, True, False, "A steady tone has"),
        (False, True, True, "A tone or a steady answer has"),
        (True, True, True, "A steady tone has"),
        (False, False, True, ""),  # along with another: not for itself
    ],
)
def test_what_has_come_is_said_once_for_half_a_minute(
    tones: bool, sure: bool, either: bool, said: str
) -> None:
    lines = on_grid(np.zeros((RATE, 1)), np.zeros(RATE))
    told = found_at(lines, tones=[tones], sure=[sure], along=[True], either=[either])
    assert told == (said and f"{said} come into the EEG, and is being left out.")


def with_gain(
    monkeypatch: pytest.MonkeyPatch, eeg: np.ndarray, found: np.ndarray, least: np.ndarray
) -> Lines:
    """Looked at with a sound that is a tone of 4 Hz and size 1, followed at these gains."""
    monkeypatch.setattr("dsp.tracking.doubts.lines.gain", lambda *_: (found, least))
    monkeypatch.setattr("dsp.tracking.doubts.lines.beat_rate", lambda heard: 2.0)
    lines = on_grid(eeg, tone(4.0, len(eeg) // RATE))
    lines.look(START + len(eeg) // RATE)
    return lines


def test_a_line_is_none_up_to_twice_the_answer_and_may_be_one_up_to_twice_what_would_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eeg = (5.0 * tone(4.0) + 5.0 * tone(6.37) + 5.0 * tone(1.61))[:, None] * [
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        0.0,
    ]
    found = np.array([2.4, 2.6, 0.0, 0.0, 2.4, 0.0])
    least = np.array([0.0, 0.0, 2.4, 2.6, 2.3, 0.0])
    lines = with_gain(monkeypatch, eeg, found, least)
    assert lines.carried.tolist() == [True, False, True, True, True, False]
    assert ["or an answer" in said for said in lines.sentences] == [False, False, True, False]


def test_so_is_a_weaker_line_along_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = np.stack([np.convolve(x, bandpass(1.0, 8.0), mode="same") for x in white(8, 6).T], 1)
    eeg = 4.0 * rest + tone(4.0)[:, None] * [9.0, 1.2, 1.2, 1.2, 1.2, 0.0]
    bins, size = amplitudes(eeg, band=(1.0, 8.0))
    top = size[np.abs(bins - 4.0) <= 0.02].max(axis=0)
    assert top[1:].max() < CORTEX
    half = top / 2.0 * [0.0, 0.95, 1.05, 0.0, 0.0, 0.0]
    would = top / 2.0 * [0.0, 0.0, 0.0, 0.95, 1.05, 0.0]
    lines = with_gain(monkeypatch, eeg, half, would)
    assert lines.carried.tolist() == [True, True, False, True, True, False]
    assert ["or an answer" in said for said in lines.sentences] == [False, False, False, True]


def test_a_known_line_counts_while_it_is_at_the_beat_though_it_gets_weaker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lines of 4 and 6 Hz; both are at 1 Hz times a number, only the latter at 1.5 Hz."""
    rest = np.stack([np.convolve(x, bandpass(1.0, 8.0), mode="same") for x in white(14, 4).T], 1)
    first = tone(4.0)[:, None] * [9.0, 1.3, 1.3, 0.0] + tone(6.0)[:, None] * [0.0, 9.0, 0.0, 1.3]
    later = tone(4.0)[:, None] * [1.3, 1.3, 1.3, 0.0] + tone(6.0)[:, None] * [0.0, 9.0, 0.0, 1.3]
    eeg = np.concatenate([first, later]) + 4.0 * np.concatenate([rest, rest])
    rate = {"hz": 2.0}
    monkeypatch.setattr("dsp.tracking.doubts.lines.beat_rate", lambda heard: rate["hz"])
    lines = on_grid(eeg, np.zeros(len(eeg)))
    lines.look(START + 60)
    assert lines.carried.tolist() == [True, True, True, True]
    named = [sentence.split(" Hz")[0][-3:] for sentence in lines.sentences]
    assert named == ["4.0", "6.0", "4.0", "6.0"]  # that by which it was found, not one along
    lines.look(START + 120)
    assert lines.carried.tolist() == [True, True, True, True]
    alone = on_grid(eeg[60 * RATE :], np.zeros(60 * RATE))
    alone.look(START + 60)
    assert alone.carried.tolist() == [False, True, False, True]  # nothing shows that at 4 Hz
    rate["hz"] = 3.0
    lines.look(START + 120)
    assert lines.carried.tolist() == [False, True, False, True]
    rate["hz"] = 2.0
    lines.look(START + 120)
    assert lines.carried.tolist() == [False, True, False, True]
