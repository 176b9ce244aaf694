"""Our loudness, true peak and decoder against ffmpeg's."""

import re
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from playlists import decode
from playlists.analysis.prepare import prepare
from playlists.starter import STARTER_DIR, starter_tracks

FFMPEG = shutil.which("ffmpeg")
pytestmark = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")


def ebur128(path):
    command = [FFMPEG, "-nostats", "-i", str(path), "-filter_complex", "ebur128=peak=true"]
    out = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True)
    summary = out.stderr[out.stderr.rindex("Summary:") :]
    integrated = float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary)[1])
    peak = float(re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)[1])
    return integrated, peak


@pytest.mark.parametrize("number", [0, 2, 6])
def test_loudness_and_true_peak_of_music_agree_with_ffmpeg(measured, number):
    path = STARTER_DIR / starter_tracks()[number].file
    prepared = measured(path)
    integrated, peak = ebur128(path)
    # ffmpeg prints one decimal, so 0.05 of the allowed 0.1 LU are its rounding.
    assert prepared.lufs == pytest.approx(integrated, abs=0.1)
    assert prepared.descriptors["true_peak"] == pytest.approx(peak, abs=0.2)


def test_loudness_of_a_44100_hz_file_agrees_with_ffmpeg(tmp_path):
    rng = np.random.default_rng(5)
    noise = np.cumsum(rng.standard_normal((44_100 * 12, 2)), axis=0)
    slow = np.cumsum(np.ones(44_100 * 12)) / 44_100
    music = (noise - np.linspace(noise[0], noise[-1], len(noise))) * 1e-3
    music *= (0.3 + 0.7 * np.sin(slow) ** 2)[:, None]
    music += 0.1 * np.sin(2 * np.pi * 440 * slow)[:, None]
    path = tmp_path / "music.wav"
    soundfile.write(path, 0.3 * music / np.abs(music).max(), 44_100, subtype="FLOAT")
    integrated, _ = ebur128(path)
    assert prepare(path, cache=None).lufs == pytest.approx(integrated, abs=0.1)


def test_the_decoded_starter_track_is_what_ffmpeg_decodes():
    path = STARTER_DIR / starter_tracks()[5].file
    ours = np.concatenate(list(decode.blocks(path)))
    command = [FFMPEG, "-v", "error", "-i", str(path), "-f", "f32le", "-ac", "2", "-ar", "48000"]
    raw = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    theirs = np.frombuffer(raw, dtype=np.float32).reshape(-1, 2)
    assert abs(len(theirs) - len(ours)) <= 1
    n = min(len(theirs), len(ours))
    assert np.abs(ours[:n] - theirs[:n]).max() < 2e-4
