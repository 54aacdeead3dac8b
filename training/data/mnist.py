"""MNIST: 28 x 28 images of handwritten digits, one window of 784 frames each, row by row.

Training and held-out images come from the 60,000, test images from the 10,000. Without the files
and without a download, scikit-learn's 1,797 digits of 8 x 8 pixels are enlarged to 28 x 28, and
the data set's description says so. Source: LeCun, Cortes, Burges (CC BY-SA 3.0).
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from training.bundle.errors import DataError, UnavailableError
from training.data import DataSettings
from training.data.download import files
from training.data.recording import Dataset, Recording

CHANNELS = 1
SIDE = 28
PIXELS = SIDE * SIDE
URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
HASHES = {
    "train-images-idx3-ubyte.gz": (
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
DESCRIPTION = "MNIST: handwritten digits, 28 x 28 pixels"
STAND_IN = "scikit-learn's 8 x 8 digits enlarged to 28 x 28, in place of MNIST"

Digit = Annotated[int, Field(ge=0, le=9)]
Images = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Settings(DataSettings):
    """Which digits count as abnormal, and how many images to take."""

    name: Literal["mnist"] = "mnist"
    abnormal: tuple[Digit, ...] = ()  # never trained on, flagged in the test part
    train: Annotated[int, Field(ge=100, le=60_000)] = 60_000  # the first so many
    test: Annotated[int, Field(ge=10, le=10_000)] = 10_000


def piece(settings: Settings) -> int:
    """An image."""
    return SIDE * SIDE


def load(settings: Settings) -> Dataset:
    """Train and test images end to end: window = hop = 784 gives them back."""
    try:
        paths = files("mnist", HASHES, URL)
    except UnavailableError:
        parts, description = _digits(), STAND_IN
    else:
        images = [read_idx(path) for path in paths]
        parts, description = ((images[0], images[1]), (images[2], images[3])), DESCRIPTION
    recordings = [
        _recording(name, description, pixels[:count], digits[:count], settings.abnormal)
        for name, (pixels, digits), count in zip(
            ("mnist_train", "mnist_test"), parts, (settings.train, settings.test), strict=True
        )
    ]
    return Dataset("mnist", description, *recordings)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """A gzipped idx file of bytes, uint8 of the shape it names; DataError if it is none."""
    try:
        data = gzip.decompress(path.read_bytes())
        kind, dimensions = struct.unpack(">HBB", data[:4])[1:]
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        if kind != 8:
            raise ValueError(f"holds elements of type {kind}, not bytes")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError) as problem:
        raise DataError(f"{path}: not an idx file: {problem}") from None


def _digits() -> tuple[Images, Images]:
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    found = load_digits()
    large = zoom(found.images, (1, SIDE / 8, SIDE / 8), order=1, grid_mode=True, mode="nearest")
    pixels = np.clip(np.rint(large * (255 / 16)), 0, 255).astype(np.uint8)
    digits = found.target.astype(np.uint8)
    border = len(digits) * 5 // 6
    return (pixels[:border], digits[:border]), (pixels[border:], digits[border:])


def _recording(
    name: str,
    description: str,
    pixels: NDArray[np.uint8],
    digits: NDArray[np.uint8],
    abnormal: tuple[int, ...],
) -> Recording:
    labels = np.isin(digits, abnormal).astype(np.int8)
    return Recording(
        name=name,
        description=description,
        counts=pixels.reshape(-1, 1).astype(np.int16),
        labels=np.repeat(labels, PIXELS),
        channels=("pixel",),
        units=("1",),
        gain=(255.0,),
        offset=(0,),
        rate_hz=None,
        classes=np.repeat(digits.astype(np.int16), PIXELS),
    )
