"""Who did what to which study: a line in the service's log for everything that changes something."""

import logging

from fastapi import Request

from api.requests.callers import Caller

_LOG = logging.getLogger("tuner.audit")


def note(request: Request, caller: Caller, what: str, study_id: str) -> None:
    """Writes it down. The request's name is in its answer too, as X-Request-ID."""
    about = {
        "study": study_id,
        "key": caller.id or "none",
        "request": request.state.request_id,
        "address": request.client.host if request.client else "?",
    }
    _LOG.info("%s", what, extra=about)
