"""The life of one session: brought up, ticked, watched, recorded and ended."""
