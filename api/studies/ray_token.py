"""Ray's token, which every client of a cluster needs: read from where Ray itself looks for it, or made for
the Ray that we start.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path


def token(environment: Mapping[str, str] = os.environ) -> str | None:
    """The token of the cluster that an environment, by default this process's, names: RAY_AUTH_TOKEN, the
    file RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token, as Ray looks for it. None where there is none, or where
    RAY_AUTH_MODE is disabled.
    """
    if environment.get("RAY_AUTH_MODE", "").lower() == "disabled":
        return None
    if given := environment.get("RAY_AUTH_TOKEN", "").strip():
        return given
    file = Path(environment.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token")
    try:
        return file.expanduser().read_text(encoding="utf-8").strip() or None
    except (OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: there is no home folder
        return None


def token_environment(home: Path) -> dict[str, str]:
    """Token authentication for a Ray that we start, as environment variables: the user's token, or one of our
    own in the state folder, which only its owner can read.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return {"RAY_AUTH_MODE": "token"}
    file = home / "ray_token"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
