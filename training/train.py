"""From a recipe to a bundle: data, windows, fit, quantize, calibrate, evaluate, write."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import corruption, data, evaluate, models, tensorflow_setup
from training.bundle import Bundle, check_place, crc32, manifest, pack_arrays, sha256, write_bundle
from training.bundle.errors import DataError
from training.bundle.interpreter import Interpreter
from training.data.cache import UnavailableError
from training.data.recording import ABNORMAL, NORMAL, UNKNOWN, Dataset
from training.encoder import ENCODER, encoder_of, encoder_to_int8
from training.fit import History, fit
from training.input_quantization import Grid, fit_grid
from training.model_size import ModelSize, model_size
from training.pretrain import pretrain
from training.quantize import Facts, read_facts, to_int8
from training.recipe import Recipe, read_recipe
from training.rules import check_model
from training.score import fold_score, make_score, real_score
from training.threshold import choices, choose
from training.windows import Parts, Windows, divide

if TYPE_CHECKING:
    import keras

WEIGHTS = "keras.weights.h5"  # beside the bundle, for what only the float model can do
GOLDEN_WINDOWS = 16
EVALUATION_WINDOWS = 5000  # windows of which the report can show input and reconstruction
PACKAGES = ("tensorflow", "keras", "numpy", "tflite_micro")
DISTRIBUTIONS = {"vigil": "vigil-tinyml", "tflite_micro": "tflite-micro"}

Say = Callable[[str], None]
BeforeFit = Callable[[ModelSize], None]


@dataclass(frozen=True, eq=False)
class StageScores:
    """What one stage of the model says of each window, float32 [n]."""

    calibration: NDArray[np.float32]
    abnormal: NDArray[np.float32]
    test: NDArray[np.float32]


def train(
    recipe: Recipe,
    out_dir: Path | None = None,
    progress: bool = True,
    say: Say = lambda _: None,
    before_fit: BeforeFit | None = None,
) -> Bundle:
    """Follow `recipe` and write the bundle to `out_dir`, by default build/NAME.

    `say` is told, in a line, what a person should know (that data are simulated, for one).
    Where the data cannot be had and the recipe names a fallback, that recipe is followed, and
    the bundle is named for it.
    `before_fit` is given an estimate of what the model will take on a board, and raises what
    should stop the run before time is spent on a fit.
    Raises a VigilError for what the user can put right.
    """
    recipe, dataset = load_data(recipe, say)
    path = Path("build") / recipe.name if out_dir is None else out_dir
    check_place(path)
    check_model(recipe, len(dataset.train.channels))
    parts = divide(dataset, recipe.windows, recipe.split, recipe.seed)
    grid = fit_grid(recipe.scaler, parts.train.counts, dataset.train.gain)
    say(
        f"{dataset.description}: {len(parts.train)} normal windows to train on, "
        f"{len(parts.validation)} to validate, {len(parts.calibration)} to calibrate, "
        f"{len(parts.test)} to test"
    )
    tensorflow_setup.prepare()
    if before_fit is not None:
        before_fit(model_size(recipe, grid, dataset.train.rate_hz))
    model, history = fit_model(recipe, parts, grid, len(dataset.train.channels), progress)
    say(f"fitted in {len(history.loss)} epochs (best: {history.best_epoch + 1}); quantizing")
    flatbuffer = to_int8(model, grid.quantize(parts.train.counts), grid)
    facts = read_facts(flatbuffer)
    bundle = write(recipe, dataset, parts, grid, model, history, flatbuffer, facts, path)
    model.save_weights(bundle.path / WEIGHTS)
    if recipe.encoder:
        encoder, _ = encoder_to_int8(model, grid.quantize(parts.train.counts), grid)
        (bundle.path / ENCODER).write_bytes(encoder)
    return bundle


def load_data(recipe: Recipe, say: Say = lambda _: None) -> tuple[Recipe, Dataset]:
    """The recipe's data; or its fallback recipe's, with that recipe, where there are none."""
    try:
        dataset = data.load_settings(recipe.data)
    except UnavailableError as problem:
        if recipe.fallback is None:
            raise
        say(f"{problem}. Falling back to the recipe '{recipe.fallback}'.")
        return load_data(read_recipe(recipe.fallback), say)
    if dataset.simulated:
        say("The data are simulated: no sensor ever saw them.")
    return recipe, dataset


def fit_model(
    recipe: Recipe, parts: Parts, grid: Grid, channels: int, progress: bool
) -> tuple[keras.Model, History]:
    """Build the recipe's model and fit it to the dequantized int8 windows."""
    import keras

    keras.backend.clear_session()  # names counted up by earlier models would end in the file
    keras.utils.set_random_seed(recipe.seed)
    family = models.family(getattr(recipe.model, "family"))  # noqa: B009
    model = family.build(recipe.model, recipe.windows.length, channels, recipe.seed)
    train, validation = (
        grid.real(grid.quantize(w.counts)) for w in (parts.train, parts.validation)
    )
    damage = None
    if recipe.corruption != corruption.Settings():
        damage = corruption.make(recipe.corruption, channels)
    if recipe.fit.pretrain:
        pretrain(model, train, recipe.fit, recipe.seed, damage)
    history = fit(model, train, validation, recipe.fit, recipe.seed, progress, damage)
    return model, history


def write(
    recipe: Recipe,
    dataset: Dataset,
    parts: Parts,
    grid: Grid,
    model: keras.Model,
    history: History,
    flatbuffer: bytes,
    facts: Facts,
    path: Path,
) -> Bundle:
    """Measure both stages, choose the threshold, and write everything down."""
    from training.models.layers import deployed_parameters

    score = fold_score(recipe.score.kind, facts.input, facts.output)
    native_score = make_score(score, facts.input, facts.output)
    interpreter = Interpreter(flatbuffer)
    test_output: list[NDArray[np.int8]] = []

    def int8_scores(windows: Windows) -> NDArray[np.float32]:
        scaled = grid.quantize(windows.counts)
        if not len(windows):
            return _EMPTY
        output = interpreter.run(scaled)
        if windows is parts.test:
            test_output.append(output)  # the report's, too: large models take long
        return native_score.score(scaled, output)

    def keras_scores(windows: Windows) -> NDArray[np.float32]:
        real = grid.real(grid.quantize(windows.counts))
        return real_score(recipe.score.kind, real, _predict(model, real))

    stages = {
        name: StageScores(scores(parts.calibration), scores(parts.abnormal), scores(parts.test))
        for name, scores in (("keras", keras_scores), ("int8", int8_scores))
    }
    labels = parts.test.labels
    threshold = choose(
        recipe.threshold,
        stages["int8"].calibration,
        stages["int8"].abnormal,
        stages["int8"].test,
        labels,
    )
    float_choice = choices(recipe.threshold, stages["keras"].calibration, stages["keras"].abnormal)[
        recipe.threshold.method
    ]
    at = {"keras": float_choice.value, "int8": np.float32(threshold.value)}
    metrics = manifest.Metrics(
        **{
            name: evaluate.stage(
                stages[name].test, labels, at[name], dataset.test, recipe.windows.hop
            )
            for name in stages
        }
    )
    shown = _spread(np.arange(len(parts.test)), EVALUATION_WINDOWS)
    chosen = choose_golden(stages["int8"].test, labels)
    golden = _golden(parts.test[chosen], grid, interpreter, native_score)
    packed = pack_arrays(golden)
    signal = dataset.train
    made = manifest.Manifest(
        name=recipe.name,
        data=manifest.Data(
            name=dataset.name,
            description=dataset.description,
            simulated=dataset.simulated,
            sha256=dataset.sha256,
            windows=manifest.WindowCounts(
                train=len(parts.train),
                validation=len(parts.validation),
                calibration=len(parts.calibration),
                test_normal=int((labels == NORMAL).sum()),
                test_abnormal=int((labels == ABNORMAL).sum()),
                test_unknown=int((labels == UNKNOWN).sum()),
            ),
        ),
        signal=manifest.Signal(
            rate_hz=signal.rate_hz,
            rate_is_nominal=signal.rate_is_nominal,
            channels=list(signal.channels),
            units=list(signal.units),
            gain=list(signal.gain),
            offset=list(signal.offset),
        ),
        segmenter=manifest.Segmenter(
            kind="fixed", window=recipe.windows.length, hop=recipe.windows.hop
        ),
        scaler=grid.scaler,
        model=manifest.ModelFile(
            file="model.tflite",
            bytes=len(flatbuffer),
            sha256=sha256(flatbuffer),
            crc32=crc32(flatbuffer),
            family=getattr(recipe.model, "family"),  # noqa: B009
            parameters=deployed_parameters(model),
            macs=facts.macs,
            operators=facts.operators,
            input=facts.input,
            output=facts.output,
        ),
        score=score,
        threshold=threshold,
        metrics=metrics,
        golden=manifest.Golden(
            file="golden.npz",
            bytes=len(packed),
            sha256=sha256(packed),
            windows=len(chosen),
        ),
        recipe=recipe.as_json(),
        seed=recipe.seed,
        versions=versions(),
    )
    evaluation: dict[str, NDArray[Any]] = {
        "labels": labels,
        "history_loss": history.loss,
        "history_validation": history.validation,
        "history_best_epoch": np.array(history.best_epoch),
        "shown": shown,
        **_shown(parts.test[shown], test_output[0][shown], grid, model),
    }
    if dataset.test.classes is not None:
        middle = parts.test.first[shown] + recipe.windows.length // 2
        evaluation["classes"] = np.asarray(dataset.test.classes[middle])
    for name, scores in stages.items():
        evaluation[f"{name}_test"] = scores.test
        evaluation[f"{name}_calibration"] = scores.calibration
    return write_bundle(path, made, flatbuffer, packed, pack_arrays(evaluation))


def choose_golden(scores: NDArray[np.float32], labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Test windows for golden.npz: normal and abnormal ones alike, from lowest to highest score.

    DataError if there are too few windows.
    """
    kinds = [np.flatnonzero(labels == kind) for kind in (NORMAL, ABNORMAL, UNKNOWN)]
    kinds = [kind for kind in kinds if len(kind)]
    chosen = [
        _spread(kind[np.argsort(scores[kind], kind="stable")], GOLDEN_WINDOWS // len(kinds))
        for kind in kinds
    ]
    golden = np.concatenate(chosen)
    if len(golden) < 4:
        raise DataError(f"the test part has {len(scores)} windows, too few (4); record for longer")
    return golden


def versions() -> dict[str, str]:
    """Versions of everything that the bundle's bytes depend on."""
    found = {"python": platform.python_version()}
    for package in ("vigil", *PACKAGES):
        found[package] = metadata.version(DISTRIBUTIONS.get(package, package))
    return found


_EMPTY = np.empty(0, np.float32)


def _predict(model: keras.Model, real: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(real):
        return np.empty_like(real)
    return np.asarray(model.predict(real, batch_size=1024, verbose=0), np.float32)


def _spread(items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of `items`, or all, evenly spaced, with the first and the last."""
    if len(items) <= count:
        return items
    return np.asarray(items[np.linspace(0, len(items) - 1, count).round().astype(int)])


def _golden(
    windows: Windows, grid: Grid, interpreter: Interpreter, score: Any
) -> dict[str, NDArray[Any]]:
    scaled = grid.quantize(windows.counts)
    output = interpreter.run(scaled)
    return {
        "counts": windows.counts,
        "input": scaled,
        "output": output,
        "score": score.score(scaled, output),
        "label": windows.labels,
    }


def _shown(
    windows: Windows, output: NDArray[np.int8], grid: Grid, model: keras.Model
) -> dict[str, NDArray[Any]]:
    """Counts, int8 input and reconstruction, and Keras's code of the windows a report may show."""
    scaled = grid.quantize(windows.counts)
    encoder = encoder_of(model)
    return {
        "counts": windows.counts,
        "input": scaled,
        "output": output,
        "code": _predict(encoder, grid.real(scaled)),
    }
