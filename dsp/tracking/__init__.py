"""Does the EEG follow what is heard? Decoder, chance levels, evidence, and what doubts it."""
