"""A sound file into numbers."""
