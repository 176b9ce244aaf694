"""Palette, words, display filter and covers: what needs no display."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from app.session.snapshot import Snapshot
from app.window import words
from app.window.parts.traces import DisplayFilter, Traces
from app.window.theme import DARK, LIGHT
from devices.ring import Ring
from dsp.enjoyment import Enjoyment
from tests.doubles.fake_session import MONTAGE, story

TEXTS = ("text1", "text2", "text3", "enjoyment", "entrainment", "layer", "good", "fair", "poor")


def _luminance(token):
    channels = [int(token[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a, b):
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_texts_and_data_can_be_read_on_what_they_stand_on(theme):
    pairs = [(getattr(theme, name), theme.card) for name in (*TEXTS, "trace")]
    pairs += [(theme.text1, theme.raised), (theme.text2, theme.raised), (theme.text2, theme.window)]
    pairs += [(theme.on_primary, theme.primary), (theme.on_stop, theme.stop)]
    pairs += [(theme.card, theme.enjoyment), (theme.text1, theme.track)]
    assert min(_contrast(a, b) for a, b in pairs) >= 4.5


def test_both_themes_hold_only_full_colours():
    for theme in (DARK, LIGHT):
        for field in dataclasses.fields(theme):
            value = getattr(theme, field.name)
            assert field.name == "name" or (len(value) == 7 and value[0] == "#")


@pytest.mark.parametrize(
    ("mean", "sd", "word"),
    [(0.6, 0.1, "above target"), (0.3, 0.1, "below target"), (0.44, 0.1, "close to target")],
)
def test_above_and_below_are_said_only_where_two_thirds_lie_there(mean, sd, word):
    shot = replace(story(100.0), enjoyment=Enjoyment(mean, sd, 0.5, True, 0.0, ()))
    assert words.enjoyment_word(shot)[1] == word


def test_before_any_data_nothing_is_claimed():
    empty = Snapshot(t=0.0, phase="starting")
    assert words.enjoyment_word(empty)[1] == "waiting for data"
    assert words.tracking_word(empty)[1] == "waiting for data"
    assert words.chance(empty) == "chance level not known yet"
    assert words.eeg_weight(empty) == "EEG counts 0 % · may not act"
    assert words.enjoyment_note(empty) == "the session has not begun"
    assert words.possible(empty) == frozenset()
    assert words.notices(empty) == []


def test_what_the_source_is_stands_beside_the_name_and_its_notice_on_the_screen():
    live = Snapshot(t=0.0, phase="running")
    assert words.badge(live) == ""
    assert words.badge(replace(live, simulated=True)) == "Simulated listener"
    assert words.badge(replace(live, replayed=True)) == "Recording replayed"
    both = replace(live, replayed=True, simulated=True)
    assert words.badge(both) == "Recording replayed, simulated listener"
    person = replace(live, replayed=True, listener_notice="This is a recording.")
    assert words.automation(person) == "Automation off"
    assert words.notices(person) == [("info", "This is a recording.")]


def test_states_of_entrainment_differ_by_sign_not_only_by_colour():
    assert len(set(words.SYMBOLS.values())) == 3


def test_not_following_is_shown_with_the_chance_of_finding_an_answer():
    shot = story(100.0)
    quiet = replace(shot.tracking, state="not following", reasons=(), power=0.93)
    note = words.tracking_note(replace(shot, tracking=quiet))
    assert note == "an answer would have shown (93 %)"


def test_no_word_on_the_screen_claims_a_cause_or_a_cure():
    shot = story(100.0)
    said = " ".join(
        [
            words.tracking_note(shot),
            words.enjoyment_note(shot),
            words.eeg_weight(shot),
            *[text for _, text in words.notices(shot)],
        ]
    ).lower()
    assert [w for w in ("treat", "depress", "cure", "proves", "because of") if w in said] == []


def test_display_filter_passes_alpha_and_takes_offset_and_drift():
    t = np.arange(2500) / 250.0
    alpha = 20 * np.sin(2 * np.pi * 10 * t)
    rows = np.stack([40000 + 30 * t + alpha, 20 * np.sin(2 * np.pi * 90 * t)], axis=1)
    out = DisplayFilter(2, 250.0)(rows.astype(np.float32))[1000:]
    assert np.abs(out[:, 0]).max() == pytest.approx(20, rel=0.12)
    assert np.abs(out[:, 1]).max() < 2.0


def test_display_filter_is_the_same_in_any_chunks_and_keeps_gaps():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((700, 3)).astype(np.float32)
    rows[200:250] = np.nan
    whole = DisplayFilter(3, 250.0)(rows)
    pieces = DisplayFilter(3, 250.0)
    parts = [pieces(part) for part in np.split(rows, [1, 8, 205, 206, 500])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.isnan(whole[200:250]).all()
    assert np.isfinite(whole[250:]).all()


def test_traces_show_the_newest_ten_seconds_and_overwritten_rows_as_a_gap():
    ring = Ring.create(1, 4.0, 250.0, local=True)
    traces = Traces(1, 250.0)
    ring.write(np.ones((500, 1)), np.arange(500) / 250)
    assert traces.pull(ring)
    assert not traces.pull(ring)
    ring.write(np.ones((1500, 1)), (500 + np.arange(1500)) / 250)
    assert traces.pull(ring)
    shown = traces.shown()[:, 0]
    assert shown.size == 2500
    assert np.isfinite(shown[-1000:]).all()
    assert np.isnan(shown[-1500:-1000]).all()
    assert np.isfinite(shown[-2000:-1500]).all()


def test_traces_are_of_the_electrodes_and_not_of_what_stands_beside_them():
    ring = Ring.create(3, 4.0, 250.0, local=True)  # an electrode, a battery, a trigger
    traces = Traces(1, 250.0)
    ring.write(np.ones((500, 3)) * [5.0, 90.0, 0.0], np.arange(500) / 250)
    assert traces.pull(ring)
    assert traces.shown().shape == (2500, 1)


def test_the_story_used_here_names_every_electrode():
    assert tuple(name for name, _, _ in story(20.0).quality) == MONTAGE
