"""What is heard, as numbers (features, loudness, beats) and as sound (layer, limiter)."""
