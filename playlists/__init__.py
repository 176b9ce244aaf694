"""Room `playlists`."""
