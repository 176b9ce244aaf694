"""A source is written in one way, and reading how it is written costs nothing."""

import contextlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session.plan import Plan, check_plan
from devices.sources.spec import FORMS, HELP, SourceSpec, read_spec, source_maker
from dsp.checks import InputError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("written", "kind", "name", "port"),
    [
        ("auto", "synthetic", "", ""),
        (" synthetic ", "synthetic", "", ""),
        ("simulated", "simulated", "", ""),
        ("none", "none", "", ""),
        ("brainflow:synthetic", "brainflow", "synthetic", ""),
        ("brainflow:cyton:/dev/ttyUSB0", "brainflow", "cyton", "/dev/ttyUSB0"),
        ("brainflow:muse_2:AA:BB:CC:DD:EE:FF", "brainflow", "muse_2", "AA:BB:CC:DD:EE:FF"),
        ("cyton:COM3", "brainflow", "cyton", "COM3"),
        (
            "brainflow:muse_2?mac_address=AA:BB:CC:DD:EE:FF",
            "brainflow",
            "muse_2",
            "AA:BB:CC:DD:EE:FF",
        ),
        ("brainflow:galea:192.168.4.1:6677", "brainflow", "galea", "192.168.4.1:6677"),
        ("lsl:My: stream", "lsl", "My: stream", ""),
        ("lsl:type=EEG,name=Muse", "lsl", "type=EEG,name=Muse", ""),
        ("lsl:?name='Muse'", "lsl", "?name='Muse'", ""),
        ("replay:sessions/one: two?", "replay", "sessions/one: two?", ""),
    ],
)
def test_what_is_written_is_read(written, kind, name, port):
    spec = read_spec(written)
    assert (spec.kind, spec.name, spec.port) == (kind, name, port)


def test_what_a_board_is_told_is_read_with_its_bounds():
    spec = read_spec("brainflow:unicorn?serial_number=UN-2019.05.51&timeout=9&file=a%26b.csv")
    assert (spec.name, spec.port) == ("unicorn", "")
    assert dict(spec.options) == {
        "serial_number": "UN-2019.05.51",
        "timeout": "9",
        "file": "a&b.csv",
    }


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("brainflow:cyton?port=1", "'port=1' .* cannot be told to a board; expected KEY=VALUE"),
        ("brainflow:cyton?", "cannot be told to a board"),
        ("brainflow:cyton?timeout=", "cannot be told to a board"),
        ("brainflow:cyton?timeout=soon", "timeout .* is 'soon'; expected a whole number from 0"),
        ("brainflow:galea?ip_port=70000", "from 0 to 65535"),
        ("brainflow:cyton?timeout=1&timeout=2", "two values for timeout"),
        ("brainflow:cyton:COM3?serial_port=COM4", "more than one port"),
        ("brainflow::COM3", "names no board"),
        ("lsl:name=", "no value for name"),
        ("lsl:?name='x", "predicate .* cannot be read"),
        ("Auto", "is not known; expected one of: auto"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(written, says):
    with pytest.raises(InputError, match=says):
        read_spec(written)


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            str.__add__, st.sampled_from(["lsl:", "brainflow:", "cyton:", "replay:"]), st.text()
        ),
        st.builds("brainflow:cyton?{}={}".format, st.sampled_from(["timeout", "file"]), st.text()),
    )
)
def test_reading_a_source_fails_in_words_or_not_at_all(written):
    with contextlib.suppress(InputError):
        assert read_spec(written).title


def test_the_electrodes_of_the_simulated_listener_keep_their_places():
    with pytest.raises(InputError, match="leave --channels out"):
        source_maker(
            read_spec("synthetic"),
            listener="clear",
            seed=1,
            timeline="",
            tracks="",
            channels=(("Fz", "1"),),
        )


def test_help_and_refusal_name_the_same_forms():
    for form in FORMS.split(", "):
        assert form in HELP


@pytest.mark.parametrize("written", ["auto", "synthetic", "simulated"])
def test_the_plan_of_a_simulated_source_knows_it(written):
    assert read_spec(written).simulated
    assert Plan(source=written).simulated
    assert not Plan(source="brainflow:synthetic").simulated


def test_a_plan_with_a_misspelled_source_is_refused_before_anything_is_started():
    with pytest.raises(InputError, match="'lsl' is not known"):
        check_plan(Plan(source="lsl", preset="default"))


def test_what_makes_a_source_can_be_sent_to_the_process_that_reads_it():
    for written in ("synthetic", "brainflow:cyton:/dev/ttyUSB0", "lsl:Muse"):
        spec = read_spec(written)
        made = source_maker(spec, listener="clear", seed=1, timeline="", tracks="")
        source = pickle.loads(pickle.dumps(made))()
        with pytest.raises(Exception, match="not open yet"):
            _ = source.info


@pytest.mark.parametrize("kind", ["none", "simulated"])
def test_there_is_nothing_to_open_where_no_device_is_read(kind):
    with pytest.raises(InputError, match=f"{kind!r} is not read from a device.*OR_FILE\\.$"):
        source_maker(SourceSpec(kind), listener="clear", seed=1, timeline="", tracks="")


def test_brainflow_and_liblsl_are_loaded_only_where_a_source_is_opened():
    program = (
        "import sys\n"
        "from devices.sources.spec import read_spec, source_maker\n"
        "for word in ('auto', 'simulated', 'none', 'brainflow:cyton', 'lsl:Muse'):\n"
        "    spec = read_spec(word)\n"
        "    if spec.kind not in ('simulated', 'none'):\n"
        "        source_maker(spec, listener='clear', seed=1, timeline='', tracks='')()\n"
        "print({'brainflow', 'pylsl'} & {name.split('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
