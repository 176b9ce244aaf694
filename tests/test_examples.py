"""Examples in docstrings are run, and every public function of `dsp` has one."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Classes that somebody who uses `dsp` begins with; the others are values, or made by these.
MAIN_CLASSES = {
    "BeatGrid", "BlinkLock", "Correlates", "DelayProfile", "EnjoymentFilter", "Evidence",
    "Expectation", "FrontalTheta", "GridSampler", "Guard", "Heard", "LayerEnvelope", "Limiter",
    "Loudness", "NoiseBed", "Nulls", "SoundSampler", "StimulusFeatures", "Strip", "SubBass", "Sums",
    "Tracker", "TruePeak",
}  # fmt: skip


def modules(room: str) -> Iterator[tuple[str, str]]:
    """Name and text of every module of a room."""
    for path in sorted((ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), path.read_text(encoding="utf-8")


WITH_EXAMPLES = [
    name
    for room in ("dsp", "devices", "playlists", "app")
    for name, text in modules(room)
    if ">>> " in text
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_say(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert result.failed == 0


def test_every_public_function_and_main_class_of_dsp_has_an_example() -> None:
    without, seen = [], set()
    for name, text in modules("dsp"):
        for node in ast.parse(text).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name[0] == "_":
                continue
            seen.add(node.name)
            wanted = isinstance(node, ast.FunctionDef) or node.name in MAIN_CLASSES
            if wanted and ">>> " not in (ast.get_docstring(node) or ""):
                without.append(f"{name}.{node.name}")
    assert without == []
    assert seen >= MAIN_CLASSES
