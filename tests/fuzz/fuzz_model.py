"""The converter on damaged model.tflite files."""

from __future__ import annotations

import random
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.fuzz.changes import one_line, some_bytes
from tests.support.graphs import random_graph
from tests.support.networks import random_network
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.convert.tflm import tflm_model
from tools.measure.bench.models import ModelBuilder, dense, unary
from training.bundle import MODEL
from training.bundle.errors import ConvertError


def model(data: bytes) -> None:
    """Read any bytes as model.tflite, and convert them for both engines."""
    try:
        parsed = read_model(data)
    except ConvertError as error:
        one_line(error)
        return
    for convert in (
        lambda: compile_model(parsed, "title", MODEL),
        lambda: compile_model(parsed, "title", MODEL, plain=True),
        lambda: tflm_model(parsed, data, MODEL),
    ):
        try:
            files = convert()
        except ConvertError as error:
            one_line(error)
        else:
            assert sum(map(len, files.values())) < 200_000 + 100 * len(data)


def model_seeds() -> list[bytes]:
    """Small models that cover every operator of the converter."""
    networks = [random_network(np.random.default_rng(seed)) for seed in range(400)]
    networks += [random_graph(np.random.default_rng(seed)) for seed in range(400)]
    chosen: dict[str, bytes] = {}
    for data in sorted(networks, key=len):
        for name in read_model(data).operator_names():
            chosen.setdefault(name, data)
    builder = ModelBuilder()
    source = builder.tensor((1, 6), 0.1, -3)
    weights = np.arange(-12, 12).reshape(4, 6).astype(np.int8)
    hidden = dense(
        builder, source, weights, np.arange(4), source_scale=0.1, weight_scale=0.02,
        target_scale=0.05, target_zero_point=-128,
    )  # fmt: skip
    target = unary(builder, "TANH", hidden, (1, 4), 1 / 128, 0)
    return [builder.finish(source, target), *dict.fromkeys(chosen.values())]


def _listed(values: Any) -> list[Any]:
    return [] if values is None else np.asarray(values).tolist()


def damaged_model(data: bytes, draw: random.Random) -> bytes:
    """A valid flatbuffer with changed contents, or changed bytes."""
    if draw.random() < 0.4:
        return some_bytes(data, draw)
    try:
        read_model(data)
        model = schema.ModelT.InitFromPackedBuf(data)
    except Exception:
        return some_bytes(data, draw)
    graph = model.subgraphs[0]
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        tensor, step = draw.choice(graph.tensors), draw.choice(graph.operators)
        kind = draw.randrange(9)
        if kind == 0 and len(_listed(tensor.shape)):
            shape = _listed(tensor.shape)
            at = draw.randrange(len(shape))
            side = shape[at]
            shape[at] = draw.choice([0, 1, side + 1, side - 1, 2 * side, 1 << 19, -1])
            tensor.shape = shape
        elif kind == 1:
            shape = _listed(tensor.shape)
            tensor.shape = draw.choice([shape[:-1], [1, *shape], shape[::-1], [], [1] * 9])
        elif kind == 2:
            tensor.type = draw.choice([0, 2, 4, 7, 9, 10, 17])
        elif kind == 3 and tensor.quantization is not None:
            scales = _listed(tensor.quantization.scale)
            odd = [0.0, -1.0, 1e-30, 1e-19, 1e19, 1e38, float("nan"), 1.0, 0.5**15]
            tensor.quantization.scale = [draw.choice([*odd, *scales]) for _ in scales]
        elif kind == 4 and tensor.quantization is not None:
            zeros = _listed(tensor.quantization.zeroPoint)
            tensor.quantization.zeroPoint = [draw.choice([0, -128, 127, 128, 2**40]) for _ in zeros]
        elif kind == 5:
            which = draw.choice(["inputs", "outputs"])
            links = _listed(getattr(step, which))
            count = len(graph.tensors)
            links[draw.randrange(len(links))] = draw.choice([-1, -2, count, *range(count)])
            setattr(step, which, links)
        elif kind == 6 and step.builtinOptions is not None:
            numbers = {
                n: v for n, v in vars(step.builtinOptions).items() if isinstance(v, int | float)
            }
            if numbers:
                name = draw.choice(list(numbers))
                odd = [0, 1, 2, 3, 4, 5, 100, 127, -1]
                if type(numbers[name]) is float:
                    odd = [0.0, -1.0, 1e-30, 1e38, float("inf"), float("nan")]
                setattr(step.builtinOptions, name, draw.choice(odd))
        elif kind == 7:
            buffer = draw.choice(model.buffers)
            other = draw.choice(model.buffers)
            buffer.data, other.data = other.data, buffer.data
        else:
            tensor.buffer = draw.choice([0, len(model.buffers), draw.randrange(len(model.buffers))])
    builder = flatbuffers.Builder(len(data))
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # the writer's own limits
        return some_bytes(data, draw)
    return bytes(builder.Output())
