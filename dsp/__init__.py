"""Room `dsp`."""
