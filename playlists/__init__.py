"""What there is to play, what it is like (`analysis`), what to play next; its generator."""
