"""Models that were trained elsewhere become bundles, in every file format."""

import random
import struct

import numpy as np
import pytest

from tests.support import foreign_models
from tests.support.foreign_models import FORMS, WINDOW, autoencoder, converted, write_csv, written
from tools.convert.compiled import compile_model
from tools.convert.emit import write_files
from tools.convert.host import HostEngine
from tools.convert.model import read_model
from training.bundle import read_bundle
from training.bundle.errors import ConvertError, VigilError
from training.bundle.reference import compute
from training.imported.graph import names_of, parsed
from training.imported.import_model import import_model
from training.imported.integer import with_fixed_shapes
from training.imported.rewrites import without_missing_operators
from training.imported.source import Source
from training.recipe import make_recipe
from training.sections import Filter
from training.tensorflow_setup import keras

pytestmark = pytest.mark.slow
FLOATS = "keras", "h5", "SavedModel", "float", "float16"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_csv(folder / "tones.csv")
    write_csv(folder / "two.csv", columns=2)
    return folder


@pytest.fixture(scope="module")
def model():
    return autoencoder()


def recipe(folder, file="tones.csv"):
    return make_recipe(
        {
            "name": "given",
            "data": {"name": "csv", "path": str(folder / file)},
            "windows": {"length": 8, "hop": 8},
            "split": {"order": "time", "validation": 0.1, "calibration": 0.3},
            "model": {"family": "dense", "hidden": [4], "code": 2},
            "checks": {"baselines": False, "challenge": 0},
        }
    )


def bundle_of(path, folder, out, **options):
    said = []
    bundle = import_model(path, recipe(folder), None, out / "bundle", say=said.append, **options)
    return bundle, " ".join(said)


def refusal(path, folder, tmp_path, file="tones.csv"):
    with pytest.raises(VigilError) as caught:
        import_model(path, recipe(folder, file), None, tmp_path / "bundle")
    assert "\n" not in str(caught.value) and not (tmp_path / "bundle").exists()
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_every_format_becomes_a_bundle(form, model, folder, tmp_path):
    bundle, said = bundle_of(FORMS[form](model, tmp_path), folder, tmp_path)
    m = bundle.manifest
    assert ("scaling 'deviation'" in said and "explains 99%" in said) or "explains 100%" in said
    assert ("quantized to int8" in said) == (form in FLOATS)
    assert (m.model.family, m.segmenter.window, m.model.input.size) == ("imported", WINDOW, WINDOW)
    assert m.model.operators == ["FULLY_CONNECTED"] or set(m.model.operators) == {
        "FULLY_CONNECTED",
        "RESHAPE",
    }
    assert m.model.macs == 2 * 4 * WINDOW
    golden = read_bundle(bundle.path).golden
    assert (compute(bundle, golden.counts).score == golden.score).all()
    # The float scores of the file and the int8 scores agree.
    assert m.metrics.int8.threshold == pytest.approx(m.metrics.keras.threshold, rel=0.3)
    assert bundle.evaluation()["code"].shape[1] == 4


@pytest.mark.parametrize(
    ("scaling", "transform"),
    [
        ("units", lambda x: x * foreign_models.tones().std() + foreign_models.tones().mean()),
        ("range", lambda x: (x - x.min()) / np.ptp(x)),
        ("symmetric", lambda x: 2 * (x - x.min()) / np.ptp(x) - 1),
    ],
)
def test_the_scaling_is_found_by_trial(scaling, transform, folder, tmp_path):
    """An affine model around the autoencoder takes windows of another scaling."""
    values = transform(foreign_models.windows().astype(np.float64))
    slope = float(np.ptp(values) / np.ptp(foreign_models.windows()))
    start = float(values.min() - slope * foreign_models.windows().min())
    source = keras.Input((WINDOW,))
    inner = autoencoder()(keras.layers.Rescaling(1 / slope, -start / slope)(source))
    target = keras.layers.Rescaling(slope, start)(inner)
    path = written(converted(keras.Model(source, target)), tmp_path / "m.tflite")
    _, said = bundle_of(path, folder, tmp_path)
    assert f"scaling '{scaling}'" in said


def test_a_model_of_another_signal_is_imported_with_a_warning(folder, tmp_path):
    noise = keras.Sequential(
        [keras.Input((WINDOW,)), keras.layers.Dense(2), keras.layers.Dense(WINDOW)]
    )
    path = written(converted(noise), tmp_path / "noise.tflite")
    _, said = bundle_of(path, folder, tmp_path)
    assert "hardly reconstructs these windows in any scaling" in said


def test_an_open_batch_leaves_no_shape_operators(folder, tmp_path):
    """A SavedModel of convolutions computes its shapes from the batch."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((WINDOW, 1)),
            layers.Conv1D(4, 3, strides=2, padding="same"),
            layers.Conv1DTranspose(1, 3, strides=2, padding="same"),
        ]
    )
    path = foreign_models.exported(model, tmp_path)
    operators = bundle_of(path, folder, tmp_path)[0].manifest.model.operators
    assert not {"SHAPE", "PACK", "STRIDED_SLICE"} & set(operators)


@pytest.mark.parametrize(
    ("layers", "gone"),
    [
        (lambda k: [k.Conv1D(2, 3, strides=2, padding="same"), k.UpSampling1D(2)], "TILE"),
        (lambda k: [k.Flatten(), k.Dense(1), k.RepeatVector(WINDOW)], "TILE"),
        (lambda k: [k.Conv1D(2, 3, dilation_rate=4, padding="same")], "SPACE_TO_BATCH_ND"),
        (lambda k: [k.Conv1D(2, 3, dilation_rate=4, padding="causal")], "SPACE_TO_BATCH_ND"),
    ],
    ids=["upsampling", "repeat", "dilated", "causal"],
)
def test_operators_that_no_engine_has_are_replaced(layers, gone, folder, tmp_path):
    model = keras.Sequential(
        [keras.Input((WINDOW, 1)), *layers(keras.layers), keras.layers.Conv1D(1, 1)]
    )
    flatbuffer = with_fixed_shapes(converted(model))
    path = written(flatbuffer, tmp_path / "m.tflite")
    assert gone in names_of(parsed(flatbuffer))
    changed = Source(without_missing_operators(flatbuffer), "m")
    left = names_of(parsed(changed.flatbuffer))
    assert ("PAD" in left) if gone == "SPACE_TO_BATCH_ND" else (gone not in left)
    windows = foreign_models.windows()[:50]
    assert (changed.predict(windows) == Source(flatbuffer, "m").predict(windows)).all()
    bundle, _ = bundle_of(path, folder, tmp_path)
    write_files(tmp_path, compile_model(read_model(bundle.model), "m", "m"))
    assert (HostEngine(tmp_path).run(bundle.golden.input) == bundle.golden.output).all()


def network(*layers, shape=(WINDOW,)):
    return keras.Sequential([keras.Input(shape), *layers])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: network(keras.layers.Dense(3, activation="softmax")),
            "takes 32 values and returns 3: a classifier of 3 classes, not an autoencoder",
        ),
        (lambda: network(keras.layers.Dense(8)), "a classifier, a regression or an encoder"),
        (lambda: network(keras.layers.Dense(64)), "a generator or a decoder"),
        (lambda: network(keras.layers.Conv1D(3, 1), shape=(8, 3)), "takes 3 channels"),
    ],
    ids=["classifier", "encoder", "generator", "channels"],
)
def test_a_model_that_is_no_autoencoder_of_the_recording_is_refused(make, said, folder, tmp_path):
    path = written(converted(make()), tmp_path / "m.tflite")
    assert said in refusal(path, folder, tmp_path)


def test_several_inputs_and_outputs_are_refused(folder, tmp_path):
    a, b = keras.Input((4,)), keras.Input((4,))
    two = written(converted(keras.Model([a, b], keras.layers.Add()([a, b]))), tmp_path / "2.tflite")
    assert "has 2 inputs, must have 1: a detector compares" in refusal(two, folder, tmp_path)
    many = foreign_models.saved(keras.Model(a, [a + 1, a + 2]), tmp_path / "many.keras")
    assert "has 2 outputs, must have 1" in refusal(many, folder, tmp_path)


@pytest.mark.parametrize(("steps", "unrolled"), [(8, True), (100, False)])
def test_a_short_recurrent_layer_is_unrolled(steps, unrolled, folder, tmp_path):
    recurrent = network(keras.layers.LSTM(1, return_sequences=True), shape=(steps, 1))
    path = foreign_models.saved(recurrent, tmp_path / "m.keras")
    if unrolled:
        assert bundle_of(path, folder, tmp_path)[0].manifest.segmenter.window == steps
    else:
        assert "a loop, such as that of a recurrent layer" in refusal(path, folder, tmp_path)


def test_a_model_of_other_integers_is_refused(folder, tmp_path):
    indices = keras.Input((WINDOW,), dtype="int32")
    model = keras.Model(indices, keras.layers.Rescaling(2.0)(indices))
    path = written(converted(model), tmp_path / "m.tflite")
    assert "its input is int32, must be float or int8" in refusal(path, folder, tmp_path)


def test_an_open_window_is_refused(folder, tmp_path):
    path = foreign_models.saved(
        network(keras.layers.Conv1D(1, 3, padding="same"), shape=(None, 1)), tmp_path / "m.keras"
    )
    assert "the length of its window is open" in refusal(path, folder, tmp_path)


# A table without fields: its position, the identifier, its vtable, and its distance from that.
NO_GRAPH = struct.pack("<I4sHHi", 12, b"TFL3", 4, 4, 4)


def test_files_that_are_no_models_are_refused(folder, tmp_path):
    for name, data, said in (
        ("m.tflite", b"no model at all", "not a whole TensorFlow Lite model"),
        ("m.tflite", NO_GRAPH, "it has no graph"),
        ("m.keras", b"no zip", "is not a whole .keras file"),
        ("m.h5", b"no hdf5", "cannot be read"),
        ("m.onnx", b"onnx", "is no model that Vigil reads"),
    ):
        assert said in refusal(written(data, tmp_path / name), folder, tmp_path)
    assert "no such file" in refusal(tmp_path / "absent.tflite", folder, tmp_path)
    assert "holds no saved_model.pb" in refusal(tmp_path, folder, tmp_path)
    with (tmp_path / "saved_model.pb").open("wb") as file:
        file.truncate(5 << 30)
    assert "has 5,120 MB, must have at most" in refusal(tmp_path, folder, tmp_path)


def test_damage_anywhere_is_refused_or_harmless(model, folder, tmp_path):
    """Random bytes raise nothing but the project's own errors, on one line."""
    data, draw = converted(model, "float32"), random.Random(1)
    refused = 0
    for _ in range(25):
        damaged = bytearray(data)
        for _ in range(draw.randrange(1, 8)):
            damaged[draw.randrange(len(data))] = draw.choice([0, 1, 127, 128, 255])
        path = written(bytes(damaged), tmp_path / "m.tflite")
        try:
            import_model(path, recipe(folder), "units", tmp_path / "bundle", check=_stop)
        except VigilError as problem:
            assert "\n" not in str(problem)
            refused += "stopped" not in str(problem)
    assert refused > 3


def _stop(flatbuffer):
    raise ConvertError("stopped")


def test_the_gate_of_a_filtered_signal_calls_no_sample_clipped_that_int16_holds(
    model, folder, tmp_path
):
    plain = recipe(folder)
    filtered = plain.model_copy(
        update={
            "data": plain.data.model_copy(update={"rate_hz": 100.0}),
            "filter": Filter(low_hz=0.5),
        }
    )
    path = FORMS["keras"](model, tmp_path)
    gates = [
        import_model(path, each, None, tmp_path / "bundle").manifest.gate
        for each in (plain, filtered)
    ]
    assert gates[0].highest[0] < 32766
    assert (gates[1].lowest, gates[1].highest) == ([-32767], [32766])


def test_the_caller_may_refuse_the_int8_model(model, folder, tmp_path):
    def check(flatbuffer):
        raise ConvertError("no engine runs it")

    with pytest.raises(ConvertError, match="no engine runs it"):
        bundle_of(FORMS["int8"](model, tmp_path), folder, tmp_path, check=check)
