"""torch imported in a thread of a worker, from the moment its process starts.

Ray runs `begin` when a worker starts (its set-up hook) and gives it no work before it returns. The worker is
there for a population at once, and torch while the driver still prepares the study. What the thread imports
must have nothing in common with what the main thread imports meanwhile, which is Tune: two threads that
import modules which import each other may find them half made.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """While a block imports much: the collector walks over all of it, again and again, and finds nothing to
    free. Of the import of torch that is a sixth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _import_torch() -> None:
    with no_garbage_collection():
        import torch  # noqa: F401


_thread = threading.Thread(target=_import_torch, name="import torch", daemon=True)


def begin() -> None:
    """Starts to import torch in a thread."""
    import numpy  # noqa: F401  # Tune and torch both import it: here, before there are two threads

    _thread.start()


def finish() -> None:
    """Returns when torch is imported; at once where nobody has begun. Where the import has failed, the
    caller's own import of torch says why.
    """
    if _thread.ident is not None:
        _thread.join()
