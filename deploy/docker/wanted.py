"""Prints what the image installs: the program's dependencies and its extra `cluster`, without the tools of
development.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.stdout.write("\n".join(project["dependencies"] + project["optional-dependencies"]["cluster"]) + "\n")
