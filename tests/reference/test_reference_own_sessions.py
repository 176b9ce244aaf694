"""Real recordings as sessions of one person: what two of them teach, the third needs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.clients.listener import Listener, learn
from app.lab.recordings import open_recording, own_stimulus
from app.loop.lesson import Lesson, Setup
from app.loop.loop import Loop
from app.loop.ticks import PoolTrack, TickInput
from app.settings import load_preset
from dsp.sound.heard import HEARD_NAMES, Heard
from playlists.tracks import Place, Track

RUNS = ("run01", "run02", "run03")


def lived(path: Path, listener: Listener) -> tuple[Lesson, float]:
    """Let the loop live a recording; return what it taught, and when it said "following".

    In seconds from the first sound.
    """
    recording = open_recording(path)
    sound = own_stimulus(path, recording, "onset")
    values = np.full((len(sound.values), len(HEARD_NAMES)), np.nan, dtype=np.float32)
    values[:, :3] = sound.values
    values[:, 3] = 0.0
    values[:, 4] = sound.times - sound.times[0]
    values[:, 5:7] = 1.0, 0.0
    heard = Heard(sound.times, values)
    setup = Setup("Muse", recording.ch_names, recording.sfreq, "Headphones")
    calibration, _ = listener.calibration_for(setup)
    track = Track(Path("tones.wav"), "Tones", "", 400.0)
    loop = Loop(
        load_preset("default"),
        pool=[PoolTrack(track.title, track.duration)],
        ch_names=recording.ch_names,
        sfreq=recording.sfreq,
        calibration=calibration,
        seed=0,
    )
    began = float(sound.times[np.flatnonzero(sound.values[:, 0] > 0.0)[0]])
    loop.first(Place(0), now=began)
    first, row, rest = np.inf, 0, heard
    for now in np.arange(np.ceil(recording.times[0]), recording.times[-1]):
        end = int(np.searchsorted(recording.times, now, side="right"))
        rows, rest = rest.until(now)
        given = TickInput(float(now), recording.eeg[row:end], recording.times[row:end], rows)
        told = loop.tick(given).tracking
        row = end
        if told is not None and told.state == "following":
            first = min(first, now - began)
    return replace(loop.lesson(began=began), setup=setup, tracks=(track,), at=0.0), first


def test_two_real_sessions_teach_the_third(shared_data: Path) -> None:
    folder = shared_data / "eeg" / "muse_tones"
    alone = {run: lived(folder / f"{run}.npz", Listener())[0] for run in RUNS}
    seconds = {}
    for third in RUNS:
        listener = Listener()
        for k, run in enumerate(run for run in RUNS if run != third):
            lesson = alone[run] if not k else lived(folder / f"{run}.npz", listener)[0]
            listener, _ = learn(listener, lesson)
        seconds[third] = lived(folder / f"{third}.npz", listener)[1]
    assert max(seconds.values()) <= 24.0, seconds
    assert np.mean(list(seconds.values())) <= 20.0, seconds
