"""MNIST: images and digits, the stand-in, and files that are not idx."""

import gzip
import struct

import pytest

from training.bundle.errors import DataError
from training.data import load, mnist


@pytest.mark.data("mnist")
def test_mnist_images_digits_and_abnormal_ones():
    data = load("mnist", train=500, test=100, abnormal=[3])
    assert data.description.startswith("MNIST")
    assert data.train.frames == 500 * 784 and data.test.frames == 100 * 784
    digits = data.train.classes[::784]
    assert digits[:5].tolist() == [5, 0, 4, 1, 9]
    assert ((digits == 3) == (data.train.labels[::784] == 1)).all()
    assert data.train.counts.max() == 255 and data.train.physical().max() == 1


def test_without_mnist_the_small_digits_stand_in_and_say_so(monkeypatch):
    def unavailable(*_):
        raise mnist.UnavailableError("no network")

    monkeypatch.setattr(mnist, "find_files", unavailable)
    data = load("mnist", train=1000)
    assert "scikit-learn" in data.description
    assert data.train.frames == 1000 * 784 and data.train.counts.max() == 255


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b"\0\0", mtime=0),
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 9) + b"123", mtime=0),
        gzip.compress(struct.pack(">HBBI", 0, 13, 1, 1) + b"1234", mtime=0),
    ],
)
def test_a_file_that_is_no_idx_is_one_line(tmp_path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images\.gz: not an idx file"):
        mnist.read_idx(path)
