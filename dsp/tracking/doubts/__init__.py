"""What else could make it seem that the EEG follows the sound, a file for each."""
