"""One tick a second: what the brain did and what was heard in, at most one decision out. Pure."""
