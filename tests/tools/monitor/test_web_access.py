"""Who may look at the browser view, and who may command."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support.waiting import PATIENCE, wait_until
from tests.support.web_page import events_of, received, scored_of, served, text_of
from tools.monitor.settings import Browser
from tools.monitor.web import connections
from tools.monitor.web.hub import Hub
from tools.monitor.web.server import WRONG_TOKEN, WebError, command_of, serve
from training.bundle.errors import DataError


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as problem:
        return problem.code


def test_the_page_is_for_those_who_have_the_token():
    with served() as s:
        assert s.url.startswith("http://127.0.0.1:")
        assert status(s.url) == 200
        assert status(s.url.split("?")[0]) == 403
        assert status(s.url + "x") == 403
        assert status(s.url, Host="example.com") == 400  # a foreign name for this machine
        assert status(s.url.split("?")[0] + "files/../server.py") == 404


def test_the_stream_is_for_those_who_have_the_token_and_come_from_the_page():
    with served() as s:
        for address, origin in (
            (s.socket.split("?")[0], None),
            (s.socket + "x", None),
            (s.socket, "http://example.com"),
        ):
            with (
                pytest.raises((InvalidStatus, ConnectionClosed)),
                connect(address, origin=origin) as socket,
            ):
                socket.recv(timeout=PATIENCE)
        with connect(s.socket) as socket:
            assert json.loads(socket.recv(timeout=PATIENCE)) == {"type": "role", "role": "operator"}
            assert json.loads(socket.recv(timeout=PATIENCE))["type"] == "past"


def test_a_page_of_an_earlier_run_is_told_so():
    with served() as s, connect(s.socket + "x") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == WRONG_TOKEN


UPGRADE = (
    "GET /stream?{token} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize(
    ("host", "then"),
    [
        ("example.com", b""),  # a foreign name for this machine
        ("[::", b""),
        (None, b"\x81\x82\0\0\0\0\xff\xfe"),  # text that is not UTF-8
        (None, b"\xff" * 50),  # no frame
        (None, b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0x"),  # the same text in two frames
    ],
)
def test_malformed_requests_of_a_socket_print_nothing(host, then, capfd, caplog):
    with served() as s:
        address = urlsplit(s.url)
        with socket.create_connection((address.hostname, address.port), PATIENCE) as client:
            request = UPGRADE.format(token=address.query, host=host or address.netloc)
            client.sendall(request.encode())
            assert client.recv(9) == b"HTTP/1.1 "
            client.sendall(then)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(65536):  # until the server closes
                    pass
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_connections_beyond_the_limit_are_closed_and_print_nothing(monkeypatch, capfd, caplog):
    monkeypatch.setattr(connections, "MOST", 3)
    with served() as s, contextlib.ExitStack() as stack:
        address = urlsplit(s.url)
        where = (address.hostname, address.port)
        for _ in range(3):
            stack.enter_context(socket.create_connection(where, PATIENCE))
        for _ in range(3):
            with socket.create_connection(where, PATIENCE) as refused:
                assert _is_closed(refused)
        stack.close()
        wait_until(lambda: _answers(s.url))
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        return status(url) == 200
    return False


def _is_closed(client: socket.socket) -> bool:
    """Wait until the server sends something or closes."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_connection_without_a_request_is_closed_and_a_stream_is_not(monkeypatch, begin):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.01)
    with served() as s, connect(s.socket) as streaming:
        address = urlsplit(s.url)
        with socket.create_connection((address.hostname, address.port), PATIENCE) as silent:
            silent.sendall(begin)
            assert _is_closed(silent)
        received(streaming, lambda messages: len(scored_of(messages)) > 2)


def test_a_viewer_sees_everything_and_commands_nothing():
    with served() as s:
        viewer = s.viewer_url.replace("http:", "ws:").replace("/?", "/stream?")
        assert status(s.viewer_url) == 200
        with connect(viewer) as looking, connect(s.socket) as operating:
            assert json.loads(looking.recv(timeout=PATIENCE)) == {"type": "role", "role": "viewer"}
            looking.send('{"key": "one", "ask": "mark", "text": "of the viewer"}')
            received(looking, lambda messages: len(scored_of(messages)) > 2)
            operating.send('{"key": "one", "ask": "mark", "text": "of the operator"}')
            messages = received(looking, lambda m: "of the operator" in map(text_of, events_of(m)))
        assert "of the viewer" not in map(text_of, events_of(messages))


def certificate(folder: Path, *parts: str) -> Path:
    """A self-signed certificate and its key in one file, or only some of the two."""
    key, cert = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
            f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
        ).split(),
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text("".join({"key": key, "certificate": cert}[p].read_text() for p in parts))
    return both


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
def test_the_page_over_tls(tmp_path):
    pem = certificate(tmp_path, "key", "certificate")
    trusted = ssl.create_default_context(cafile=pem)
    with served(view=Browser(host="127.0.0.1", certificate=pem)) as s:
        assert s.url.startswith("https://127.0.0.1:")
        with urllib.request.urlopen(s.url, context=trusted) as answer:
            assert answer.status == 200
        address = s.url.replace("https:", "wss:").replace("/?", "/stream?")
        own = s.url.split("/?")[0]
        with connect(address, ssl=trusted, origin=own) as socket:
            received(socket, scored_of)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
@pytest.mark.parametrize("parts", [("certificate",), ("key",), ()])
def test_a_certificate_that_is_not_whole_is_one_clear_line(tmp_path, parts):
    pem = certificate(tmp_path, *parts)
    with (
        pytest.raises(WebError, match=r"both\.pem: not a PEM file") as problem,
        serve(Hub(), Browser(certificate=pem)),
    ):
        pass
    assert "\n" not in str(problem.value)


def test_behind_a_reverse_proxy_only_its_own_pages_connect():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = "https://pumps.example"
    with served(view=Browser(port, origin=origin)) as s:
        assert s.url.startswith(f"{origin}/?token=")
        address = f"ws://127.0.0.1:{port}/stream?{s.url.split('?')[1]}"
        with connect(address, origin=origin) as client:
            received(client, scored_of)
        with (
            pytest.raises((InvalidStatus, ConnectionClosed)),
            connect(address, origin=f"http://127.0.0.1:{port}") as client,
        ):
            client.recv(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"host": "0.0.0.0"}, "without TLS"),
        ({"host": "0.0.0.0", "certificate": Path("absent.pem")}, "no such file"),
        ({"origin": "http://pumps.example"}, "https://NAME"),
        ({"origin": "https://pumps.example/path"}, "https://NAME"),
    ],
)
def test_a_page_for_the_network_in_plain_text_is_refused(view, said):
    with pytest.raises(DataError, match=said):
        Browser(**view)


def test_a_taken_port_is_one_clear_line():
    with served() as s:
        port = int(s.url.split(":")[2].split("/")[0])
        with pytest.raises(WebError, match=f"{port}.*--web-port"), serve(Hub(), Browser(port)):
            pass


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"key": "one"},
        {"key": 1, "ask": "reset"},
        {"key": "one", "ask": "quit"},
        {"key": "one", "ask": "threshold", "value": "1"},
        {"key": "one", "ask": "threshold", "value": float("nan")},
        {"key": "one", "ask": "threshold", "value": int("1" * 401)},
        {"key": "one", "ask": "threshold", "value": 1e300},  # not with a board's 32 bits
        {"key": "one", "ask": "threshold", "value": -1},
        {"key": "one", "ask": "threshold", "value": True},
        {"key": "one", "ask": "pause", "paused": 1},
    ],
)
def test_what_is_no_command_is_refused(message):
    with pytest.raises(ValueError, match="not a command"):
        command_of(message)


def test_the_log_handlers_of_other_packages_stay_open():
    class Handler(logging.Handler):
        closed = False

        def close(self):
            self.closed = True
            super().close()

    handler = Handler()
    with served() as s:
        assert status(s.url) == 200
    assert not handler.closed


def test_a_fault_of_the_page_is_logged_and_a_peers_nonsense_is_not(caplog):
    with served():
        log = logging.getLogger("uvicorn.error")
        log.error("Exception in ASGI application")
        log.error("Invalid HTTP request received.")
        log.info("Started server process")
    assert caplog.messages == ["Exception in ASGI application"]


def test_nonsense_on_the_socket_disturbs_nobody(capfd, caplog):
    long = '{"key": "one", "ask": "threshold", "value": ' + "1" * 401 + "}"
    with served() as s, connect(s.socket) as socket:
        for text in ("", "{", "[1]", '{"key": "two", "ask": "reset"}', "\0" * 1000):
            socket.send(text)
        socket.send(long)
        socket.send("[" * 4000)
        socket.send('{"key": "one", "ask": "mark", "text": "after all that"}')
        received(socket, lambda messages: "after all that" in map(text_of, events_of(messages)))
        received(socket, scored_of)
        assert s.boards["one"].restarts == 1  # the one with which the stream began
        assert s.boards["one"].threshold == s.boards["one"].facts.threshold
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_a_message_that_is_too_long_for_a_command_ends_that_browser():
    with served() as s, connect(s.socket) as socket, connect(s.socket) as other:
        socket.send("[" * 100_000)
        with pytest.raises(ConnectionClosed) as closed:
            received(socket, lambda messages: False)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        received(other, events_of)


def test_bytes_are_refused_quietly(capfd, caplog):
    with served() as s, connect(s.socket) as socket, connect(s.socket) as other:
        socket.send(b'{"key": "one", "ask": "reset"}')
        with pytest.raises(ConnectionClosed) as closed:
            received(socket, lambda messages: False)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
        received(other, events_of)
        assert s.boards["one"].restarts == 1
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []
