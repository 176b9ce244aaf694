"""Readers of EEG file formats, one file a format."""
