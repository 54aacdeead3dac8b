"""Compare the plan's instructions with the emulated board's, and fit the costs of its kernels.

    .venv/bin/python -m benchmarks.plan_costs             # the prediction beside the count
    .venv/bin/python -m benchmarks.plan_costs --write KERNEL    # fits a kernel's costs again
    .venv/bin/python -m benchmarks.plan_costs --write     # fits all; three minutes

The first form prints one line per recipe whose data are there: MACs, instructions as the plan
predicts them and as the emulated image takes them, and the difference. `--write` counts about 1,400
random models of one operator each, and fits `tools/convert/instruction_costs.json` to them. With
kernels, such as `dense few_inputs`, it counts the models that run them, and leaves the costs of the
others alone; without, it also fits the costs of the signal chain (benchmarks.chain_costs). Run it
after a change of a kernel in `firmware/lib/engine_compiled`, with the compiler of `make setup`.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain_costs import refit as refit_chain
from benchmarks.cost_fit import fit_costs, summary, write_costs
from tests.support.graph_operators import LARGEST, Tensor
from tests.support.graphs import Graph
from tests.support.networks import count_emulated, paired_network, random_network
from tools.convert.model import read_model
from tools.convert.plan import RUN, Plan, make_plan
from tools.convert.work import COSTS, added, costs, instructions
from training.bundle.errors import ConvertError, VigilError
from training.model_size import ModelSize
from training.recipe import read_recipe, recipe_names
from training.train import train

PER_OPERATOR = 40  # random models of each operator
PER_IMAGE = 150  # models in one image: their windows must fit the memory

OPERATORS: dict[str, Callable[[Graph, Tensor], Tensor]] = {
    "convolution": lambda graph, x: graph.conv(x),
    "convolution of pixels": lambda graph, x: graph.pixels(x),
    "depthwise": lambda graph, x: graph.depthwise(x),
    "transposed": lambda graph, x: graph.transposed(x),
    "max pooling": lambda graph, x: graph.pool(x, "MAX_POOL_2D"),
    "average pooling": lambda graph, x: graph.pool(x, "AVERAGE_POOL_2D"),
    "resize": lambda graph, x: graph.resize(x),
    "bilinear": lambda graph, x: graph.bilinear(x),
    "lookup": lambda graph, x: graph.unary(x, "TANH"),
    "two operands": lambda graph, x: graph.residual(x),
    "two operands, saturated": lambda graph, x: graph.extreme(x),
    "difference": lambda graph, x: graph.difference(x),
    "extreme": lambda graph, x: graph.extreme_of_two(x),
    "branches": lambda graph, x: graph.branches(x),
    "crop": lambda graph, x: graph.crop(x),
    "slice": lambda graph, x: graph.slice(x),
    "transpose": lambda graph, x: graph.transpose(x),
    "padding": lambda graph, x: graph.pad(x),
    "blocks": lambda graph, x: graph.blocks(x),
    "mean": lambda graph, x: graph.mean(x),
    "softmax": lambda graph, x: graph.softmax(x),
    "dense": lambda graph, x: graph.dense(x),
    "lstm": lambda graph, x: graph.lstm(x),
    "convolution of a series": lambda graph, x: graph.series(x),
    "depthwise of three columns": lambda graph, x: graph.three_columns(x),
    "transposed, doubled": lambda graph, x: graph.doubled(x),
    "dense of few channels": lambda graph, x: graph.few(x),
}


def random_models() -> Iterator[bytes]:
    """Models of one operator on images and series of many sizes, and dense networks.

    Each has a seed of its own, so that a change of an operator leaves the models of others alone.
    """
    for name, add in OPERATORS.items():
        for number in range(PER_OPERATOR * (3 if "pixels" in name or "columns" in name else 1)):
            rng = _generator(name, number)
            graph = Graph(rng)
            series = rng.integers(2)
            channels = int(rng.choice([1, 2, 3, 4, 5, 8, 12, 16]))
            most = LARGEST // channels
            rows = int(rng.integers(2, most if series else max(3, int(most**0.5))))
            columns = 1 if series else int(rng.integers(2, max(3, most // rows + 1)))
            source = graph.tensor((1, rows, columns, channels), 10 ** rng.uniform(-2, 0))
            target = add(graph, source)
            if target is not source:
                yield graph.builder.finish(source.index, target.index)
    for number in range(10 * PER_OPERATOR):
        yield random_network(_generator("network", number))
    for inputs in range(4, 4 + 2 * PER_OPERATOR):
        rng = _generator("paired", inputs)
        yield paired_network(rng, (inputs, int(rng.integers(4, 20))))


def _generator(name: str, number: int) -> np.random.Generator:
    return np.random.default_rng([*name.encode(), number])


def fit(
    models: Iterable[bytes], kernels: Collection[str], before: Mapping[str, float]
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The cost of each part, none negative; and the relative residuals of the models.

    Args:
        models: those that the engine cannot run are left out.
        kernels: whose costs are fitted; all if empty.
        before: the costs until now.

    Raises:
        ConvertError: no model runs one of the kernels.
    """
    used: list[bytes] = []
    works: list[dict[str, float]] = []  # of the kernels
    known: list[float] = []  # instructions of everything else
    for model in models:
        try:
            plan = make_plan(read_model(model), "model")
        except ConvertError:
            continue
        work = added(*(step.work for step in plan.steps))
        fitted = {p: n for p, n in work.items() if not kernels or p.partition(".")[0] in kernels}
        if fitted or not kernels:
            used.append(model)
            works.append(fitted)
            others = {part: times for part, times in work.items() if part not in fitted}
            known.append(_assembly(plan) + instructions(others))
    absent = set(kernels) - {part.partition(".")[0] for work in works for part in work}
    if absent:
        raise ConvertError(f"no model runs the kernel {min(absent)}: see {COSTS.name} for names")
    counts: list[float] = []
    for first in range(0, len(used), PER_IMAGE):
        with tempfile.TemporaryDirectory() as folder:
            counts += count_emulated(used[first : first + PER_IMAGE], Path(folder))
    counted = np.array(counts)
    return fit_costs(works, counted - np.array(known), counted, before)


def _assembly(plan: Plan) -> float:
    passes = sum(step.pass_instructions[plan.loops] for step in plan.steps)
    return float(passes + sum(step.paired_instructions for step in plan.steps))


class _SizedError(Exception):
    """A recipe's model has been built."""


def untrained(name: str) -> bytes:
    """The flatbuffer of a recipe's model with random weights.

    Raises:
        VigilError: the recipe's data are not there.
    """
    sizes: list[ModelSize] = []

    def stop(size: ModelSize) -> None:
        sizes.append(size)
        raise _SizedError

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(_SizedError):
        train(read_recipe(name), Path(folder) / name, progress=False, before_fit=stop)
    return sizes[0].model


def compare(names: Sequence[str]) -> None:
    """Print the prediction beside the count, for recipes."""
    print(f"{'recipe':20}{'MACs':>12}{'plan':>14}{'counted':>14}{'difference':>12}")
    for name in names:
        try:
            model = untrained(name)
        except VigilError as error:
            print(f"{name:20} {error}")
            continue
        plan = make_plan(read_model(model), name)
        with tempfile.TemporaryDirectory() as folder:
            [counted] = count_emulated([model], Path(folder))
        macs = sum(step.report.macs for step in plan.steps)
        planned = plan.instructions - RUN
        difference = f"{planned / counted - 1:+.2%}"
        print(f"{name:20}{macs:12,}{planned:14,.0f}{counted:14,.0f}{difference:>12}", flush=True)


def main() -> None:
    """Print the comparison; first fit the costs, with --write."""
    arguments = sys.argv[1:]
    if "--write" in arguments:
        arguments.remove("--write")
        before = costs()
        fitted, residuals = fit(random_models(), arguments, before)
        write_costs(COSTS, {**before, **fitted} if arguments else fitted)
        print(f"{len(residuals)} models, {summary(fitted, residuals)}")
        if not arguments:
            refit_chain()
    else:
        compare(arguments or recipe_names())


if __name__ == "__main__":
    main()
