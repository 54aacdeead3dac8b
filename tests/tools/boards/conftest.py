"""The test sketch's image, and a board that runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.images import build_image
from tests.support.sketch import PROJECT, Sketch
from tools.boards.build import BuildResult
from tools.boards.emulated import EmulatedBoard


@pytest.fixture(scope="session")
def image() -> BuildResult:
    return build_image("emulated", project=PROJECT)


@pytest.fixture
def board(image: BuildResult) -> Iterator[EmulatedBoard]:
    with EmulatedBoard(image.elf) as running:
        yield running


@pytest.fixture
def sketch(board: EmulatedBoard) -> Iterator[Sketch]:
    sketch = Sketch(board.port)
    yield sketch
    sketch.serial.close()
