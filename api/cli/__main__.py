"""`python -m api.cli`: the console script, where it may not be on the path."""

from api.cli import main

main()
