"""A source is written in one way, and reading how it is written costs nothing."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

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
        ("lsl:My: stream", "lsl", "My: stream", ""),
    ],
)
def test_what_is_written_is_read(written, kind, name, port):
    spec = read_spec(written)
    assert (spec.kind, spec.name, spec.port) == (kind, name, port)


def test_only_a_source_that_the_program_chose_itself_says_why():
    assert "synthetic board was chosen, because" in read_spec("auto").because
    assert read_spec("synthetic").because == ""


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
    with pytest.raises(InputError, match=f"{kind!r} is not read from a device"):
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
