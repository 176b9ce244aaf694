"""A stream that went away is taken up again, by its id or its shape; nothing else is taken."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from devices.clock import now
from devices.sources.lsl import LslSource
from devices.sources.streams import list_streams
from dsp.checks import DeviceError
from tests.doubles.eeg_fakes import Sender, wait_until
from tests.doubles.lsl_outlets import Outlet, drain, own_name, some_rows


@pytest.fixture
def stream() -> Iterator[Callable[..., Outlet]]:
    """Makes outlets, and ends them."""
    made: list[Outlet] = []

    def make(*args, **given) -> Outlet:
        made.append(Outlet(*args, **given))
        return made[-1]

    yield make
    for one in made:
        one.end()


def opened(written: str, **given) -> LslSource:
    source = LslSource(written, **given)
    source.open()
    return source


def lose(source: LslSource) -> None:
    """Read until the source says that it is gone, and close it, as the acquisition does."""
    with pytest.raises(DeviceError, match="has ended"):
        drain(source, lambda: False)
    source.close()


def age_of_newest(source: LslSource) -> float:
    """Read a chunk; when its last row was taken, from now, s."""
    times: list[float] = []

    def came() -> bool:
        chunk = source.read()
        if chunk is not None and chunk.times.size:
            times.append(float(chunk.times[-1]) - now())
        return bool(times)

    wait_until(came, 5.0)
    return times[0]


def come_back(source: LslSource, seconds: float = 5.0) -> None:
    """Try again and again, as the acquisition does; each try is short."""
    end = now() + seconds
    while now() < end:
        with contextlib.suppress(DeviceError):
            source.open()
            return
        source.close()
    raise AssertionError("did not come back")


@pytest.mark.parametrize("source_id", ["amp", "other"])
def test_a_stream_that_is_started_again_is_taken_under_the_same_and_another_id(stream, source_id):
    name = own_name("back")
    first = stream(name)
    source = opened(name)
    some_rows(source, first)
    before = source.info
    first.end()
    lose(source)
    with pytest.raises(DeviceError, match=f"'{name}' has not come back yet"):
        source.open()
    again = stream(name, source_id=source_id)
    come_back(source)
    chunk = some_rows(source, again)
    assert -1.0 < chunk.times[-1] - now() < 0.02
    assert source.info.ch_names == before.ch_names
    assert source.info.details["source_id"] == source_id
    told = [e.text for e in source.events() if e.kind == "note"]
    if source_id == "amp":
        assert told == []
    else:
        assert len(told) == 1
        assert "is back under another id: 'other' on " in told[0]
        assert "in place of 'amp' on " in told[0]
    source.close()


def test_the_same_id_goes_before_another_that_is_there_too(stream):
    name = own_name("prefers")
    first = stream(name, source_id="zz")
    source = opened(name)
    first.end()
    lose(source)
    with pytest.raises(DeviceError, match="not come back yet"):
        source.open()  # begins to look
    stream(name, source_id="aa")
    stream(name, source_id="zz")
    wait_until(lambda: sum(h.name == name for h, _ in source._finder.answers()) == 2)
    source.open()
    assert source.info.details["source_id"] == "zz"
    source.close()


def test_a_sender_whose_clock_runs_elsewhere_and_then_here_is_read_on_our_clock():
    elsewhere = ("unshare", "-Ur", "-T", "--monotonic", "5000", "--kill-child", "--fork")
    if subprocess.run([*elsewhere, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system has no time name spaces for us")
    sender = Sender("volts", within=elsewhere)
    source = opened(sender.name)
    assert source.info.details["clock_offset"] == pytest.approx(-5000.0, abs=0.1)
    assert -1.0 < age_of_newest(source) < 0.02
    sender.kill()
    lose(source)
    again = Sender("volts", name=sender.name)  # as a computer that was started anew
    come_back(source)
    assert -1.0 < age_of_newest(source) < 0.02
    source.close()
    again.kill()
    assert [e.text for e in source.events() if e.kind == "note"] == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_sender_that_hangs_is_waited_for_in_short_tries():
    sender = Sender("volts")
    source = opened(sender.name)
    os.kill(sender.process.pid, signal.SIGSTOP)
    drain(source, lambda: source.read() is None)
    source.close()
    source._resolve_s = 1e5  # the seconds that a first opening may take are not waited for
    with pytest.raises(DeviceError, match="not come back yet"):
        source.open()
    os.kill(sender.process.pid, signal.SIGCONT)
    come_back(source)
    wait_until(lambda: source.read() is not None, 5.0)
    source.close()
    sender.kill()


@pytest.mark.parametrize("change", [{"n": 3}, {"sfreq": 500.0}, {"labels": ("Fz", "Pz")}])
def test_another_shape_under_the_name_is_refused_in_words(stream, change):
    name = own_name("shape")
    first = stream(name)
    source = opened(name)
    first.end()
    lose(source)
    with pytest.raises(DeviceError, match="not come back yet"):
        source.open()
    stream(name, **change)
    wait_until(lambda: any(h.name == name for h, _ in source._finder.answers()))
    with pytest.raises(DeviceError, match="set its sender as it was, or begin a new session"):
        source.open()


def test_a_twin_that_was_there_all_the_time_is_not_taken_for_it(stream):
    name = own_name("twin")
    stream(name, source_id="other person")
    first = stream(name, source_id="mine")
    source = opened(name)
    taken = source.info.details["source_id"]
    assert taken == "mine"  # the first of the ids in their order
    assert f"2 LSL streams answer to '{name}': 'mine' on " in source.info.notice
    assert "'other person' on " in source.info.notice
    assert "lsl:source_id=other person would take the other" in source.info.notice
    first.end()
    lose(source)
    for _ in range(8):
        with pytest.raises(DeviceError, match="not come back yet") as caught:
            source.open()
        list_streams(0.1)
    assert "Another of that name, 'other person' on " in str(caught.value)
    assert "a new session with lsl:source_id=other person takes it." in str(caught.value)
    source.close()


def test_a_stream_asked_for_by_its_id_comes_back_under_that_id_only(stream):
    name = own_name("id")
    first = stream(name, source_id=f"{name}-a")
    source = opened(f"source_id={name}-a")
    first.end()
    lose(source)
    stream(name, source_id=f"{name}-b")
    for _ in range(5):
        with pytest.raises(DeviceError, match="not come back yet"):
            source.open()
        list_streams(0.1)
    stream(name, source_id=f"{name}-a")
    come_back(source)
    source.close()
