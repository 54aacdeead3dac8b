"""Connections of the web server: how many, and how long one may wait without a request.

Anyone who reaches the port can connect without a token. Connections must not use up the files that
this process may open: the recording and the board need some.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 128
"""Connections at a time: a browser that loads the page has six, one that shows it has one."""

REQUEST_SECONDS = 10.0


class Listener(socket.socket):
    """A listening socket that closes connections beyond MOST."""

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._open: list[socket.socket] = []

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address; ConnectionAbortedError if it is one too many.

        The event loop then accepts no connection until it finds the next one.
        """
        connection, address = super().accept()
        self._open = [each for each in self._open if each.fileno() >= 0]  # not closed since
        if len(self._open) >= MOST:
            connection.close()
            raise ConnectionAbortedError
        self._open.append(connection)
        return connection, address


class HttpProtocol(H11Protocol):
    """HTTP that closes a connection on which no whole request has come in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.loop.call_later(REQUEST_SECONDS, self._end_without_request)

    def _end_without_request(self) -> None:
        upgraded = self.transport.get_protocol() is not self
        if self.cycle is None and not upgraded:
            self.transport.abort()
