"""The contract of a task, as checks that its author runs: `python -m trainables.testing my_model.py:Task`.

The package's own tests run them on its tasks. A check takes a Subject and raises AssertionError, or
whatever the task raises.
"""

from trainables.testing import measurements, members  # they fill CHECKS
from trainables.testing.subject import CHECKS, Subject

__all__ = ["CHECKS", "Subject", "measurements", "members"]
