"""Starting, watching and stopping the process in which a study runs."""

import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import cloudpickle

from trainables.tasks import own
from trainables.tasks.own_source import modules_of
from tuner.errors import UserError
from tuner.interface.child import FAILED, SAYS, Errand
from tuner.interface.folder import private_folder
from tuner.processes import ChildProcess

_EVERY_S = 0.5
_TO_GIVE_BACK_S = 60.0  # a driver that is told to stop ends its Ray and gives its study back


class Run:
    """The process of one study."""

    def __init__(self, errand: Errand) -> None:
        """Starts it. Raises UserError where the model cannot be sent there."""
        self._study = errand.study
        home = errand.settings.home_folder
        self.log = log_file(home, errand.study)
        with private_folder(home), tempfile.TemporaryFile() as content:
            content.write(_pickled(errand))
            content.seek(0)
            self.log.parent.mkdir(exist_ok=True)
            path = os.pathsep.join(dict.fromkeys(str(Path(p or ".").absolute()) for p in sys.path))
            self._process = ChildProcess(
                [sys.executable, "-m", "tuner.interface.child"],
                log=self.log,
                environment=os.environ | {"PYTHONPATH": path},
                stdin=content,
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.running

    def wait(self, each: Callable[[], None], timeout_s: float | None = None) -> bool:
        """Waits until it ends, and calls a function now and then meanwhile. Returns whether it has ended.

        Raises:
            UserError: it has failed; says why.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self.running and (until is None or time.monotonic() < until):
            each()
            time.sleep(_EVERY_S)
        if self.running:
            return False
        each()
        code = self._process.wait()
        if code == FAILED:
            raise UserError(self._said())
        if (code > 0 and code != 130) or (code < 0 and -code not in (signal.SIGTERM, signal.SIGINT)):
            raise UserError(f"the process of study {self._study} has ended ({code}); its log is {self.log}")
        return True

    def stop(self) -> None:
        """Ends it: it gives its study back, so that another can go on with it."""
        with suppress(ProcessLookupError):
            if self.running:
                os.kill(self._process.process_id, signal.SIGTERM)
        until = time.monotonic() + _TO_GIVE_BACK_S
        while self.running and time.monotonic() < until:
            time.sleep(0.1)
        self._process.stop()

    def _said(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]
        return told[-1] if told else f"study {self._study} has failed; its log is {self.log}"


def log_file(home: Path, study: str) -> Path:
    """Where what the process prints goes."""
    return home / "logs" / f"{study}.log"


def _pickled(errand: Errand) -> bytes:
    """The errand as bytes, the user's own code by value: the other process has not run their notebook."""
    if errand.own is None:
        return pickle.dumps(errand)
    task = errand.own.task
    with _by_value([*modules_of(task)]):
        try:
            own.check_sendable(task, cloudpickle.dumps)
        except ValueError as error:
            raise UserError(str(error)) from error
        content: bytes = cloudpickle.dumps(errand)
        return content


@contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    already = cloudpickle.list_registry_pickle_by_value()
    mine = [module for module in modules if module.__name__ not in already]
    for module in mine:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in mine:
            cloudpickle.unregister_pickle_by_value(module)
