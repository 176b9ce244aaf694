"""Room `playlists`: what there is to play, what it is like, what to play next."""
