"""What the worst request bodies cost the service: each near the limit of 256 KB, to POST /studies/plan.

Each looks for work that grows faster than the body: long lists, many fields, deep nesting, names that are
nearly one, all in JSON and in YAML. The application runs in this process, without a network. Prints a table,
and writes it as JSON to the file that BENCH_JSON names.
"""

import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.application.app import create
from api.settings import ServiceSettings

BYTES = 262_144
REPEATS = 5
SPEC = {
    "name": "bench",
    "task": "sbn",
    "dataset": "digits",
    "epochs": 2,
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5], "tau_b": [1.0]},
}


def bodies() -> Iterator[tuple[str, str, bytes]]:
    """(what it is, its media type, the body)."""

    def spec(**changes: Any) -> bytes:
        return json.dumps(SPEC | changes).encode()

    def search(**changes: Any) -> bytes:
        return spec(search=SPEC["search"] | changes)

    many = BYTES - 1_000
    names = {f"epoch{i}": 1 for i in range(many // 17)}
    told = {"task": ["x"] * 999, "baselines": ["x"] * 999, "learning_rates": ["x"] * 999}
    for what, body in {
        "6,000 unknown baselines": spec(baselines=["x"] * 6_000),
        "as many baselines as fit": spec(baselines=["x"] * (many // 5)),
        "999 wrong values in each list": spec(**told, search={"strategy": "grid", "tau_f": ["x"] * 999}),
        "temperatures as many as fit": search(tau_f=[0] * (many // 3)),
        "temperatures in lists of their own": search(tau_f=[[0]] * 999, tau_b=[[0]] * 999),
        "fields as many as fit": json.dumps(names).encode(),
        "100 fields that are nearly one": spec(**{f"epochs{i}"[-64:]: 1 for i in range(90)}),
        "90 fields with long names": spec(**{f"{i}{'s' * 2_700}": 1 for i in range(90)}),
        "options as many as fit": spec(options={"units": [1] * 999, "x": [[1] * 999] * 85}),
        "a long name": spec(name="x" * many),
        "a long task": spec(task="x" * many),
        "a long preset": json.dumps({"preset": "x" * many}).encode(),
        "lists in lists": b"[" * BYTES,
        "fields in fields": b'{"a":' * (BYTES // 5),
        "a number of many digits": b'{"seeds": ' + b"9" * many + b"}",
        "1,000 x 1,000 temperatures": search(tau_f=list(range(1_000)), tau_b=list(range(1, 1_001))),
        "a search of 50,000 trials": spec(
            search={"strategy": "grid", "tau_f": list(range(1_000)), "tau_b": list(range(1, 51))}
        ),
    }.items():
        yield what, "application/json", body
    for what, text in {
        "values as many as fit": "search: [" + "1," * (many // 2) + "]",
        "fields as many as fit": "".join(f"a{i}: 1\n" for i in range(many // 12)),
        "10,000 values": "search: [" + "1," * 9_900 + "]",
        "lists in lists": "[" * BYTES,
        "keys in keys": "{?" * (BYTES // 2),
        "lists beside lists": "[" + f"{'[' * 15}{']' * 15}," * (many // 31) + "]",
        "one long text": "name: " + "x " * (many // 2),
        "one long quoted text": 'name: "' + "\\u0041" * (many // 6) + '"',
        "empty lines": "\n" * BYTES,
        "a comment": "# " + "x" * many,
        "a number of many digits": "seeds: " + "9" * many,
        "dashes": "- " * (BYTES // 2),
        "anchors": "".join(f"a{i}: &a{i} 1\n" for i in range(many // 18)),
    }.items():
        yield f"YAML: {what}", "application/yaml", text.encode()


def main() -> None:
    """Sends each body several times and prints the median."""
    warnings.simplefilter("ignore")  # Starlette would rather have another client
    from fastapi.testclient import TestClient

    rows = []
    with tempfile.TemporaryDirectory() as home:
        settings = ServiceSettings(home=Path(home), rate_per_minute=0)
        with TestClient(create(settings), base_url="http://localhost") as http:
            http.post("/studies/plan", json=SPEC)  # imports what it needs
            for what, media, body in bodies():
                elapsed = []
                for _ in range(REPEATS):
                    began = time.perf_counter()
                    answer = http.post("/studies/plan", content=body, headers={"Content-Type": media})
                    elapsed.append(1_000 * (time.perf_counter() - began))
                row = {"body": what, "bytes": len(body), "status": answer.status_code}
                rows.append(row | {"median_ms": round(statistics.median(elapsed), 1)})
    print(f"{'body':45} {'KB':>5} {'status':>6} {'median ms':>10}")
    for row in rows:
        print(f"{row['body']:45} {row['bytes'] / 1024:5.0f} {row['status']:6} {row['median_ms']:10.1f}")
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(json.dumps({"bodies": rows}, indent=1))


if __name__ == "__main__":
    main()
