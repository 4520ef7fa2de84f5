"""The Ray that studies train on: a private one of this machine, or a cluster; and the devices it has."""

import importlib
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tuner.driver.placement import Placement
from tuner.driver.ray_join import RayNotStartedError, first_line, join, set_environment
from tuner.driver.ray_private import LOOPBACK_ENVIRONMENT, START_PATIENCE_ENVIRONMENT, in_job
from tuner.driver.signals import handler_kept
from tuner.errors import UserError
from tuner.settings import Settings
from tuner.temporary import SocketFolder

_UNKNOWN_MEMORY_BYTES = 2e9  # of a node that does not say
_START_ATTEMPTS = 4
_LOOK_EVERY_S = 10.0


@contextmanager
def connected(settings: Settings) -> Iterator[Any]:
    """The module ray, connected to a private Ray of this machine, to the cluster that the settings name, or,
    in a Ray job, to the job's.

    Raises:
        UserError: it does not start, or there is no such cluster.
    """
    address = os.environ["RAY_ADDRESS"] if in_job() else settings.ray_address
    own = {} if address else LOOPBACK_ENVIRONMENT | START_PATIENCE_ENVIRONMENT | token_without_home()
    set_environment(own)
    import ray

    # Ray takes 10 s to start and mostly waits; importing Tune takes 5 s and only computes. Not the other way
    # round: Ray's processes end with the thread that started them.
    tune = threading.Thread(
        target=importlib.import_module, args=["tuner.driver.tune_searcher"], name="import"
    )
    tune.start()
    with ExitStack() as stack:
        folder = None if address else SocketFolder()
        if folder is not None:
            stack.callback(folder.remove)
        stack.callback(ray.shutdown)
        if folder is None:
            join(ray, str(address))
        else:
            _start(ray, folder.path)
        tune.join()  # Tune's modules import each other: two threads at once may find them half made
        yield ray


def _start(ray: Any, folder: Path) -> None:
    """Starts a private Ray, whose files are in a folder; again where it did not start, as on a machine that
    is busy. Raises RayNotStartedError.
    """
    os.environ["RAY_TMPDIR"] = str(folder)
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            with handler_kept(signal.SIGTERM):
                ray.init(
                    address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
                )
        except Exception as error:  # Ray has no class of its own for it
            ray.shutdown()  # what has started of it
            if attempt == _START_ATTEMPTS:
                raise RayNotStartedError(
                    f"Ray does not start on this machine, tried {attempt} times: {first_line(error)}"
                ) from error
        else:
            return


def token_without_home() -> dict[str, str]:
    """A token for a Ray of our own, as an environment variable, where Ray could neither find one nor keep the
    one that it makes, in the user's home folder; else nothing.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return {}
    try:
        file = Path("~/.ray/auth_token").expanduser()
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = os.access(file if file.exists() else file.parent, os.R_OK if file.exists() else os.W_OK)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        kept = False
    return {} if kept else {"RAY_AUTH_TOKEN": secrets.token_hex(32)}


def placement_on(
    ray: Any, settings: Settings, *, studies_at_once: int = 1, waiting: Callable[[], None] = lambda: None
) -> Placement:
    """The devices of the connected cluster: its GPUs, or parts of them, if it has any; else each node's CPUs
    as one device, which as many studies share as run at once.

    What torch trains on and what Ray counts are two things: with `device` cpu and a part of a GPU for each
    population, Ray's GPUs are places for populations and no more, which is how a cluster without a GPU is
    tried.

    Args:
        ray: the module, connected.
        settings: devices and GPUs, as the user wants them.
        studies_at_once: that share the CPUs.
        waiting: is called now and then while a cluster that grows has no GPU yet.

    Raises:
        UserError: there is nothing to train on, and the cluster is not said to grow.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = settings.gpus_per_population
    device = settings.device or ("cuda" if gpus != 0 and any(node.get("GPU", 0) for node in nodes) else "cpu")
    if gpus is None:
        gpus = 1.0 if device == "cuda" else 0.0
    if gpus:
        return _on_gpus(ray, nodes, device, gpus, settings, waiting)
    nodes = [node for node in nodes if node.get("CPU", 0) >= 1]
    if not nodes:
        raise UserError("the Ray cluster has neither a GPU nor a node with a CPU to train on")
    cpus = min(int(node["CPU"]) for node in nodes)
    memory = int(min(_memory(node) for node in nodes)) // studies_at_once
    return Placement("cpu", settings.devices or len(nodes), cpus, memory, studies_at_once=studies_at_once)


def _on_gpus(
    ray: Any,
    nodes: Sequence[Mapping[str, float]],
    device: str,
    gpus: float,
    settings: Settings,
    waiting: Callable[[], None],
) -> Placement:
    """As many devices as populations fit on the GPUs, each with a CPU of its node."""
    places = [min(int(node.get("GPU", 0)) * int(1 / gpus + 1e-9), int(node.get("CPU", 0))) for node in nodes]
    if not sum(places) and (settings.devices is None or not (settings.ray_address or in_job())):
        asked = "TUNER_DEVICE=cuda" if settings.device == "cuda" else f"TUNER_GPUS_PER_POPULATION={gpus:g}"
        raise UserError(
            f"{asked} wants a GPU, and no node of Ray has one with a CPU beside it; TUNER_DEVICE=cpu without "
            "TUNER_GPUS_PER_POPULATION trains on CPUs, and TUNER_DEVICES says how far a cluster may grow"
        )
    count = settings.devices or sum(places)
    if device == "cuda":
        memory = int(gpus * free_gpu_memory(ray, gpus, waiting))
    else:
        of_each = [_memory(node) / n for node, n in zip(nodes, places, strict=True) if n]
        memory = int(min(of_each, default=_UNKNOWN_MEMORY_BYTES))
    return Placement(device, count, 1, memory, gpus=gpus)


def _memory(node: Mapping[str, float]) -> float:
    """What Ray says of a node's memory, in bytes."""
    return node.get("memory", _UNKNOWN_MEMORY_BYTES)


def free_gpu_memory(ray: Any, gpus: float, waiting: Callable[[], None]) -> int:
    """Free memory of one of the GPUs, in bytes, asked for on that GPU. Waits until there is one."""

    def free() -> int | None:
        import torch

        return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else None

    answer = ray.remote(num_gpus=gpus)(free).remote()
    while not ray.wait([answer], timeout=_LOOK_EVERY_S)[0]:
        waiting()
    free_bytes: int | None = ray.get(answer)
    if free_bytes is None:
        raise UserError(
            "a node of the Ray cluster declares a GPU, but torch sees none there; TUNER_DEVICE=cpu trains on "
            "its CPUs"
        )
    return free_bytes
