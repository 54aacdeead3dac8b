"""The emulated RISC-V's C library, compiled for this machine under other names."""

import ctypes
import subprocess

import numpy as np
import pytest

from tools.checkout import FIRMWARE

SOURCE = FIRMWARE / "emulated" / "architectures" / "riscv" / "libc.cpp"
NAMES = ["memcpy", "memmove", "memset", "memcmp", "strlen", "malloc", "exit", "sqrtf"]
ARRAYS = ["preinit_array_start", "preinit_array_end", "init_array_start", "init_array_end"]
ELSEWHERE = ["_sbrk", *(f"__{name}" for name in ARRAYS)]  # of the linker script and syscalls.cpp


@pytest.fixture(scope="module")
def libc(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("libc") / "libc.so"
    renamed = [f"-D{name}=own_{name}" for name in NAMES]
    absent = [f"-Wl,--defsym={name}=0" for name in ELSEWHERE]
    flags = ["-std=gnu++17", "-Os", "-shared", "-fPIC", *renamed, *absent]
    subprocess.run(["g++", *flags, SOURCE, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def floats(rng: np.random.Generator) -> np.ndarray:
    """float32 of every exponent and sign, subnormal ones, squares, and their neighbours."""
    bits = rng.integers(0, 2**32, 20_000, dtype=np.uint32)
    small = rng.integers(0, 2**23, 2_000, dtype=np.uint32)
    roots = rng.integers(1, 2**12, 2_000).astype(np.float32)
    squares = (roots * roots).view(np.uint32)
    special = np.array([0, 2**31, 0x7F800000, 0xFF800000, 0x7FC00000], np.uint32)
    return np.concatenate([bits, small, squares - 1, squares, squares + 1, special]).view("f4")


def test_a_root_is_rounded_to_nearest(libc: ctypes.CDLL) -> None:
    libc.own_sqrtf.restype, libc.own_sqrtf.argtypes = ctypes.c_float, [ctypes.c_float]
    values = floats(np.random.default_rng(1))
    ours = np.array([libc.own_sqrtf(value) for value in values.tolist()], np.float32)
    with np.errstate(invalid="ignore"):
        theirs = np.sqrt(values)
    assert np.array_equal(ours.view("u4")[theirs == theirs], theirs.view("u4")[theirs == theirs])
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))


@pytest.mark.parametrize("name", ["memcpy", "memmove"])
def test_bytes_are_copied_whatever_their_alignment(libc: ctypes.CDLL, name: str) -> None:
    data = bytes(range(1, 60))
    copy = getattr(libc, f"own_{name}")
    copy.restype, copy.argtypes = ctypes.c_void_p, [ctypes.c_void_p] * 2 + [ctypes.c_size_t]
    for to, source, size in np.ndindex(5, 5, 20):
        buffer = ctypes.create_string_buffer(data, 64)
        start = ctypes.addressof(buffer)
        assert copy(start + 24 + to, start + source, size) == start + 24 + to
        expected = bytearray(data)
        expected[24 + to : 24 + to + size] = data[source : source + size]
        assert buffer.raw[: len(data)] == bytes(expected)


def test_overlapping_bytes_move_either_way(libc: ctypes.CDLL) -> None:
    data = bytes(range(1, 60))
    libc.own_memmove.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_size_t]
    for to, source in ((0, 3), (3, 0), (4, 0), (0, 4), (7, 7)):
        buffer = ctypes.create_string_buffer(data, 64)
        start = ctypes.addressof(buffer)
        libc.own_memmove(start + to, start + source, 30)
        assert buffer.raw[to : to + 30] == data[source : source + 30]


def test_bytes_are_set_compared_and_counted(libc: ctypes.CDLL) -> None:
    buffer = ctypes.create_string_buffer(b"abcdef", 8)
    libc.own_memset(ctypes.byref(buffer, 2), 0x1FF, ctypes.c_size_t(3))
    assert buffer.raw == b"ab\xff\xff\xfff\0\0"
    assert libc.own_strlen(b"") == 0 and libc.own_strlen(b"seven..") == 7
    for a, b in ((b"same", b"same"), (b"\x01", b"\xff"), (b"ab\x80", b"ab\x7f"), (b"", b"x")):
        sign = libc.own_memcmp(a, b, ctypes.c_size_t(len(a)))
        assert (sign > 0) - (sign < 0) == (a > b[: len(a)]) - (a < b[: len(a)])
