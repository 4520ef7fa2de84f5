"""`python -m tuner`: the local verbs, where the console script may not be on the path: in a Ray job."""

from tuner.cli import main

main()
