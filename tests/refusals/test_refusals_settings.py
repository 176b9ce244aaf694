import tomllib

import pytest

from app.settings import PRESET_DIR, load_preset, settings_from
from dsp.checks import InputError


def table():
    return tomllib.loads((PRESET_DIR / "default.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("section", "key", "value", "match"),
    [
        ("limits", "low", 1.5, "limits.low is 1.5"),
        ("timing", "dwell", -1.0, "timing.dwell"),
        ("timing", "dwell", "long", "timing.dwell"),
        ("layer", "enabled", 1, "layer.enabled"),
        ("limits", "hight", 0.5, "hight"),
    ],
)
def test_a_wrong_value_is_named_with_section_and_key(section, key, value, match):
    wrong = table()
    wrong[section][key] = value
    with pytest.raises(InputError, match=match):
        settings_from(wrong, origin="test")


def test_a_missing_value_is_named():
    wrong = table()
    del wrong["timing"]["fade"]
    with pytest.raises(InputError, match=r"\[timing\] lacks fade"):
        settings_from(wrong, origin="test")


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("low = = 3")
    with pytest.raises(InputError, match=r"my\.toml"):
        load_preset(str(file))


def test_the_hash_tells_settings_apart():
    changed = table()
    changed["timing"]["dwell"] = 46.0
    assert settings_from(changed, origin="test").sha256 != load_preset("default").sha256
    assert settings_from(table(), origin="test").sha256 == load_preset("default").sha256
