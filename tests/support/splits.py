"""What the splits of datasets hold, to compare them."""

from collections import Counter

import torch


def examples(*splits):
    """Every example of some splits and how often it occurs: {(pixels, label): number}."""
    count = Counter()
    for split in splits:
        count.update(zip(map(bytes, split.inputs.numpy()), split.labels.tolist(), strict=True))
    return count


def check_same(first, second):
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(first, split).inputs, getattr(second, split).inputs)
        assert torch.equal(getattr(first, split).labels, getattr(second, split).labels)
