"""The web server of the browser view. It requires a token.

A browser loads the page and opens a WebSocket. It receives JSON: first its role and the past of
every board, then the new events 30 times per second, and at least one message per second. An
operator's commands are obeyed, a viewer's are not. Unless the view is shared on purpose, the server
listens on 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import importlib.util
import itertools
import json
import logging
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tools.monitor.controls import (
    Accept,
    Acknowledge,
    Calibrate,
    Command,
    ForgetCalibration,
    Mark,
    Reconnect,
    RenewWearer,
    Reset,
    SetAlarm,
    SetPaused,
    SetRecording,
    SetThreshold,
    StopCalibration,
    alarm_levels,
    is_threshold,
)
from tools.monitor.settings import LOOPBACK, Browser
from tools.monitor.theme import DARK, LIGHT, css_variables
from tools.monitor.web.hub import Hub, Json
from training.bundle.errors import VigilError

TICKS_PER_SECOND = 30
BACKLOG = 60  # messages queued for one browser before it skips to the present
COMMAND_BYTES = 4096  # longest message of a browser
WRONG_TOKEN = 4001  # code that closes a WebSocket
PAGE = Path(__file__).resolve().parent / "page"
Role = Literal["operator", "viewer"]
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Tokens:
    """Who may look: an operator's token also commands, a viewer's only shows."""

    operator: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    viewer: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def role(self, given: str | None) -> Role | None:
        """Return the role of a token; None for any other text."""
        for role, token in (("operator", self.operator), ("viewer", self.viewer)):
            if given is not None and hmac.compare_digest(given.encode(), token.encode()):
                return cast(Role, role)
        return None


@dataclass(frozen=True)
class Addresses:
    """The page's address for an operator and for a viewer; each ends with a token."""

    operator: str
    viewer: str


class WebError(VigilError):
    """The browser view cannot be served."""


def plot_library() -> Path:
    """Return the folder of uPlot's script and style sheet in the package uplot-python."""
    spec = importlib.util.find_spec("uplot")  # not imported: only its static files are used
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "static"
        if (folder / "uPlot.iife.js").is_file():
            return folder
    raise WebError("the browser view needs the package uplot-python: pip install uplot-python")


def command_of(message: Any) -> tuple[str, Command]:
    """Return board key and command of a browser's message. Raises ValueError if it has none."""
    if not isinstance(message, dict) or not isinstance(key := message.get("key"), str):
        raise ValueError("not a command")
    match message:
        case {"ask": "pause", "paused": bool(paused)}:
            return key, SetPaused(paused)
        case {"ask": "threshold", "value": float() | int() as value} if is_threshold(value):
            return key, SetThreshold(float(value))
        case {"ask": "alarm", "levels": str(levels)}:
            return key, SetAlarm(alarm_levels(levels))
        case {"ask": "mark", "text": str(text)}:
            return key, Mark(text)
        case {"ask": "record", "on": bool(on)}:
            return key, SetRecording(on)
        case {"ask": "acknowledge"}:
            return key, Acknowledge()
        case {"ask": "reconnect"}:
            return key, Reconnect()
        case {"ask": "reset"}:
            return key, Reset()
        case {"ask": "calibrate", "run": bool(run)}:
            return key, Calibrate() if run else StopCalibration()
        case {"ask": "accept", "window": int(window)} if type(window) is int and window >= 0:
            return key, Accept(window)
        case {"ask": "renew"}:
            return key, RenewWearer()
        case {"ask": "forget"}:
            return key, ForgetCalibration()
    raise ValueError("not a command")


Messages = asyncio.Queue[str | None]


class Browsers:
    """The connected browsers, each with a queue of its own, so that none slows another.

    None in a queue stands for the past, which takes time and memory: `past` returns it once the
    browser is ready for it.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queues: set[Messages] = set()
        self._late: set[Messages] = set()  # those that get the past next

    @property
    def count(self) -> int:
        """Number of connected browsers."""
        return len(self._queues)

    @contextlib.contextmanager
    def join(self, role: Role) -> Iterator[Messages]:
        """Connect a browser: yield its queue of messages: its role, the past, the news."""
        queue: Messages = asyncio.Queue()
        queue.put_nowait(json.dumps({"type": "role", "role": role}))
        queue.put_nowait(None)
        self._queues.add(queue)
        self._late.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
            self._late.discard(queue)

    def past(self, queue: Messages) -> str:
        """Return the past for a browser; from here on it gets the news."""
        news, past = self._hub.news_and_past()
        self._send(news)
        self._late.discard(queue)
        return _text("past", past)

    def send_news(self, always: bool = False) -> None:
        """Send the new events to all browsers; `always`: even none, as a sign of life."""
        for queue in self._queues - self._late:
            if queue.qsize() >= BACKLOG:  # such as a suspended tab: it skips to the present
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
                self._late.add(queue)
        self._send(self._hub.news(), always)

    def _send(self, news: list[Json], always: bool = False) -> None:
        if news or always:
            text = _text("news", news)
            for queue in self._queues - self._late:
                queue.put_nowait(text)


def _text(kind: str, boards: list[Json]) -> str:
    return json.dumps({"type": kind, "boards": boards}, allow_nan=False)


def make_app(hub: Hub, tokens: Tokens, view: Browser) -> Starlette:
    """Return the ASGI application: the page `/`, its files, and the WebSocket `/stream`."""
    browsers = Browsers(hub)
    library = plot_library()
    files = {
        "monitor.css": PAGE / "monitor.css",
        "uPlot.js": library / "uPlot.iife.js",
        "uPlot.css": library / "uPlot.min.css",
        **{path.name: path for path in PAGE.glob("*.js")},
    }

    async def page(request: Request) -> Response:
        if tokens.role(request.query_params.get("token")) is None:
            return PlainTextResponse(
                "Open the address that `vigil monitor --web` printed: it ends with a token.\n",
                403,
                HEADERS,
            )
        return FileResponse(PAGE / "index.html", headers=HEADERS)

    async def file(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None:
            return PlainTextResponse("no such file\n", 404, HEADERS)
        return FileResponse(path, headers=HEADERS)

    async def colours(request: Request) -> Response:
        light, dark = css_variables(LIGHT), css_variables(DARK)
        text = (
            f":root {{ {light} color-scheme: light; }}\n"
            f":root[data-theme=dark] {{ {dark} color-scheme: dark; }}\n"
        )
        return Response(text, media_type="text/css", headers=HEADERS)

    async def stream(websocket: WebSocket) -> None:
        origin = websocket.headers.get("origin")
        scheme = "http" if view.certificate is None else "https"
        own = view.origin or f"{scheme}://{websocket.headers.get('host')}"
        if origin not in (None, own):
            await websocket.close(1008)
            return
        await websocket.accept()
        role = tokens.role(websocket.query_params.get("token"))
        if role is None:  # a page of an earlier run: a code that its script can read
            await websocket.close(WRONG_TOKEN)
            return
        with browsers.join(role) as queue, contextlib.suppress(WebSocketDisconnect, RuntimeError):
            sending = asyncio.create_task(_send(websocket, browsers, queue))
            try:
                while (message := await websocket.receive())["type"] == "websocket.receive":
                    text = message.get("text")
                    if text is None:
                        await websocket.close(1003)  # commands are text
                        break
                    if role == "viewer":
                        continue
                    # RecursionError: deeply nested brackets
                    with contextlib.suppress(ValueError, KeyError, RecursionError):
                        hub.ask(*command_of(json.loads(text)))
            finally:
                sending.cancel()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async def tick() -> None:
            for number in itertools.count():
                await asyncio.sleep(1 / TICKS_PER_SECOND)
                # Skip events that JSON cannot store.
                with contextlib.suppress(ValueError):
                    browsers.send_news(always=number % TICKS_PER_SECOND == 0)

        ticking = asyncio.create_task(tick())
        yield
        ticking.cancel()

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/files/colours.css", colours),
            Route("/files/{name}", file),
            WebSocketRoute("/stream", stream),
        ],
        # Against DNS rebinding: a foreign page whose host name resolves to this machine. A shared
        # view has names that only its network knows; there the token alone protects it.
        middleware=[
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=["*"] if view.shared else [LOOPBACK, "localhost"],
            )
        ],
        lifespan=lifespan,
    )
    app.state.browsers = browsers
    return app


async def _send(websocket: WebSocket, browsers: Browsers, queue: Messages) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        while True:
            text = await queue.get()
            await websocket.send_text(browsers.past(queue) if text is None else text)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """Whether a message of uvicorn is about this program; others are about a peer's bytes."""
    return not record.getMessage().startswith(("ASGI callable returned without", "Invalid "))


@contextlib.contextmanager
def serve(hub: Hub, view: Browser | None = None) -> Iterator[Addresses]:
    """Serve `hub` from a thread and yield the page's addresses.

    Raises:
        WebError: the port is taken, the address is not this machine's, or the certificate is not
            readable.
    """
    view = view or Browser()
    # uvicorn takes a tenth of a second to import; `make_app` does not need it.
    import uvicorn

    from tools.monitor.web.connections import HttpProtocol, Listener

    tokens = Tokens()
    try:
        family, *_, where = socket.getaddrinfo(view.host, view.port, type=socket.SOCK_STREAM)[0]
    except OSError as problem:
        raise WebError(f"{view.host}: {problem.strerror}; give an address to --web-host") from None
    listener = Listener(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(where)
        listener.listen(64)  # before the address is printed, so that a browser can connect
    except OSError as problem:
        listener.close()
        raise WebError(
            f"{view.host}:{view.port}: {problem.strerror}; choose another with --web-port"
        ) from None
    config = uvicorn.Config(
        make_app(hub, tokens, view),
        log_config=None,  # uvicorn's own would close the log handlers of the whole program
        ssl_certfile=view.certificate,
        log_level="error",
        http=HttpProtocol,
        ws="websockets-sansio",
        ws_ping_interval=None,
        ws_max_size=COMMAND_BYTES,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_own_fault)
    try:
        config.load()
    except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
        listener.close()
        raise WebError(
            f"{view.certificate}: not a PEM file with a certificate and its key ({problem})"
        ) from None
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="web server", daemon=True)
    thread.start()
    try:
        yield _addresses(view, listener.getsockname()[1], tokens)
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()


def _addresses(view: Browser, port: int, tokens: Tokens) -> Addresses:
    if view.origin is not None:
        base = view.origin
    else:
        scheme = "http" if view.certificate is None else "https"
        name = socket.gethostname() if view.host in ("0.0.0.0", "::") else view.host
        base = f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}"
    return Addresses(f"{base}/?token={tokens.operator}", f"{base}/?token={tokens.viewer}")
