"""The port of boards that have Arduino's API alone, on the emulated board."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.board_text import BoardText
from tests.support.images import build_image
from tests.support.waiting import PATIENCE
from tools.boards.adc import AdcRecording
from tools.boards.catalogue import find_board, load_boards
from tools.boards.emulated import EmulatedBoard
from tools.checkout import FIRMWARE
from tools.convert.emit import convert
from tools.convert.sensor import Sensor
from tools.link import messages as m
from tools.link.events import Sampled
from tools.link.session import Session
from tools.measure.bench.small_bundle import small_bundle
from tools.measure.verify.verify import verify
from training.bundle import Bundle

SAMPLES = 200


def test_its_converter_has_the_bits_that_the_catalogue_says() -> None:
    text = (FIRMWARE / "lib" / "board" / "board_arduino.cpp").read_text(encoding="utf-8")
    bits = int(re.search(r"kBits = (\d+);", text)[1])
    generic = [b for b in load_boards().values() if b.environments and b.id != "nano33ble"]
    assert {b.adc_bits for b in generic if not b.emulated} == {bits}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "waves")


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples A0, one raw step of which is one count."""
    generated = tmp_path_factory.mktemp("image") / "generated"
    signal = bundle.manifest.signal
    pin = Sensor("pin", "A0", "analog", tuple(signal.units), tuple(signal.gain), 1000.0, pin=14)
    convert(bundle.path, generated, ["compiled"], pin)
    return build_image(find_board("emulated_arduino").environment("compiled"), generated).elf


@pytest.mark.toolchain
def test_every_byte_is_the_hosts(bundle: Bundle, image: Path) -> None:
    with EmulatedBoard(image) as board:
        assert verify(bundle.path, [board.port], windows=40).ok


@pytest.mark.toolchain
def test_what_it_cannot_measure_it_does_not_state(image: Path) -> None:
    with EmulatedBoard(image) as board:
        with BoardText(board.port, timeout=PATIENCE) as port:
            text = port.read_until(b"waiting for a host").decode(errors="replace")
        ids = []
        for _ in range(2):
            with Session.open(board.port) as session:
                ids.append(session.board.boot)
                boot = session.boot_report()
            board.reset()
    assert "on emulated_arduino, engine compiled: ok" in text
    assert "stack" not in text and "instruction cache unknown" in text
    assert (boot.tick_unit, boot.cache) == (m.TickUnit.MICROSECONDS, m.Cache.UNKNOWN)
    assert boot.stack_size == 0 and boot.ticks == boot.microseconds > 0
    assert ids[0] != ids[1]


@pytest.mark.toolchain
def test_it_samples_a_pin(image: Path) -> None:
    """A0 plays a frame per reading, so a sample that is repeated or left out would show."""
    counts = np.arange(2 * SAMPLES, dtype="<i2").reshape(-1, 1) * 7
    read = b""
    with EmulatedBoard(image, adc=AdcRecording(counts)) as board, Session.open(board.port) as port:
        port.start_sampling(7)
        while len(read) < 2 * SAMPLES:
            read += b"".join(e.counts for e in port.poll(0.1) if isinstance(e, Sampled))
        state = port.stop_sampling()
    assert read == counts.tobytes()[: len(read)]
    assert 2 * state.taken >= len(read) and state.sensor == "A0"
