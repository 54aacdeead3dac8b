"""The firmware itself, with both engines, built for the emulated board and booted there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.board_text import BoardText
from tests.support.images import build_image
from tests.support.waiting import PATIENCE
from tools.boards.build import BuildResult, build
from tools.boards.emulated import EmulatedBoard
from tools.convert.emit import convert
from tools.link.session import Session
from tools.measure.bench.reference import make
from tools.measure.bench.small_bundle import small_bundle
from tools.measure.verify.verify import verify
from training.bundle import Bundle


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("firmware")
    bundle = make(folder / "reference")
    convert(bundle.path, folder / "generated")
    return folder / "generated"


def boots(image: BuildResult) -> str:
    """What the board says of itself until a host says hello."""
    with EmulatedBoard(image.elf) as board:
        with BoardText(board.port, timeout=PATIENCE) as port:
            text = port.read_until(b"waiting for a host").decode(errors="replace")
        assert board.running, board.log
    return text


def boot_id(port: str) -> int:
    with Session.open(port) as session:
        return session.board.boot


def check(text: str, engine: str) -> None:
    assert f"on emulated, engine {engine}: ok" in text
    passed, total = re.search(r"golden windows (\d+) of (\d+) exact", text).groups()
    assert passed == total != "0"
    assert int(re.search(r"inference (\d+) instructions", text)[1]) > 100
    used, size = re.search(r"stack (\d+) of (\d+) bytes", text).groups()
    assert 100 < int(used) < int(size) == 32768
    assert "instruction cache absent" in text


@pytest.mark.toolchain
def test_compiled_engine(generated: Path) -> None:
    check(boots(build_image("emulated", generated)), "compiled")


@pytest.mark.toolchain
def test_a_model_of_a_fast_signal_fits(generated: Path, tmp_path: Path) -> None:
    """The buffer of a second of 48 kHz would take 336,000 bytes."""
    fast = shutil.copytree(generated, tmp_path / "fast")
    constants = fast / "constants.h"
    text = constants.read_text(encoding="utf-8")
    assert "kRateHz = 100.0F" in text
    constants.write_text(text.replace("kRateHz = 100.0F", "kRateHz = 48000.0F"), encoding="utf-8")
    check(boots(build_image("emulated", fast)), "compiled")


@pytest.mark.toolchain
def test_a_reset_changes_the_boot_id_that_the_host_reads(generated: Path) -> None:
    image = build_image("emulated", generated)
    with EmulatedBoard(image.elf) as board:
        ids = [boot_id(board.port)]
        board.reset()
        ids.append(boot_id(board.port))
        with Session.open(board.port) as session:
            session.reboot()  # answers with GOODBYE_REPLY, then resets itself
        ids.append(boot_id(board.port))
    assert len(set(ids)) == 3 and 0 not in ids


def converted(bundle: Bundle, folder: Path) -> Path:
    convert(bundle.path, folder)
    return folder


def equals_the_host(bundle: Bundle, environment: str, folder: Path) -> None:
    """Build and boot the bundle's image; every byte of 40 windows must be the host's."""
    image = build_image(environment, converted(bundle, folder / "generated"))
    with EmulatedBoard(image.elf) as board:
        assert verify(bundle.path, [board.port], windows=40).ok


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "options", [{"features": "alone"}, {"features": "beside", "score": "join"}], ids=str
)
def test_features_and_scores_are_those_of_the_host(options: dict[str, Any], tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", channels=2, **options)
    equals_the_host(bundle, "emulated", tmp_path)


@pytest.mark.toolchain
@pytest.mark.tflm
@pytest.mark.slow
def test_features_with_tensorflow_lite_micro(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", features="beside", per_window=True)
    equals_the_host(bundle, "emulated_tflm", tmp_path)


@pytest.mark.toolchain
def test_an_image_without_features_has_no_code_for_them(tmp_path: Path) -> None:
    image = build_image("emulated", converted(small_bundle(tmp_path / "none"), tmp_path / "n"))
    text = subprocess.run(
        ["arm-none-eabi-nm", "-C", image.elf], check=True, capture_output=True, text=True
    ).stdout
    for name in (
        "vigil::Statistics<",
        "Spectrum",
        "band_energies",
        "vigil::sums",
        "vigil::moments",
        "vigil::Join<",
    ):
        assert name not in text


@pytest.mark.toolchain
@pytest.mark.tflm
@pytest.mark.slow
def test_tensorflow_lite_micro(generated: Path) -> None:
    """Compiling the library takes minutes, once."""
    check(boots(build_image("emulated_tflm", generated)), "tflm")


@pytest.mark.registry
@pytest.mark.slow
@pytest.mark.parametrize("environment", ["nano33ble", "nano33ble_compiled"])
def test_nano_builds(generated: Path, tmp_path: Path, environment: str) -> None:
    result = build(environment, generated, tmp_path)
    assert result.elf.is_file()
    assert "Checking static data" in result.output
