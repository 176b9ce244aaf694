"""What several tests of the app start from."""

from pathlib import Path

import pytest

from app.lab.simulate_demo import starter
from app.session.plan import Plan
from app.session.session import Session


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of the demo, recorded: the loop closes with layer, change and rise."""
    plan = Plan(source="simulated", seed=5000, minutes=2, out=tmp_path_factory.mktemp("demo"))
    session = Session(plan, prepared=starter())
    session.run()
    assert session.folder is not None
    return session.folder
