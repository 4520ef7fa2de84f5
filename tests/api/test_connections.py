"""Slow and numerous clients: deadlines for headers and bodies, and limits on connections in all and per
client.
"""

import asyncio
import socket
import threading
import time
from contextlib import suppress

import httpx
import pytest
import uvicorn

from api.application import server
from api.requests import body
from api.settings import ServiceSettings
from tests.support.patience import patient, wait_for
from tests.support.served import Served
from tuner.network import any_free_port


@pytest.fixture
def serve(tmp_path):
    """Starts the service with some settings."""
    started = []

    def start(**settings):
        started.append(Served(tmp_path, **settings))
        return started[0]

    yield start
    for service in started:
        service.stop()
        service.ledger.close()


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), timeout=patient(30))


def ends(connection):
    """All that comes until the service closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def closed(connection):
    """Whether the service has closed a connection at once."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a"])
def test_headers_that_do_not_come_are_not_waited_for(serve, monkeypatch, sent):
    monkeypatch.setattr(server, "HEADERS_S", 0.3)
    with connect(serve()) as slow:
        slow.sendall(sent)
        assert ends(slow) == b""


def test_headers_that_come_a_byte_at_a_time_do_not_put_it_off(serve, monkeypatch):
    monkeypatch.setattr(server, "HEADERS_S", 0.5)
    sent = 0
    with connect(serve()) as slow, suppress(BrokenPipeError, ConnectionResetError):
        for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 10_000:
            slow.sendall(bytes([byte]))
            sent += 1
            time.sleep(0.05)
    assert sent < 10_000


def test_a_second_request_that_does_not_come_whole_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr(server, "HEADERS_S", 0.5)
    with connect(serve()) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /heal")
        assert ends(slow).count(b"200 OK") == 1


def test_a_stream_is_not_cut_by_the_deadline_for_headers(serve, monkeypatch):
    monkeypatch.setattr(server, "HEADERS_S", 0.2)
    service = serve()
    study = service.create()
    with httpx.stream("GET", f"{service.address}studies/{study}/events", timeout=patient(30)) as events:
        lines = events.iter_lines()
        assert next(lines) == "event: progress"
        time.sleep(0.6)
        service.ledger.acquire(study, {})
        assert "running" in next(line for line in lines if '"running"' in line)


def test_a_body_that_does_not_come_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr(body, "BODY_S", 0.3)
    with connect(serve()) as slow:
        head = b"POST /studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        slow.sendall(head + b"Content-Length: 100\r\n\r\n{")
        answer = ends(slow)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_the_service(serve, caplog):
    service = serve()
    head = b"POST /studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    for rest in (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}"):
        with connect(service) as leaving:
            leaving.sendall(head + rest)
    answered = 'tuner_request_seconds_count{method="POST",route="/studies",status="400"} 2.0'
    wait_for(lambda: answered in httpx.get(f"{service.address}metrics").text, 10)
    assert 'status="500"' not in httpx.get(f"{service.address}metrics").text
    assert not [record for record in caplog.records if record.exc_info]


def test_there_is_a_limit_of_connections_and_one_address_has_half_of_them(serve):
    service = serve(max_connections=8)
    kept = [connect(service) for _ in range(4)]
    wait_for(lambda: len(service.server.server_state.connections) == 4, 10)
    with connect(service) as fifth:
        assert closed(fifth)
    kept.pop().close()
    wait_for(lambda: len(service.server.server_state.connections) == 3, 10)
    assert httpx.get(f"{service.address}healthz").status_code == 200
    for connection in kept:
        connection.close()


def test_whose_requests_are_counted_is_not_the_clients_to_say(serve):
    service = serve(rate_per_minute=8)  # two at once
    for n in range(2):
        assert (
            httpx.get(f"{service.address}tasks", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
            == 200
        )
    refused = httpx.get(f"{service.address}tasks", headers={"X-Forwarded-For": "10.0.0.9"})
    assert refused.status_code == 429


def test_a_proxy_that_is_trusted_says_whose_requests_they_are(serve):
    service = serve(rate_per_minute=8, trusted_proxies="127.0.0.1", max_connections=2)
    for n in range(6):
        client = {"X-Forwarded-For": f"10.0.0.{n // 2}"}
        assert httpx.get(f"{service.address}tasks", headers=client).status_code == 200
    assert httpx.get(f"{service.address}tasks", headers={"X-Forwarded-For": "10.0.0.0"}).status_code == 429


@pytest.mark.parametrize(("begun", "answer"), [(False, b"HTTP/1.1 503"), (True, b"HTTP/1.1 200")])
def test_a_request_that_hangs_when_the_service_ends_is_no_fault_of_the_service(caplog, begun, answer):
    asked = threading.Event()

    async def hangs(scope, _, send):
        if scope["type"] == "http":
            if begun:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"a", "more_body": True})
            asked.set()
            await asyncio.sleep(patient(60))

    settings = ServiceSettings(port=any_free_port())
    configured = server.configuration(hangs, settings)
    configured.lifespan, configured.timeout_graceful_shutdown = "off", 1
    uvicorn_server = uvicorn.Server(configured)
    thread = threading.Thread(target=uvicorn_server.run, daemon=True)
    thread.start()
    wait_for(lambda: uvicorn_server.started)
    with socket.create_connection(("127.0.0.1", settings.port), timeout=patient(30)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert asked.wait(patient(30))
        uvicorn_server.should_exit = True
        assert ends(client).startswith(answer)
    thread.join(patient(20))
    assert not thread.is_alive()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_client_that_does_not_read_its_answer_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr(server, "READ_S", 0.3)
    service = serve()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", service.port))
        request = b"GET /static/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        slow.sendall(20 * request)
        wait_for(lambda: service.server.server_state.connections, 10)
        wait_for(lambda: not service.server.server_state.connections, 20)
    assert httpx.get(f"{service.address}healthz").status_code == 200


def test_a_client_that_reads_gets_all_of_it_however_often_it_pauses(serve, monkeypatch):
    monkeypatch.setattr(server, "READ_S", 5.0)
    with httpx.stream("GET", f"{serve().address}static/swagger/swagger-ui-bundle.js") as answer:
        length = 0
        for chunk in answer.iter_raw(65_536):
            length += len(chunk)
            time.sleep(0.01)
    assert length == int(answer.headers["content-length"])
