"""The Triton kernels compiled for the GPUs that they are for: prints each that was, "KERNEL sm_NN".

A process of its own, because triton's library reports objects that it still holds when its process ends.
"""

from importlib import import_module

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

CAPABILITIES = (80, 90, 100)
POINTERS = {"keys": "*i64", "step": "*i64", "kinds": "*i32", "chosen": "*u8", "bits": "*u8"}
WORDS = ("words", "later_words", "outputs", "a", "b", "by", "other", "factors", "bags")
POINTERS |= dict.fromkeys(WORDS, "*i32")
NUMBERS = {"count", "T", "n", "N", "L", "B", "W"}
NUMBERS |= {"noise_stride", "trials", "groups", "entries"}
CONSTANTS = {
    "triton_noise": {"noise_kernel": {"KIND": 0, "BLOCK": 256}},
    "triton_update": {"adamw_kernel": {"EPS": 1e-8, "BLOCK": 1024}},
    "triton_cross_entropy": {
        "cross_entropy_kernel": {"BLOCK": 2048},
        "cross_entropy_gradient_kernel": {"BLOCK": 2048},
    },
    "triton_sampling": {
        "bits_kernel": {"BLOCK": 1024},
        "bits_gradient_kernel": {"GAP": 1.0, "BLOCK": 1024},
        "one_hot_kernel": {"K": 8, "PADDED": 8, "BLOCK": 128},
        "one_hot_gradient_kernel": {"K": 16, "PADDED": 16, "GAP": 1.0, "BLOCK": 64},
        "choose_kernel": {"K": 16, "C": 4, "PADDED": 16, "BLOCK": 64},
        "choose_gradient_kernel": {"K": 16, "C": 4, "PADDED": 16, "GAP": 1.0, "BLOCK": 64},
    },
    "triton_gate_layers": {
        "words_kernel": {"ROWS": 128},
        "layer_kernel": {"GATES": 128, "WORDS": 4},
        "sums_kernel": {"GATES": 32, "LANES": 128},
        "gates_gradient_kernel": {"LAST": False, "WRITES": True, "MOST": 2, "GATES": 4, "LANES": 128},
    },
}


def compile_for(function, constants, capability):
    """Builds a kernel; raises where it cannot be, or where what was built is for another GPU."""
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


def main():
    """Compiles all of them."""
    for name, kernels in CONSTANTS.items():
        module = import_module(f"trainables.kernels.{name}")
        for kernel, constants in kernels.items():
            for capability in CAPABILITIES:
                compile_for(getattr(module, kernel), constants, capability)
                print(f"{kernel} sm_{capability}")


if __name__ == "__main__":
    main()
