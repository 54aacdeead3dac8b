"""The gateway's pages for machines: /health (JSON) and /metrics (Prometheus)."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tools.monitor.gateway.publisher import Publisher
from tools.monitor.gateway.spool import Spool
from tools.monitor.gateway.worker import BoardState
from training.bundle.errors import DataError

States = Callable[[], Mapping[str, BoardState]]

# Name, help, and the field of a summary, of the counters per board.
COUNTERS = (
    ("windows", "Windows scored", "windows"),
    ("flagged", "Windows above the threshold", "flagged"),
    ("not_judged", "Windows that the quality gate rejected", "not_judged"),
    ("windows_lost", "Windows without a score for another reason", "lost"),
    ("samples_lost", "Frames without a sample", "samples_lost"),
    ("alarms", "Alarms raised", "alarms"),
)


class _Metrics(Collector):
    def __init__(self, states: States, spool: Spool, publisher: Publisher) -> None:
        self._states, self._spool, self._publisher = states, spool, publisher

    def collect(self) -> Iterator[Metric]:
        states = self._states()
        up = GaugeMetricFamily("vigil_board_up", "Whether the board streams", labels=["board"])
        for key, state in states.items():
            up.add_metric([key], float(state.state == "online"))
        yield up
        summaries = {key: state.tally.summary() for key, state in states.items()}
        for name, about, field in COUNTERS:
            counter = CounterMetricFamily(f"vigil_{name}", about, labels=["board"])
            for key, summary in summaries.items():
                counter.add_metric([key], getattr(summary, field))
            yield counter
        corrupt = CounterMetricFamily(
            "vigil_link_corrupt", "Corrupt frames at both ends", labels=["board"]
        )
        for key, summary in summaries.items():
            corrupt.add_metric([key], summary.counters.corrupt + summary.counters.board_corrupt)
        yield corrupt
        yield GaugeMetricFamily(
            "vigil_broker_up", "Whether the broker answers", float(self._publisher.connected)
        )
        yield CounterMetricFamily(
            "vigil_published",
            "Messages that the broker has acknowledged",
            self._publisher.published,
        )
        yield GaugeMetricFamily(
            "vigil_spool_messages", "Messages that wait for the broker", self._spool.depth
        )
        yield CounterMetricFamily(
            "vigil_spool_dropped",
            "Messages dropped because the spool or its disk was full",
            self._spool.dropped,
        )


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a client that sends nothing holds up no other, and not the end

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print a traceback, except of a client that sends nothing or breaks off."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Quiet(WSGIRequestHandler):
    timeout = 5  # seconds for a request to arrive

    def log_message(self, format: str, *args: Any) -> None:
        pass


class HealthServer:
    """Serves the two pages in a thread.

    /health answers 200 if the broker and every board answer, else 503.

    Args:
        address: HOST:PORT to listen on; port 0 takes any free one.

    Raises:
        DataError: the address has another form, or cannot be listened on.
    """

    def __init__(self, address: str, states: States, spool: Spool, publisher: Publisher) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise DataError(f"{address}: give HOST:PORT, for example 127.0.0.1:9465")
        self._states, self._spool, self._publisher = states, spool, publisher
        registry = CollectorRegistry()
        registry.register(_Metrics(states, spool, publisher))
        self._metrics = make_wsgi_app(registry)
        try:
            self._server: WSGIServer = make_server(host, int(port), self._answer, _Server, _Quiet)
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            raise DataError(f"{address}: cannot listen: {reason}") from None
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            pages: Iterable[bytes] = self._metrics(environ, start_response)
            return pages
        if path != "/health":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/health or /metrics\n"]
        boards = {
            key: {"state": state.state, "problem": state.problem}
            for key, state in self._states().items()
        }
        problem = self._spool.problem or self._publisher.problem
        online = all(board["state"] == "online" for board in boards.values())
        well = self._publisher.connected and online and not problem
        body = {
            "well": well,
            "problem": problem,
            "broker": "online" if self._publisher.connected else "away",
            "boards": boards,
            "spool": {"messages": self._spool.depth, "dropped": self._spool.dropped},
        }
        status = "200 OK" if well else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body).encode() + b"\n"]
