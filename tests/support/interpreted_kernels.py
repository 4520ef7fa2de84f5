"""The Triton kernels against the operators' formulas, under TRITON_INTERPRET=1: prints what agrees.

A process of its own, because triton asks when it is imported whether it interprets.
"""

from itertools import pairwise, product

import torch

from trainables import counters, gate_rows
from trainables.gates import Wires
from trainables.kernels import (
    choosing,
    cross_entropy,
    gate_layers,
    sampling,
    triton_cross_entropy,
    triton_gate_layers,
    triton_noise,
    triton_sampling,
    triton_update,
    update,
)  # fmt: skip
from trainables.kernels import noise as noise_operator
from trainables.surrogates import RAO, SURROGATES

KINDS = sorted(triton_sampling.WRITTEN)
DTYPES = [torch.float32, torch.float64]
ROUNDING = {torch.float32: {"rtol": 2e-5, "atol": 2e-6}, torch.float64: {"rtol": 1e-11, "atol": 1e-12}}


def check_noise(kind, dtype):
    keys = counters.keys([3, 4], "noise", torch.device("cpu"))
    step = torch.tensor(2**33 + 5)
    for count in (1, 6, 4 * triton_noise.BLOCK + 9):
        expected = noise_operator.noise(keys, step, count, kind, dtype)
        found = triton_noise.noise(keys, step, count, kind, dtype)
        torch.testing.assert_close(found, expected, **ROUNDING[dtype])


def check_update(dtype):
    generator = torch.Generator().manual_seed(0)

    def stacks(change=lambda x: x):
        return [
            change(torch.randn(2, 3, *shape, generator=generator, dtype=torch.float64)).to(dtype)
            for shape in ((7, 200), (7, 1))
        ]

    state = [stacks(), stacks(), stacks(), stacks(torch.square)]
    rates = torch.tensor([[1e-3, 1e-2, 3e-4], [2e-3, 2e-2, 6e-4]], dtype=torch.float64)
    decays = torch.tensor([[0.0, 0.1, 0.5]] * 2, dtype=torch.float64)
    betas = torch.tensor([[0.9, 0.999], [0.0, 0.9], [0.5, 0.99]], dtype=torch.float64)
    results = []
    for change in (update.adamw_, triton_update.adamw_):
        copies = [[x.clone() for x in stack] for stack in state]
        for number in (1, 2, 3):
            change(*copies, torch.tensor(number), rates, decays, betas)
        results.append(copies)
    torch.testing.assert_close(results[1], results[0], **ROUNDING[dtype])


def drawn(shape, dtype, *, noises=2):
    """Arguments of the operators for members of every surrogate that has a kernel, some twice."""
    generator = torch.Generator().manual_seed(1)
    kinds = [*KINDS, 1, 1]

    def normal(*sizes):
        return torch.randn(*sizes, generator=generator, dtype=dtype)

    logits, dz = normal(2, len(kinds), *shape), normal(2, len(kinds), *shape)
    s = torch.rand(len(kinds), generator=generator, dtype=dtype)
    tau_b = 0.3 + torch.rand(len(kinds), generator=generator, dtype=dtype)
    runs = [n for kind in kinds for n in (kind, 1)]
    numbers = torch.tensor(kinds, dtype=torch.int32)
    return dz, logits, normal(noises, 1, *shape), s, tau_b, numbers, runs


def check_samples(shape, dim, noises, dtype):
    dz, logits, noise, s, tau_b, kinds, runs = drawn(shape, dtype, noises=noises)
    assert triton_sampling.takes(logits, noise, runs, dim)
    z = sampling.sample(logits, noise, s, tau_b, kinds, runs, dim)
    torch.testing.assert_close(
        triton_sampling.sample(logits, noise, s, tau_b, kinds, dim), z, **ROUNDING[dtype]
    )
    expected = sampling.sample_backward(dz, z, logits, noise, None, tau_b, kinds, runs, dim)
    found = triton_sampling.gradient(dz, z, logits, noise, tau_b, kinds, dim)
    torch.testing.assert_close(found, expected, **ROUNDING[dtype])


def check_choices(shape, columns, noises, dtype):
    _, logits, noise, s, tau_b, kinds, runs = drawn(shape, dtype, noises=noises)
    K, N = shape
    generator = torch.Generator().manual_seed(2)
    table = torch.randint(-2, 3, (K, columns), generator=generator).to(dtype)
    drows = torch.randn(*logits.shape[:2], columns, N, generator=generator, dtype=dtype)
    rows, chosen = choosing.choose(logits, noise, s, tau_b, kinds, table, runs)
    found = triton_sampling.choose(logits, noise, s, tau_b, kinds, table)
    torch.testing.assert_close(found[0], rows, **ROUNDING[dtype])
    sampled = [t for t, kind in enumerate(kinds.tolist()) if not SURROGATES[kind].relaxed]
    assert torch.equal(found[1][:, sampled], chosen[:, sampled])
    z = sampling.sample(logits, noise, s, tau_b, kinds, runs, -2)
    torch.testing.assert_close(rows, table.T @ z, **ROUNDING[dtype])
    expected = sampling.sample_backward(table @ drows, z, logits, noise, None, tau_b, kinds, runs, -2)
    for operator, arguments in ((choosing.choose_backward, (None, tau_b, kinds, table, runs)),
                                (triton_sampling.choose_gradient, (tau_b, kinds, table))):  # fmt: skip
        gradient = operator(drows, found[1], logits, noise, *arguments)
        torch.testing.assert_close(gradient, expected, **ROUNDING[dtype])


def check_ties():
    logits, noise = torch.zeros(1, 1, 1, 3, 2), torch.zeros(1, 1, 1, 3, 2)
    one, kinds = torch.ones(1), torch.tensor([1], dtype=torch.int32)
    assert triton_sampling.sample(logits, noise, one, one, kinds, -2)[0, 0, 0].tolist() == [
        [1, 1],
        [0, 0],
        [0, 0],
    ]
    for without in (SURROGATES.index(RAO), len(SURROGATES)):  # the second: one that nobody has written yet
        assert not triton_sampling.takes(logits, noise, [without, 1], -2)


def check_cross_entropy(dtype):
    generator = torch.Generator().manual_seed(4)
    logits = 5 * torch.randn(2, 3, 40, 70, generator=generator, dtype=dtype)
    logits[0, 0, 0, :2] = torch.tensor([200.0, -200.0])  # whose exponentials overflow float32
    x = torch.rand(2, 70, 40, generator=generator, dtype=dtype).mT
    dloss = torch.randn(2, 3, generator=generator, dtype=dtype)
    for triton_kernel, operator, arguments in (
        (triton_cross_entropy.sums, cross_entropy.binary_cross_entropy, (logits, x)),
        (triton_cross_entropy.gradient, cross_entropy.binary_cross_entropy_backward, (dloss, logits, x)),
    ):
        torch.testing.assert_close(triton_kernel(*arguments), operator(*arguments), **ROUNDING[dtype])


def check_gates(sizes, trials, batch, dtype):
    generator = torch.Generator().manual_seed(3)
    wires = [Wires.of(torch.randint(D, (2, 2, N), generator=generator), D) for D, N in pairwise(sizes)]
    layout = gate_rows.Layout.of(wires, trials, dtype)
    bits = torch.randint(2, (2, sizes[0], batch), generator=generator, dtype=torch.uint8)
    layers = [
        layout.coefficients[torch.randint(16, (2, trials, N), generator=generator)].movedim(-1, 2)
        for N in sizes[1:]
    ]
    a, b = ([getattr(rows, name) for rows in layout.layers] for name in ("a", "b"))
    sums, kept = gate_layers.gates(bits, layers, a, b, 5)
    found = triton_gate_layers.gates(bits, layers, a, b, 5)
    assert torch.equal(found[0], sums)
    assert len(found[1]) == len(kept)
    whole = batch // 32  # words that are full: of the last one some bits are of nobody
    assert all(torch.equal(x[..., :whole], y[..., :whole]) for x, y in zip(found[1], kept, strict=True))
    dsums = torch.randn(sums.shape, generator=generator, dtype=dtype)
    rest = ([getattr(rows, name) for rows in layout.layers] for name in ("table", "factors", "bags"))
    arguments = (a, b, *rest)
    expected = gate_layers.gates_backward(dsums, layers, kept, *arguments)
    gradients = triton_gate_layers.gradients(dsums, layers, found[1], *arguments)
    torch.testing.assert_close(gradients, expected, **ROUNDING[dtype])


def main():
    """Runs all of them, in shapes that are just beyond the borders of a program's part: a program takes
    milliseconds here.
    """
    torch.set_num_threads(1)
    for kind, dtype in product(counters.KINDS, DTYPES):
        check_noise(kind, dtype)
    print("noise")
    for dtype in DTYPES:
        check_update(dtype)
    print("update")
    forms = (((9, 150), 0), ((3, 5, 70), -2), ((16, 70), -2))  # bits, latents, gates
    for (shape, dim), noises, dtype in product(forms, (2, 1), DTYPES):
        check_samples(shape, dim, noises, dtype)
    print("samples")
    for (shape, columns), noises, dtype in product((((16, 70), 4), ((5, 70), 3)), (2, 1), DTYPES):
        check_choices(shape, columns, noises, dtype)
    print("choices")
    check_ties()
    print("ties")
    # The last has gates that so many read as are not asked for at once.
    forms = (((70, 130), 1, 7), ((12, 6, 6, 10), 2, 133), ((12, 2, 12, 10), 1, 40))
    for (sizes, trials, batch), dtype in product(forms, DTYPES):
        check_gates(sizes, trials, batch, dtype)
    print("gates")
    for dtype in DTYPES:
        check_cross_entropy(dtype)
    print("cross-entropy")


if __name__ == "__main__":
    main()
