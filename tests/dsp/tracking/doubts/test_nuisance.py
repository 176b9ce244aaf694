"""Eyes, muscles and movements that tell as much of the sound as the EEG are found out."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.quality import Guard
from dsp.tracking.doubts.nuisance import EYES, Nuisance
from dsp.tracking.evidence import UPPER, Evidence
from dsp.tracking.nulls import Nulls
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, Decoder
from tests.doubles.answering import CH, SECONDS, SFREQ, START, answer, noise, onsets, said, wave


@pytest.mark.parametrize("known", [False, True])
def test_a_brain_that_answers_raises_no_doubt(decoder: Decoder, known: bool) -> None:
    flux = onsets(3)
    states = said(flux, noise(4) + 2.0 * answer(flux), decoder=decoder if known else None)
    assert states[-1].state == FOLLOWING
    sentences = {r for s in states for r in s.reasons}
    assert not any("at once" in r or "electrically" in r or "Eyes" in r for r in sentences)


def test_eyes_that_tell_as_much_as_the_eeg_are_cannot_tell() -> None:
    """What the electrodes see of the eyes comes with the sound, and the eye channel knows it."""
    flux = onsets(7)
    eyes = np.zeros((SECONDS * int(SFREQ), 3))
    eyes[:, 0] = np.clip(wave(flux, delay=0.2)[:, 1], 0.0, None)
    eeg = noise(8) + 3.0 * wave(flux, delay=0.2)
    assert said(flux, eeg)[-1].state == FOLLOWING
    last = said(flux, eeg, nuisance=eyes)[-1]
    assert last.state == CANNOT_TELL
    assert np.isnan(last.r)
    assert last.reasons == ("Eyes, muscles or movements tell as much of the sound as EEG.",)


def test_eyes_that_move_by_themselves_take_nothing_away() -> None:
    flux = onsets(3)
    rng = np.random.default_rng(9)
    eyes = rng.standard_normal((SECONDS * int(SFREQ), 3)) ** 3
    eeg = noise(4) + 2.0 * answer(flux)
    states = [s.state for s in said(flux, eeg, nuisance=eyes)]
    assert states == [s.state for s in said(flux, eeg)]


def test_nuisance_signals_see_blinks_and_muscles_and_not_ordinary_eeg() -> None:
    rng = np.random.default_rng(10)
    n = 256
    quiet = 5.0 * rng.standard_normal((30 * n, 2))
    blinking = quiet.copy()
    blinking[20 * n : 20 * n + 80, 0] += 150.0 * np.hanning(80)
    tense = quiet.copy()
    tense[25 * n : 26 * n] += 60.0 * np.sin(2 * np.pi * 37.0 * np.arange(n) / n)[:, None]
    times = START + np.arange(30 * n) / n
    found = {}
    for name, eeg in (("quiet", quiet), ("blinking", blinking), ("tense", tense)):
        block = Guard(ch_names=("Fp1", "T7"), sfreq=float(n)).push(eeg, times)
        assert block is not None
        assert block.nuisance is not None
        found[name] = block.nuisance
    assert np.abs(found["quiet"][:, :2]).max() == 0.0
    blink = np.argmax(np.abs(found["blinking"][:, 0]))
    assert abs(blink - 20 * n - 40) < 25
    assert found["blinking"][blink, 0] > 0.5
    rise = found["tense"] - found["quiet"]
    assert rise[25 * n + 40 : 26 * n - 40, 2].min() > 1.0
    assert abs(rise[: 24 * n, 2]).max() < 0.2


def test_nuisance_signals_do_not_depend_on_chunks() -> None:
    rng = np.random.default_rng(11)
    eeg = 20.0 * rng.standard_normal((2560, 3))
    times = START + np.arange(2560) / 256
    whole = Guard(ch_names=CH, sfreq=256.0).push(eeg, times)
    guard, parts = Guard(ch_names=CH, sfreq=256.0), []
    for a in range(0, 2560, 100):
        block = guard.push(eeg[a : a + 100], times[a : a + 100])
        if block is not None:
            assert block.nuisance is not None
            parts.append(block.nuisance)
    assert whole is not None
    np.testing.assert_array_equal(np.concatenate(parts), whole.nuisance)


# ---- written out


START_S = 700


def prepared(feature: np.ndarray, ys: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """What is compared, in units of its size, from the first second that was heard."""
    ok = np.isfinite(np.stack([feature, *ys])).all(axis=0)
    first = int(np.flatnonzero(np.isfinite(feature))[0])
    whole = np.nan_to_num(feature)
    whole /= np.sqrt(np.sum(whole[ok] ** 2))
    out = []
    for y in ys:
        centred = np.where(ok, y - y[ok].mean(), 0.0)
        out.append((centred / np.sqrt(np.sum(centred**2)))[first:])
    return whole[first:], out


@pytest.mark.parametrize(
    ("eyes", "brain"), [(0.5, 0.1), (0.5, 0.5), (0.5, 0.9), (0.3, 0.6), (0.0, 0.0), (0.2, 0.2)]
)
def test_what_is_said_of_the_eyes_is_written_out(eyes: float, brain: float) -> None:
    rng = np.random.default_rng(1)
    n = 150 * RATE
    feature = np.convolve(rng.standard_normal(n + 8), np.hanning(9), mode="valid")
    feature[: 12 * RATE] = np.nan
    seen = {}
    for name, r in (("own", eyes), ("main", brain)):
        rest = np.convolve(rng.standard_normal(n + 8), np.hanning(9), mode="valid")
        seen[name] = 3.0 * (r * np.nan_to_num(feature) + np.sqrt(1.0 - r * r) * rest) + 0.5
        seen[name][: 20 * RATE] = np.nan
    seen["own"][40 * RATE : 43 * RATE] = np.nan  # two fifths of a block are left
    seen["own"][50 * RATE : 53 * RATE + 1] = np.nan  # and less
    seen["main"][60 * RATE : 70 * RATE] = np.nan
    heard, main = Strip(2, keep=n), SimpleNamespace(rebuilt=Strip(1, keep=n))
    heard.write(START_S * RATE, np.stack([feature, feature], axis=1))
    main.rebuilt.write(START_S * RATE, seen["main"][:, None])
    nulls = Nulls(seed=3)
    nuisance = Nuisance(
        SimpleNamespace(feature=heard), main, sfreq=128.0, band=(1.0, 8.0), nulls=nulls  # type: ignore[arg-type]
    )  # fmt: skip
    nuisance.rebuilders[0].rebuilt.write(START_S * RATE, seen["own"][:, None])
    evidence, said = Evidence(), []
    for end in range(5, 151, 5):
        span = slice(max(end - 60, 0) * RATE, end * RATE)
        f, own, both = feature[span], seen["own"][span], seen["main"][span]
        null = None
        if np.count_nonzero(np.isfinite(f) & np.isfinite(own)) >= 5 * RATE:
            whole, (y,) = prepared(f, [own])
            part = y.copy()
            part[: -5 * RATE] = 0.0
            there = part != 0.0
            if np.count_nonzero(there) >= 2 * RATE:
                part[there] -= part[there].mean()
                null = nulls.judge(part, whole, whole)
        if null is None:
            evidence.fade()
        else:
            evidence.add(null.z)
        expected = False
        known = np.isfinite(f) & np.isfinite(own) & np.isfinite(both)
        if evidence.ever and evidence.now >= UPPER and known.sum() >= 5 * RATE:
            whole, (y, better) = prepared(f, [own, both])
            told = nulls.judge(y, whole, whole)
            assert told is not None
            lead = (better - y) @ whole
            expected = told.p <= 0.05 and lead <= 2.0 * np.sqrt(2.0) * told.sd
        words = nuisance.look(START_S + end)
        said.append(bool(words))
        assert said[-1] == expected, end
        assert words in ("", EYES)
    assert any(said) == (eyes > 0.0)
