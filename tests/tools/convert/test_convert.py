"""From a bundle to C++: the files, their compilation, and refused bundles."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from tools.checkout import ROOT
from tools.convert import convert
from tools.convert.host import HostEngine
from tools.convert.model import read_model
from tools.convert.tflm import arena_bytes, tflm_model
from tools.measure.bench.models import ModelBuilder, dense
from tools.measure.bench.small_bundle import small_bundle
from training.bundle.errors import BundleError, ConvertError
from training.bundle.interpreter import Interpreter
from training.weight_scales import compatible_scale, match_factors

FILES = [
    "compiled_model.cpp", "compiled_model.h", "constants.h", "golden.cpp", "golden.h",
    "sensor_constants.h", "tflm_model.cpp", "tflm_model.h",
]  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


def test_files(bundle, tmp_path):
    paths = convert(bundle.path, tmp_path / "generated")
    assert [path.name for path in paths] == FILES
    assert sorted(path.name for path in (tmp_path / "generated").iterdir()) == FILES


def test_the_same_bundle_gives_the_same_bytes_in_any_folder(bundle, tmp_path):
    shutil.copytree(bundle.path, tmp_path / "copy")
    first = convert(bundle.path, tmp_path / "a")
    second = convert(tmp_path / "copy", tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_unchanged_files_are_not_written_again(bundle, tmp_path):
    times = [[path.stat().st_mtime_ns for path in convert(bundle.path, tmp_path)] for _ in "12"]
    assert times[0] == times[1]


def test_constants_equal_the_manifest(bundle, tmp_path):
    convert(bundle.path, tmp_path)
    text = (tmp_path / "constants.h").read_text()
    manifest = bundle.manifest

    def constant(name):
        return re.search(rf"\b{name}(?:\[\d*\])? = ([^;]+);", text).group(1)

    assert constant("kName") == f'"{manifest.name}"'
    assert constant("kHash") == "{" + ", ".join(str(byte) for byte in bundle.hash8) + "}"
    assert int(constant("kWindow")) == manifest.segmenter.window
    assert int(constant("kInputSize")) == manifest.model.input.size
    assert int(constant("kModelBytes")) == len(bundle.model)
    assert int(constant("kModelCrc32"), 16) == manifest.model.crc32
    threshold = np.float32(constant("kThreshold").removesuffix("F"))
    assert threshold == np.float32(manifest.threshold.value)


def test_a_threshold_of_ones_own_replaces_the_bundles_and_nothing_else(bundle, tmp_path):
    convert(bundle.path, tmp_path / "trained")
    convert(bundle.path, tmp_path / "own", threshold=0.1)
    trained, own = (
        {path.name: path.read_text() for path in (tmp_path / folder).iterdir()}
        for folder in ("trained", "own")
    )
    value = re.search(r"kThreshold = ([^;]+)F;", own["constants.h"])
    assert value is not None and np.float32(value[1]) == np.float32(0.1)
    assert "kThresholdFromBuild = true" in own["constants.h"]
    for files in (own, trained):
        own_lines = r"(kThreshold|kThresholdFromBuild) = [^;]+;"
        files["constants.h"] = re.sub(own_lines, r"\1;", files["constants.h"])
    assert own == trained


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_window": True},
        {"features": "alone"},
        {"features": "beside"},
        {"features": "beside", "per_window": True},
        {"features": "alone", "score": "mahalanobis"},
        {"features": "beside", "score": "level"},
        {"features": "beside", "score": "join"},
    ],
    ids=str,
)
def test_generated_code_compiles_and_holds_the_golden_windows(options, tmp_path):
    bundle = small_bundle(tmp_path / "bundle", channels=2, **options)
    out = tmp_path / "generated"
    convert(bundle.path, out)
    main = tmp_path / "main.cpp"
    main.write_text(_PRINT_GOLDEN)
    lib = ROOT / "firmware" / "lib"
    sources = [*(lib / "signal").glob("*.cpp"), lib / "detector" / "detector.cpp"]
    engine = lib / "engine_compiled"
    program = tmp_path / "golden"
    subprocess.run(
        [
            *("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"),
            *(f"-I{folder}" for folder in [out, *sorted(p for p in lib.iterdir() if p.is_dir())]),
            *map(str, [main, out / "golden.cpp", out / "compiled_model.cpp", *sources]),
            *map(str, sorted(engine.glob("*.cpp"))),
            *("-o", str(program)),
        ],
        check=True,
    )
    done = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["exact"] * 4


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_host_engine_gives_the_golden_outputs(compiler, bundle, tmp_path, monkeypatch):
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    monkeypatch.setenv("CXX", compiler)
    convert(bundle.path, tmp_path)
    engine = HostEngine(tmp_path)
    assert (engine.run(bundle.golden.input) == bundle.golden.output).all()
    with pytest.raises(ConvertError, match="takes windows of"):
        engine.run(np.zeros((1, 3), np.int8))


def test_damaged_bundle_is_refused(bundle, tmp_path):
    shutil.copytree(bundle.path, tmp_path / "bad")
    (tmp_path / "bad" / "model.tflite").write_bytes(bundle.model[:-1])
    with pytest.raises(BundleError):
        convert(tmp_path / "bad", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def layer(weight_scale, source_scale=0.0371):
    builder = ModelBuilder()
    source = builder.tensor((1, 8), source_scale)
    weights = np.arange(64).reshape(8, 8).astype(np.int8)
    target = dense(
        builder, source, weights, None, source_scale=source_scale, weight_scale=weight_scale,
        target_scale=0.0213, target_zero_point=0,
    )  # fmt: skip
    return builder.finish(source, target)


def test_tflm_refuses_dense_weights_per_channel():
    data = layer([0.01 * i for i in range(1, 9)])
    with pytest.raises(ConvertError, match=r"m: operator 0 .* per channel"):
        tflm_model(read_model(data), data, "m")


def test_adjusted_scales_agree_in_all_versions():
    """The boards' library rounds some products of scales; training adjusts the scales."""
    refused = 0
    for i in range(40):
        data = layer(0.0101 + 0.00037 * i)
        try:
            tflm_model(read_model(data), data, "m")
        except ConvertError as problem:
            assert "single precision" in str(problem)
            refused += 1
        moved = match_factors(data)
        tflm_model(read_model(moved), moved, "m")
        before, after = (read_model(each).tensors[1].scale for each in (data, moved))
        assert abs(float(after) / float(before) - 1) < 1e-4
    assert refused > 5


def test_training_avoids_input_scales_on_which_no_weights_agree():
    """0.02 is within a unit in the last place of 16/25 times a power of two."""
    for wanted in (0.02, 0.04, 0.05, 0.0445539, 1 / 255):
        scale = compatible_scale(np.float32(wanted))
        assert 0 <= scale / np.float32(wanted) - 1 < 2**-7
        for weight in np.geomspace(0.001, 0.01, 20):
            data = layer(float(np.float32(weight)), float(scale))
            moved = match_factors(data)
            tflm_model(read_model(moved), moved, "m")
    assert compatible_scale(np.float32(0.02)) != np.float32(0.02)
    assert compatible_scale(np.float32(0.0445539)) == np.float32(0.0445539)


def test_operators_are_registered_from_the_model():
    data = match_factors(layer(0.02))
    text = tflm_model(read_model(data), data, "m")["tflm_model.h"]
    assert "MicroMutableOpResolver<1>" in text
    assert "resolver.AddFullyConnected()" in text


def test_the_error_names_an_unknown_operator():
    builder = ModelBuilder()
    source, target = builder.tensor((1, 4), 0.1), builder.tensor((1, 4), 0.1)
    builder.operator("FLOOR_DIV", [source, source], [target])
    data = builder.finish(source, target)
    with pytest.raises(ConvertError, match=r"m: operator 0 \(FLOOR_DIV\)"):
        tflm_model(read_model(data), data, "m")


def test_an_engine_that_refuses_the_model_stops_only_its_own_build(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.convert.emit.tflm_model", refuse)
    bundle = small_bundle(tmp_path / "bundle")
    convert(bundle.path, tmp_path / "out")
    assert '#error "no such luck"' in (tmp_path / "out" / "tflm_model.h").read_text()
    assert "dense" in (tmp_path / "out" / "compiled_model.cpp").read_text()
    with pytest.raises(ConvertError, match="no such luck"):
        convert(bundle.path, tmp_path / "out", engines=["tflm"])


def refuse(*_):
    raise ConvertError("no such luck")


def test_the_arena_exceeds_the_interpreters_use():
    data = layer(0.02)
    model = read_model(data)
    used = Interpreter(data).arena_bytes
    assert used + 24 * len(model.tensors) < arena_bytes(model, data) < 2 * used


_PRINT_GOLDEN = """
#include <cstdio>

#include "constants.h"
#include "engine.h"
#include "golden.h"

using namespace vigil;

int main() {
    std::int8_t input[model::kInputSize];
    std::int8_t output[model::kOutputSize];
    if (engine::begin() != engine::Status::ok) {
        return 1;
    }
    for (const GoldenWindow& g : model::kGolden) {
        model::kChain.input(g.counts, input);
        bool exact = engine::run(input, output) == engine::Status::ok;
        exact = exact && hash(input, output) == g.hash;
        exact = exact && same_bits(model::kChain.score(input, output), g.score);
        std::puts(exact ? "exact" : "differs");
    }
    return engine::run(input, Span<std::int8_t>(output, 1)) == engine::Status::shape_mismatch ? 0
                                                                                              : 2;
}
"""
