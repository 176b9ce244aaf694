"""The page shows what the model says, safely, whatever the folder holds."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.reader import SessionReader
from app.report import write_report
from dsp.checks import RecordError
from tests.doubles.making_sessions import NOTICE, make_session

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
