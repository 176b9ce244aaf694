"""What stands behind lsl: says which stream is meant, and what it cannot say is refused."""

import contextlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sources.streams import StreamQuery, read_query
from dsp.checks import InputError


def stream(**given):
    values = {"name": "Muse", "type": "EEG", "source_id": "m-1", "hostname": "here", "uid": "u"}
    return SimpleNamespace(**(values | given))


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("Muse", StreamQuery("Muse")),
        ("My: own, stream", StreamQuery("My: own, stream")),
        ("source_id=m=1", StreamQuery(source_id="m=1")),
        ("type=EEG,name=A, B", StreamQuery("A, B", "EEG")),
        ("name=a=b , hostname=lab", StreamQuery("a=b", hostname="lab")),
        ("?starts-with(name, 'A') and channel_count > 3", None),
    ],
)
def test_a_stream_is_asked_for_by_name_type_id_or_predicate(written, query):
    expected = query or StreamQuery(predicate=written[1:])
    assert read_query(written) == expected


def test_everything_that_is_asked_must_be_so():
    assert read_query("Muse").matches(stream())
    assert read_query("type=EEG,source_id=m-1").matches(stream())
    assert not read_query("type=EEG,source_id=m-2").matches(stream())
    assert not read_query("muse").matches(stream())
    assert read_query("Muse").matches(stream(name=" Muse "))
    assert read_query("uid=u").matches(stream())
    assert not read_query("uid=u").matches(stream(uid="v"))
    assert read_query("uid=u").asks_of_another(stream(uid="v"))


def test_the_unit_is_what_the_user_says_and_asks_nothing_of_the_stream():
    query = read_query("name=Muse,unit=volts")
    assert query.unit == "volts"
    assert query.matches(stream())
    assert str(query) == "'Muse'"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("sourceid=m", "not found by 'sourceid'; expected one of: name, type, source_id"),
        ("name=Muse,unit=seconds", "'seconds' is no voltage; expected one of: microvolts"),
        ("name=,type=EEG", "no value for name"),
        ("type=EEG,type=ExG", "two values for type"),
        ("?name='Muse", "cannot be read"),
        ("?count(channel", "cannot be read"),
        ("?", "cannot be read"),
        ("?name='\ud800'", "cannot be read"),
    ],
)
def test_what_cannot_find_a_stream_is_refused(written, says):
    with pytest.raises(InputError, match=says):
        read_query(written)


@given(st.text(max_size=60))
def test_a_query_is_read_or_refused_in_words(written):
    with contextlib.suppress(InputError):
        query = read_query(written)
        assert str(query)
        query.predicate.encode()
