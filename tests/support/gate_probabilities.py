"""The 16 gates as anyone would write them: the probability of a 1 where the inputs are independent ones with
probabilities a and b (Petersen et al. 2022, Table 1).
"""

PROBABILITY = [
    lambda a, b: 0 * a * b,
    lambda a, b: a * b,
    lambda a, b: a * (1 - b),
    lambda a, b: a + 0 * b,
    lambda a, b: b * (1 - a),
    lambda a, b: b + 0 * a,
    lambda a, b: a * (1 - b) + b * (1 - a),
    lambda a, b: 1 - (1 - a) * (1 - b),
    lambda a, b: (1 - a) * (1 - b),
    lambda a, b: a * b + (1 - a) * (1 - b),
    lambda a, b: 1 - b + 0 * a,
    lambda a, b: 1 - b * (1 - a),
    lambda a, b: 1 - a + 0 * b,
    lambda a, b: 1 - a * (1 - b),
    lambda a, b: 1 - a * b,
    lambda a, b: 1 + 0 * a * b,
]
