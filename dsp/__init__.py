"""Signals into numbers: grid, filters, spectra, electrodes, quality, tracking, enjoyment, sound.

Pure: arrays in, arrays out, the same numbers however the input is cut. No files, no clocks.
"""
