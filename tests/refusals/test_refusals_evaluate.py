"""What the evaluation refuses of files made elsewhere, and what it takes from them."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.commands.command_line import main
from app.lab.evaluate_tracking import evaluate_tracking
from app.lab.recordings import envelope_rows, file_stimulus, open_recording
from devices.formats.npz import read_npz
from dsp.checks import InputError
from dsp.tracking.decoder import MAX_ELECTRODES

FS = 128
SECONDS = 16
N = FS * SECONDS
STAMPS = np.arange(N) / FS
NOISE = np.random.default_rng(1).standard_normal((N, 3))


def save(path: Path, **arrays: object) -> Path:
    rng = np.random.default_rng(0)
    whole = {
        "eeg": (8.0 * rng.standard_normal((N, 3))).astype(np.float32),
        "ch_names": np.array(["EEG 1", "A2", "left ear"]),
        "fs": np.array(float(FS)),
        "envelope": (rng.random(N) < 0.01).astype(float),
    } | arrays
    np.savez(path, **{k: v for k, v in whole.items() if v is not None})
    return path


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"fs": np.array([])}, r"fs of a.npz is None"),
        ({"fs": np.array("fast")}, r"fs of a.npz is 'fast'"),
        ({"fs": np.array(1e9)}, r"fs of a.npz is 1000000000.0; .* to 100000 Hz"),
        ({"eeg": np.ones((N, 3), dtype=complex)}, r"eeg of a.npz holds complex128 values"),
        ({"eeg": np.ones((3, N))}, r"shape \(3, 2048\); expected \(samples, 3\)"),
        ({"envelope": np.array(["a"] * N)}, r"envelope of a.npz holds <U1 values"),
        ({"t": np.arange(N) * 1000.0 / FS}, r"t of a.npz gives 0.128 samples a second and fs 128"),
        ({"t": np.arange(N, dtype=int)}, r"t of a.npz gives 1 samples a second"),
        ({"ch_names": np.array(["a", "b", None], dtype=object)}, r"a.npz cannot be read"),
        ({"t": STAMPS + 9.0 * 3600.0 * (STAMPS > 8.0)}, r"jumps ahead by 9.0 h at sample 102[45]"),
        ({"t": STAMPS - 0.3 * (STAMPS > 8.0)}, r"steps back by 0.30 s at sample 102[45]"),
        ({"eeg": 1e-5 * NOISE}, r"changes by 0.0012 a second .*multiply volts by 1e6"),
        ({"eeg": 1e-5 * NOISE * [1.0, np.nan, 1.0] + [0.0, 0.0, 7.0]}, r"multiply volts by 1e6"),
        ({"eeg": 1e-3 * (NOISE + 9.0 * STAMPS[:, None])}, r"millivolts by 1000"),
    ],
)
def test_odd_archives_are_refused_in_one_sentence(
    tmp_path: Path, arrays: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_npz(save(tmp_path / "a.npz", **arrays))


def test_slow_eeg_at_a_high_rate_is_microvolts_all_the_same(tmp_path: Path) -> None:
    t = np.arange(20_000 * 3) / 20_000.0
    eeg = 5.0 * np.sin(2.0 * np.pi * 3.0 * t)[:, None] * [1.0, 0.5, 0.0]
    save(tmp_path / "a.npz", eeg=eeg, fs=np.array(20_000.0), envelope=None)
    assert read_npz(tmp_path / "a.npz").sfreq == 20_000.0


def test_kinds_of_numbers_and_further_keys_are_taken_as_they_come(tmp_path: Path) -> None:
    plain = read_npz(save(tmp_path / "a.npz"))
    rows = np.arange(N)[:, None] % 50 + np.zeros((1, 3))
    for number, arrays in enumerate(
        (
            {"eeg": rows.astype(np.int16), "fs": np.array([FS])},
            {"eeg": rows, "envelope": (np.ones((N, 1)) > 0.0)},
            {"eeg": rows.astype(np.float16), "notes": np.array([{}, None], dtype=object)},
        )
    ):
        got = read_npz(save(tmp_path / f"{number}.npz", **arrays))
        assert np.array_equal(got.eeg, rows)
        assert np.array_equal(got.times, plain.times)
        assert got.envelope is not None
        assert got.envelope.shape == (N,)


def test_names_are_text_and_none_comes_twice(tmp_path: Path) -> None:
    stored = np.array([b"EEG", b"Fz", b"EEG"])
    got = read_npz(save(tmp_path / "a.npz", ch_names=stored))
    assert got.ch_names == ("EEG", "Fz", "EEG (2)")


def test_channels_may_stand_between_commas_and_count_once(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    got = open_recording(path, channels=["left ear,EEG 1", "EEG 1"])
    assert got.ch_names == ("left ear", "EEG 1")
    assert np.array_equal(got.eeg, read_npz(path).eeg[:, [2, 0]])
    with pytest.raises(InputError, match=r"'Cz'; expected one of: EEG 1, A2, left ear"):
        open_recording(path, channels=["Cz"])


def test_a_recording_of_a_moment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lasts 0\.1 s; expected at least 2 s"):
        open_recording(
            save(tmp_path / "a.npz", eeg=np.ones((10, 3)), envelope=None),
        )


def test_an_envelope_centred_on_nothing_keeps_its_valleys() -> None:
    envelope = 1.0 + np.cos(np.arange(N) / 9.0)
    centred = envelope_rows(envelope - envelope.mean(), FS, rise=False)
    assert np.allclose(centred, envelope_rows(envelope, FS, rise=False), atol=0.02)


@pytest.mark.parametrize("name", ["text.npy", "text.npz", "empty.npy", "words.npy", "table.npy"])
def test_feature_files_without_one_row_of_numbers_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("words"):
        np.save(path, np.array(["a"] * 200))
    elif name.startswith("table"):
        np.save(path, np.ones((200, 3)))
    else:
        path.write_text("hello" if name.startswith("text") else "")
    with pytest.raises(InputError, match=name):
        file_stimulus(path, start=0.0)


def test_units_of_a_feature_file_do_not_matter(tmp_path: Path) -> None:
    row = np.random.default_rng(1).random(640)
    np.save(tmp_path / "a.npy", row)
    np.savez(tmp_path / "b.npz", feature=1e-9 * row[:, None])
    a, b = (file_stimulus(tmp_path / n, start=5.0) for n in ("a.npy", "b.npz"))
    assert np.allclose(a.values, b.values)
    assert np.array_equal(a.times, b.times)


def test_what_a_decoder_was_made_from_does_not_test_it(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"a.npz in --test holds the EEG of a.npz in --calib"):
        evaluate_tracking([path], calibrations=[tmp_path / "." / "a.npz"])


def test_the_same_eeg_twice_is_refused_under_any_name(tmp_path: Path) -> None:
    first, copy = save(tmp_path / "a.npz"), save(tmp_path / "b.npz", fs=np.array(128))
    with pytest.raises(InputError, match=r"b.npz and a.npz in --calibrate hold the same EEG"):
        evaluate_tracking([save(tmp_path / "c.npz")], calibrations=[first, copy])
    with pytest.raises(InputError, match=r"b.npz in --test holds the EEG of a.npz in --calibrate"):
        evaluate_tracking([copy], calibrations=[first])


def test_montages_that_differ_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    four = save(
        tmp_path / "b.npz", eeg=8.0 * rng.standard_normal((N, 4)), ch_names=np.array([*"abcd"])
    )
    sentence = r"b has 4 electrodes \(a, b, c, d\) at 128 Hz, .*a 3 elec.*choose --channels"
    with pytest.raises(InputError, match=sentence):
        evaluate_tracking([four], calibrations=[save(tmp_path / "a.npz"), four])


@pytest.mark.parametrize("chunk", [0.3, 0.5, 0.65, 0.8, 1.5, 2.0])
def test_chunks_under_one_stamp_are_spread_over_the_time_before_it(
    tmp_path: Path, chunk: float
) -> None:
    size = round(chunk * FS)
    last = np.minimum((np.arange(N) // size + 1) * size, N) - 1
    times = read_npz(save(tmp_path / "a.npz", t=STAMPS[last])).times
    assert np.abs(np.diff(times) - 1.0 / FS).max() < 1e-6


def test_the_rate_of_a_feature_file_counts(tmp_path: Path) -> None:
    row = np.repeat(np.random.default_rng(2).random(640), 4)
    np.savez(tmp_path / "a.npz", feature=row, fs=256)
    np.savez(tmp_path / "b.npz", feature=row[::4])
    fine, plain = (file_stimulus(tmp_path / n, start=5.0) for n in ("a.npz", "b.npz"))
    assert np.allclose(fine.values, plain.values)
    assert fine.times[0] == 5.0 + 0.5 / 64


def test_a_rate_that_is_the_rate_of_the_eeg_is_not_that_of_a_feature_beside_it(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.npz", feature=np.random.default_rng(2).random(64 * SECONDS))
    sound = file_stimulus(tmp_path / "a.npz", start=5.0)
    assert sound.times[-1] == 5.0 + SECONDS - 1.0 / 64


def test_a_feature_that_is_no_number_is_named(tmp_path: Path) -> None:
    row = np.ones(640)
    row[77] = np.nan
    np.save(tmp_path / "a.npy", row)
    with pytest.raises(InputError, match=r"a.npy holds values that are no numbers .* in row 77"):
        file_stimulus(tmp_path / "a.npy", start=0.0)


def test_every_refusal_is_a_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = str(save(tmp_path / "good.npz"))
    bad = str(save(tmp_path / "bad.npz", fs=np.array(64.0)))
    for words in (
        ["tracking", "--test", bad],
        ["tracking", "--test", good, "--delay-search", "nan"],
        ["tracking", "--test", good, "--seed", "-1"],
        ["tracking", "--test", good, "--feature", "onsets"],
        ["silence", good, "--against", bad],
        ["silence", good, "--against", "onset"],
        ["reward", bad],
    ):
        assert main(["evaluate", *words, "--json"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("attune: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize("rate", [100, 125, 512, 2048])
@pytest.mark.parametrize("search", ["0", "2"])
def test_any_rate_and_search_give_the_keys_that_are_promised(
    tmp_path: Path, rate: int, search: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(2)
    n = 12 * rate
    path = save(
        tmp_path / "a.npz",
        eeg=8.0 * rng.standard_normal((n, 3)) + np.array([20_000.0, -5e4, 0.0]),
        fs=np.array(rate),
        envelope=(rng.random(n) < 0.01).astype(float),
    )
    assert (
        main(["evaluate", "tracking", "--test", str(path), "--delay-search", search, "--json"]) == 0
    )
    (entry,) = json.loads(capsys.readouterr().out)["recordings"]
    assert {
        "name",
        "r",
        "r_null95",
        "match_mismatch",
        "windows",
        "first_following_s",
        "masked",
    } <= set(entry)
    assert set(entry["match_mismatch"]) == {"5", "10", "20", "30", "60"}
    assert set(entry["windows"]) == {"following", "not_following", "cannot_tell"}


def test_more_electrodes_than_are_decoded_from_are_no_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    n = 3 * MAX_ELECTRODES
    names = np.array([f"{'ABC'[i // 32]}{i % 32 + 1}" for i in range(n)])
    path = save(tmp_path / "a.npz", eeg=8.0 * rng.standard_normal((N, n)), ch_names=names)
    (entry,) = evaluate_tracking([path])["recordings"]
    assert entry["masked"].keys() <= {"muscle"}
