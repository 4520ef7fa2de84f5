"""Free ports on loopback, and whether a proxy is configured for an address.

Ray, MLflow and the service on one machine talk over loopback, which no proxy can reach: loopback addresses
are always asked directly, whatever the environment says about proxies.
"""

import errno
import ipaddress
import os
import socket
import urllib.request
from urllib.parse import urlsplit

_LONGEST_NAME = 64  # of a client that a proxy names by no address
_BACKLOG = 2048  # connections that wait to be accepted
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether this port can be bound on a host's address. True also for an address that is not this
    machine's:
    binding to it will fail with an error of its own.
    """
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return True
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def any_free_port() -> int:
    """A port of loopback that nothing has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on a port, or on any free one for 0: from now on nobody else can answer there.
    Whoever connects waits until somebody accepts. Raises OSError where the port is taken, or the address is
    none of this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    server = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    # Connections inherit it: without it the end of each answer waits 40 ms for the client to acknowledge its
    # beginning. asyncio sets it only on sockets that say they are TCP's, which these do not.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def listen_on_loopback(wanted: int) -> socket.socket:
    """A socket that listens on a port of loopback, or on a free one where that is taken."""
    try:
        return listen("127.0.0.1", wanted)
    except OSError:
        return listen("127.0.0.1", 0)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def neighbourhood(host: str) -> str:
    """What counts as one client's address: an IPv6 host has 2^64 of its own, so those of its network are one;
    an IPv4 address that is written as one of IPv6 is itself.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:_LONGEST_NAME]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def reach_loopback_directly() -> None:
    """Adds loopback to NO_PROXY and no_proxy, where the environment names a proxy: for all clients in this
    process, and for the processes that it starts.
    """
    if not urllib.request.getproxies().keys() - {"no"}:
        return
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if "*" in names:
        return
    direct = ",".join([*names, *(name for name in _LOOPBACK_NAMES if name not in names)])
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = direct


def proxy_variable(url: str) -> str | None:
    """The name of the environment variable whose proxy stands between us and an address; None where it is
    asked directly.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    for scheme in (parts.scheme, "all"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            if os.environ.get(name):
                return name
    return None


def unusable_proxy(error: Exception) -> str:
    """The message where an HTTP client cannot be made because of a malformed proxy in the environment."""
    names = [f"{scheme}_proxy" for scheme in ("http", "https", "all")]
    given = [n for name in names for n in (name, name.upper()) if os.environ.get(n)]
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"a proxy of the environment ({', '.join(given) or 'of the system'}) cannot be used: {said}"


def through_proxy(url: str) -> str:
    """For an error about an address that does not answer: which proxy it was asked through; nothing where it
    was asked directly.
    """
    name = proxy_variable(url)
    return f", asked through the proxy that {name} names" if name else ""
