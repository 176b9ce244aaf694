"""Session folders: written while a session runs, read whole, cut, or made by somebody else.

`writer` writes one through `sink`, the one way to the disk; `reader` reads one, and `ticks` its
ticks; `xdf` and `jsontext` are the formats. docs/session-folder.md describes them.
"""
