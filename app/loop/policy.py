"""What to do about it: the state of the loop in, at most one decision out.

Pure: the same view, state, settings and generator give the same decision. The order is fixed:
hands first, then ratings, then the end of the track, then validity, and only then the
EEG, which acts on its own account alone: never where the twin without EEG would act as well,
never before this session has once shown that the brain follows the sound.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from app.loop.decision import DISLIKED, PROTECTED, Cause, Decision, Kind, PolicyState, View
from app.loop.sentences import SENTENCES, Code
from app.settings import Settings
from app.words import rating_given
from playlists.choice import Choice, choose, p_better
from playlists.listener_record import FACES


def decide(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> tuple[Decision | None, PolicyState]:
    """Decide for this second.

    Returns
    -------
    decision : Decision or None
        None where it would only repeat the last deliberate non-action.
    state : PolicyState
    """
    if view.play != state.play:
        state = replace(state, play=view.play, low_layer=None, low_change=None, recovered=None)
    if view.unwatched and state.layer_since is not None:
        state = replace(state, layer_since=state.layer_since + view.unwatched)
    state = _watch(view, state, settings)
    for rule in (_commands, _ratings, _ending, _layer_out, _eeg):
        decision, state = rule(view, state, settings, rng)
        if decision is not None:
            break
    repeats = decision is not None and decision.kind == "hold" and decision.code == state.code
    if decision is None or (repeats and decision.cause != "operator"):  # a hand is always answered
        return None, state
    return decision, replace(state, code=decision.code)


_Result = tuple[Decision | None, PolicyState]


def _watch(view: View, state: PolicyState, settings: Settings) -> PolicyState:
    """Keep since when each condition has held; unusable data break it, as does time unwatched."""

    def since(holds: bool, before: float | None) -> float | None:
        there = view.usable and not view.paused and view.play >= 0
        begins = before is None or view.unwatched > 0.0
        return (view.now if begins else before) if holds and there else None

    limits = settings.limits
    return replace(
        state,
        low_layer=since(view.p_low > limits.p_layer, state.low_layer),
        low_change=since(view.p_low > limits.p_change, state.low_change),
        recovered=since(view.p_low < limits.p_recovered, state.recovered),
    )


def _say(code: Code, numbers: dict[str, Any]) -> str:
    return SENTENCES[code].format(**numbers)


def _numbers(view: View, settings: Settings) -> dict[str, Any]:
    return {
        "mean": 100 * view.mean,
        "sd": 100 * view.sd,
        "p_low": view.p_low,
        "twin_p_low": view.twin_p_low,
        "low": 100 * settings.limits.low,
        "trust": 100 * view.trust,
        "position": view.position,
        "remaining": view.remaining,
        "ramp": settings.timing.layer_ramp,
    }


def _hold(view: View, settings: Settings, code: Code, **extra: Any) -> Decision:
    numbers = _numbers(view, settings) | extra
    return Decision("hold", code, None, _say(code, numbers), "none", 1.0, (), numbers)


def _rated(rating: float | None, *, tapped: bool, back: bool = False) -> dict[str, Any]:
    """Return a rating, or a face that an observer saw, in words; `back`: as it is taken back."""
    assert rating is not None
    if tapped:
        face = min(FACES, key=lambda name: abs(FACES[name] - rating))
        said = f"The observer's tap ({face})" if back else f"The observer saw {face}"
        return {"face": face, "rated": said}
    given = rating_given(rating)
    return {"given": given, "rated": f"{'Rating' if back else 'Rated'} {given} of 9"}


def _change(
    view: View,
    settings: Settings,
    rng: np.random.Generator,
    *,
    kind: Kind,
    code: Code,
    cause: Cause,
    n: int = 1,
    **extra: Any,
) -> Decision | None:
    """Choose among the candidates, the last of `n` in turn; None where there is no other track.

    The end of a track and the operator may repeat one; ratings and the EEG may not.
    """
    pool = view.candidates
    if not any(c.eligible for c in pool) and cause in ("operator", "end"):
        pool = view.repeats
    drawn: list[Choice] = []
    while len(drawn) < n and any(c.eligible for c in pool):
        drawn.append(choose(pool, rng=rng, greedy=settings.choice.greedy))
        pool = tuple(replace(c, eligible=False) if c.place == drawn[-1].place else c for c in pool)
    if not drawn:
        return None
    choice = drawn[-1]
    chosen = next(c for c in pool if c.place == choice.place)
    known = view.because[choice.place] if view.because else ""
    numbers = _numbers(view, settings) | extra
    numbers |= {
        "title": view.titles[choice.place],
        "expected": 100 * chosen.mean,
        "expected_sd": 100 * chosen.sd,
        "known": f"; {known}" if known else "",
    }
    others = tuple((view.titles[i], p) for i, p in choice.alternatives)
    passed = tuple(one.place for one in drawn[:-1])
    because = _say(code, numbers)
    return Decision(
        kind, code, choice.place, because, cause, choice.propensity, others, numbers, passed
    )


def _changed(view: View, state: PolicyState, *, eeg: bool = False) -> PolicyState:
    return replace(state, last_change=view.now, eeg_changes=state.eeg_changes + eeg)


def _commands(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    """Do what a hand asks for, at once; what it took back beside that is said too."""
    decision, state = _obeyed(view, state, settings, rng)
    unrated = [one for one in view.asked if one.kind == "unrated"]
    if decision is not None and decision.code != "unrated" and unrated:
        last = unrated[-1]
        numbers = decision.numbers | _rated(last.rating, tapped=last.tapped, back=True)
        because = f"{decision.because} {_say('unrated', numbers)}"
        decision = replace(decision, because=because, numbers=numbers)
    return decision, state


def _obeyed(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    was_off, asked = state.layer_off, {one.kind: one for one in view.asked}
    for one in view.asked:
        if one.kind in ("layer_off", "layer_on"):
            state = replace(state, layer_off=one.kind == "layer_off")
    n = sum(one.kind in ("next", "skip") for one in view.asked)
    numbers = _numbers(view, settings)
    named = asked.get("back") or asked.get("wanted")
    if named is not None:
        of: Code = "back" if named.kind == "back" else "wanted"
        numbers |= {"title": view.titles[named.place]}
        because = _say(of, numbers)
        there = Decision("change_track", of, named.place, because, "operator", 1.0, (), numbers)
        return there, _changed(view, state)
    if n:  # the layer goes with the track
        code: Code = "skip" if "skip" in asked else "next"
        found = _change(view, settings, rng, kind="change_track", code=code, cause="operator", n=n)
        if found is not None:
            return found, _changed(view, state)
    if state.layer_off and (not was_off or state.layer_since is not None):
        because = _say("layer_operator", numbers)
        out = Decision("layer_off", "layer_operator", 0.0, because, "operator", 1.0, (), numbers)
        return out, replace(state, layer_since=None)
    if was_off and not state.layer_off:
        return _said(view, settings, "layer_allowed"), state
    if "unrated" in asked:
        last = asked["unrated"]
        words = _rated(last.rating, tapped=last.tapped, back=True)
        return _said(view, settings, "unrated", **words), state
    if "nothing" in asked:
        return _said(view, settings, "nothing"), state
    return None, state


def _said(view: View, settings: Settings, code: Code, **extra: Any) -> Decision:
    """Answer a hand that asked for something without sound."""
    return replace(_hold(view, settings, code, **extra), cause="operator")


def _ratings(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    """End the track after a low rating, whatever the EEG says."""
    low = view.rating is not None and view.rating <= DISLIKED
    away = view.changing or view.paused or view.on_hold
    if not low or away or view.position < settings.timing.rating_cut:
        return None, state
    decision = _change(
        view,
        settings,
        rng,
        kind="change_track",
        code="rated_low",
        cause="rating",
        **_rated(view.rating, tapped=view.tapped),
    )
    if decision is None:
        return _hold(view, settings, "no_other", **_rated(view.rating, tapped=view.tapped)), state
    return decision, _changed(view, state)


def _ending(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    """Music goes on, also on hold and whatever the data are like."""
    if view.cued or view.changing or view.remaining > settings.timing.cue:
        return None, state
    code: Code = "broken_off" if view.broken_off else "end"
    return _change(view, settings, rng, kind="next_track", code=code, cause="end"), state


def _layer_out(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    """Take the layer out with its track, at a rating at either end, or when not needed."""
    del rng
    if state.layer_since is None:
        return None, state
    timing = settings.timing
    code: Code
    cause: Cause
    extra: dict[str, Any] = {}
    if state.layer_decided != view.play:
        code, cause = "layer_track", "end"
    elif view.rating is not None and (view.rating >= PROTECTED or view.rating <= DISLIKED):
        code, cause, extra = "layer_rated", "rating", _rated(view.rating, tapped=view.tapped)
    elif (
        state.recovered is not None
        and _barrier(view, settings) is None
        and view.now - state.recovered >= timing.sustain
        and _tried(view, state, settings)
    ):
        code, cause = "recovered", "eeg"
    else:
        return None, state
    numbers = _numbers(view, settings) | extra
    because = _say(code, numbers)
    state = replace(state, layer_since=None)
    return Decision("layer_off", code, 0.0, because, cause, 1.0, (), numbers), state


def gate(view: View, state: PolicyState, settings: Settings) -> str:
    """Why the EEG may do nothing now, whatever it said; one sentence, empty where it may.

    Empty exactly where an estimate that had been low, or had recovered, for long enough would bring
    the layer in or out or change the track. `state` is the one before the decision of this second.
    """
    found = _barrier(view, settings)
    if found is not None:
        return found.because
    barred = _barred(view, state, settings)
    return f"No action because of the EEG: {barred}." if barred else ""


def _barred(view: View, state: PolicyState, settings: Settings) -> str:
    """Why no action of the EEG would be taken now, half a sentence; empty where one might."""
    if state.layer_decided == view.play and _tried(view, state, settings):
        return ""  # the layer may be taken out
    layer, change = _layer_bar(view, state, settings), _change_bar(view, state, settings)
    if not layer or not change:
        return ""
    if state.layer_decided == view.play:
        return change
    return layer if change == _LAYER_FIRST else f"{layer}, and {change}"


def _barrier(view: View, settings: Settings) -> Decision | None:
    """First reason why the EEG may not act now."""
    eeg, limits = settings.eeg, settings.limits
    if view.stalled:
        return _hold(view, settings, "stalled")
    if view.play < 0 or view.changing:
        return _hold(view, settings, "no_track")
    if view.paused:
        return _hold(view, settings, "paused")
    if view.silent:
        return _hold(view, settings, "silent")
    if view.on_hold:
        return _hold(view, settings, "on_hold")
    if view.rating is not None and view.rating >= PROTECTED:
        return _hold(view, settings, "protected", **_rated(view.rating, tapped=view.tapped))
    if view.rating is not None and view.rating <= DISLIKED:
        return _hold(view, settings, "disliked", **_rated(view.rating, tapped=view.tapped))
    if view.protected:
        return _hold(view, settings, "brought_back")
    if not view.usable:
        return _hold(view, settings, "unusable", reason=view.reason)
    if eeg.strict and (view.n_ratings < eeg.strict_ratings or view.trust < eeg.strict_weight):
        return _hold(view, settings, "strict")
    if view.trust < limits.trust:
        return _hold(view, settings, "no_trust", needed=100 * limits.trust)
    if not view.ever_following:
        return _hold(view, settings, "no_following")
    if view.position < min(settings.timing.first_judgement, settings.timing.layer_first):
        first = min(settings.timing.first_judgement, settings.timing.layer_first)
        return _hold(view, settings, "early", first=first)
    return None


def _eeg(view: View, state: PolicyState, settings: Settings, rng: np.random.Generator) -> _Result:
    barrier = _barrier(view, settings)
    if barrier is not None:
        return barrier, state
    limits = settings.limits
    if view.p_low <= min(limits.p_layer, limits.p_change):
        return _hold(view, settings, "well" if view.p_low < 0.5 else "unsure"), state
    decision, state = _layer_in(view, state, settings, rng)
    if decision is None:
        decision, state = _change_by_eeg(view, state, settings, rng)
    if decision is None:
        return _hold(view, settings, "waiting", wait=_wait(view, state, settings)), state
    return decision, state


def _wait(view: View, state: PolicyState, settings: Settings) -> str:
    """Why a low estimate does not change anything yet."""
    barred = _barred(view, state, settings)
    if barred:
        return barred
    waits = _layer_bar(view, state, settings) and not _change_bar(view, state, settings)
    if waits and p_better(view.mean, view.sd, view.candidates) <= settings.limits.p_better:
        return "no other track is surely expected to be better"
    return f"it must stay so for {settings.timing.sustain:.0f} s"


_LAYER_FIRST = "the layer is tried first"


def _tried(view: View, state: PolicyState, settings: Settings) -> bool:
    """Whether the layer has been in for as long as it is given."""
    since = state.layer_since
    return since is not None and view.now - since >= settings.timing.layer_try


def _layer_bar(view: View, state: PolicyState, settings: Settings) -> str:
    """Why the layer may not come in now, however low the estimate; half a sentence, or empty."""
    timing, layer, limits = settings.timing, settings.layer, settings.limits
    if not layer.enabled:
        return "this preset has no layer"
    if state.layer_off:
        return "the layer is off for this session"
    if state.layer_decided == view.play:
        return "the layer is decided once a track"
    if view.position < timing.layer_first:
        return f"the layer does not come in in the first {timing.layer_first:.0f} s of a track"
    if view.remaining <= timing.layer_tail:
        return f"the layer does not come in in the last {timing.layer_tail:.0f} s of a track"
    if view.twin_p_low > limits.p_layer:
        return "ratings and priors alone already say that it is low"
    return ""


def _change_bar(view: View, state: PolicyState, settings: Settings) -> str:
    """Why the EEG may not change the track now, however low the estimate."""
    timing, layer, limits = settings.timing, settings.layer, settings.limits
    dwell = max(timing.dwell, timing.first_judgement)
    # Without a layer to try (switched off, withheld, tried before) the dwell alone decides.
    decided = state.layer_decided == view.play or state.layer_off or not layer.enabled
    if state.eeg_changes >= limits.eeg_changes:
        return f"the EEG may change {limits.eeg_changes:.0f} tracks a session, and has"
    if view.now - state.last_change < timing.refractory:
        return f"changes are at least {timing.refractory:.0f} s apart"
    if state.layer_since is None and not decided:
        return _LAYER_FIRST
    if state.layer_since is not None and not _tried(view, state, settings):
        return f"the layer is given {timing.layer_try:.0f} s"
    if view.position < dwell:
        return f"a track plays for at least {dwell:.0f} s"
    if view.remaining <= timing.tail:
        return f"no track is changed in its last {timing.tail:.0f} s"
    if view.twin_p_low > limits.p_change:
        return "ratings and priors alone already say that it is low"
    if not any(c.eligible for c in view.candidates):
        return "there is no other track"
    return ""


def _layer_in(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    layer = settings.layer
    held = state.low_layer is not None and view.now - state.low_layer >= settings.timing.sustain
    if not held or _layer_bar(view, state, settings):
        return None, state
    assert state.low_layer is not None
    numbers = _numbers(view, settings) | {"held": view.now - state.low_layer}
    state = replace(state, layer_decided=view.play)
    if layer.withhold > 0.0 and float(rng.random()) < layer.withhold:
        numbers["propensity"] = layer.withhold
        because = _say("withheld", numbers)
        other = (("layer_on", 1.0 - layer.withhold),)
        return Decision(
            "hold", "withheld", None, because, "eeg", layer.withhold, other, numbers
        ), state
    because = _say("layer_on", numbers)
    others = (("withheld", layer.withhold),) if layer.withhold > 0.0 else ()
    state = replace(state, layer_since=view.now)
    return Decision(
        "layer_on", "layer_on", layer.level, because, "eeg", 1.0 - layer.withhold, others, numbers
    ), state


def _change_by_eeg(
    view: View, state: PolicyState, settings: Settings, rng: np.random.Generator
) -> _Result:
    better = p_better(view.mean, view.sd, view.candidates)
    held = state.low_change is not None and view.now - state.low_change >= settings.timing.sustain
    if not held or better <= settings.limits.p_better or _change_bar(view, state, settings):
        return None, state
    assert state.low_change is not None
    decision = _change(
        view,
        settings,
        rng,
        kind="change_track",
        code="change",
        cause="eeg",
        held=view.now - state.low_change,
        p_better=better,
        layer="with the layer on" if state.layer_since is not None else "with no layer on",
    )
    return decision, _changed(view, state, eeg=True) if decision else state
