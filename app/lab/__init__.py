"""Commands on recordings and on simulated listeners: evaluation, replay, demonstrations."""
