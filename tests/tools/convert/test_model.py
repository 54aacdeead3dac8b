"""Reading a flatbuffer: its contents, and one-line errors for damaged files."""

import random

import numpy as np
import pytest

from tests.support.graphs import Graph
from tools.convert.model import read_model
from tools.measure.bench.models import Activation, ModelBuilder, dense, schema, unary
from training.bundle.errors import ConvertError
from training.bundle.flatbuffer import DamagedError, root


def two_layers():
    builder = ModelBuilder()
    source = builder.tensor((1, 6), 0.1, -3)
    weights = np.arange(-12, 12).reshape(4, 6).astype(np.int8)
    hidden = dense(
        builder, source, weights, np.array([1, -2, 3, -4]), source_scale=0.1, weight_scale=0.02,
        target_scale=0.05, target_zero_point=-128, activation=Activation.RELU,
    )  # fmt: skip
    target = dense(
        builder, hidden, weights.T, None, source_scale=0.05, weight_scale=[0.1] * 6,
        target_scale=0.2, target_zero_point=9,
    )  # fmt: skip
    target = unary(builder, "TANH", target, (1, 6), 1 / 128, 0)
    return builder.finish(source, target)


def test_tensors_and_operators():
    model = read_model(two_layers())
    assert (model.input.shape, model.input.scale, model.input.zero_point) == (
        (1, 6), np.float32(0.1), -3,
    )  # fmt: skip
    assert model.output.scale == np.float32(1 / 128)
    assert [each.name for each in model.operators] == ["FULLY_CONNECTED"] * 2 + ["TANH"]
    assert [each.activation for each in model.operators] == ["RELU", "none", "none"]
    assert model.operator_names() == ["FULLY_CONNECTED", "TANH"]
    weights = model.tensors[model.operators[0].inputs[1]]
    assert weights.data.tolist() == np.arange(-12, 12).reshape(4, 6).tolist()
    assert not weights.per_channel
    assert model.tensors[model.operators[1].inputs[1]].per_channel
    assert model.tensor(model.operators[1].inputs[2]) is None
    assert model.flatbuffer == two_layers()


def test_multiply_accumulates():
    model = read_model(two_layers())
    assert [each.macs for each in model.operators] == [24, 24, 0]
    assert model.macs() == 48


def test_every_truncation_is_refused_in_one_line():
    data = two_layers()
    for length in range(0, len(data) - 8, 7):
        with pytest.raises(ConvertError) as caught:
            read_model(data[:length], "folder/m.tflite")
        assert str(caught.value).startswith("folder/m.tflite: ")
        assert "\n" not in str(caught.value)


def test_damage_anywhere_is_refused_or_harmless():
    """Random bytes cause no other exception and no huge allocation."""
    data = two_layers()
    numbers = random.Random(1)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(numbers.randrange(1, 12)):
            damaged[numbers.randrange(len(data))] = numbers.choice([0, 1, 127, 128, 255])
        try:
            read_model(bytes(damaged))
        except ConvertError as problem:
            assert "\n" not in str(problem)
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 64, b"\xff" * 64, b"PK\x03\x04" * 20])
def test_other_files_are_refused(data):
    with pytest.raises(ConvertError, match="not a whole TensorFlow Lite model"):
        read_model(data)


def test_vector_that_runs_past_the_end():
    # root at 8; vtable at 12 with one field at +4; the vector it points to claims 1000 words
    words = [8, 0x334C4654, 0xFFFFFFFC, 0x00080006, 0x00000004, 4, 1000]
    data = np.array(words, "<u4").tobytes()
    with pytest.raises(DamagedError):
        root(data, b"TFL3").array(0, "<i4")


def test_float_model_is_refused():
    builder = ModelBuilder()
    source = builder.tensor((1, 4), 0.1)
    builder._tensors[source].type = schema.TensorType.FLOAT32
    target = unary(builder, "TANH", source, (1, 4), 1 / 128, 0)
    with pytest.raises(ConvertError, match="the input is float32, must be a quantized int8"):
        read_model(builder.finish(source, target))


@pytest.mark.parametrize("zero_point", [-129, 128])
def test_a_zero_point_outside_int8_is_refused(zero_point):
    builder = ModelBuilder()
    source = builder.tensor((1, 4), 0.1, zero_point)
    target = unary(builder, "TANH", source, (1, 4), 1 / 128, 0)
    with pytest.raises(ConvertError, match="tensor 0 has a zero point outside int8"):
        read_model(builder.finish(source, target))


def test_constants_of_the_wrong_size_are_refused():
    builder = ModelBuilder()
    source = builder.tensor((1, 4), 0.1)
    weights = builder.constant(np.zeros((3, 4), np.int8), 0.1)
    builder._tensors[weights].shape = [5, 4]
    target = builder.tensor((1, 3), 0.1)
    builder.operator("FULLY_CONNECTED", [source, weights, -1], [target])
    with pytest.raises(ConvertError, match=r"tensor 1 has 12 bytes, but shape \[5, 4\]"):
        read_model(builder.finish(source, target))


def lookup_of(*, variable=None):
    """RELU of the input; `variable` is the index of a tensor that is marked as a variable."""
    builder = ModelBuilder()
    source = builder.tensor((1, 4), 0.1)
    target = unary(builder, "RELU", source, (1, 4), 0.1, 0)
    target = unary(builder, "TANH", target, (1, 4), 1 / 128, 0)
    if variable is not None:
        builder._tensors[variable].isVariable = True
    return builder.finish(source, target)


@pytest.mark.parametrize(
    ("index", "role"), [(0, "the input"), (1, "operator 0 .RELU.: tensor 1"), (2, "the output")]
)
def test_a_variable_is_refused_outside_an_lstm(index, role):
    read_model(lookup_of())
    with pytest.raises(ConvertError, match=f"{role} is a variable"):
        read_model(lookup_of(variable=index))


def test_a_state_belongs_to_one_lstm():
    graph = Graph(np.random.default_rng(1))
    source = graph.tensor((1, 6), 0.1, 3)
    target = graph.lstm(graph.lstm(source))
    first, second = (op for op in graph.builder._operators if len(op.inputs) == 24)
    read_model(graph.builder.finish(source.index, target.index))
    graph.builder._tensors[second.inputs[18]].isVariable = False
    with pytest.raises(ConvertError, match="is a state, but no variable"):
        read_model(graph.builder.finish(source.index, target.index))
    second.inputs[18] = first.inputs[18]
    with pytest.raises(ConvertError, match="each in states of its own"):
        read_model(graph.builder.finish(source.index, target.index))
