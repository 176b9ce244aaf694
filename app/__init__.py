"""The program: loop, session, player, records, report, window and command line.

It stands on `playlists` and `devices`, which stand on `dsp`.
"""
