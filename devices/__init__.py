"""Room `devices`."""
