"""The Triton kernels: run by Triton's interpreter against the operators' formulas, and compiled for the GPUs
that they are for. On Linux, where torch brings triton.

Each in a process of its own: triton asks when it is imported whether it interprets, and its library reports
what it still holds when a process ends.
"""

import ast
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.paths import ROOT
from tests.support.patience import patient

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="triton is for Linux")


def printed(module, **environment):
    """What a module of tests.support prints."""
    command = [sys.executable, "-m", f"tests.support.{module}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=patient(60), check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_interpreted_kernels_do_what_their_formulas_do():
    found = printed("interpreted_kernels", TRITON_INTERPRET="1")
    assert found == ["noise", "update", "samples", "choices", "ties", "gates", "cross-entropy"]


def test_every_kernel_compiles():
    # TRITON_DEFAULT_FP_FUSION: its default, of which triton warns.
    found = printed("compiled_kernels", TRITON_DEFAULT_FP_FUSION="1")
    kernels = {
        node.name
        for file in (ROOT / "trainables" / "kernels").glob("triton_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_kernel")
    }
    assert {*found} == {f"{name} sm_{capability}" for name in kernels for capability in (80, 90, 100)}
