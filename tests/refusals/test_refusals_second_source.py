"""What is refused of two sources and of chosen channels, before anything is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.commands.command_line import main
from app.session.plan import Plan, check_plan
from app.session.rig import LiveRig
from devices.sources.source import SourceInfo
from dsp.checks import InputError
from tests.doubles.holed_rig import HandAcquisition


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("lsl:Muse", "lsl:Muse", "are the same source; name it once"),
        ("cyton:/dev/ttyUSB0", "brainflow:Cyton:/dev/ttyUSB0", "are the same source"),
        ("synthetic", "synthetic", "is no device of its own"),
        ("lsl:Muse", "simulated", "is no device of its own"),
        ("lsl:Muse", "auto", "is no device of its own"),
        ("lsl:Muse", "none", "is no device of its own"),
        ("simulated", "lsl:Markers", "runs on a clock of its own"),
        ("lsl:Muse", "bluetooth", "is not known; expected one of"),
    ],
)
def test_a_second_source_that_cannot_be_recorded_beside_the_first(
    first: str, second: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check_plan(Plan(source=first, second=second))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_one_port_under_two_names_is_one_source(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("")
    (tmp_path / "by-id").symlink_to(tmp_path / "port")
    plan = Plan(source=f"cyton:{tmp_path}/port", second=f"cyton:{tmp_path}/by-id")
    with pytest.raises(InputError, match="are the same source"):
        check_plan(plan)
    check_plan(Plan(source=f"cyton:{tmp_path}/port", second=f"cyton:{tmp_path}/other"))


def test_markers_are_never_the_first_source(monkeypatch: pytest.MonkeyPatch) -> None:
    markers = HandAcquisition(SourceInfo("Stimuli", (), 0.0))
    monkeypatch.setattr("app.session.rig.acquire", lambda source, **_: markers)
    rig = LiveRig("lsl:Stimuli", listener="clear", seed=0, output="null")
    try:
        with pytest.raises(InputError, match="Stimuli sends no EEG; name a source that does first"):
            rig.start()
    finally:
        rig.close()


@pytest.mark.parametrize(("ids", "refused"), [(("a", "a"), True), (("a", "b"), False)])
def test_one_stream_that_is_written_in_two_ways(
    monkeypatch: pytest.MonkeyPatch, ids: tuple[str, str], refused: bool
) -> None:
    streams = iter(
        HandAcquisition(
            SourceInfo("LSL stream Muse", ("Fz",), 250.0, details={"source_id": one, "host": "lab"})
        )
        for one in ids
    )
    monkeypatch.setattr("app.session.rig.acquire", lambda source, **_: next(streams))
    rig = LiveRig("lsl:Muse", listener="clear", seed=0, output="null", second="lsl:type=EEG")
    try:
        if refused:
            with pytest.raises(InputError, match="are the same stream; name it once"):
                rig.start()
        else:
            assert rig.start() > 0.0
    finally:
        rig.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "a", "--source", "b", "--source", "c"], "3 sources are named"),
        (["--source", "synthetic", "--channels", "Fz,Cz"], "no electrodes to choose from"),
        (["--source", "none", "--channels", "Fz"], "no electrodes to choose from"),
        (["--source", "lsl:Muse", "--channels", "Fz=1,Fz=2"], "Fz"),
        (["--source", "lsl:Muse", "--channels", "Fz,,"], "cannot be read"),
    ],
)
def test_the_command_line_says_in_a_sentence_what_it_does_not_take(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--headless", *words]) == 2
    error = capsys.readouterr().err
    assert said.lower() in error.lower()
    assert error.count("\n") == 1
