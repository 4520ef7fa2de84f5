"""Joining a Ray that runs already; and, in a Ray job, a worker that starts while the driver still imports.

A worker's process, and Tune and torch in it, take longer to start than all that a driver does before it can
send a population to one. So a job's driver joins Ray first of all, and has a worker started at once. This
file imports nothing slow: Ray itself only where it joins.
"""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from tuner.driver.ray_private import QUIET_ENVIRONMENT, RayChangedError, in_job, start_workers_ahead
from tuner.driver.signals import handler_kept
from tuner.errors import UserError

# What Ray and Tune read when they are imported.
_ENVIRONMENT = QUIET_ENVIRONMENT | {
    # No files of loggers for every Tune trial, no usage statistics, no advice about snapshots.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # No snapshots of the experiment, which nobody would read: the ledger has it all.
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    # Ctrl-C is ours: it ends the run at once, and the ledger has all that was finished.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Explicit, because Ray's default depends on whether there is a token in the user's home folder.
    "RAY_AUTH_MODE": "token",
}

# torch's threads spin while they wait for each other, and two threads that spin on one core keep the work
# from it. Two studies at once on 2 cores, in seconds, and one alone: 161 and 41 at 100,000 turns (OpenMP's
# default is more), 64 and 40 at 1,000, 60 and 43 at none. Read by OpenMP when a worker starts.
_WORKER_ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}
# What a worker of a job runs when its process starts.
_WORKER_HOOK = "trainables.import_ahead.begin"


class RayNotStartedError(UserError):
    """A Ray of our own does not start, or the cluster does not answer."""


def set_environment(own: Mapping[str, str]) -> None:
    """Sets what Ray, Tune and the workers read, and what a Ray of our own does besides, where the user has
    not set it. Before Ray is imported.
    """
    for name, value in (_ENVIRONMENT | _WORKER_ENVIRONMENT | dict(own)).items():
        os.environ.setdefault(name, value)


def runtime_environment() -> dict[str, Any]:
    """That of this process's workers, as `ray.init` takes it; those of a job have a set-up hook."""
    hook = {"worker_process_setup_hook": _WORKER_HOOK} if in_job() else {}
    return {"env_vars": QUIET_ENVIRONMENT | _WORKER_ENVIRONMENT} | hook


def join(ray: Any, address: str) -> None:
    """Connects to a cluster; a job that has connected ahead stays so. Raises RayNotStartedError."""
    if in_job() and ray.is_initialized():
        return
    with handler_kept(signal.SIGTERM):
        try:
            ray.init(
                address=address,
                runtime_env=runtime_environment(),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except ConnectionError as error:
            raise RayNotStartedError(
                f"there is no Ray cluster at {address} (TUNER_RAY_ADDRESS): {first_line(error)}"
            ) from error


def join_ahead(say: Callable[[str], None]) -> None:
    """In a Ray job, joins the job's Ray and has a worker started for the first population, where it is known
    on which node that will train: where there is only one. Does nothing elsewhere.

    What fails here costs a study seconds and no more, so it is said and not raised: who needs Ray joins it
    again.
    """
    if not in_job():
        return
    set_environment({})
    import ray

    try:
        join(ray, os.environ["RAY_ADDRESS"])
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if len(nodes) == 1 and nodes[0]["Resources"].get("CPU", 0) >= 1:
            # On a GPU, the first is asked how much memory is free there, and Ray gives an actor no process
            # in which a task has run.
            start_workers_ahead(nodes[0], 2 if nodes[0]["Resources"].get("GPU", 0) else 1)
    except (RayNotStartedError, RayChangedError) as error:
        say(f"no worker is started ahead: {error}")


def first_line(error: Exception) -> str:
    """The first line of an error's text; its class's name where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
