"""MNIST: images of handwritten digits, 28 x 28 pixels, row by row in one window of 784 frames.

The training recording has the 60,000 training images, the test recording the 10,000 test images.
If the files are unavailable, scikit-learn's 1,797 digits of 8 x 8 pixels are enlarged to 28 x 28,
and the description of the data set says so. Source: LeCun, Cortes, Burges (CC BY-SA 3.0).
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
from training.data.download import Checksums, Files, find_files
from training.data.recording import Dataset, Recording

CHANNELS = 1
SIDE = 28
PIXELS = SIDE * SIDE
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": Checksums(
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    ),
    "train-labels-idx1-ubyte.gz": Checksums(
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    ),
    "t10k-images-idx3-ubyte.gz": Checksums(
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    ),
    "t10k-labels-idx1-ubyte.gz": Checksums(
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
}
ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
DESCRIPTION = "MNIST: handwritten digits, 28 x 28 pixels"
STAND_IN = "scikit-learn's 8 x 8 digits enlarged to 28 x 28, in place of MNIST"

Digit = Annotated[int, Field(ge=0, le=9)]
Images = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Settings(DataSettings):
    """Which digits count as abnormal, and how many images are used."""

    name: Literal["mnist"] = "mnist"
    abnormal: tuple[Digit, ...] = ()  # labels of abnormal images
    train: Annotated[int, Field(ge=100, le=60_000)] = 60_000  # images from the beginning
    test: Annotated[int, Field(ge=10, le=10_000)] = 10_000


def piece(settings: Settings) -> int:
    """Return the frames of an image."""
    return PIXELS


def load(settings: Settings) -> Dataset:
    """Load training and test images, end to end: window = hop = 784 returns them."""
    try:
        paths = find_files(Files("mnist", CHECKSUMS, ADDRESSES, _values))
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
    """Read a gzipped idx file of bytes, uint8 of the shape in its header.

    Raises:
        DataError: the file is not an idx file.
    """
    try:
        data = gzip.decompress(path.read_bytes())
        kind, dimensions = struct.unpack(">HBB", data[:4])[1:]
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        if kind != 8:
            raise ValueError(f"elements have type {kind}, must be bytes (8)")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError) as problem:
        raise DataError(f"{path}: not an idx file: {problem}") from None


def _digits() -> tuple[Images, Images]:
    # Only the stand-in needs these packages; both take a second to start.
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    small = load_digits()
    large = zoom(small.images, (1, SIDE / 8, SIDE / 8), order=1, grid_mode=True, mode="nearest")
    pixels = np.clip(np.rint(large * (255 / 16)), 0, 255).astype(np.uint8)
    digits = small.target.astype(np.uint8)
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


def _values(path: Path) -> bytes:
    return read_idx(path).tobytes()
