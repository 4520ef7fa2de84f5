"""The estimators by name, and the temperatures that each takes. Apart from estimators.py, which takes torch:
a spec is checked, and trials are proposed, without.
"""

TEMPERATURES: dict[str, tuple[str, ...]] = {
    "identity": (),
    "softmax": ("tau_f", "tau_b"),  # which are one
    "gumbel": ("tau_b",),
    "decoupled": ("tau_f", "tau_b"),
    "reinmax": ("tau_b",),
    "gumbel_rao": ("tau_b",),
    "gst": ("tau_b",),
    "soft": (),
}
RELAXED = ("soft",)  # not sampled at all: only tasks that name it take it
DISCRETE = tuple(name for name in TEMPERATURES if name not in RELAXED)
