"""The test sketch's image, and a board that runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sketch import PROJECT, Sketch
from tools.boards.build import BuildResult, build
from tools.boards.emulated import EmulatedBoard


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    return build("emulated", build_dir=tmp_path_factory.mktemp("board"), project=PROJECT)


@pytest.fixture
def board(image: BuildResult) -> Iterator[EmulatedBoard]:
    with EmulatedBoard(image.elf) as running:
        yield running


@pytest.fixture
def sketch(board: EmulatedBoard) -> Iterator[Sketch]:
    sketch = Sketch(board.port)
    yield sketch
    sketch.serial.close()
