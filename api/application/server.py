"""The HTTP server under the application: how many connections it has, and how long it waits for a client.

A client that sends its request a byte at a time holds a connection and nothing else; so there are deadlines
(the body's is in api/requests/body.py), a limit of connections, and a share of it for one address. One that
does not read its answer holds as much: it is not waited for either.
"""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.requests.errors import Problem
from api.settings import ServiceSettings
from tuner.network import neighbourhood

HEADERS_S = 15.0  # from the connection, or from the answer before, until the headers are there
READ_S = 60.0  # for what the server has sent and the client has not read, a piece of it
_SHARE_OF_ONE_ADDRESS = 0.5  # of the connections
_GRACE_S = 3  # for answers that are on their way when the service ends


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to its patience."""

    most_of_one_address: int | None = None
    address = ""  # of the client, as far as it counts; "" for none
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.address = neighbourhood(self.client[0]) if self.client else ""
        if self._too_many():
            transport.abort()
        else:
            self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Something of a request has come."""
        super().data_received(data)
        if self._answering:
            self._forget_deadline()

    def on_response_complete(self) -> None:
        """An answer has been sent; another request may follow."""
        super().on_response_complete()
        if not self._answering:
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._forget_deadline()
        self._forget_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written to."""
        super().pause_writing()
        self._forget_unread()
        self._unread = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read most of it."""
        super().resume_writing()
        self._forget_unread()

    @property
    def _answering(self) -> bool:
        """Whether the headers of a request are there, and it is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_headers(self) -> None:
        self._forget_deadline()
        self._deadline = self.loop.call_later(HEADERS_S, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _too_many(self) -> bool:
        """Whether this connection's address has more than its share."""
        if self.most_of_one_address is None or not self.address:
            return False
        same = sum(getattr(other, "address", "") == self.address for other in self.connections)
        return bool(same > self.most_of_one_address)


class EndsQuietly:
    """Answers 503 to requests that take longer than the service's own end: uvicorn cancels them, and would
    print where each one was as if that were a fault.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            if not begun:
                ending = Problem(503, "the service is ending", headers={"Retry-After": "30"})
                await ending.response()(scope, receive, send)


def configuration(app: ASGIApp, settings: ServiceSettings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    behind_a_proxy = settings.trusted_proxies is not None

    class Protocol(PatientProtocol):
        # Through a proxy all clients have one address.
        most_of_one_address = (
            None if behind_a_proxy else max(1, int(_SHARE_OF_ONE_ADDRESS * settings.max_connections))
        )

    return uvicorn.Config(
        EndsQuietly(app),
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws="none",
        limit_concurrency=settings.max_connections,
        proxy_headers=behind_a_proxy,
        forwarded_allow_ips=settings.trusted_proxies or "",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        workers=1,  # else WEB_CONCURRENCY is read, which is meant for another server
        server_header=False,
    )
