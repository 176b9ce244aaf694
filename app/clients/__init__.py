"""One person: who a client is to the program, what is kept of them, and what it is locked with.

`store` opens the encrypted database (`database`) with the keys (`keys`) that a passphrase unwraps;
`creating` makes a new one; `entries` are what is kept, `scales` the questionnaires, `codes` the
pseudonyms, `audit` who did what; `deleting` and `backup` take away and bring back; `sitting` is a
session of a client, `listener` what sessions teach of them, `intake` what was named for them.
docs/clients.md says what is protected, and from what.
"""
