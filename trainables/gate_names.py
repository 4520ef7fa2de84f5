"""The sixteen two-input gates by id, in the order of Petersen et al. 2022. Apart from gates.py, which takes
torch.
"""

GATES = (
    "false", "and", "a_not_b", "a", "b_not_a", "b", "xor", "or",
    "nor", "xnor", "not_b", "a_or_not_b", "not_a", "b_or_not_a", "nand", "true",
)  # fmt: skip
