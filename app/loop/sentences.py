"""What the policy says: one template a decision, filled with the numbers it was made from."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "next",
    "skip",
    "back",
    "wanted",
    "layer_allowed",
    "unrated",
    "nothing",
    "rated_low",
    "end",
    "broken_off",
    "layer_on",
    "withheld",
    "change",
    "recovered",
    "layer_operator",
    "layer_track",
    "layer_rated",
    "no_other",
    "on_hold",
    "paused",
    "stalled",
    "no_track",
    "silent",
    "disliked",
    "brought_back",
    "protected",
    "unusable",
    "early",
    "no_following",
    "no_trust",
    "strict",
    "well",
    "unsure",
    "waiting",
]

#: One sentence a decision, generated from the numbers that are logged with it. It says what is true
#: when it is decided: a change is under way, and done when it is heard. ``±`` is one sd.
SENTENCES: dict[Code, str] = {
    "next": "Next track asked for: changing to {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f} (1 sd{known}).",
    "skip": "The client asked for another track: changing to {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f} (1 sd{known}).",
    "back": "Change taken back: changing back to {title}, which the EEG leaves alone from now on.",
    "wanted": "Asked for: changing to {title}.",
    "layer_allowed": "The low-frequency layer may come in again.",
    "unrated": "{rated} taken back.",
    "nothing": "There is nothing to take back.",
    "rated_low": "{rated}: changing to {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f} (1 sd{known}).",
    "end": "The track ends in {remaining:.0f} s: next is {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f} (1 sd{known}).",
    "broken_off": "No track is heard any more: next is {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f} (1 sd{known}).",
    "layer_on": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd), under {low:.0f} with probability "
    "{p_low:.2f} for {held:.0f} s (EEG counts {trust:.0f} %): low-frequency layer in over "
    "{ramp:.0f} s.",
    "withheld": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd) is low; the layer was withheld by "
    "lot (probability {propensity:.2f}) to learn whether it helps.",
    "change": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd), under {low:.0f} with probability "
    "{p_low:.2f} for {held:.0f} s {layer}: changing to {title}, expected {expected:.0f} ± "
    "{expected_sd:.0f}, better with probability {p_better:.2f}{known}.",
    "recovered": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd) is no longer low: low-frequency "
    "layer out over {ramp:.0f} s.",
    "layer_operator": "Low-frequency layer switched off by hand, for this session.",
    "layer_track": "Another track: low-frequency layer out over {ramp:.0f} s.",
    "layer_rated": "{rated}: low-frequency layer out over {ramp:.0f} s.",
    "no_other": "{rated}, but there is no other track to change to.",
    "on_hold": "Automation is on hold.",
    "paused": "Paused.",
    "stalled": "No action: the sound engine does not answer.",
    "no_track": "The track is about to start.",
    "silent": "No action: no track is heard.",
    "disliked": "{rated}: the rating decides on this track, not the EEG.",
    "brought_back": "A change away from this track was taken back: no action because of the EEG on "
    "it.",
    "protected": "{rated}: no action because of the EEG on this track.",
    "unusable": "No action: {reason}.",
    "early": "Too early to judge this track: first judgement at {first:.0f} s.",
    "no_following": "No action because of the EEG: it has not yet shown that it follows the sound.",
    "no_trust": "No action because of the EEG: it counts {trust:.0f} %, at least {needed:.0f} % is "
    "needed.",
    "strict": "No action because of the EEG: strict setting, not yet earned by ratings.",
    "well": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd): nothing to do.",
    "unsure": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd) may be low, but is too unsure to "
    "act on.",
    "waiting": "Enjoyment estimate {mean:.0f} ± {sd:.0f} (1 sd) is low: waiting, because {wait}.",
}
