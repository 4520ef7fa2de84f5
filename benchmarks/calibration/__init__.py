"""How often the statistics of a study are wrong, and how often right, by simulation: `make calibrate`."""
