"""The loop is told where the sound goes, once each time that it changes."""

from dataclasses import replace

from app.lab.simulate_demo import starter
from app.loop.ticks import LoopEvent
from app.player.contract import PlayerStatus
from app.player.virtual import VirtualPlayer
from app.records.reader import SessionReader
from app.session.output import SoundOutput
from app.session.plan import Plan
from app.session.session import Session

SPEAKER = PlayerStatus(output="speaker", is_null=False)
GONE = replace(SPEAKER, is_null=True)  # the name of a device that is gone stands
PHONES = PlayerStatus(output="headphones", is_null=False)


def news(output, *stati):
    return [list(output.news(one)) for one in stati]


def test_an_output_is_told_once_and_one_that_comes_back_is_the_same():
    first, again, gone, back = news(SoundOutput(simulated=False), SPEAKER, SPEAKER, GONE, SPEAKER)
    assert first == [(LoopEvent("output", "speaker"), "")]
    assert again == []
    assert gone == [(LoopEvent("output", ""), "")]
    assert back == [(LoopEvent("output", "speaker"), "")]


def test_another_output_in_mid_session_is_said_with_both_names():
    *_, ((event, said),) = news(SoundOutput(simulated=False), SPEAKER, GONE, PHONES)
    assert event == LoopEvent("output", "headphones")
    assert said.startswith("The sound goes to headphones now, and not to speaker any more: the ")


def test_our_simulated_listener_hears_what_goes_out_to_nobody():
    nobody = PlayerStatus(output="silent output", is_null=True)
    assert news(SoundOutput(simulated=True), nobody) == [
        [(LoopEvent("output", "silent output"), "")]
    ]
    assert news(SoundOutput(simulated=False), nobody) == [[(LoopEvent("output", ""), "")]]


def test_a_session_whose_output_changes_learns_for_the_first_and_says_so(tmp_path, monkeypatch):
    status, seen = VirtualPlayer.status, []

    def routed(player):
        return replace(status(player), output="speaker" if len(seen) < 15 else "headphones")

    monkeypatch.setattr(VirtualPlayer, "status", routed)
    plan = Plan(source="simulated", seed=3, minutes=0.5, out=tmp_path)
    session = Session(plan, prepared=starter())
    session.watch(seen.append)
    session.run()
    assert session.lesson.setup.output == "speaker"
    assert "The sound went to speaker, then to headphones" in session.lesson.reasons[-1]
    said = [line.sentence for line in session.snapshot().decisions]
    assert len([one for one in said if one.startswith("The sound goes to headphones now")]) == 1
    reader = SessionReader(session.folder)
    assert any(
        row["kind"] == "note" and "goes to headphones" in row["text"] for row in reader.events()
    )
    told = [event for tick in reader.ticks() for event in tick.events]
    assert [e["value"] for e in told if e["kind"] == "output"] == ["speaker", "headphones"]
