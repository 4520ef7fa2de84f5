"""The measurements of docs/benchmarks.md: fair peers, the same work, side by side in one run. `make bench`
runs them all.
"""
