"""What sounds, and when it was heard: decks, mixer, engine and decoder processes."""
