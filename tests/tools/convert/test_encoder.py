"""The encoder in C++: the interpreter's bytes, on the host and emulated, or an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tools.convert import convert
from tools.convert.encoder import convert_encoder
from tools.convert.host import HostEngine, includes, kernel_sources
from tools.measure.bench.models import ModelBuilder, dense
from tools.measure.bench.small_bundle import small_bundle
from tools.report.zoo.encoder import measure
from training.bundle import Bundle
from training.bundle.errors import ConvertError
from training.bundle.files import ENCODER
from training.bundle.interpreter import Interpreter

pytestmark = pytest.mark.slow

CODE = 5


def with_encoder(path: Path, wider: int = 0) -> Bundle:
    """The small bundle with a dense encoder of random weights."""
    bundle = small_bundle(path)
    grid = bundle.manifest.model.input
    rng = np.random.default_rng(3)
    weights = rng.integers(-127, 128, (CODE, grid.size + wider)).astype(np.int8)
    builder = ModelBuilder()
    source = builder.tensor((1, grid.size + wider), grid.scale, grid.zero_point)
    target = dense(
        builder,
        source,
        weights,
        rng.integers(-500, 500, CODE).astype(np.int32),
        source_scale=grid.scale,
        weight_scale=0.01,
        target_scale=0.06,
        target_zero_point=7,
    )
    (path / ENCODER).write_bytes(builder.finish(source, target))
    return bundle


def test_it_gives_the_interpreters_bytes_and_the_scale_of_a_code(tmp_path):
    bundle = with_encoder(tmp_path / "waves")
    encoder = convert_encoder(bundle.path, tmp_path / "out")
    assert [path.name for path in encoder.files] == [
        "encoder.h", "encoder_model.cpp", "encoder_model.h",
    ]  # fmt: skip
    size = bundle.manifest.model.input.size
    assert (encoder.code, encoder.macs) == (CODE, CODE * size)
    windows = np.random.default_rng(1).integers(-128, 128, (200, size)).astype(np.int8)
    codes = HostEngine(tmp_path / "out", name="encoder").run(windows)
    assert (codes == Interpreter((bundle.path / ENCODER).read_bytes()).run(windows)).all()
    assert len(np.unique(codes)) > 50
    header = (tmp_path / "out" / "encoder.h").read_text()
    assert "kCodeScale = 0.06F" in header and "kCodeZeroPoint = 7;" in header


def test_detector_and_encoder_link_into_one_image(tmp_path):
    bundle = with_encoder(tmp_path / "waves")
    convert(bundle.path, tmp_path / "detector", engines=["compiled"])
    convert_encoder(bundle.path, tmp_path / "encoder")
    main = tmp_path / "main.cpp"
    main.write_text(
        '#include "compiled_model.h"\n#include "encoder.h"\nnamespace model = vigil::model;\n'
        "static std::int8_t in[model::compiled::kInputSize], out[model::compiled::kOutputSize];\n"
        "int main() { model::compiled::infer(in, out); model::encoder::infer(in, out);\n"
        "    return model::encoder::kOutputSize; }\n"
    )
    compiler = shutil.which("g++") or shutil.which("clang++")
    sources = [tmp_path / "detector/compiled_model.cpp", tmp_path / "encoder/encoder_model.cpp"]
    folders = [*includes(tmp_path / "detector"), tmp_path / "encoder"]
    subprocess.run(
        [
            *(str(compiler), "-std=c++17", "-Wall", "-Wextra", "-Werror"),
            *(f"-I{folder}" for folder in folders),
            *map(str, [main, *sources, *kernel_sources()]),
            *("-o", str(tmp_path / "both")),
        ],
        check=True,
    )
    assert subprocess.run([tmp_path / "both"], check=False).returncode == CODE


@pytest.mark.toolchain
def test_its_instructions_are_counted_where_the_codes_are_right(tmp_path):
    text = measure(with_encoder(tmp_path / "waves"))
    assert f"{CODE * 24} MACs; its codes equal the interpreter's on 6 golden windows" in text
    count = int(text.split("emulated; ")[1].split(" instructions")[0].replace(",", ""))
    assert 100 < count < 2000


def test_a_missing_encoder_or_that_of_another_bundle_is_refused(tmp_path):
    bundle = with_encoder(tmp_path / "other", wider=1)
    with pytest.raises(
        ConvertError, match="its input differs from that of the bundle's model; train"
    ):
        convert_encoder(bundle.path, tmp_path / "out")
    (bundle.path / ENCODER).unlink()
    with pytest.raises(ConvertError, match="set encoder = true in the recipe"):
        convert_encoder(bundle.path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
