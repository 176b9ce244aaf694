"""The figures of docs/validation.md, held to their limits (slow)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import validation


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_figure_meets_its_limit() -> None:
    missed = [row for row in validation.rows() if not row.passed]
    assert missed == []
