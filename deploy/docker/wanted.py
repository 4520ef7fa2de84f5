"""Prints what the image installs: the program's dependencies and its extras, without the tools of
development.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = [project["optional-dependencies"][name] for name in ("tune", "serve", "cluster")]
wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
sys.stdout.write("\n".join(one for one in wanted if not one.startswith(project["name"])) + "\n")
