"""Room `app/player`."""
