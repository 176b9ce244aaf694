"""The generator of the starter playlist: scores, instruments and a mix, all from seeds."""
