"""A gateway and boards that speak the link: a kill loses no window, not even one that waited."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.broker import mosquitto
from tests.support.fleet import Arrivals, start_gateway
from tests.support.simulated_boards import SimulatedBoards
from tests.support.waiting import PATIENCE, wait_until
from tools.measure.bench.small_bundle import small_bundle

WINDOW, RATE_HZ = 140, 250.0


@pytest.mark.broker
@pytest.mark.toolchain
@pytest.mark.parametrize("newest", [0, 3])  # window 0 is published before it is acknowledged
def test_a_killed_gateway_continues_the_streams_of_its_boards(
    tmp_path: Path, request: pytest.FixtureRequest, newest: int
) -> None:
    bundle = small_bundle(tmp_path / "bundle", window=WINDOW, hop=WINDOW, rate_hz=RATE_HZ)
    boards = SimulatedBoards(2, WINDOW, RATE_HZ, bundle.hash8, tmp_path)
    log = tmp_path / "gateway-0.log"
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        arrivals = Arrivals(port)
        gateway = start_gateway(0, boards.ports, bundle, port, tmp_path)
        request.addfinalizer(gateway.kill)
        wait_until(
            lambda: all(arrivals.newest(board) >= newest for board in boards.ids), log.read_text
        )
        gateway.send_signal(signal.SIGKILL)
        gateway.wait(PATIENCE)
        before = {board: arrivals.newest(board) for board in boards.ids}
        gateway = start_gateway(0, boards.ports, bundle, port, tmp_path)
        request.addfinalizer(gateway.kill)
        wait_until(
            lambda: all(arrivals.newest(board) > before[board] + 2 for board in boards.ids),
            log.read_text,
        )
        boards.stop()
        wait_until(
            lambda: boards.reported() == set(arrivals.scored) | set(arrivals.lost), log.read_text
        )
        reported = boards.reported()
        gateway.terminate()
        assert gateway.wait(PATIENCE) == 0
        boards.end()
        arrivals.close()
    assert reported == set(arrivals.scored) | set(arrivals.lost)
    assert len({(board, stream) for board, stream, _ in reported}) == 2  # the streams went on
