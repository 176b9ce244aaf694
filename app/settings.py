"""Presets: read, check, hash."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dsp.checks import InputError, check_number

PRESET_DIR = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Timing:
    """Seconds; what each is for stands beside it in the preset files."""

    blank: float
    first_judgement: float
    sustain: float
    dwell: float
    refractory: float
    layer_first: float
    layer_try: float
    layer_ramp: float
    tail: float
    layer_tail: float
    rating_cut: float
    fade: float
    cue: float


@dataclass(frozen=True)
class Limits:
    """Probabilities and levels at which something is done."""

    low: float
    p_layer: float
    p_change: float
    p_better: float
    p_recovered: float
    eeg_changes: float
    trust: float
    coverage: float


@dataclass(frozen=True)
class LayerSettings:
    """The low-frequency layer."""

    enabled: bool
    level: float
    withhold: float


@dataclass(frozen=True)
class Priors:
    """What is expected of a track that nobody has rated, enjoyment 0..1."""

    first_mean: float
    first_sd: float
    next_mean: float
    next_sd: float


@dataclass(frozen=True)
class ChoiceSettings:
    """How the next track is drawn."""

    greedy: bool


@dataclass(frozen=True)
class EegSettings:
    """When the EEG may count."""

    strict: bool
    strict_ratings: float
    strict_weight: float


@dataclass(frozen=True)
class Settings:
    """A whole preset, checked."""

    name: str
    simulated_only: bool
    timing: Timing
    limits: Limits
    layer: LayerSettings
    priors: Priors
    choice: ChoiceSettings
    eeg: EegSettings

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they are recorded."""
        return asdict(self)

    @property
    def sha256(self) -> str:
        """Hash of every value, to tell two settings apart."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


_SECTIONS = {
    "timing": Timing,
    "limits": Limits,
    "layer": LayerSettings,
    "priors": Priors,
    "choice": ChoiceSettings,
    "eeg": EegSettings,
}
_SECONDS, _ONE = 3600.0, 1.0
_LARGER = {"eeg_changes": 100.0, "strict_ratings": 1000.0}


def settings_from(table: dict[str, Any], *, origin: str) -> Settings:
    """Check a table of values and make `Settings` of it.

    Raises
    ------
    InputError
        Naming section, key, value and what was expected.
    """
    if not isinstance(table, dict):
        raise InputError(f"{origin}: expected a table of settings, and there is none.")
    known = {"schema", "name", "simulated_only", *_SECTIONS}
    for key in table:
        if key not in known:
            raise InputError(
                f"{origin}: unknown key {key!r}; known are {', '.join(sorted(known))}."
            )
    if not isinstance(table.get("simulated_only"), bool) or not isinstance(table.get("name"), str):
        raise InputError(f"{origin}: 'name' must be a text and 'simulated_only' true or false.")
    parts: dict[str, Any] = {}
    for section, kind in _SECTIONS.items():
        given = table.get(section, {})
        if not isinstance(given, dict):
            raise InputError(f"{origin}: [{section}] must be a section of keys and values.")
        wanted = {f.name: str(f.type) for f in fields(kind)}
        if missing := [n for n in wanted if n not in given]:
            raise InputError(f"{origin}: [{section}] lacks {', '.join(missing)}.")
        if surplus := [n for n in given if n not in wanted]:
            raise InputError(f"{origin}: [{section}] has unknown keys {', '.join(surplus)}.")
        values: dict[str, Any] = {}
        for name, type_name in wanted.items():
            value = given[name]
            if type_name == "bool":
                if not isinstance(value, bool):
                    raise InputError(
                        f"{origin}: {section}.{name} is {value!r}; expected true or false."
                    )
                values[name] = value
            else:
                high = _LARGER.get(name, _SECONDS if section == "timing" else _ONE)
                label = f"{origin}: {section}.{name}"
                low = 0.01 if name.endswith("_sd") else 0.0
                values[name] = check_number(label, value, low=low, high=high)
        parts[section] = kind(**values)
    return Settings(name=table["name"], simulated_only=table["simulated_only"], **parts)


def load_preset(name: str) -> Settings:
    """Read a shipped preset by name, or any preset file by path.

    Raises
    ------
    InputError
        If there is none, or it does not hold together.
    """
    shipped = sorted(p.stem for p in PRESET_DIR.glob("*.toml"))
    path = PRESET_DIR / f"{name}.toml" if name in shipped else Path(name)
    try:
        if not path.is_file():
            raise FileNotFoundError(path)  # a pipe or a device has no end
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"there is no preset {name!r}; shipped are {', '.join(shipped)}, or give a .toml file."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file: {error}.") from error
    return settings_from(table, origin=str(path.name))
