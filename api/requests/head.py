"""HEAD works wherever GET does: it is answered as a GET whose body is not sent (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEAD = "tuner.head"  # in the scope of a request that was a HEAD


class Head:
    """Makes a GET of a HEAD, and leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        inner = {**scope, "method": "GET", HEAD: True}

        async def send_no_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            elif "route" in inner:
                scope["route"] = inner["route"]  # for whoever measures requests by it
            await send(message)

        await self._app(inner, receive, send_no_body)
