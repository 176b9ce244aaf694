"""The screen of a running session, a file for each of its parts."""
