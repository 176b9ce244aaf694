"""One person: what sessions teach of them, and what is kept of them."""
