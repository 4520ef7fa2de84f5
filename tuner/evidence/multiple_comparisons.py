"""Holm's correction for multiple comparisons: it bounds the probability of any wrong claim among several.

A method that is compared with several rivals is more likely to beat one of them by luck than if there were
one.
"""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The adjusted p-values of a family of tests, {name: p}: the smallest is multiplied by the number of
    tests, the next by one less, and so on; none is below the one before it, or above 1.

    Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for i, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, (len(p_values) - i) * p_values[name])
        adjusted[name] = min(1.0, largest)
    return adjusted
