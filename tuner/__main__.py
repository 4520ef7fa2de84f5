"""`python -m tuner`: the local verbs, where the console script may not be on the path: in a Ray job."""

import tuner.processes  # noqa: F401  # first: it looks who has started this process
from tuner.cli import import_fast, main

import_fast()
main()
