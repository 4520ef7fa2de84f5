"""Runs `mlflow server`, over SQLite and files in a folder, on a listening socket that it gets as standard
input.

Several may start over a new folder at once. MLflow creates its tables at the start and cannot do so twice at
a time, so they start one after the other: the lock is released when the server answers, or ends.
"""

import fcntl
import http.client
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

_EVERY_S = 0.2


def main(folder: Path, port: int) -> None:
    """Serves until SIGTERM or SIGINT."""
    os.chdir(folder)  # the names below are relative: MLflow takes some characters of a path for a URL's
    lock = os.open("start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    threading.Thread(target=_release_when_it_answers, args=(lock, port), daemon=True).start()
    from mlflow.cli import cli

    # fmt: off
    cli([
        "server", "--uvicorn-opts", "--fd 0", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",  # MLflow's default is four
        "--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts",
    ])
    # fmt: on


def _release_when_it_answers(lock: int, port: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
                break
        except urllib.error.HTTPError:
            break
        except (OSError, http.client.HTTPException):
            time.sleep(_EVERY_S)
    os.close(lock)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
