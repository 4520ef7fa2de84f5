"""Models of one's own, each in one short file: `python -m examples.wine`."""
