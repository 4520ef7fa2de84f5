"""Parts of Ray that we use though its documentation does not promise them. A test looks each of them up in
the installed Ray, so that an update that changes one is noticed there.

Importing it imports nothing of Ray: the service imports this file too, and starts without Ray.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

# Read by Ray when it is imported. It is meant for systems on which Ray joins no other machine's; what it does
# everywhere is that all of Ray's ports (GCS, raylet, workers, agents) bind to 127.0.0.1, where Ray else takes
# the machine's address, or every one.
LOOPBACK_ENVIRONMENT = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

# Of a Ray that is to be small: workers that wait for work cost 60 MB each.
NO_IDLE_WORKERS_ENVIRONMENT = {
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
}

# How long Ray's processes wait for each other while they start. By default it is 20 to 30 s, too short on a
# machine whose cores are all busy. (How long Ray waits for its raylet, 30 s, cannot be set.)
START_PATIENCE_ENVIRONMENT = {
    "RAY_gcs_server_port_wait_time_s": "90",
    "RAY_NUM_REDIS_GET_RETRIES": "90",
}

# Of Tune: no banner (the one of the new output ignores verbose=0), no advice about Ray Train.
QUIET_ENVIRONMENT = {"RAY_AIR_NEW_OUTPUT": "0", "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0"}

# Set by Ray for the entry point of a job, and nowhere else.
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"

# Of a worker that is started ahead: how long it is kept without work, and how long its node may take to
# answer.
_KEPT_S = 600
_ANSWER_S = 5.0

# `ray start` as a module: the console script need not be on the PATH.
RAY_COMMAND = (sys.executable, "-m", "ray.scripts.scripts")

# The programs of a head node without which nothing runs. `ray start --block` does not mind where one of them
# ends in good order, as a raylet does whose agent was killed.
HEAD_PROGRAMS = ("gcs_server", "raylet")


def in_job() -> bool:
    """Whether this process is a Ray job. Then RAY_ADDRESS is the address of the job's cluster."""
    return JOB_VARIABLE in os.environ and "RAY_ADDRESS" in os.environ


class RayChangedError(Exception):
    """The installed Ray lacks something that this file needs."""


def actor_of(tune_trial: Any) -> Any:
    """The actor that trains a Tune trial, to be killed where it hangs; None while there is none. Tune tells
    callbacks of its trials, but has no public way from a trial to its actor.

    Raises RayChangedError where this Ray has it elsewhere.
    """
    try:
        return tune_trial.temporary_state.ray_actor
    except AttributeError as error:
        raise RayChangedError(
            "the installed Ray does not tell which worker trains a Tune trial "
            "(Trial.temporary_state.ray_actor is gone)"
        ) from error


def spare_usage_statistics() -> None:
    """Keeps Tune from counting which of its own callbacks a run has, for usage statistics, which are off: it
    imports MLflow to know them, a second and 36 MB.
    """
    from ray.air._internal import usage

    usage.tag_callbacks = lambda _callbacks: False


def leave_environment_of_actors() -> None:
    """Keeps Tune from giving its actors environment variables of its own beside those of the job. With them,
    no worker that was started ahead is like them; and among them are the keys of the driver's AWS account,
    which Ray's dashboard would show.
    """
    from ray.tune.execution import class_cache

    class_cache.DEFAULT_ENV_VARS = {}
    class_cache.ENV_VARS_TO_PROPAGATE = ()


def start_workers_ahead(node: Mapping[str, Any], count: int) -> None:
    """Asks a node, one of `ray.nodes()`, to start so many workers for the job of this process, which is
    connected. The job's next actors and tasks there are given them; what is left ends with the job. Returns
    at once.

    Ray starts workers ahead by itself, but as many as there are CPUs, and none of a job's environment; and it
    gives an actor no process in which a task has run.

    Raises RayChangedError where this Ray has no such request, or does not answer it.
    """
    try:
        import grpc
        from ray._private.grpc_utils import init_grpc_channel
        from ray._private.worker import global_worker
        from ray.core.generated.common_pb2 import PYTHON
        from ray.core.generated.node_manager_pb2 import PrestartWorkersRequest
        from ray.core.generated.node_manager_pb2_grpc import NodeManagerServiceStub

        request = PrestartWorkersRequest(
            language=PYTHON,
            job_id=global_worker.current_job_id.binary(),
            keep_alive_duration_secs=_KEPT_S,
            num_workers=count,
        )
        environment = global_worker.core_worker.get_job_config().runtime_env_info
        request.runtime_env_info.ParseFromString(environment.SerializeToString())
        address = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
    except (ImportError, AttributeError, KeyError, ValueError) as error:
        raise RayChangedError(f"the installed Ray cannot be asked for workers ({error!r})") from error
    try:
        with init_grpc_channel(address) as channel:
            NodeManagerServiceStub(channel).PrestartWorkers(request, timeout=_ANSWER_S)
    except grpc.RpcError as error:
        raise RayChangedError(f"Ray's node at {address} does not take it ({error.code()})") from error
