"""What all tests share: a sound server whose output can be recorded, a display, the shared data.

A machine without one of them skips the tests that need it, with the reason. In CI (``ATTUNE_CI=1``,
set by ``.ci/run``) nothing may be missing, and the same reason is a failure.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

# As the program does: small matrices are slower on two threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

if TYPE_CHECKING:
    from app.loop.ticks import TickInput, TickResult
    from playlists.tracks import PreparedTrack
    from tests.doubles.witness import Witness

ROOT = Path(__file__).resolve().parent.parent
RATE = 48000
_homes = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the caches, settings, data and signals of whoever runs the tests out of them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a job in a shell's background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.name == "posix" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # behind nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    folder = tempfile.TemporaryDirectory(prefix="attune-tests-", ignore_cleanup_errors=True)
    config.stash[_homes] = folder
    kinds = ["CONFIG", "DATA", "STATE"]
    if not hasattr(config, "workerinput"):
        kinds.append("CACHE")  # one for all workers of a run: each track is measured once
    for kind in kinds:
        os.environ[f"XDG_{kind}_HOME"] = str(Path(folder.name) / kind.lower())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    config.stash[_homes].cleanup()


#: Tests that drive the real program in real time share the clock of this machine, as those with
#: sound share the sound server and those with a window the screen: each kind runs one by one.
_REAL_TIME = ("tests/system/", "tests/refusals/test_refusals_midsession.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-xdist what must stay on one worker; the longest groups begin."""

    def group(item: pytest.Item) -> str:
        asked = getattr(item, "fixturenames", ())
        if "display" in asked or item.get_closest_marker("display"):
            return "screen"
        if "sound_server" in asked or item.get_closest_marker("sound"):
            return "sound"
        file = item.nodeid.split("::")[0]
        return "real time" if file.startswith(_REAL_TIME) else file

    groups = {item.nodeid: group(item) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item.nodeid]))
    shared = ("sound", "real time", "screen")
    items.sort(key=lambda item: groups[item.nodeid] not in shared)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run side by side where pytest-xdist has lost the groups, as it does in silence.

    It hands them on at the end of the node ids, which is no promise of pytest's.
    """
    if session.items and session.config.getoption("loadgroup", default=False):
        assert "@" in session.items[0].nodeid, "pytest-xdist loses this pytest's groups"


def _without(reason: str) -> None:
    if os.environ.get("ATTUNE_CI") == "1":
        pytest.fail(f"in CI nothing may be missing: {reason}", pytrace=False)
    pytest.skip(reason)


# --- sound ---------------------------------------------------------------------------------------


@dataclass
class Recording:
    """What the null sink played while it ran, at 48 kHz in stereo.

    ``seconds`` is the clock that all of Attune uses on Linux (``time.perf_counter``).
    """

    _process: subprocess.Popen[bytes]
    _parts: list[bytes] = field(default_factory=list)
    _arrivals: list[tuple[int, float]] = field(default_factory=list)  # frames so far, when
    _thread: threading.Thread | None = None

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        bytes_so_far = 0
        while part := os.read(pipe.fileno(), 1 << 16):
            bytes_so_far += len(part)
            self._arrivals.append((bytes_so_far // 8, time.perf_counter()))
            self._parts.append(part)

    def samples(self) -> np.ndarray:
        """Return everything so far: float32 [shape=(n_frames, 2)]."""
        raw = b"".join(list(self._parts))
        return np.frombuffer(raw[: len(raw) // 8 * 8], dtype="<f4").reshape(-1, 2)

    def seconds(self, frame: int) -> float:
        """Tell when a frame was played, from the arrivals that were delayed least."""
        start = min(when - frames / RATE for frames, when in list(self._arrivals))
        return start + frame / RATE

    def frame(self, seconds: float) -> int:
        """Return the frame that was played at a moment, cut to what there is."""
        return int(np.clip(round((seconds - self.seconds(0)) * RATE), 0, len(self.samples())))

    def wait(self, seconds: float, *, deadline: float = 30.0) -> np.ndarray:
        """Wait until this much has been recorded, and return all of it."""
        end = time.perf_counter() + deadline
        while len(self.samples()) < seconds * RATE:
            assert time.perf_counter() < end, f"only {len(self.samples()) / RATE:.1f} s recorded"
            assert self._process.poll() is None, "the recorder ended by itself"
            time.sleep(0.02)
        return self.samples()

    def __enter__(self) -> "Recording":
        self._thread = threading.Thread(target=self._read, name="recorder")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        if self._thread is not None:
            self._thread.join(10)
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


@dataclass(frozen=True)
class SoundServer:
    """A running sound server and the sink that it plays to by default."""

    sink: str

    def record(self) -> Recording:
        """Record what the sink plays: ``with sound_server.record() as recording: ...``."""
        command = ["parec", f"--device={self.sink}.monitor", "--raw", "--format=float32le"]
        command += [f"--rate={RATE}", "--channels=2", "--latency-msec=4"]
        return Recording(subprocess.Popen(command, stdout=subprocess.PIPE))


def _pactl(*words: str) -> str:
    """Return what pactl says, or an empty text where there is no pactl or no server."""
    if shutil.which("pactl") is None or shutil.which("parec") is None:
        return ""
    try:
        done = subprocess.run(
            ["pactl", *words], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """A null sink of these tests alone, or a skip: a real loudspeaker is nobody's test bench.

    Other workers start programs that play too: into a sink that were everybody's they would be
    recorded with what is to be judged, and each stream that comes or goes shifts its time.
    """
    sink = _pactl("get-default-sink") if os.environ.get("PULSE_SERVER") else ""
    if not sink:
        _without("no sound server of our own (bash .ci/run starts one)")
    drivers = [line.split("\t") for line in _pactl("list", "short", "sinks").splitlines()]
    if not any(row[1] == sink and "null" in row[2] for row in drivers if len(row) > 2):
        _without(f"the default sink {sink} is not a null sink")
    own = f"attune-{os.getpid()}"
    # A null sink fills itself with 2 s of silence whenever nothing plays, and who comes then, or
    # comes back after it ran dry, waits until most of that is over. Without rewinds it takes 50 ms.
    form = ("format=float32le", f"rate={RATE}", "channels=2", "norewinds=yes")
    module = _pactl("load-module", "module-null-sink", f"sink_name={own}", *form)
    if not module:
        _without("the sound server makes no sink for these tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULSE_SINK", own)  # where whatever this process starts plays to
        yield SoundServer(own)
    _pactl("unload-module", module)


@pytest.fixture(scope="module")
def machine() -> "Iterator[Witness]":
    """Tell a machine that stood still from a program that was late."""
    from tests.doubles.witness import Witness

    with closing(Witness()) as witness:
        yield witness


# --- display, data -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def display() -> str:
    """The X display for a real window, never the offscreen platform."""
    name = os.environ.get("DISPLAY", "")
    if not name:
        _without("no X display (bash .ci/run starts one)")
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    return name


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings and music that lies beside the repository."""
    from tests.doubles.recordings import DATA

    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA} (ATTUNE_DATA names another folder)")
    return DATA


@pytest.fixture(scope="session")
def measured() -> "Callable[[Path], PreparedTrack]":
    """`prepare`, with the cache that the program fills too: a second a track, once in a run.

    The cache begins empty with each run (see `pytest_configure`), so what it holds was measured by
    the code that is tested; tests of the measuring itself take ``cache=None``.
    """
    from app.paths import tracks_cache
    from playlists.analysis.prepare import prepare

    return partial(prepare, cache=tracks_cache())


@pytest.fixture(scope="session")
def starter_measured(measured: "Callable[[Path], PreparedTrack]", worker_id: str) -> Path:
    """Cache in which the starter tracks are measured: once in a run, before a session has to."""
    from app.paths import tracks_cache
    from playlists.files import STARTER_DIR

    tracks = sorted(STARTER_DIR.glob("*.ogg"))
    if worker_id == "gw1":  # two workers that begin together meet in the middle
        tracks.reverse()
    for path in tracks:
        measured(path)
    return tracks_cache()


@pytest.fixture(scope="session", autouse=True)
def _watched() -> Iterator[None]:
    """Let no tick of any test say what cannot be."""
    from app.loop.invariants import violations
    from app.loop.loop import Loop

    plain = Loop.tick
    before: WeakKeyDictionary[Loop, TickResult] = WeakKeyDictionary()

    @wraps(plain)
    def tick(self: "Loop", given: "TickInput") -> "TickResult":
        result = plain(self, given)
        found = violations(result, before.get(self))
        before[self] = result
        assert not found, found
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "tick", tick)
        yield


@pytest.fixture(autouse=True)
def _what_marks_ask_for(request: pytest.FixtureRequest) -> None:
    for mark, fixture in (("sound", "sound_server"), ("display", "display")):
        if request.node.get_closest_marker(mark):
            request.getfixturevalue(fixture)
