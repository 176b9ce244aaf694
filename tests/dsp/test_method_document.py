"""What docs/method.md says of a constant is what the code has."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import app.clients.listener
import app.loop.belief
import dsp
import playlists.preference
from app.loop.decision import DISLIKED, PROTECTED
from app.settings import load_preset
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel

DOCUMENT = (Path(__file__).parents[2] / "docs" / "method.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`(\w+)\.(\w+) = ([^`]+)`", DOCUMENT)
QUOTED = [quote for quote in QUOTED if quote[0] != "module"]
MODULES = {m.name.split(".")[-1]: m.name for m in pkgutil.walk_packages(dsp.__path__, "dsp.")}
MODULES["preference"] = playlists.preference.__name__
MODULES["belief"] = app.loop.belief.__name__
MODULES["listener"] = app.clients.listener.__name__


@pytest.mark.parametrize(("owner", "name", "value"), QUOTED, ids=[q[1] for q in QUOTED])
def test_method_quotes_the_constants_of_the_code(owner: str, name: str, value: str) -> None:
    holder = (
        EnjoymentModel if owner == "EnjoymentModel" else importlib.import_module(MODULES[owner])
    )
    assert getattr(holder, name) == ast.literal_eval(" ".join(value.split()))


def test_method_quotes_many_constants() -> None:
    assert len(QUOTED) > 40


def test_method_quotes_the_model_of_enjoyment() -> None:
    model = EnjoymentModel()
    text = " ".join(DOCUMENT.split())
    assert f"τ = {model.tau:.0f} s" in text
    assert f"sd {model.mood_sd:.2f}, {model.mood_tau / 60:.0f} min" in text
    assert f"var v = {model.score_var:.1f}" in text
    assert (
        f"r = {0.5 + model.rating_bias:.2f} + c + s (e - 0.5 + N(0, {model.rating_var:.3f}))"
        in text
    )
    assert f"t = e + N(0, {model.tap_var:.2f})" in text
    assert f"μ = {model.skip_level:.1f} ± {model.skip_var**0.5:.2f}" in text
    assert model.zero_sd == model.noise_sd == 0.3
    assert f"It starts at {100 * EnjoymentFilter(model).eeg_weight:.0f} %" in text
    filters = len(model.gains) * len(model.offset_sds) * len(model.scales)
    assert f"A bank of {filters} Kalman filters" in text


def test_method_quotes_the_preset() -> None:
    timing, limits = load_preset("default").timing, load_preset("default").limits
    priors = load_preset("default").priors
    text = " ".join(DOCUMENT.split())
    for words in (
        f"{priors.first_mean:.2f} ± {priors.first_sd:.2f} for the first, "
        f"{priors.next_mean:.2f} ± {priors.next_sd:.2f} for later ones",
        f"it counts at least {100 * limits.trust:.0f} %",
        f"`P(level < {100 * limits.low:.0f})` over {limits.p_layer:.2f}, "
        f"for {timing.sustain:.0f} s on end",
        f"from {timing.layer_first:.0f} s into a track",
        f"after {timing.layer_try:.0f} s the estimate is still low",
        f"probability over {limits.p_better:.2f}, the track changes: not before "
        f"{timing.dwell:.0f} s, not in the last {timing.tail:.0f} s of a track, at most every "
        f"{timing.refractory:.0f} s",
        f"({1 + 8 * DISLIKED:.0f} of 9 or less changes the track, {1 + 8 * PROTECTED:.0f} or more",
    ):
        assert words in text
    assert limits.p_change == limits.p_layer
    assert timing.first_judgement == timing.dwell
    assert (limits.coverage, limits.eeg_changes) == (0.5, 4)
    assert load_preset("default").layer.withhold == 0.2
