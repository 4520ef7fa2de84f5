"""The state of a population taken apart, by trials and seeds, and joined again.

So a population that does not fit into the memory goes on in parts, and a trial goes on beside others.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from trainables.scoring import SCORE_TABLES


def select_state(state: dict[str, Any], trials: Sequence[int], seeds: Sequence[int]) -> dict[str, Any]:
    """Of a population's state_dict, the part of some trials and seeds, given by their places; shares no
    memory with it.
    """

    def pick(stack: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor[list(seeds)][:, list(trials)] for name, tensor in stack.items()}

    adam, score = state["adam"], state["score"]
    return {
        **state,
        "score": {**pick({name: score[name] for name in SCORE_TABLES}), "kept": pick(score["kept"])},
        "parameters": pick(state["parameters"]),
        "buffers": pick(state["buffers"]),
        "adam": {"first": pick(adam["first"]), "second": pick(adam["second"]), "steps": adam["steps"]},
        "configurations": [state["configurations"][t] for t in trials],
        "seeds": [state["seeds"][s] for s in seeds],
    }


def check_state(mine: dict[str, Any], given: dict[str, Any]) -> None:
    """Looks whether a population can go on from a state; `mine` is its own.

    Raises:
        ValueError: the state is of other trials, seeds, batches, or of another model.
    """

    def trained(state: dict[str, Any]) -> tuple[Any, ...]:
        return [tuple(c) for c in state["configurations"]], list(state["seeds"]), state["batch_size"]

    def shapes(state: dict[str, Any]) -> dict[str, Any]:
        return {name: p.shape for name, p in (state["parameters"] | state["buffers"]).items()}

    for what, of in (("other trials, seeds or batches", trained), ("another model", shapes)):
        expected, got = of(mine), of(given)
        if expected != got:
            raise ValueError(f"the state is of {what}. Expected {expected}, got {got}.")


def join_states(states: Sequence[dict[str, Any]], *, by: Literal["seeds", "trials"]) -> dict[str, Any]:
    """One state of several: the reverse of select_state. They must be equally far trained, and alike along
    the other axis.

    Raises:
        ValueError: they are not.
    """
    first = states[0]
    other = "configurations" if by == "seeds" else "seeds"
    for state in states:
        mine, theirs = ({name: s[name] for name in ("steps", "batch_size", other)} for s in (first, state))
        if mine != theirs:
            raise ValueError(f"states that are joined must be alike. Got {mine} and {theirs}.")

    def join(stacks: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {
            name: torch.cat([stack[name] for stack in stacks], dim=0 if by == "seeds" else 1)
            for name in stacks[0]
        }

    moments = {name: join([state["adam"][name] for state in states]) for name in ("first", "second")}
    joined = "seeds" if by == "seeds" else "configurations"
    tables = join([{name: state["score"][name] for name in SCORE_TABLES} for state in states])
    return {
        **first,
        "score": {**tables, "kept": join([state["score"]["kept"] for state in states])},
        "parameters": join([state["parameters"] for state in states]),
        "buffers": join([state["buffers"] for state in states]),
        "adam": moments | {"steps": first["adam"]["steps"]},
        joined: [one for state in states for one in state[joined]],
    }
