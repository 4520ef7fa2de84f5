"""The peer: the search as a plain Ray Tune script, of the kind everybody writes. One Tune trial per model,
one thread each.

Run as `python -m benchmarks.plain_tune`; it does the work of search.yaml beside it. Data is in memory as
tensors, there is no DataLoader, loggers are off: nothing here is slow on purpose.
"""

import os

os.environ |= {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
}

import json
import tempfile
from typing import Any

import ray
import torch
import torch.nn.functional as F
from ray import tune
from sklearn.datasets import load_digits

from benchmarks.plain import SBN

TAU_F, TAU_B, SEEDS, EPOCHS, BATCH = [0.0, 0.1, 0.3, 0.5, 1.0], [0.1, 0.3, 0.5, 1.0, 2.0], 3, 60, 128


def train_epoch(
    model: SBN, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, batch: int
) -> None:
    """One pass over the data in memory, the incomplete last batch dropped."""
    order = torch.randperm(len(x))
    for start in range(0, len(x) - batch + 1, batch):
        index = order[start : start + batch]
        optimizer.zero_grad()
        F.cross_entropy(model(x[index]), y[index]).backward()
        optimizer.step()


def trial(config: dict[str, Any]) -> None:
    """One model."""
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)
    x_train, y_train, x_val, y_val = x[:1197], y[:1197], x[1197:1497], y[1197:1497]
    model = SBN(64, config["tau_f"], config["tau_b"])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        train_epoch(model, optimizer, x_train, y_train, BATCH)
        with torch.no_grad():
            tune.report({"val_loss": float(F.cross_entropy(model(x_val), y_val))})


def main() -> None:
    """The whole search; prints its best result."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    space = {
        "tau_f": tune.grid_search(TAU_F),
        "tau_b": tune.grid_search(TAU_B),
        "seed": tune.grid_search(list(range(SEEDS))),
    }
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space=space,
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    best = results.get_best_result("val_loss", "min")
    print(json.dumps({"trials": len(results), "best": best.metrics["val_loss"], "config": best.config}))


if __name__ == "__main__":
    main()
