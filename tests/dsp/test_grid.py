"""The grid of time costs a process nothing but numpy."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMPY_ALONE = ("dsp.grid", "dsp.sound.heard")


@pytest.mark.parametrize("module", NUMPY_ALONE)
def test_what_every_process_pays_for_is_numpy_alone(module: str) -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        f"import {module}\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*new - sys.stdlib_module_names)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {"dsp", "numpy"}
