"""Structured logs: one line for each event, as text or JSON, with the study that it is about."""

import json
import logging
import sys
from datetime import UTC, datetime

_ABOUT = ("study", "key", "request", "address")  # what an event may be about


def install(log_format: str) -> None:
    """Sends the service's logs, and the server's, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    for name in ("tuner", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if name == "tuner" else logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class TextFormatter(logging.Formatter):
    """An event as one line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; an exception's traceback follows it."""
        about = "".join(f" {name}={getattr(record, name)}" for name in _ABOUT if hasattr(record, name))
        line = f"{_time(record)} {record.levelname} {record.name}{about} {record.getMessage()}"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


class JsonFormatter(logging.Formatter):
    """An event as one JSON object on a line, for collectors of logs."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in _ABOUT:
            if hasattr(record, name):
                fields[name] = getattr(record, name)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields)
