"""Room `app/window`."""
