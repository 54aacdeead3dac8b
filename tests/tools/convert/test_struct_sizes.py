"""The converter's sizes of C structs are those that the kernels' headers assert."""

import re

import pytest

from tools.checkout import LIBRARIES
from tools.convert.operators import (
    dense,
    elementwise,
    grids,
    lstm,
    mean,
    paired_dense,
    pool,
    positions,
    resize,
)

SIZES = {
    "Dense": dense.DENSE_BYTES,
    "OneMultiply": dense.ONE_MULTIPLY_BYTES,
    "Multiplier": dense.MULTIPLIER_BYTES,
    "PairedDense<kAny>": paired_dense.PAIRED_DENSE_BYTES,
    "Positions": positions.POSITIONS_BYTES,
    "Pool": pool.POOL_BYTES,
    "Lstm": lstm.LSTM_BYTES,
    "Grid": grids.GRID_BYTES,
    "Reduce": mean.REDUCE_BYTES,
    "Interpolate": resize.INTERPOLATE_BYTES,
    **elementwise.STRUCT_BYTES,
}


@pytest.fixture(scope="module")
def asserted():
    """Struct name to the size in a static_assert."""
    text = "".join(path.read_text() for path in (LIBRARIES / "engine_compiled").glob("*.h"))
    return {
        name: int(size)
        for line in re.findall(r"static_assert\((.*?)\);", text, re.S)
        for name, size in re.findall(r"sizeof\(([\w<>]+)\) == (\d+)", line)
    }


@pytest.mark.parametrize("name", SIZES)
def test_a_struct_has_the_size_that_the_converter_counts(name, asserted):
    assert asserted[name] == SIZES[name]
