"""The Triton kernels: run by Triton's interpreter against the operators' formulas, and compiled for the GPUs
that they are for. On Linux, where torch brings triton.
"""

import os
import subprocess
import sys
from importlib import import_module

import pytest

from tests.support.paths import ROOT
from tests.support.patience import patient

triton = pytest.importorskip("triton")


def test_interpreted_kernels_do_what_their_formulas_do():
    """In a process of its own: triton asks when it is imported whether it interprets."""
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.interpreted_kernels"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=patient(60), check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["noise", "update", "samples", "ties"]


POINTERS = {"keys": "*i64", "step": "*i64", "kinds": "*i32"}
NUMBERS = {"count", "T", "n", "L", "B", "noise_stride"}
CONSTANTS = {
    "triton_noise": {"noise_kernel": {"LOGISTIC": True, "BLOCK": 256}},
    "triton_update": {"adamw_kernel": {"EPS": 1e-8, "BLOCK": 1024}},
    "triton_sampling": {
        "bits_kernel": {"BLOCK": 1024},
        "bits_gradient_kernel": {"GAP": 1.0, "BLOCK": 1024},
        "one_hot_kernel": {"K": 8, "PADDED": 8, "BLOCK": 128},
        "one_hot_gradient_kernel": {"K": 16, "PADDED": 16, "GAP": 1.0, "BLOCK": 64},
    },
}


@pytest.mark.parametrize("capability", [80, 90, 100])
@pytest.mark.parametrize("name", CONSTANTS)
def test_every_kernel_compiles(monkeypatch, name, capability):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # its default, of which triton warns
    kernels = import_module(f"trainables.kernels.{name}")
    for kernel, constants in CONSTANTS[name].items():
        function = getattr(kernels, kernel)
        signature = {
            argument: "constexpr"
            if argument in constants
            else POINTERS.get(argument, "i32" if argument in NUMBERS else "*fp32")
            for argument in function.arg_names
        }
        source = ASTSource(fn=function, signature=signature, constexprs=constants)
        built = triton.compile(source, target=GPUTarget("cuda", capability, 32))
        assert len(built.asm["cubin"]) > 0
        assert f".target sm_{capability}" in built.asm["ptx"]
