"""Room `app/commands`."""
