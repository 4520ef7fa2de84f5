"""Philox against Random123's known answers; what is drawn from its words against the distributions."""

import math

import pytest
import torch

from trainables import counters
from trainables.kernels.noise import noise

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
# kat_vectors of Random123: "philox4x32 10", (counter, key, answer).
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def step(number):
    return torch.tensor(number, dtype=torch.int64)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_known_answers(counter, key, answer):
    def split(text):
        return [torch.tensor(int(word, 16)) for word in text.split()]

    assert [int(word) for word in counters.philox(split(counter), split(key))] == split(answer)


def test_a_word_is_that_of_its_counter_whatever_else_is_drawn():
    keys = counters.keys([5, 6, 7], "noise", CPU)
    drawn = counters.words(keys, step(2**33 + 9), 11)
    assert torch.equal(counters.words(keys[1:2], step(2**33 + 9), 6), drawn[1:2, :6])
    # Position 9 is word 1 of block 2; a step beyond 2^32 fills both of its words.
    expected = counters.philox([torch.tensor(n) for n in (2, 0, 9, 2)], [keys[2, 0], keys[2, 1]])
    assert int(drawn[2, 9]) == int(expected[1])


def test_seeds_purposes_and_steps_draw_different_words():
    def drawn(seed, purpose, number):
        return tuple(counters.words(counters.keys([seed], purpose, CPU), step(number), 4)[0].tolist())

    assert len({drawn(s, p, n) for s in (0, 1) for p in ("noise", "order") for n in (0, 1)}) == 8


def test_uniform_numbers_are_inside_the_open_interval_and_exact():
    words = torch.tensor([0, 2**32 - 1, 2**31])
    found = counters.uniform(words, torch.float32)
    assert found.tolist() == [2.0**-24, 1 - 2.0**-24, 0.5 + 2.0**-24]
    assert torch.equal(found.double(), counters.uniform(words, torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("kind", "cdf"),
    [("logistic", torch.sigmoid), ("gumbel", lambda x: (-(-x).exp()).exp())],
)
def test_noise_has_its_distribution(kind, cdf, dtype):
    n = 200_000
    drawn = noise(counters.keys([3, 4], "noise", CPU), step(1), n, kind, dtype)
    assert (drawn.shape, drawn.dtype) == ((2, n), dtype)
    # Kolmogorov and Smirnov: sqrt(n) times the largest distance exceeds 1.95 once in a thousand samples.
    places = cdf(drawn.double()).sort(dim=1).values
    ideal = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    assert float((places - ideal).abs().max()) * math.sqrt(n) < 1.95
    assert abs(float(torch.corrcoef(drawn.double())[0, 1])) < 4 / math.sqrt(n)
