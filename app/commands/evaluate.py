"""`attune evaluate`: measure the estimators on recordings."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.commands.passphrase import add_passphrase, keys_asked

TRACKING = "attune evaluate tracking --test run03.npz --calibrate run01.npz run02.npz"
SILENCE = "attune evaluate silence rest.npz --against run01.npz song.ogg --json"
REWARD = "attune evaluate reward run01.npz --channels Fz,F3,F4"
ENJOYMENT = "attune evaluate enjoyment sessions/2026-11-24 sessions/2026-11-25 --json"
BY_EVENTS = "attune evaluate reward sessions/2026-11-24_183000_clear --by events --settle 2"


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "evaluate",
        help="measure the estimators on recordings",
        description="Run recordings through the live estimators, from the past only. Recordings\n"
        "are session folders or .npz files, whose layout docs/recordings.md describes.",
        epilog=f"examples:\n  {TRACKING}\n  {SILENCE}\n  {REWARD}\n  {BY_EVENTS}\n  {ENJOYMENT}\n",
        formatter_class=raw,
    )
    kinds = parser.add_subparsers(
        dest="kind", required=True, metavar="tracking|silence|reward|enjoyment"
    )

    def kind_of(name: str, said: str, example: str) -> argparse.ArgumentParser:
        kind = kinds.add_parser(
            name, help=said, description=said, epilog=f"example: {example}", formatter_class=raw
        )
        add_passphrase(kind)
        return kind

    tracking = kind_of("tracking", "does the EEG follow what was heard", TRACKING)
    tracking.add_argument("--test", nargs="+", type=Path, required=True, metavar="R")
    tracking.add_argument(
        "--feature", default="onset", metavar="onset|envelope|FILE", help="what was heard"
    )
    silence = kind_of("silence", "false 'following' without that sound", SILENCE)
    silence.add_argument("recordings", nargs="+", type=Path, metavar="R")
    silence.add_argument("--against", nargs="+", required=True, metavar="FEATURE")
    reward = kind_of("reward", "reward correlates with their validity", f"{REWARD}\n  {BY_EVENTS}")
    reward.add_argument("recordings", nargs="+", type=Path, metavar="R")
    reward.add_argument(
        "--by", choices=("events",), help="tell them by condition too: from a code to the next"
    )
    reward.add_argument(
        "--settle", type=float, metavar="S",
        help="seconds after the start of a condition that are left out (2)",
    )  # fmt: skip
    enjoyment = kind_of(
        "enjoyment", "what the EEG tells of one person's ratings, beyond their music", ENJOYMENT
    )
    enjoyment.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    for kind in (tracking, silence):
        kind.add_argument("--calibrate", nargs="+", type=Path, default=[], metavar="R")
        kind.add_argument("--delay-search", type=float, metavar="S", help="seconds; default 1")
    for kind in (tracking, silence, enjoyment):
        kind.add_argument("--seed", type=int, default=0)
    for kind in (tracking, silence, reward):
        kind.add_argument("--channels", nargs="+", metavar="NAME")
    for kind in (tracking, silence, reward, enjoyment):
        kind.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print; return the exit status."""
    with keys_asked(arguments.passphrase_file):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from app.lab.evaluate_reward import SETTLE, evaluate_reward
    from app.lab.evaluate_silence import evaluate_silence
    from app.lab.evaluate_tracking import evaluate_tracking
    from dsp.checks import InputError, check_number

    if arguments.kind == "enjoyment":
        from app.lab.evaluate_enjoyment import evaluate_enjoyment

        check_number("--seed", arguments.seed, low=0)
        return _tell(arguments, evaluate_enjoyment(arguments.folders, seed=arguments.seed), _worth)
    shared: dict[str, Any] = {"channels": arguments.channels}
    if arguments.kind != "reward":
        search = arguments.delay_search
        if search is not None:
            check_number("--delay-search", search, low=0.0, high=3.0, unit="s")
        check_number("--seed", arguments.seed, low=0)
        shared |= {"calibrations": arguments.calibrate, "search": search, "seed": arguments.seed}
    if arguments.kind == "tracking":
        result, tell = (
            evaluate_tracking(arguments.test, feature=arguments.feature, **shared),
            _tracking,
        )
    elif arguments.kind == "silence":
        result = evaluate_silence(arguments.recordings, against=arguments.against, **shared)
        tell = _silence
    else:
        settle = SETTLE if arguments.settle is None else arguments.settle
        check_number("--settle", settle, low=0.0, high=600.0, unit="s")
        if arguments.settle is not None and arguments.by is None:
            raise InputError(
                f"--settle {settle:g} leaves out the start of conditions, and none were asked for: "
                "add --by events, or leave --settle out."
            )
        shared |= {"by_events": arguments.by == "events", "settle": settle}
        result, tell = evaluate_reward(arguments.recordings, **shared), _reward
    return _tell(arguments, result, tell)


def _tell(
    arguments: argparse.Namespace,
    result: Mapping[str, Any],
    tell: Callable[[Mapping[str, Any]], Iterator[str]],
) -> int:
    if arguments.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        print("\n".join(tell(result)))
    return 0


# ---- the same numbers in words


def _number(value: float | None, digits: int = 3) -> str:
    return "not known" if value is None else f"{value:.{digits}f}"


def _seconds(reasons: Mapping[str, float]) -> str:
    """Reasons with their seconds, the longest first."""
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason.rstrip('.')} ({s:.0f} s)" for reason, s in ordered) or "nothing"


def _interval(told: Mapping[str, Any], digits: int) -> str:
    if told["mean"] is None:
        return "not known"
    if told["low"] is None:
        return f"{told['mean']:+.{digits}f} (from one score: no interval)"
    mean, low, high = (f"{told[key]:+.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high}, 90 %)"


def _tracking(result: Mapping[str, Any]) -> Iterator[str]:
    from app.words import clock, percent

    if known := result.get("calibration"):
        low, high = known["band_hz"]
        yield (
            f"Decoder from {known['seconds']:.0f} s of --calibrate: r {known['r']:.3f}, chance up "
            f"to {known['r_null95']:.3f}, {low:g} to {high:g} Hz"
            f"{'' if known['found'] else '; no answer to the sound was found'}."
        )
    for one in result["recordings"]:
        yield f"{one['name']}"
        yield f"  r with what was heard ({result['feature']}): {_number(one['r'])}, " + (
            f"chance up to {_number(one['r_null95'])} (95 %)"
        )
        n = sum(one["windows"].values())
        states = (
            ", ".join(
                f"{state.replace('_', ' ')} {percent(count / n)}"
                for state, count in one["windows"].items()
            )
            if n
            else "none"
        )
        yield f"  windows of 30 s, one every 5 s ({n}): {states}"
        first, after = one["first_following_s"], one["following_after_first"]
        yield (
            "  never said to follow"
            if first is None
            else (
                f"  first said to follow at {clock(first)}"
                + ("" if after is None else f", and {percent(after)} of the seconds from then on")
            )
        )
        if one["power"] is not None:
            found = percent(one["power"])
            yield f"  an answer of the usual size would be found in {found} of cases"
        if one["drift_ms_per_min"] is not None:
            yield (
                f"  the answer comes later by {one['drift_ms_per_min']:+.1f} ms a minute "
                f"(± {one['drift_sd_ms_per_min']:.1f})"
            )
        matched = ", ".join(
            f"{length} s {percent(found['accuracy'])}"
            for length, found in one["match_mismatch"].items()
            if found["accuracy"] is not None
        )
        yield f"  match or mismatch with another sound, by window: {matched or 'not known'}"
        yield f"  r less what the sound explains: {_interval(one['residual'], 3)}"
        yield f"  not used: {_seconds(one['masked'])}"
        if one["cannot_tell_because"]:
            yield f"  could not tell: {_seconds(one['cannot_tell_because'])}"


def _silence(result: Mapping[str, Any]) -> Iterator[str]:
    from app.words import percent

    def rate(told: Mapping[str, Any]) -> str:
        if told["rate"] is None:
            return "no window could be tested"
        return f"{percent(told['rate'])} of {told['windows']} windows"

    yield f"Said to follow a sound that was not there: {rate(result)}."
    if result["ever"] is not None:
        yield f"At least once: in {percent(result['ever'])} of the recordings with a sound."
    for one in result["recordings"]:
        yield f"{one['name']}: {rate(one)}"
        for pair in result["pairs"]:
            if pair["name"] == one["name"]:
                yield f"  against {pair['against']}: {rate(pair)}"


def _reward(result: Mapping[str, Any]) -> Iterator[str]:
    for one in result["recordings"]:
        yield f"{one['name']}"
        for name, told in one["features"].items():
            z = "" if told["z"] is None else f", z of the newest 30 s {told['z']:+.1f}"
            use = "" if told["in_estimate"] else " (for research, in no estimate)"
            yield f"  {name}{use}: {_interval(told, 2)}{z}"
            yield (
                f"    {told['usable_s']:.0f} s usable; not usable: {_seconds(told['unusable_s'])}"
            )
        for code, features in one.get("conditions", {}).items():
            for name, told in features.items():
                if told["mean"] is not None:
                    usable = f"{told['usable_s']:.0f} s usable"
                    yield f"  condition {code}, {name}: {_interval(told, 2)}, {usable}"
    for told in result.get("contrasts", ()):
        yield (
            f"{told['a']} against {told['b']}, {told['feature']}: {_interval(told, 2)}, "
            f"p {_number(told['p'])}, recordings {told['n']}"
        )
    yield from result.get("refused", ())


def _worth(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{result['ratings']} ratings of {result['tracks']} tracks, each track left out in turn."
    yield (
        f"Correlation with what was rated: {result['correlation']:+.2f} with EEG, "
        f"{result['correlation_no_eeg']:+.2f} without; gain {result['gain']:+.2f}, "
        f"p {result['p']:.3f} (theta dealt out to other tracks)."
    )
    yield f"With ratings dealt out to other tracks: {result['shuffled']:+.2f} (expected: about 0)."
    if result["p"] > 0.05:
        yield "No use of this person's EEG beyond their ratings is shown."
