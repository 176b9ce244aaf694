"""Sources of EEG: how each is read, and how its samples get their times."""
