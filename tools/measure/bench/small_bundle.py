"""A complete bundle in a tenth of a second, without TensorFlow.

Its model is a projection onto principal components, quantized here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tools.measure.bench.models import ModelBuilder, dense
from training import metrics, sections
from training.bundle import Bundle, crc32, manifest, pack_arrays, sha256, write_bundle
from training.bundle.chain import make_input, make_score
from training.bundle.features import STATISTICS
from training.bundle.interpreter import Interpreter
from training.input_quantization import fit_input_quantizer
from training.score import Kind, Reference, fit_score
from training.weight_scales import match_factors

WINDOW, CODE, KEPT = 24, 3, 160


def small_bundle(
    path: Path,
    *,
    channels: int = 1,
    window: int = WINDOW,
    hop: int | None = None,
    segmenter: manifest.Beats | None = None,
    wearer: manifest.Wearer | None = None,
    filter: manifest.Biquads | None = None,
    rate_hz: float = 100.0,
    data_set: str | None = None,
    labelled: bool = True,
    simulated: bool = False,
    per_window: bool = False,
    features: Literal["none", "alone", "beside"] = "none",
    score: Kind = "mse",
    network: Callable[[manifest.Tensor, manifest.Tensor], bytes] | None = None,
    tensors: tuple[manifest.Tensor, ...] = (),
) -> Bundle:
    """Write a bundle whose normal windows are sine waves of any phase.

    A third of its 160 test windows has more noise and is abnormal. The model sees the window,
    features of it alone, or features beside it. `network` builds another model than the projection,
    from the quantization of input and output, which `tensors` sets. `segmenter` cuts windows about
    heartbeats, of `window` frames, and `wearer` judges them.
    """
    rng = np.random.default_rng(7)
    size = window * channels
    time = np.arange(window)[:, None] / window
    phase = rng.uniform(0, 2 * np.pi, (KEPT, 1, channels))
    real = np.sin(2 * np.pi * time + phase) + rng.normal(0, 0.05, (KEPT, window, channels))
    labels = (np.arange(KEPT) % 3 == 2).astype(np.int8)
    real[labels == 1] += rng.normal(0, 0.06, ((labels == 1).sum(), window, channels))
    counts = np.rint(real * 1000).astype(np.int16)

    scaler: manifest.NoScaler | manifest.Affine | manifest.PerWindow
    measured: manifest.NoFeatures | manifest.Features = manifest.NoFeatures()
    if features != "none":
        kind: Literal["none", "per_window", "affine"]
        kind = "none" if features == "alone" else "per_window" if per_window else "affine"
        quantizer = fit_input_quantizer(
            sections.Scaler(kind=kind),
            counts[labels == 0],
            (1000.0,) * channels,
            sections.Features(statistics=STATISTICS, bands=4),
        )
        scaler, measured = quantizer.scaler, quantizer.features
        size = quantizer.raw_size + quantizer.feature_count
        grid = manifest.Tensor(size=size, scale=float(quantizer.scale), zero_point=0)
    else:
        grid = manifest.Tensor(size=size, scale=manifest.float32_text(0.02), zero_point=-3)
        grid = tensors[0] if tensors else grid
        if per_window:
            scaler = manifest.PerWindow(
                kind="per_window",
                min_deviation=5,
                steps_per_deviation=40 * 65536,
                zero_point=grid.zero_point,
            )
        else:
            multiplier = round(2**30 / 1000 / grid.scale)
            scaler = manifest.Affine(
                kind="affine",
                center=[0] * channels,
                multiplier=[multiplier] * channels,
                shift=30,
                zero_point=grid.zero_point,
            )
    out = manifest.Tensor(size=size, scale=manifest.float32_text(0.75 * grid.scale), zero_point=5)
    out = tensors[1] if tensors else out
    scaled = make_input(scaler, measured, window, channels).scale(counts)
    if network is not None:
        model = network(grid, out)
    else:
        model = _projection(scaled[labels == 0], grid, out, CODE * channels)
        if features != "none":  # on its grid, the boards' library would compute other bytes
            model = match_factors(model)
    output = Interpreter(model).run(scaled)
    normal = labels == 0
    raw_size = 0 if features == "alone" else window * channels
    reference = Reference(scaled[normal], output[normal], raw_size, channels)
    fitted = fit_score(score, grid, out, reference)
    scores = make_score(fitted, grid, out).score(scaled, output)
    threshold = np.float32(np.quantile(scores[labels == 0], 0.97))
    known = labels if labelled else np.full_like(labels, -1)
    stage = _stage(scores, known, threshold)
    golden = pack_arrays(
        {
            "counts": counts[:6],
            "input": scaled[:6],
            "output": output[:6],
            "score": scores[:6],
            "label": known[:6],
        }
    )
    calibration = np.sort(scores[labels == 0])[:40]
    bundle_manifest = manifest.Manifest(
        name=path.name,
        data=manifest.Data(
            name="waves",
            description="sine waves & <noise>",
            simulated=simulated,
            sha256="0" * 64,
            windows=manifest.WindowCounts(
                train=100,
                validation=10,
                calibration=40,
                test_normal=int((known == 0).sum()),
                test_abnormal=int((known == 1).sum()),
                test_unknown=int((known == -1).sum()),
            ),
        ),
        signal=manifest.Signal(
            rate_hz=rate_hz,
            rate_is_nominal=False,
            channels=[f"c{i}" for i in range(channels)],
            units=["mV"] * channels,
            gain=[1000.0] * channels,
            offset=[0] * channels,
        ),
        filter=filter or manifest.NoFilter(),
        segmenter=segmenter or manifest.Segmenter(kind="fixed", window=window, hop=hop or window),
        scaler=scaler,
        features=measured,
        model=manifest.ModelFile(
            file="model.tflite",
            bytes=len(model),
            sha256=sha256(model),
            crc32=crc32(model),
            family="dense",
            parameters=2 * size * CODE * channels,
            macs=2 * size * CODE * channels,
            operators=["FULLY_CONNECTED"],
            input=grid,
            output=out,
        ),
        score=fitted,
        wearer=wearer or manifest.NoWearer(),
        threshold=manifest.Threshold(
            value=manifest.float32_text(threshold),
            method="conformal",
            false_alarm_rate=0.03,
            guaranteed_rate=0.03,
            guarantee="A new normal window scores above the threshold with probability 3 %.",
            calibration_scores=[manifest.float32_text(s) for s in calibration],
            offered=[
                manifest.Offer(
                    method="conformal",
                    setting=0.03,
                    value=manifest.float32_text(threshold),
                    false_alarm_rate=stage.false_alarm_rate,
                    recall=stage.recall,
                    precision=stage.precision,
                    f1=stage.f1,
                )
            ],
        ),
        metrics=manifest.Metrics(keras=stage, int8=stage),
        golden=manifest.Golden(
            file="golden.npz", bytes=len(golden), sha256=sha256(golden), windows=6
        ),
        recipe={
            "name": path.name,
            "model": {"family": "dense", "code": CODE},
            **({} if data_set is None else {"data": {"name": data_set}}),
        },
        seed=7,
        versions={"vigil": "0.1.0"},
    )
    evaluation = pack_arrays(
        {
            "labels": known,
            "shown": np.arange(KEPT),
            "counts": counts,
            "input": scaled,
            "output": output,
            "code": (scaled[:, : CODE * channels]).astype(np.float32),
            "int8_test": scores,
            "keras_test": scores + np.float32(0.001),
            "int8_calibration": calibration,
            "keras_calibration": calibration,
            "history_loss": np.linspace(1.0, 0.1, 20).astype(np.float32),
            "history_validation": np.linspace(1.1, 0.2, 20).astype(np.float32),
            "history_best_epoch": np.array(18),
        }
    )
    return write_bundle(path, bundle_manifest, model, golden, evaluation)


def _projection(
    normal: NDArray[np.int8], grid: manifest.Tensor, out: manifest.Tensor, code: int
) -> bytes:
    """Return a model that projects onto the principal components of `normal` int8 [n, size]."""
    real = (normal.astype(np.float64) - grid.zero_point) * grid.scale
    _, _, basis = np.linalg.svd(real, full_matrices=False)
    basis = basis[:code]
    scale = float(np.abs(basis).max() / 127)
    weights = np.rint(basis / scale).astype(np.int8)
    code_scale = float(np.abs(real @ basis.T).max() / 120)
    builder = ModelBuilder()
    source = builder.tensor((1, grid.size), grid.scale, grid.zero_point)
    layers: list[tuple[NDArray[np.int8], dict[str, Any]]] = [
        (weights, {"source_scale": grid.scale, "target_scale": code_scale, "zero": 0}),
        (
            np.ascontiguousarray(weights.T),
            {"source_scale": code_scale, "target_scale": out.scale, "zero": out.zero_point},
        ),
    ]
    at = source
    for values, quantization in layers:
        at = dense(
            builder,
            at,
            values,
            np.zeros(len(values), np.int32),
            source_scale=quantization["source_scale"],
            weight_scale=scale,
            target_scale=quantization["target_scale"],
            target_zero_point=quantization["zero"],
        )
    return builder.finish(source, at)


def _stage(
    scores: NDArray[np.float32], labels: NDArray[np.int8], threshold: np.float32
) -> manifest.Stage:
    stage = metrics.at_threshold(scores, labels, threshold)
    figures = {f.name: getattr(stage, f.name) for f in dataclasses.fields(stage)}
    return manifest.Stage(
        auroc=metrics.auroc(scores, labels),
        average_precision=metrics.average_precision(scores, labels),
        threshold=manifest.float32_text(threshold),
        false_alarms_per_hour=None,
        **figures,
    )
