"""A population trained in blocks: as a whole if it fits the device, else in parts, one after the other.

A block that runs out of memory is split in two, by its trials or, when it has one trial left, by its seeds,
and both halves are tried again; a block of one member that does not fit is an error. Members do not depend on
each other, so the results are those of the whole population, up to rounding (population.py says which).
Blocks that wait are kept in the host's memory.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainables.diagnostics import Diagnosis
from trainables.memory import is_out_of_memory
from trainables.model_file import MOST_BYTES, nbytes, on_host
from trainables.population import Configuration, Population
from trainables.population_state import join_states, select_state
from trainables.scoring import ScoreRule

State = dict[str, Any]  # of Population.state_dict
# (places of trials, places of seeds) -> an untrained population
Build = Callable[[Sequence[int], Sequence[int]], Population]


class NoMemoryError(Exception):
    """A single member does not fit the device."""


@dataclass(frozen=True)
class Result:
    """What one interval of training made."""

    metrics: dict[str, Tensor]  # {name: [S, T]} on the host
    artifacts: dict[int, dict[str, bytes]]  # place of the trial -> {file name: content}
    # place of the trial -> place of the seed -> {name: tensor}, on the host; see Population.weights
    models: dict[int, dict[int, dict[str, Tensor]]] = field(default_factory=dict)
    # {"example_losses": [S, T, N]} on the host, where the task tells them
    examples: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class _Block:
    trials: list[int]  # places in the population
    seeds: list[int]
    state: State | None = None  # where training stands; None at its beginning

    def halves(self) -> "tuple[_Block, _Block] | None":
        """Two blocks with half of the trials each, or half of the seeds; None for a single member."""
        n_t, n_s = len(self.trials), len(self.seeds)
        if n_t == n_s == 1:
            return None
        by_trial = n_t > 1
        middle = (n_t if by_trial else n_s) // 2

        def half(part: slice) -> _Block:
            t, s = (range(n_t)[part], range(n_s)) if by_trial else (range(n_t), range(n_s)[part])
            state = None if self.state is None else select_state(self.state, t, s)
            return _Block([self.trials[i] for i in t], [self.seeds[i] for i in s], state)

        return half(slice(middle)), half(slice(middle, None))


class Blocks:
    """S seeds x T trials in training, in as many blocks as the memory asks for."""

    def __init__(self, build: Build, *, trials: int, seeds: int) -> None:
        self._build = build
        self._shape = (seeds, trials)
        self._blocks = [_Block(list(range(trials)), list(range(seeds)))]
        self._whole: Population | None = None  # while there is one block, it stays on the device

    def __len__(self) -> int:
        return len(self._blocks)

    def train(
        self,
        start: int,
        end: int,
        *,
        last: bool,
        diagnosis: Diagnosis | None = None,
        rule: ScoreRule = ScoreRule(),  # noqa: B008  # frozen
    ) -> Result:
        """Trains every member from step `start` to step `end` and evaluates; `last` adds the test set, the
        artifacts, and the models themselves, up to MOST_BYTES of them.

        A diagnosis adds its metrics, and to the artifacts its file. The rule says when the score is taken.

        Raises:
            NoMemoryError: one member alone does not fit.
        """
        total = Result({}, {})
        waiting, self._blocks = self._blocks, []
        while waiting:
            block = waiting.pop(0)
            result = self._attempt(block, start, end, last, diagnosis, rule)
            if result is not None:
                self._blocks.append(block)
                self._add(total, block, result)
            elif halves := block.halves():
                waiting = [*halves, *waiting]
            else:
                raise NoMemoryError(
                    "one member alone does not fit into the device's memory; make the model or the batch "
                    "smaller"
                )
        return total

    def state(self) -> list[dict[str, Any]]:
        """Where training stands, for a file."""
        # The whole's tensors change in place as it trains on: they are for the file, not for a block to come
        # back to.
        whole = None if self._whole is None else self._whole.state_dict()
        return [{"trials": b.trials, "seeds": b.seeds, "population": whole or b.state} for b in self._blocks]

    def trial_states(self) -> list[State]:
        """Where training stands, for each trial apart: the state of a population of one trial and all seeds,
        on the host.
        """
        parts: dict[int, list[State]] = {}
        for block in sorted(self.state(), key=lambda b: b["seeds"]):
            for i, trial in enumerate(block["trials"]):
                parts.setdefault(trial, []).append(
                    _on_host(select_state(block["population"], [i], range(len(block["seeds"]))))
                )
        return [join_states(parts[trial], by="seeds") for trial in sorted(parts)]

    def load_trial_states(self, states: Sequence[State], configurations: Sequence[Configuration]) -> None:
        """Continues from states of single trials, which may have been trained under other configurations
        until now.

        Raises:
            ValueError: they are not equally far trained, or of other seeds than each other.
        """
        whole = join_states(states, by="trials") | {"configurations": [astuple(c) for c in configurations]}
        seeds, trials = self._shape
        self.load_state([{"trials": list(range(trials)), "seeds": list(range(seeds)), "population": whole}])

    def load_state(self, state: list[dict[str, Any]]) -> None:
        """Continues from a state of the same trials and seeds, in its blocks.

        They are built one by one as they are trained, because not all need fit; a state of other trials or
        seeds is a ValueError then.
        """
        self._blocks = [_Block(list(b["trials"]), list(b["seeds"]), b["population"]) for b in state]
        self._whole = None

    def _attempt(
        self, block: _Block, start: int, end: int, last: bool, diagnosis: Diagnosis | None, rule: ScoreRule
    ) -> Result | None:
        """Trains a block; None where the memory did not suffice: then it is at its last known state, or at
        its beginning.
        """
        try:
            return self._train_block(block, start, end, last, diagnosis, rule)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # The error is gone here, and with it the frames that kept the block's tensors alive.
        self._whole = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _train_block(
        self, block: _Block, start: int, end: int, last: bool, diagnosis: Diagnosis | None, rule: ScoreRule
    ) -> Result:
        population = self._whole or self._load(block)
        # A block that has not lost its state stands at `start` already.
        population.train(start - population.steps)
        result = _train_and_evaluate(population, end, last, diagnosis, rule)
        if (len(block.seeds), len(block.trials)) == self._shape:
            self._whole = population
        else:
            block.state = _on_host(population.state_dict())
        return result

    def _load(self, block: _Block) -> Population:
        population = self._build(block.trials, block.seeds)
        if block.state is not None:
            population.load_state_dict(block.state)
        return population

    def _add(self, total: Result, block: _Block, result: Result) -> None:
        """Puts a block's results where they belong."""
        for name, value in result.metrics.items():
            table = total.metrics.setdefault(name, torch.full(self._shape, torch.nan, dtype=value.dtype))
            table[torch.tensor(block.seeds)[:, None], torch.tensor(block.trials)] = value
        for name, value in result.examples.items():
            whole = total.examples.setdefault(name, torch.full((*self._shape, value.shape[-1]), torch.nan))
            whole[torch.tensor(block.seeds)[:, None], torch.tensor(block.trials)] = value
        if block.seeds[0] == 0:
            total.artifacts.update({block.trials[t]: files for t, files in result.artifacts.items()})
        for t, models in result.models.items():
            mine = total.models.setdefault(block.trials[t], {})
            mine.update({block.seeds[s]: tensors for s, tensors in models.items()})


def _train_and_evaluate(
    population: Population, end: int, last: bool, diagnosis: Diagnosis | None, rule: ScoreRule
) -> Result:
    """Trains a population up to a step, and evaluates it."""
    metrics = {"train_loss": population.train(end - population.steps)} | population.report(rule)
    if diagnosis:
        metrics |= population.diagnose(diagnosis.passes)
    artifacts, examples = {}, {}
    models: dict[int, dict[int, dict[str, Tensor]]] = {}
    if last:
        losses = population.example_losses()
        examples = {} if losses is None else {"example_losses": losses.cpu()}
        test = population.test()
        metrics |= {
            name.replace("val_", "test_"): value for name, value in test.items() if name.startswith("val_")
        }
        for t in range(len(population.configurations)):
            bias = population.bias_artifacts(0, t, diagnosis) if diagnosis else {}
            artifacts[t] = population.artifacts(0, t) | bias
        models = _models(population)
    return Result(tables_on_host(metrics), artifacts, models, examples)


def tables_on_host(metrics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Metrics {name: [S, T]} on the host, of the types that they have: with one copy, because a copy waits
    for the device, and a report has dozens of metrics.

    The copy is in float64, which has every value of the other floating-point types. Where a task's metrics
    are of several shapes or devices, each of them has its copy; integers are copied one by one.
    """
    found = {name: value.cpu() for name, value in metrics.items() if not value.is_floating_point()}
    groups: dict[tuple[torch.device, torch.Size], list[str]] = {}
    for name, value in metrics.items():
        if name not in found:
            groups.setdefault((value.device, value.shape), []).append(name)
    for names in groups.values():
        whole = torch.stack([metrics[name].double() for name in names]).cpu()
        found |= {name: table.to(metrics[name].dtype) for name, table in zip(names, whole, strict=True)}
    return {name: found[name] for name in metrics}


def _models(population: Population) -> dict[int, dict[int, dict[str, Tensor]]]:
    """The trained members, by trial and seed: of the first seeds, if all are too large to travel."""
    trials = range(len(population.configurations))
    found: dict[int, dict[int, dict[str, Tensor]]] = {t: {} for t in trials}
    total = 0
    for s in range(len(population.seeds)):
        total += len(trials) * nbytes(population.weights(s, 0))
        if total > MOST_BYTES:
            break
        for t in trials:
            found[t][s] = on_host(population.weights(s, t))
    return found


def _on_host(state: Any) -> Any:
    """A state with its tensors copied to the host."""
    if isinstance(state, torch.Tensor):
        return state.to("cpu", copy=True)
    return {name: _on_host(value) for name, value in state.items()} if isinstance(state, dict) else state
