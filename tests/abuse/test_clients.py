"""The service under slow clients, many clients and a fuzzer. An ordinary client must be served meanwhile."""

import asyncio
import json
import os
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest

from tests.support.abused import NOWHERE, Stack, a_client, fine
from tests.support.patience import patient, wait_for
from tests.support.served import SMALL, Driver
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue

pytestmark = [pytest.mark.abuse, pytest.mark.timeout(900)]

JSON = {"Content-Type": "application/json"}
YAML = {"Content-Type": "application/yaml"}
MOST_BYTES = 262_144


@pytest.fixture
def service(tmp_path):
    """A service whose Ray and MLflow are away: what comes in is what is attacked."""
    stack = Stack(
        tmp_path / "home", ray_address=NOWHERE, mlflow_uri=NOWHERE, rate_per_minute=0, max_queued=10_000
    )
    yield stack.start().wait()
    assert stack.end() == 0
    stack.remove()


def bodies():
    """(name, content, headers) of 256 KB each, or as much as such a body needs."""
    deep = 5000
    yield "wrong fields", json.dumps({f"field{n}": n for n in range(15_000)}), JSON
    yield "a list of wrong names", json.dumps(SMALL | {"baselines": ["x"] * 60_000}), JSON
    yield "a list of numbers", json.dumps(SMALL | {"learning_rates": [0.001] * 40_000}), JSON
    yield (
        "many temperatures",
        json.dumps(SMALL | {"search": {"strategy": "grid", "tau_f": [0.5] * 50_000}}),
        JSON,
    )
    yield "nested lists", "[" * deep + "]" * deep, JSON
    yield "nested objects", '{"a":' * deep + "1" + "}" * deep, JSON
    yield "a long name", json.dumps(SMALL | {"name": "a" * 250_000}), JSON
    yield "a long number", '{"seeds": ' + "9" * 250_000 + "}", JSON
    yield "escapes", '{"name": "' + "\\u0041" * 43_000 + '"}', JSON
    yield "options", json.dumps(SMALL | {"options": {f"o{n}": [n] for n in range(12_000)}}), JSON
    yield "many units", json.dumps(SMALL | {"options": {"units": [100_000] * 30_000}}), JSON
    yield "spaces", " " * 250_000 + "{}", JSON
    yield "nothing", "\0" * 250_000, JSON
    yield "YAML: wrong fields", "\n".join(f"field{n}: {n}" for n in range(18_000)), YAML
    yield "YAML: nested", "[" * 100_000, YAML
    yield "YAML: dashes", "- " * 130_000, YAML
    yield "YAML: anchors", "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 6000)), YAML
    yield "YAML: quotes", "a: '" + "''" * 130_000, YAML
    yield "YAML: keys", "? " * 130_000, YAML
    yield "YAML: comments", "#\n" * 130_000, YAML
    yield "YAML: block text", "a: |\n" + " x\n" * 80_000, YAML


def test_no_body_takes_long(service):
    slowest = []
    with a_client(service.url) as client, httpx.Client(base_url=service.url, timeout=patient(60)) as http:
        for name, content, headers in bodies():
            for route in ("/studies/plan", "/studies"):
                began = time.monotonic()
                answer = http.post(route, content=content[:MOST_BYTES], headers=headers)
                slowest.append((time.monotonic() - began, name, answer.status_code))
                assert answer.status_code in (400, 413, 422), (name, answer.text[:300])
                assert len(answer.content) < 20_000, name
    print(
        "\n" + "\n".join(f"{1000 * s:6.0f} ms  {status}  {name}" for s, name, status in sorted(slowest)[-8:])
    )
    assert max(slowest)[0] < patient(0.5), max(slowest)
    fine(client)


def test_two_hundred_slow_connections_hold_up_nobody(service):
    head = b"POST /studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    starts = [
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        head + b"Content-Length: 200000\r\n\r\n{",
    ]
    slow = []
    for n in range(200):
        connection = socket.create_connection(("127.0.0.1", service.port))
        connection.sendall(starts[n % 2])
        slow.append(connection)
    with a_client(service.url) as client:
        until = time.monotonic() + 70  # longer than all deadlines together
        dropped = 0
        while slow and time.monotonic() < until:
            for connection in list(slow):
                try:
                    connection.sendall(b"a")
                except OSError:
                    slow.remove(connection)
                    connection.close()
                    dropped += 1
            time.sleep(0.5)
    print(f"\n{dropped} of 200 slow connections were dropped")
    assert slow == []
    fine(client)


def test_five_hundred_streams_leave_room_for_others(service):
    ledger = Ledger(f"sqlite:///{service.home}/ledger.db")
    keys = [ApiKeys(ledger).create(f"key{n}", ["admin"])[0] for n in range(25)]
    bearer = [{"Authorization": f"Bearer {key}"} for key in keys]
    study = httpx.post(f"{service.url}/studies", json=SMALL, headers=bearer[0]).json()["id"]
    opened, refused, over = [], [], threading.Event()

    async def streams():
        limits = httpx.Limits(max_connections=600)
        async with httpx.AsyncClient(base_url=service.url, limits=limits, timeout=patient(120)) as http:

            async def stream(headers):
                async with http.stream("GET", f"/studies/{study}/events", headers=headers) as answer:
                    (opened if answer.status_code == 200 else refused).append(answer.status_code)
                    async for _ in answer.aiter_text():
                        if over.is_set():
                            return

            await asyncio.gather(*(stream(bearer[n % 25]) for n in range(550)), return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=[streams()], daemon=True)
    # 500 connections from one address is its share of 1,000: the client beside them has its own.
    with a_client(service.url, bearer[0]) as client:
        thread.start()
        wait_for(lambda: len(opened) + len(refused) >= 495, 60)
        time.sleep(10)
        over.set()
        StudyQueue(ledger).cancel(study)  # by the ledger: this address has no connection left
        thread.join(patient(60))
    print(f"\n{len(opened)} streams were open, {len(refused)} refused")
    assert len(opened) <= 500
    assert len(opened) > 400
    assert set(refused) <= {429, 503}
    ledger.close()
    refused_client = {s for s in client.statuses if s not in (200, 503)}
    assert refused_client <= {
        "RemoteProtocolError",
        "ReadError",
        "ConnectError",
    }  # of more than its address may have


def test_a_flood_is_answered_or_refused_and_then_all_is_as_before(service):
    asked = {"sent": 0, "answered": 0}
    statuses = {}
    over = time.monotonic() + 20

    async def one():
        request = b"GET /studies HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        while time.monotonic() < over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
                for _ in range(50):
                    writer.write(request)
                    asked["sent"] += 1
                    line = await asyncio.wait_for(reader.readline(), patient(30))
                    if not line:
                        break
                    status = int(line.split()[1])
                    statuses[status] = statuses.get(status, 0) + 1
                    asked["answered"] += 1
                    length = 0
                    while (header := await reader.readline()) not in (b"\r\n", b""):
                        if header.lower().startswith(b"content-length:"):
                            length = int(header.split(b":")[1])
                    await reader.readexactly(length)
                writer.close()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                await asyncio.sleep(0.05)

    async def flood():
        await asyncio.gather(*(one() for _ in range(200)))

    began = time.monotonic()
    asyncio.run(flood())
    rate = asked["answered"] / (time.monotonic() - began)
    print(f"\n{asked['sent']} requests, {rate:.0f} answers a second, {statuses}")
    assert set(statuses) <= {200, 429, 503}
    assert rate > 50
    with a_client(service.url) as client:
        time.sleep(5)
    fine(client)
    assert set(client.statuses) == {200}


@pytest.mark.timeout(3600)
def test_five_thousand_cases_of_a_fuzzer_that_follows_what_it_is_given(service):
    """Schemathesis follows the links between the routes: it submits, reads, cancels and deletes. It does not
    follow events: a stream of a study that waits has no end, and is attacked above.
    """
    import hypothesis
    import schemathesis

    wanted, statuses, wrong = int(os.environ.get("ABUSE_CASES", "5000")), Counter(), []
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json").exclude(path_regex="/events$")

    ledger, chance, known = Ledger(f"sqlite:///{service.home}/ledger.db"), random.Random(0), []

    def more_studies():
        """Some that have ended, or train: what is asked of them has an answer."""
        for end in ("succeeded", "failed", "interrupted", None):
            known.append(httpx.post(f"{service.url}/studies", json=SMALL).json()["id"])
            driver = Driver(SimpleNamespace(ledger=ledger), known[-1])
            if end:
                driver.finish(end)

    class Counted(schema.as_state_machine()):
        def before_call(self, case):
            if "study_id" in (case.path_parameters or {}) and chance.random() < 0.8:
                case.path_parameters["study_id"] = chance.choice(known[-8:])

        def validate_response(self, response, case, *_args, **_kwargs):
            status = response.status_code
            statuses[status] += 1
            if status >= 500 and status != 503:
                wrong.append((case.as_curl_command(), response.text[:500]))

    settings = hypothesis.settings(
        max_examples=25,
        stateful_step_count=10,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with a_client(service.url) as client:
        while statuses.total() < wanted and not wrong:
            more_studies()
            # What may be asked next depends on what the service has: Hypothesis takes that for a fault.
            with suppress(hypothesis.errors.FlakyStrategyDefinition):
                Counted.run(settings=settings)
    ledger.close()
    print(f"\n{statuses.total()} cases, {dict(statuses)}")
    assert wrong == []
    fine(client)
