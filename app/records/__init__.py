"""Room `app/records`."""
