"""Runs the same windows on every target and on the TensorFlow Lite Micro interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.link.session import Session
from tools.measure.verify import targets
from tools.measure.verify.compare import compare
from tools.measure.verify.result import (
    Count,
    FloatDifference,
    ScoredOnBoard,
    TargetResult,
    VerifyResult,
)
from tools.measure.verify.stream import lay_out
from training.bundle import Bundle, read_bundle, reference
from training.bundle.errors import ConvertError, LinkError
from training.bundle.reference import Computed


def verify(
    bundle_dir: Path,
    ports: Sequence[str] = (),
    windows: int | None = 500,
    counts: NDArray[np.int16] | None = None,
) -> VerifyResult:
    """Compare the targets on the golden windows and on other windows of the test set.

    Differences are part of the result, not errors.

    Args:
        bundle_dir: folder of the bundle.
        ports: serial ports of boards, emulated or real, that run this bundle's model.
        windows: number of test windows, spread evenly over those that the bundle keeps; None takes
            all of them.
        counts: int16 [n, window, channels], windows that replace those of the test set.

    Raises:
        BundleError, ConvertError, LinkError: the comparison is not possible.
    """
    bundle = read_bundle(bundle_dir)
    more, indices = _more(bundle, windows, counts)
    chosen = np.concatenate([bundle.golden.counts, more])
    stream = lay_out(bundle.manifest, chosen)
    expected = reference.compute(bundle, stream.windows)
    assert expected.input is not None
    every = np.arange(len(stream.windows), dtype=np.int64)

    results = [_golden(bundle, expected, stream.chosen)]
    try:
        results.append(
            compare(
                "compiled engine, host", targets.on_host(bundle, expected.input), expected, every
            )
        )
    except ConvertError as problem:
        results.append(
            TargetResult("compiled engine, host", 0, None, None, None, note=f"not run: {problem}")
        )
    scored = None
    for port in ports:
        with Session.open(port) as session:
            run = targets.on_board(bundle, session, stream.frames, len(stream.windows))
        name = f"{run.board}, {run.engine} engine"
        results.append(compare(name, run.computed, expected, every))
        results.append(_boot(name, run))
        if counts is None and run.computed.score is not None:
            own = run.computed.score[stream.chosen[len(bundle.golden.counts) :]]
            scored = ScoredOnBoard(run.board, tuple(map(int, indices)), tuple(map(float, own)))
    return VerifyResult(
        name=bundle.manifest.name,
        bundle=bundle.hash8.hex(),
        golden=len(bundle.golden.counts),
        more=len(more),
        targets=tuple(results),
        keras=_keras(bundle) if counts is None else None,
        board=scored,
    )


def _more(
    bundle: Bundle, windows: int | None, counts: NDArray[np.int16] | None
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Return the windows beside the golden ones, and their indices in the test set."""
    if counts is not None:
        shape = (bundle.manifest.segmenter.window, len(bundle.manifest.signal.channels))
        if counts.dtype != np.int16 or counts.shape[1:] != shape:
            raise LinkError(f"windows must be int16 [n, {shape[0]}, {shape[1]}]")
        return counts, np.arange(len(counts))
    evaluation = bundle.evaluation()
    kept = np.asarray(evaluation["counts"], np.int16)
    take = len(kept) if windows is None else min(windows, len(kept))
    chosen = np.linspace(0, len(kept) - 1, take).round().astype(np.int64)
    return kept[chosen], np.asarray(evaluation["shown"], np.int64)[chosen]


def _golden(bundle: Bundle, expected: Computed, chosen: NDArray[np.int64]) -> TargetResult:
    """Compare the bundle's golden file with the interpreter's present output."""
    g = bundle.golden
    now = expected.rows(chosen[: len(g.counts)])
    stored = Computed(g.input, g.output, g.score)
    return compare("golden windows of the bundle", stored, now, np.arange(len(g.counts)))


def _boot(name: str, run: targets.BoardRun) -> TargetResult:
    """Return the result of the check of golden windows that the board makes at its start."""
    wrong = run.golden_total - run.golden_passed
    return TargetResult(
        name=f"{name}, own check at start",
        windows=run.golden_total,
        input=None,
        output=None,
        score=Count(wrong, run.golden_total),
        first_wrong=f"{wrong} golden windows" if wrong else "",
        note="" if run.golden_total else "no golden windows in the image",
    )


def _keras(bundle: Bundle) -> FloatDifference:
    evaluation = bundle.evaluation()
    keras, int8 = (evaluation[f"{s}_test"].astype(np.float64) for s in ("keras", "int8"))
    away = np.abs(keras - int8)
    return FloatDifference(len(away), float(away.mean()), float(away.max()), float(int8.mean()))
