"""Studies from Python: `tuner.search` and what it returns."""
