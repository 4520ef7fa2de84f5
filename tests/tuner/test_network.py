"""Addresses on loopback are asked directly, whatever proxy the environment names; errors name a proxy in
between.
"""

import os
import socket
import subprocess
import sys
import urllib.request

import httpx
import pytest

from api.client import Client, ServiceError
from api.machine.stack import serve
from api.settings import ServiceSettings
from api.studies.jobs import Jobs, RayAwayError
from tests.support.fake_server import answering
from tests.support.patience import patient
from tuner.errors import UserError
from tuner.network import (
    is_loopback,
    listen,
    neighbourhood,
    port_is_free,
    proxy_variable,
    reach_loopback_directly,
    through_proxy,
)

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for scheme in ("http", "https", "all", "no"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            # Set first: what the code under test sets is removed again after the test.
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("LocalHost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback_is_known(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_that_is_taken_is_not_free(host):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free(port, host)
    assert port_is_free(port, host)
    assert port_is_free(port, "no-such-host.invalid")


def test_an_answer_is_sent_at_once():
    with listen("127.0.0.1", 0) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
        ("a" * 60_000, "a" * 64),
    ],
)
def test_one_client_has_one_address(host, counted):
    assert neighbourhood(host) == counted


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1", "http://[::1"])
def test_a_proxy_that_is_none_is_told(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    url = "http://tuner.example.org:8000"
    for make in (Client, Jobs):
        with pytest.raises(UserError, match=r"a proxy of the environment \(ALL_PROXY\) cannot be used: "):
            make(url)
        make("http://127.0.0.1:8000")  # which no proxy is asked for


def test_a_port_that_is_taken_is_told_before_anything_is_started(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("TUNER_PORT", str(taken.getsockname()[1]))
        settings = ServiceSettings(home=tmp_path / "home", port=taken.getsockname()[1])
        with pytest.raises(UserError, match=r"port \d+ on 127.0.0.1 is taken by another program"):
            serve(settings, print)
    assert not (tmp_path / "home").exists()


def test_loopback_is_reached_past_a_proxy_by_this_process_and_its_children(monkeypatch):
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("NO_PROXY", "example.org")
    code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"

    def read(address: str) -> bytes:
        # urlopen keeps the proxies of its first call in this process, which may have been another test's.
        return urllib.request.build_opener().open(address, timeout=patient(5)).read()

    with answering(lambda *_: (200, {}, b"here")) as address:
        with pytest.raises(OSError, match="refused"):
            read(address)
        reach_loopback_directly()
        assert read(address) == b"here"
        assert httpx.get(address).text == "here"
        command = [sys.executable, "-c", code, address]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=patient(30))
        assert done.stdout.strip() == "here"
    assert os.environ["no_proxy"].split(",")[0] == "example.org"  # what the user had stays


def test_without_a_proxy_the_environment_stays(monkeypatch):
    before = dict(os.environ)
    reach_loopback_directly()
    assert dict(os.environ) == before
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("no_proxy", "*")
    reach_loopback_directly()
    assert os.environ["no_proxy"] == "*"


def test_a_client_of_the_service_and_of_ray_reaches_loopback_directly(monkeypatch):
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("ALL_PROXY", NOWHERE)
    with answering(lambda *_: (200, {"Content-Type": "application/json"}, b'{"id": "a"}')) as address:
        with Client(address) as client:
            assert client.status("a") == {"id": "a"}
        Jobs(address).ping()


def test_the_proxy_that_stands_in_between_is_named(monkeypatch):
    url = "http://tuner.example.org:8000"
    assert (proxy_variable(url), through_proxy(url)) == (None, "")
    monkeypatch.setenv("HTTPS_PROXY", NOWHERE)
    assert proxy_variable(url) is None
    monkeypatch.setenv("HTTP_PROXY", NOWHERE)
    assert proxy_variable(url) == "HTTP_PROXY"
    with pytest.raises(RayAwayError, match="asked through the proxy that HTTP_PROXY names"):
        Jobs(url).ping()
    monkeypatch.setattr("api.client.time.sleep", lambda _: None)
    with (
        Client(url) as client,
        pytest.raises(ServiceError, match=r"does not answer .*through the proxy that HTTP_PROXY names"),
    ):
        client.status("a")
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_variable(url) is None
