"""Builds the wheel of this tree from a copy of the tree."""

import shutil
import subprocess
import sys

from tests.support.paths import ROOT
from tests.support.patience import patient

PACKAGES = ("trainables", "tuner", "api")


def source(folder):
    """A copy of what the wheel is made from, so that nothing is left in the tree."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder)
    return folder


def pip(*arguments):
    """pip with the packages of this environment, and without a network."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patient(240))
    assert done.returncode == 0, done.stderr


def built(folder, copy):
    """The file of the wheel, in a folder."""
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(copy))
    (wheel,) = folder.glob("*.whl")
    return wheel
