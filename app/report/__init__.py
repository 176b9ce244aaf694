"""Room `app/report`."""
