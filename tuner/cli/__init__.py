"""The command line's local verbs, one file for each group of them. api/cli adds those of the service.

A verb is there once its file is imported: a new file needs a line in this one. What a verb needs (torch, ray,
pydantic) is imported inside its function, so that all others start without it.
"""

from tuner.cli import (
    completion,
    confirming,
    exporting,
    importing,
    planning,
    reading,
    reporting,
    running,
    specs,
    tracking,
)
from tuner.cli.group import cli, import_fast, main

__all__ = [
    "cli",
    "completion",
    "confirming",
    "exporting",
    "import_fast",
    "importing",
    "main",
    "planning",
    "reading",
    "reporting",
    "running",
    "specs",
    "tracking",
]
