"""The page shows what the model says, safely, whatever the folder holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.reader import SessionReader
from app.report import write_report
from app.report.model import Doing, build_model
from app.report.research import _output
from app.report.words import doing
from dsp.checks import RecordError
from tests.doubles.making_sessions import NOTICE, T0, make_session

_VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Collects tags, attributes and text, and whether every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self._style = False
        self.feed(page)
        self.balanced = not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "title"):
            self.text += data


def add_events(folder: Path, *events: dict[str, Any]) -> None:
    with open(folder / "events.jsonl", "ab") as file:
        for event in events:
            file.write(json.dumps({**event, "t": T0 + event["t"]}).encode() + b"\n")


def change_ticks(folder: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """Let `change` do something to the tick of every second."""
    path = folder / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        if row["kind"] == "tick":
            change(round(row["t"] - T0), row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def page_of(root: Path, **options: Any) -> tuple[str, Outline]:
    options.setdefault("signals", False)
    path = write_report(make_session(root, **options))
    page = path.read_text("utf-8")
    return page, Outline(page)


def test_the_page_stands_alone_and_is_well_formed(tmp_path: Path) -> None:
    page, outline = page_of(tmp_path, ratings=((30, 3), (100, 8)))
    assert outline.balanced
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    addresses = re.findall(r'(?:https?:)?//[^"\s<]+', page)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    assert "@page" in page


def test_the_page_can_be_read_without_seeing_it(tmp_path: Path) -> None:
    _, outline = page_of(tmp_path, ratings=((30, 3),))
    assert ("html", "lang", "en") in outline.attributes
    pictures = [value for tag, name, value in outline.attributes if (tag, name) == ("svg", "role")]
    labels = [v for tag, name, v in outline.attributes if (tag, name) == ("svg", "aria-label")]
    assert pictures == ["img", "img"]
    assert all(labels)
    assert len(labels) == 2
    hidden = [v for tag, name, v in outline.attributes if (tag, name) == ("svg", "aria-hidden")]
    assert outline.tags.count("svg") == len(labels) + len(hidden)
    assert outline.tags.count("h1") == 1


def test_the_page_says_what_it_must(tmp_path: Path) -> None:
    _, outline = page_of(tmp_path, ratings=((30, 3), (100, 8)))
    for said in (
        "Thursday 14 May 2026",
        "16:05 to 16:07",
        NOTICE,
        "can be wrong; your own ratings come first",
        "not a diagnosis",
        "The loop closed",
        "at 0:40",
        "at 1:04",
        "twin with EEG disconnected",
        "hidden enjoyment",
        "90 % band",
        "3 → 8",
        "not following",
        "cannot tell",
        "Still low 24 s after the low layer",
        "9f2c41d7a8b30000",
        "stored (clear)",
        "0.20 ms",
        "muscle 14 s",
        "attune 0.1.0",
    ):
        assert said in outline.text, said


def test_a_person_sees_no_simulation(tmp_path: Path) -> None:
    page, outline = page_of(tmp_path, listener=None, closes=False)
    assert "imulated" not in outline.text
    assert "twin" not in outline.text
    assert 'class="notice"' not in page
    assert outline.text.count("did not happen") == 3


def test_markup_in_titles_names_and_sentences_stays_text(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&<b>"\'</b>\x00\udc80'
    page, outline = page_of(
        tmp_path,
        titles=(evil, evil),
        notice=evil,
        name=evil,
        calibration=evil,
        settings_sha256=evil,
    )
    assert outline.balanced
    assert not {"script", "b"} & set(outline.tags)
    assert not any(name.startswith("on") for _, name, _ in outline.attributes)
    assert '<script>alert("x")</script>' in outline.text
    assert "<script" not in page


def test_a_killed_session_has_a_report_that_says_so(tmp_path: Path) -> None:
    _, outline = page_of(tmp_path, seconds=50, end=False, signals=True)
    assert "was not ended properly" in outline.text
    assert outline.balanced


@pytest.mark.parametrize("seconds", [1, 2, 7, 400])
def test_sessions_of_any_length_have_a_report(tmp_path: Path, seconds: int) -> None:
    _, outline = page_of(tmp_path, seconds=seconds, ratings=((0, 9),))
    assert outline.balanced
    assert "nan" not in outline.text.lower().replace("finance", "")


def test_random_cuts_of_the_log_have_a_report(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=20, signals=False)
    raw = (folder / "events.jsonl").read_bytes()
    rng = np.random.default_rng(4)
    for cut in [0, 1, *rng.integers(0, len(raw), 25)]:
        (folder / "events.jsonl").write_bytes(raw[:cut])
        assert Outline(write_report(folder).read_text("utf-8")).balanced


def test_no_coordinate_is_not_a_number(tmp_path: Path) -> None:
    page, _ = page_of(tmp_path, eeg=False)
    assert not re.search(r'="[^"]*\b(nan|inf)\b', page)


def test_a_report_without_a_headset_draws_no_entrainment(tmp_path: Path) -> None:
    page, outline = page_of(tmp_path, eeg=False, source=None, listener=None, closes=False)
    assert "no headset" in outline.text
    assert "Did the loop close" not in page


def test_the_report_can_be_made_again(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=10, signals=False)
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first
    assert SessionReader(folder).problems == []


def test_the_page_of_an_hour_is_small(tmp_path: Path) -> None:
    folder = make_session(
        tmp_path, seconds=3600, signals=False, ratings=tuple((60 * k, 5) for k in range(1, 60))
    )
    assert write_report(folder).stat().st_size < 1_000_000


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a session folder"):
        write_report(tmp_path)


@pytest.mark.parametrize("odd", [911.63, -40.0, 1e300, "0.3", True])
def test_the_axis_of_r_stays_within_one_whatever_the_log_holds(tmp_path: Path, odd: Any) -> None:
    folder = make_session(tmp_path, signals=False)

    def change(second: int, row: dict[str, Any]) -> None:
        if second == 50:
            row["tracking"]["r_null95"] = odd
        if second == 90:
            row["tracking"]["r"] = odd

    change_ticks(folder, change)
    page = write_report(folder).read_text("utf-8")
    chart = page.split('aria-label="Correlation')[1].split("</svg>")[0]
    axis = [float(a) for a in re.findall(r'text-anchor="end">(-?[\d.]+)</text>', chart)]
    assert len(axis) > 2
    assert max(map(abs, axis)) <= 1.0
    assert "cannot tell, 0:50 to 0:51" in chart
    assert "hold numbers that cannot be" in page


def strip(page: str) -> dict[str, set[float]]:
    """State -> heights of its pieces, of whatever width."""
    pieces = re.findall(
        r"<title>(following|not following|cannot tell), [^<]*</title><rect [^>]*"
        r'width="([\d.]+)" height="([\d.]+)"',
        page,
    )
    out: dict[str, set[float]] = {}
    for state, width, height in pieces:
        assert float(width) > 0.0
        out.setdefault(state, set()).add(float(height))
    return out


@pytest.mark.parametrize("seconds", [30, 200, 3600])
def test_states_differ_in_form_at_every_scale(tmp_path: Path, seconds: int) -> None:
    page, _ = page_of(tmp_path, seconds=seconds)
    heights = strip(page)
    assert set(heights) == {"following", "not following", "cannot tell"}
    assert len(set.union(*heights.values())) == 3


def test_what_was_not_watched_has_no_state_and_no_line(tmp_path: Path) -> None:
    """A stall of a minute was drawn as a minute of the state before it."""
    folder = make_session(tmp_path, seconds=100, signals=False)
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [x for x in lines if not (json.loads(x)["t"] > T0 + 20 and json.loads(x)["t"] < T0 + 80)]
    path.write_bytes(b"".join(kept))
    page = write_report(folder).read_text("utf-8")
    chart = page.split('aria-label="Correlation')[1].split("</svg>")[0]
    told = re.findall(r"<title>[a-z ]+, (\d+):(\d+) to (\d+):(\d+)</title>", chart)
    spans = [(60 * int(a) + int(b), 60 * int(c) + int(d)) for a, b, c, d in told]
    assert not any(a < 70 and b > 30 for a, b in spans)
    assert chart.count('stroke="#00736a"') == 2  # two pieces of the curve


@pytest.mark.parametrize(
    ("asked", "told"), [(True, ("stopped", "operator")), (False, ("over", ""))]
)
def test_a_session_whose_time_was_over_was_ended_by_nobody(
    asked: bool, told: tuple[str, str]
) -> None:
    word, said, who = doing(Doing(60.0, "stop", asked))
    assert (word, who) == ("end", told[1])
    assert told[0] in said


def test_what_people_did_stands_with_what_the_player_did(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=60, signals=False, closes=False)
    add_events(
        folder,
        {"t": 10, "kind": "next", "value": None},
        {"t": 20, "kind": "skip", "value": None},
        {"t": 25, "kind": "undo", "value": None},
        {"t": 30, "kind": "layer_off", "value": True},
        {"t": 31, "kind": "layer_off", "value": False},
        {"t": 40, "kind": "hold", "value": True},
        {"t": 41, "kind": "hold", "value": False},
        {"t": 45, "kind": "rating", "value": 0.75, "given": 7},
        {"t": 50, "kind": "mark"},
    )
    page = write_report(folder).read_text("utf-8")
    table = page.split("What the player did and why")[1].split("</table>")[0]
    for said in (
        "it says nothing of the one that was left",
        "Another piece was wished for.",
        "was taken back",
        "The low sound was taken out.",
        "The low sound was allowed again.",
        "The automation was put on hold.",
        "The automation may act again.",
        "Rated 7 of 9.",
        "This moment was marked.",
    ):
        assert said in table, said
    whole = Outline(page).text
    assert "dislike" not in whole.lower()


def test_a_plus_minus_says_what_it_is_wherever_it_stands_first(tmp_path: Path) -> None:
    _, outline = page_of(tmp_path, ratings=((30, 3), (100, 8)))
    after = outline.text.partition("±")[2]
    assert "1 sd" in after[:12]
    assert "Expected ± 1 sd" in outline.text
    assert "Estimate at its end ± 1 sd" in outline.text
    assert "± is one standard deviation" in outline.text


def test_zero_is_the_first_sound_though_the_track_was_announced_before(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=30, signals=False, closes=False, start=T0 - 0.5)
    add_events(folder, {"t": -9.0, "kind": "note", "text": "The first track was measured."})
    model = build_model(SessionReader(folder))
    assert model.curve.t[0] == 0.5
    assert model.duration_s == 30.5


def test_a_rating_in_the_last_second_belongs_to_the_last_track(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=90, signals=False)
    add_events(folder, {"t": 90, "kind": "rating", "value": 1.0, "given": 9})
    tracks = build_model(SessionReader(folder)).tracks
    assert [play.ratings for play in tracks] == [(), (9,)]


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"output": "speaker", "output_is_null": False, "silent_s": 0.0}, "speaker"),
        (
            {"output": "speaker", "output_is_null": False, "silent_s": 72.4},
            "speaker; gone for 1:12, in silence",
        ),
        (
            {"output": "default", "output_wireless": True, "silent_s": 72.4},
            "default, without a wire; gone for 1:12, in silence",
        ),
        ({"output": "silent output", "output_is_null": True, "silent_s": 60.0}, "silent, clocked"),
        ({"output": "speaker", "output_is_null": False}, "speaker"),  # recorded before
        ({}, "not recorded"),
    ],
)
def test_the_output_is_told_as_it_was_heard(summary, said):
    assert said in _output(summary)
