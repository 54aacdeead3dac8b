"""The command import, from a file of another tool to a bundle that the other commands take."""

import numpy as np
import pytest

from tests.support.command_line import vigil
from tests.support.foreign_models import WINDOW, write_csv
from tools.measure.bench.models import ModelBuilder, dense, unary
from training.bundle import read_bundle

pytestmark = pytest.mark.slow


def int8_file(path, outputs=WINDOW, last="TANH"):
    """A dense model of WINDOW values, as if another tool had quantized it."""
    builder = ModelBuilder()
    source = builder.tensor((1, WINDOW), 0.03, 0)
    weights = np.eye(outputs, WINDOW).astype(np.int8) * 100
    value = dense(
        builder, source, weights, None,
        source_scale=0.03, weight_scale=0.01, target_scale=1 / 128, target_zero_point=0,
    )  # fmt: skip
    target = unary(builder, last, value, (1, outputs), 1 / 128, 0)
    path.write_bytes(builder.finish(source, target))
    return path


def test_from_a_file_to_a_bundle(tmp_path):
    int8_file(tmp_path / "my model.tflite")
    write_csv(tmp_path / "tones.csv")
    done = vigil("import", "my model.tflite", "tones.csv", "--scaling", "deviation", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "next: vigil monitor my_model" in done.stdout
    bundle = read_bundle(tmp_path / "build" / "my_model")
    assert bundle.manifest.recipe["model"]["scaling"] == "deviation"
    assert bundle.manifest.threshold.guaranteed_rate is not None
    assert "not an autoencoder" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.tflite", "tones.csv"], "no such file"),
        (["classes.tflite", "tones.csv"], "takes 32 values and returns 3: a classifier"),
        (["rounded.tflite", "tones.csv"], "in neither engine"),
        (["good.tflite", "absent.csv"], "absent.csv"),
        (["good.tflite", "tones.csv", "--scaling", "log"], "one of units, deviation"),
        (["good.tflite", "tones.csv", "--set", "data.channels=['x']"], "x"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_refusal_is_one_line(words, said, tmp_path):
    int8_file(tmp_path / "good.tflite")
    int8_file(tmp_path / "classes.tflite", outputs=3)
    int8_file(tmp_path / "rounded.tflite", last="ROUND")
    write_csv(tmp_path / "tones.csv")
    done = vigil("import", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("vigil: ") and said in done.stderr
    assert done.stderr.count("\n") == 1 and not any(tmp_path.glob("build/*"))
