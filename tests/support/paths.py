"""Where things are, for tests."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the repository
EXAMPLE_TASK = ROOT / "tests" / "support" / "example_task"
DATA = Path(os.environ.get("TUNER_DATA") or ROOT.parent / "shared" / "data")
