"""Prints the API's description as JSON: `python -m tests.support.openapi`."""

import json
import sys
import tempfile
from pathlib import Path

from api.application.app import create
from api.settings import ServiceSettings

with tempfile.TemporaryDirectory() as home:
    app = create(ServiceSettings(home=Path(home)))
    json.dump(app.openapi(), sys.stdout)
    app.state.service.ledger.close()
