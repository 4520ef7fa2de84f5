"""The Ray that studies train on: a private one of this machine, or a cluster; and the devices it has."""

import importlib
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tuner.driver.placement import Placement
from tuner.errors import UserError
from tuner.settings import Settings

# Ray and Tune say much that a study's user has no use for, and write loggers' files for every Tune trial.
_QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C is ours: it ends the run at once, and the ledger has all that was finished
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # snapshots of all Tune trials, which nobody would read: the ledger has it all
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # explicit, because Ray's default depends on what ran on this machine before
    "RAY_AIR_NEW_OUTPUT": "0",  # the banner of the new output ignores verbose=0
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}

# Read by Ray when it is imported. It is meant for systems on which Ray joins no other machine's; what it does
# everywhere is that all of Ray's ports (GCS, raylet, workers, agents) bind to 127.0.0.1, where Ray else takes
# the machine's address, or every one.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

# torch's threads spin while they wait for each other, by default for so long that another busy process
# (MLflow, the driver itself) makes training several times slower. Measured on 2 cores with one of them busy:
# 126 ms a step by default, 44 ms with this; alone: 33 ms both. Read by OpenMP when a worker starts.
_WORKER_ENVIRONMENT = {"GOMP_SPINCOUNT": "100000"}


def in_job() -> bool:
    """Whether this process is a Ray job: then Ray says in its environment which cluster it runs on."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and "RAY_ADDRESS" in os.environ


@contextmanager
def started(settings: Settings) -> Iterator[Any]:
    """The module ray, connected to a private Ray of this machine or to the cluster that the settings name.

    Raises:
        UserError: it does not start, or there is no such cluster.
    """
    address = os.environ["RAY_ADDRESS"] if in_job() else settings.ray_address
    for name, value in (_QUIET | _WORKER_ENVIRONMENT | ({} if address else LOOPBACK)).items():
        os.environ.setdefault(name, value)
    import ray

    # Ray takes 10 s to start and mostly waits; importing Tune takes 5 s and only computes. Not the other way
    # round: Ray's processes end with the thread that started them.
    threading.Thread(
        target=importlib.import_module, args=["tuner.driver.tune_searcher"], name="import"
    ).start()
    if address:
        try:
            ray.init(
                address=address,
                runtime_env={"env_vars": _WORKER_ENVIRONMENT},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except ConnectionError as error:
            raise UserError(f"there is no Ray cluster at {address} (TUNER_RAY_ADDRESS): {error}") from error
    else:
        try:
            ray.init(
                address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except Exception as error:  # Ray has no class of its own for it
            raise UserError(
                f"Ray does not start on this machine: {str(error).strip().splitlines()[0]}"
            ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def devices(ray: Any, settings: Settings, *, share: int = 1) -> Placement:
    """The devices of the cluster: its GPUs, or shares of them, if it has any; else each node's CPUs as one
    device, shared by `share` studies.

    What torch trains on and what Ray counts are two things: with `device` cpu and a share of GPUs, Ray's GPUs
    are places for populations and no more, which is how a cluster without a GPU is tried.

    Raises:
        UserError: there is nothing to train on.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = settings.gpus_per_population
    device = settings.device or ("cuda" if gpus != 0 and any(node.get("GPU", 0) for node in nodes) else "cpu")
    if gpus is None:
        gpus = 1.0 if device == "cuda" else 0.0
    if gpus:
        # A cluster that scales from no GPU at all has room for one as soon as one is asked for.
        room = [
            min(int(node.get("GPU", 0)) * int(1 / gpus + 1e-9), int(node.get("CPU", 0))) for node in nodes
        ]
        count = settings.devices or sum(room) or 1
        if device == "cuda":
            memory = int(gpus * _free_gpu_memory(ray, gpus))
        else:
            memory = int(
                min(
                    (node.get("memory", 2e9) / n for node, n in zip(nodes, room, strict=True) if n),
                    default=2e9,
                )
            )
        return Placement(device, count, 1, memory, gpus=gpus)
    nodes = [node for node in nodes if node.get("CPU", 0) >= 1]
    if not nodes:
        raise UserError("the Ray cluster has neither a GPU nor a node with a CPU to train on")
    cpus = min(int(node["CPU"]) for node in nodes)
    memory = int(min(node.get("memory", 2e9) for node in nodes)) // share
    return Placement("cpu", settings.devices or len(nodes), cpus, memory, share=share)


def _free_gpu_memory(ray: Any, share: float) -> int:
    """Free memory of one of the GPUs, in bytes. Waits until there is one."""

    def free() -> int | None:
        import torch

        return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else None

    found: int | None = ray.get(ray.remote(num_gpus=share)(free).remote())
    if found is None:
        raise UserError(
            "a node of the Ray cluster declares a GPU, but torch sees none there; TUNER_DEVICE=cpu trains on "
            "its CPUs"
        )
    return found
