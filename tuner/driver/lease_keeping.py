"""Keeping the study's lease while its driver works, and giving it back when the work ends early."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tuner.driver.cancellation import CancelledError
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.signals import StoppedBySignal
from tuner.errors import LeaseLostError, LedgerError, UserError
from tuner.ledger.lease import LEASE_S, Lease
from tuner.ledger.rows import StudyState
from tuner.ledger.store import Ledger


@contextmanager
def renewing(ledger: Ledger, lease: Lease, heartbeat: Heartbeat) -> Iterator[None]:
    """Renews the lease while a block runs and gets on. A lease that is lost shows at the next write, which
    raises; a driver that is stuck lets it run out, so that another may take the study.
    """
    stop, since = threading.Event(), time.monotonic()

    def renew() -> None:
        nonlocal since
        while not stop.wait(LEASE_S / 3):
            if heartbeat.stuck:
                continue
            try:
                now = time.monotonic()
                ledger.renew(lease, now - since)
                since = now
            except LeaseLostError:
                return
            except LedgerError:
                continue  # the next report that cannot be written says so

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def given_back_on_error(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Gives the lease back when a block ends early, so that the study can be resumed at once."""
    try:
        yield
    except (LeaseLostError, CancelledError):
        raise
    except BaseException as error:
        give_back(ledger, lease, _reason(error))
        raise


def give_back(ledger: Ledger, lease: Lease, reason: str) -> None:
    """Gives the lease back with the study interrupted, without waiting for a ledger that is away: once this
    process has ended, the study counts as interrupted anyway. Does nothing where the lease was given back
    already.
    """
    ledger.patience_s = 0.0
    with suppress(LeaseLostError, LedgerError):
        ledger.release(lease, StudyState.INTERRUPTED, reason)


def _reason(error: BaseException) -> str:
    """Why a run ended early, in one line."""
    if isinstance(error, StoppedBySignal):
        return f"stopped by {error}"
    if isinstance(error, KeyboardInterrupt):
        return "stopped by the user"
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return said.splitlines()[0] if said else type(error).__name__
