"""Runs one study on Ray: the only package of tuner that imports ray."""
