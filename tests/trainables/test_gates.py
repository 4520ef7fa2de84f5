"""Gate networks: the table against truth tables, forward and backward against the mixture of 16 gates written
out.
"""

from itertools import pairwise

import pytest
import torch

from tests.support.gate_probabilities import PROBABILITY
from trainables import gate_rows, gates
from trainables.gate_names import GATES
from trainables.gates import COEFFICIENTS, Wires, group_sums, random_wires

pytestmark = pytest.mark.usefixtures("one_thread")

# By name, as anyone would write them.
BOOLEAN = {
    "false": lambda a, b: False,  # noqa: ARG005
    "true": lambda a, b: True,  # noqa: ARG005
    "a": lambda a, b: a,  # noqa: ARG005
    "b": lambda a, b: b,  # noqa: ARG005
    "not_a": lambda a, b: not a,  # noqa: ARG005
    "not_b": lambda a, b: not b,  # noqa: ARG005
    "and": lambda a, b: a and b,
    "nand": lambda a, b: not (a and b),
    "or": lambda a, b: a or b,
    "nor": lambda a, b: not (a or b),
    "xor": lambda a, b: a != b,
    "xnor": lambda a, b: a == b,
    "a_not_b": lambda a, b: a and not b,
    "b_not_a": lambda a, b: b and not a,
    "a_or_not_b": lambda a, b: a or not b,
    "b_or_not_a": lambda a, b: b or not a,
}
ROWS = [(False, False), (False, True), (True, False), (True, True)]  # (a, b) of a truth table
SIZES = {
    "more inputs": (9, 6),
    "more gates": (4, 12),
    "as many": (6, 6, 6),
    "deep": (9, 5, 11, 5, 6),
}  # D, N of every layer
GROUPS = 3
S, B = 2, 8


# --- the table ---


@pytest.mark.parametrize("gate", range(16))
def test_a_gates_coefficients_and_its_number_are_its_truth_table(gate):
    truth = [bool(BOOLEAN[GATES[gate]](a, b)) for a, b in ROWS]
    c0, ca, cb, cab = COEFFICIENTS[gate].tolist()
    assert [c0 + ca * a + cb * b + cab * a * b for a, b in ROWS] == truth
    assert f"{gate:04b}" == "".join(str(int(bit)) for bit in truth)
    assert [PROBABILITY[gate](int(a), int(b)) for a, b in ROWS] == truth  # the oracle below


# --- a network ---


def mixture_layer(x, weights, wires):
    """[S, T, N, B] with the 16 gates of every neuron and example written out; weights [S, T, 16, N] of the
    gates.
    """
    out = []
    for x_s, weights_s, (wires_a, wires_b) in zip(x, weights, wires.inputs, strict=True):
        a, b = x_s[:, wires_a].permute(0, 2, 1), x_s[:, wires_b].permute(0, 2, 1)  # [T, B, N]
        everything = torch.stack([gate(a, b) for gate in PROBABILITY], -1)  # [T, B, N, 16]
        out.append((everything * weights_s.mT[:, None]).sum(-1).mT)
    return torch.stack(out)


def mixture_network(bits, weights, wires, _soft):
    """The oracle: group sums [S, T, GROUPS, B] of networks of such layers."""
    x = bits[:, None].expand(-1, weights[0].shape[1], -1, -1).to(weights[0])
    for layer_weights, layer_wires in zip(weights, wires, strict=True):
        x = mixture_layer(x, layer_weights, layer_wires)
    return x.unflatten(2, (GROUPS, -1)).sum(3)


def network(bits, weights, wires, soft):
    """The same through coefficients."""
    table = COEFFICIENTS.to(weights[0])
    return group_sums(bits, [table.T @ w for w in weights], wires, groups=GROUPS, soft=soft)


def network_of_rows(bits, weights, wires, soft):
    """All members at once, as an accelerator does it."""
    layout = gate_rows.Layout.of(wires, len(soft), weights[0].dtype)
    coefficients = [layout.coefficients.T @ w for w in weights]
    return gate_rows.group_sums(bits, coefficients, layout, groups=GROUPS, soft=any(soft))


def draw(seed, sizes, soft):
    """Input bits, gate weights and wires of every layer: one gate a neuron, or mixtures for the trials that
    are soft.
    """
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(2, (S, sizes[0], B), generator=generator, dtype=torch.uint8)
    weights, wires = [], []
    for D, N in pairwise(sizes):
        logits = 2 * torch.randn(S, len(soft), 16, N, generator=generator, dtype=torch.float64)
        hard = torch.zeros_like(logits).scatter_(2, logits.argmax(2, keepdim=True), 1.0)
        weights.append(torch.where(torch.tensor(soft)[:, None, None], logits.softmax(2), hard))
        wires.append(Wires.of(torch.randint(D, (S, 2, N), generator=generator), D))
    return bits, weights, wires, soft


def pull_back(function, bits, weights, wires, soft):
    """Output, and gradients of <output, some numbers> by the weights of every layer."""
    weights = [w.clone().requires_grad_() for w in weights]
    out = function(bits, weights, wires, soft)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(9), dtype=out.dtype)
    return out.detach(), *torch.autograd.grad(out, weights, upstream)


@pytest.mark.parametrize(
    "part", [1, 3 * B, 20 * B, None], ids=["an example", "some examples", "two trials", "all at once"]
)
@pytest.mark.parametrize(
    "soft", [(False,) * 3, (True,) * 3, (False, True, False, False, True, True)], ids=["hard", "soft", "both"]
)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_network_and_its_gradients_are_those_of_the_mixture_written_out(monkeypatch, sizes, soft, part):
    if part is not None:
        monkeypatch.setattr(gates, "PART", part)
    given = draw(0, sizes, soft)
    actual, expected = pull_back(network, *given), pull_back(mixture_network, *given)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-13)
    hard = ~torch.tensor(soft)
    assert torch.equal(actual[0][:, hard], expected[0][:, hard])  # sums of bits


@pytest.mark.parametrize(
    "soft", [(False,) * 3, (True,) * 3, (False, True, True)], ids=["hard", "soft", "both"]
)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_all_members_at_once_are_the_mixture_written_out_too(sizes, soft):
    given = draw(0, sizes, soft)
    actual, expected = pull_back(network_of_rows, *given), pull_back(mixture_network, *given)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("examples", [1, 3, 5])
def test_a_large_batch_is_worked_on_in_shares(monkeypatch, examples):
    given = draw(6, SIZES["deep"], (False, True))
    monkeypatch.setattr(gates, "PART", examples * max(SIZES["deep"][1:]))
    bits, weights, wires, soft = given
    parts = network(bits, [w.requires_grad_() for w in weights], wires, soft).grad_fn.inputs
    assert len(parts) == S * 2 * -(-B // examples)
    torch.testing.assert_close(
        pull_back(network, *given), pull_back(mixture_network, *given), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_a_gate_may_read_one_input_twice(soft):
    bits, weights, wires, _ = draw(3, SIZES["deep"], (soft,) * 2)
    twice = [
        Wires.of(w.inputs[:, :1].expand(-1, 2, -1), D) for w, D in zip(wires, SIZES["deep"], strict=False)
    ]
    given = (bits, weights, twice, (soft,) * 2)
    torch.testing.assert_close(
        pull_back(network, *given), pull_back(mixture_network, *given), rtol=1e-12, atol=1e-13
    )


def test_gradients_are_those_of_finite_differences():
    bits, weights, wires, soft = draw(4, (4, 5, 6), (True, True))
    coefficients = [(COEFFICIENTS.double().T @ w).requires_grad_() for w in weights]
    torch.autograd.gradcheck(lambda *c: group_sums(bits, c, wires, groups=GROUPS, soft=soft), coefficients)


def test_activations_of_hard_gates_are_bytes_and_none_are_kept_where_no_gradient_is_asked_for():
    bits, weights, wires, soft = draw(5, SIZES["deep"], (False, True))
    kept = network(bits, [w.requires_grad_() for w in weights], wires, soft).grad_fn.inputs
    assert [[x.dtype for x in part] for part in kept[:2]] == [
        [torch.uint8] * 4,
        [torch.uint8, *[torch.float64] * 3],
    ]
    table = COEFFICIENTS.double()
    coefficients = [table.T @ w.detach() for w in weights]
    assert group_sums(bits, coefficients, wires, groups=GROUPS, soft=soft).grad_fn is None


# --- wires ---


@pytest.mark.parametrize(("inputs", "gates_"), [(10, 5), (10, 7), (7, 100), (100, 7), (1, 3)])
def test_every_input_is_read_equally_often_up_to_one(inputs, gates_):
    for seed in range(5):
        wires = random_wires(inputs, gates_, torch.Generator().manual_seed(seed))
        assert (wires.shape, wires.dtype) == ((2, gates_), torch.int64)
        read = wires.flatten().bincount(minlength=inputs)
        assert len(read) == inputs
        assert read.max() - read.min() <= 1


def test_wires_are_drawn_from_the_generator_and_are_not_in_order():
    first, again, other = (random_wires(50, 50, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first[0].diff() < 0).any()
    # Which inputs are read once more than others is drawn as well.
    often = [
        set(
            random_wires(10, 6, torch.Generator().manual_seed(seed))
            .flatten()
            .bincount()
            .argsort()[-2:]
            .tolist()
        )
        for seed in range(20)
    ]
    assert len({frozenset(chosen) for chosen in often}) > 5
