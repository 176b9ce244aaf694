"""The closed loop: one tick a second from EEG and sound to a decision (`loop` is its entry)."""

#: Number of the rules by which it decides; grows whenever the same ticks may lead to others.
RULES = 4
