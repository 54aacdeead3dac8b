"""Devices, pipes, huge files, deep nesting and odd names: one line each, and exit code 2."""

import os
import struct

import numpy as np
import pytest

from tests.support.command_line import vigil
from tests.support.networks import paired_network
from training.bundle.flatbuffer import root

LONG = "x" * 5000
HUGE = 5 << 30  # bytes of a sparse file, which takes no disk


def with_a_name_outside_the_file():
    """A model of which the converter reads nothing damaged, but the interpreter does."""
    data = bytearray(paired_network(np.random.default_rng(1), (16, 12, 16)))
    tensor = root(bytes(data), b"TFL3").tables(2)[0].tables(0)[0]
    struct.pack_into("<I", data, tensor._field(3), 0x7FFFFFF0)
    return bytes(data)


@pytest.fixture
def folder(tmp_path):
    """A folder with one file of each kind."""
    for suffix in ("csv", "toml", "tflite"):
        os.mkfifo(tmp_path / f"pipe.{suffix}")
        with (tmp_path / f"huge.{suffix}").open("wb") as file:
            file.truncate(HUGE)
    (tmp_path / "deep.toml").write_text("a = " + "[" * 20_000)
    (tmp_path / "name.tflite").write_bytes(with_a_name_outside_the_file())
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "device.csv"], "a device, a pipe or a socket"),
        (["train", "pipe.csv"], "a device, a pipe or a socket"),
        (["train", "pipe.toml"], "a device, a pipe or a socket"),
        (["bench", "pipe.tflite"], "a device, a pipe or a socket"),
        (["inspect", "huge.csv"], "5,120 MB, must have at most 4,096 MB"),
        (["train", "huge.toml"], "5,120 MB, must have at most 1 MB"),
        (["bench", "huge.tflite"], "5,120 MB, must have at most 256 MB"),
        (
            ["bench", "name.tflite"],
            "name.tflite: the model is damaged: the interpreter cannot read",
        ),
        (["train", "deep.toml"], "nested too deeply"),
        (["train", "csv", "--set", "a=" + "[" * 20_000], "nested too deeply"),
        (["train", LONG], "File name too long"),
        (["train", f"{LONG}.toml"], "File name too long"),
        (["bench", f"{LONG}.tflite"], "File name too long"),
        (["verify", LONG], "File name too long"),
        (["train", "two\nlines.toml"], "two\\nlines.toml"),
        (["bench", "two\nlines"], "two\\nlines"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_one_line_and_exit_code_2(folder, words, said):
    done = vigil(*words, cwd=folder)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("vigil: ") and said in done.stderr
    assert done.stderr.count("\n") == 1 and len(done.stderr) < 1100
