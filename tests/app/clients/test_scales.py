"""Questionnaires are scored as they were published, and a scale without a licence is refused."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.scales import Scale, bundled, find_scale, parse
from dsp.checks import InputError

SCALES = bundled()
ALL = pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))
WORDS_ARE_FREE = {"phq9", "phq8", "gad7", "lines"}
DIAGNOSIS = re.compile(r"depress|disorder|anxiety|diagnos|patient|disease|illness", re.I)


@ALL
def test_every_bundled_scale_names_its_licence_and_its_source(scale: Scale) -> None:
    assert len(scale.licence) > 20
    assert len(scale.source) > 20
    assert scale.scores


@ALL
def test_words_are_shipped_only_of_scales_that_are_free(scale: Scale) -> None:
    words = [item for item in scale.items if not re.fullmatch(r"Item \d+", item)]
    assert bool(words) == (scale.name in WORDS_ARE_FREE)
    assert ("Free to reproduce" in scale.licence or "words of our own" in scale.licence) == bool(
        words
    )


@ALL
def test_what_the_program_says_of_a_score_names_no_diagnosis(scale: Scale) -> None:
    told = [scale.title, *(score.name for score in scale.scores)]
    told += [word for score in scale.scores for _, word in score.bands]
    assert not [text for text in told if DIAGNOSIS.search(text)]


@pytest.mark.parametrize(
    ("name", "items", "top", "bands"),
    [
        # Kroenke 2001, table 4; Spitzer 2006; Kroenke 2009
        ("phq9", 9, 27, "0 minimal 5 mild 10 moderate 15 moderately severe 20 severe"),
        ("gad7", 7, 21, "0 minimal 5 mild 10 moderate 15 severe"),
        ("phq8", 8, 24, "0 no significant symptoms 5 mild 10 moderate 15 moderately severe "
         "20 severe"),
    ],
)  # fmt: skip
def test_reference_scores_and_bands_as_published(
    name: str, items: int, top: int, bands: str
) -> None:
    scale = SCALES[name]
    assert len(scale.items) == items
    assert [value for value, _ in scale.options] == [0, 1, 2, 3]
    (score,) = scale.scores
    assert (score.low, score.high) == (0, top)
    assert " ".join(f"{low:g} {word}" for low, word in score.bands) == bands
    for low, word in score.bands:
        assert score.band(low) == word
        assert low == 0 or score.band(low - 1) != word
    assert scale.scored([3] * items).scores == {"total": top}


@given(st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_the_total_is_the_sum_and_self_harm_is_told_whenever_it_is_above_zero(
    answers: list[int],
) -> None:
    result = SCALES["phq9"].scored([float(a) for a in answers])
    assert result.scores == {"total": sum(answers)}
    assert bool(result.notices) == (answers[8] > 0)


def test_the_notice_is_told_also_where_the_score_stays_open() -> None:
    result = SCALES["phq9"].scored([None, *[0.0] * 7, 1.0])
    assert result.scores == {"total": None}
    assert result.bands == {}
    assert "Speak with the client about it now" in result.notices[0]
    assert SCALES["madrs"].scored([0.0] * 9 + [2.0]).notices


@pytest.mark.parametrize(
    ("name", "total", "said"),
    [
        ("phq9", 0, None), ("phq9", 12, "not known here"), ("phq9", 24, "not known here"),
        ("phq9", 25, "above zero"), ("madrs", 20, "not known here"), ("madrs", 55, "above zero"),
        ("gad7", 21, None), ("bdi2", 0, None), ("bdi2", 40, "not known here"),
        ("bdi2", 61, "above zero"), ("who5", 40, None),
    ],
)  # fmt: skip
def test_a_total_that_hides_the_question_on_self_harm_says_so(
    name: str, total: float, said: str | None
) -> None:
    notices = SCALES[name].entered([total]).notices
    assert len(notices) == (said is not None)
    assert said is None or said in notices[0]


def test_a_question_on_self_harm_that_was_not_answered_is_told() -> None:
    (notice,) = SCALES["phq9"].scored([0.0] * 8 + [None]).notices
    assert "item 9" in notice
    assert "not known here" in notice


def test_the_question_of_the_bdi_is_told_where_its_answers_are_given() -> None:
    answers = [0.0] * 21
    assert SCALES["bdi2"].scored(answers).notices == ()
    answers[8] = 1.0
    (notice,) = SCALES["bdi2"].scored(answers).notices
    assert "item 9 (thoughts of suicide) was answered above zero" in notice


def test_lines_are_three_scores_of_their_own() -> None:
    result = SCALES["lines"].scored([12.5, 100.0, None], when="before")
    assert result.scores == {"mood": 12.5, "calm": 100.0, "energy": None}


def test_other_scales_are_entered_as_they_stand_on_paper() -> None:
    assert SCALES["panas"].entered([20, 31]).scores == {
        "positive affect": 20.0,
        "negative affect": 31.0,
    }
    assert SCALES["phq9"].entered([12]).bands == {"total": "moderate"}


def test_refusals_of_answers_that_are_none() -> None:
    phq9 = SCALES["phq9"]
    for answers, said in (
        ([0.0] * 8, "9 items, and 8 answers"),
        ([0.0] * 8 + [4.0], "expected a number from 0 to 3"),
        ([0.5] * 9, "expected one of: 0, 1, 2, 3"),
    ):
        with pytest.raises(InputError, match=said):
            phq9.scored(answers)
    with pytest.raises(InputError, match="words of HADS are not free"):
        SCALES["hads"].scored([0.0] * 14)
    with pytest.raises(InputError, match="from 0 to 63"):
        SCALES["bdi2"].entered([64])
    with pytest.raises(InputError, match="2 scores"):
        SCALES["panas"].entered([20])
    with pytest.raises(InputError, match="expected one of: bdi2"):
        find_scale("horoscope")


@pytest.mark.parametrize("key", ["licence", "source", "title", "language"])
def test_refusals_of_a_scale_file_without_licence_or_source(key: str) -> None:
    folder = resources.files("app.clients") / "scale_files"
    text = (folder / "gad7.toml").read_text(encoding="utf-8")
    for changed in ("", f'{key} = " "\n'):
        without = re.sub(rf"(?m)^{key} = .*\n", changed, text)
        with pytest.raises(InputError, match=f"says nothing of its {key}"):
            parse(without, "gad7")


def test_refusals_of_scale_files_that_are_none(tmp_path) -> None:
    head = 'title = "T"\nlanguage = "en"\nlicence = "mine"\nsource = "me"\n'
    for text, said in (
        ("title =", "is no TOML"),
        (head, "is not complete"),
        (head + "scores = []\n", "or there are none"),
        (head + '[[scores]]\nname = "a"\nitems = [3]\n', "its scores name others"),
        (head + 'items = "ab"\nhigh = 4\n[[scores]]\nname = "a"\n', "is not complete"),
        (head + 'items = ["a"]\nhigh = -4\n[[scores]]\nname = "a"\n', "from 0 to -4"),
        (head + 'items = ["a"]\nhigh = inf\n[[scores]]\nname = "a"\n', "from 0 to inf"),
        (
            head + 'items = ["a"]\nhigh = 9\n[[scores]]\nname = "a"\n'
            'bands = [{ from = 5, text = "low" }, { from = 0, text = "high" }]\n',
            "bands from 5, 0",
        ),
        (
            head + 'items = ["a"]\nhigh = 4\nquestoin = "?"\n[[scores]]\nname = "a"\nband = []\n',
            "says something of 'questoin', 'band', which no scale has",
        ),
        (
            head + 'items = ["a"]\nhigh = 4\n[[scores]]\nname = "a"\n'
            'bands = [{ from = 0, text = "low", to = 3 }]\n[[watched]]\nitem = 1\nabuot = "x"\n',
            "'to', 'abuot'",
        ),
        (head + 'options = 3\n[[scores]]\nname = "a"\n', "is not complete"),
    ):
        with pytest.raises(InputError, match=said):
            parse(text, "mine")
    (tmp_path / "latin.toml").write_bytes(head.encode() + b'question = "\xe9"\n')
    with pytest.raises(InputError, match="no text in UTF-8"):
        find_scale(str(tmp_path / "latin.toml"))
    with pytest.raises(InputError, match="cannot be read"):
        find_scale(str(tmp_path / "none.toml"))
    (tmp_path / "own.toml").write_text(
        head + 'items = ["a", "b"]\nhigh = 4\n[[scores]]\nname = "s"\n'
    )
    assert find_scale(str(tmp_path / "own.toml")).scored([1, 2]).scores == {"s": 3.0}
    (tmp_path / "PHQ9.toml").write_bytes((tmp_path / "own.toml").read_bytes())
    with pytest.raises(InputError, match="nobody could tell their scores apart"):
        find_scale(str(tmp_path / "PHQ9.toml"))
