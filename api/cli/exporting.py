"""export --server: writes the files that a local export would write, fetched from the service."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from api.cli.asking import fetch, remote_or_local

_KINDS = ("table", "spec", "code")


def _export(client: Any, study: str, folder: Path) -> None:
    name = client.find(study)
    files = client.files(name)
    for file in files:
        if file["kind"] in _KINDS:
            fetch(client, name, file["name"], folder, file["name"])
    for theirs, place in _weights(client, name, files):
        fetch(client, name, theirs, folder, place)


def _weights(client: Any, study: str, files: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The models of every method's confirmed trials, of all looks: their names, and where they go."""
    configuration = ("estimator", "tau_f", "tau_b", "lr", "variant")
    confirmed = [trial for trial in client.trials(study) if trial["role"] == "confirm"]
    for method, chosen in client.results(study)["confirmed"].items():
        alike = {t["number"] for t in confirmed if all(t[name] == chosen[name] for name in configuration)}
        for file in files:
            place = PurePosixPath(file["name"])
            if file["trial"] in alike and place.suffix == ".safetensors":
                yield file["name"], f"weights/{method}/{place.name}"


remote_or_local("export", _export)
