"""Holm's correction: the chance of any wrong claim among several is bounded.

A method that is compared with several rivals beats one of them by luck more easily than one.
"""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a family of tests: the smallest times their number, the next times one
    less, and so on.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for i, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, (len(p_values) - i) * p_values[name])
        adjusted[name] = min(1.0, largest)
    return adjusted
