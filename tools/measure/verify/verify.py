"""Runs the same windows on every target and on the TensorFlow Lite Micro interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from tools.measure.verify.stream import Stream, lay_out
from training.bundle import Bundle, read_bundle, reference
from training.bundle.chain import CLIPPED, LEARNING, REASONS, gate_of, is_scored, wearer_of
from training.bundle.decision import decision_of
from training.bundle.errors import ConvertError, LinkError
from training.bundle.manifest import GateLimits
from training.bundle.reference import Computed
from training.bundle.wording import plural


def verify(
    bundle_dir: Path,
    ports: Sequence[str] = (),
    windows: int | None = 500,
    counts: NDArray[np.int16] | None = None,
) -> VerifyResult:
    """Compare the targets on the golden windows and on other windows of the test set.

    Differences are part of the result, not errors.

    Args:
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
    reason = gate_of(bundle.manifest)(stream.raw)
    judged = np.flatnonzero(is_scored(reason))
    expected = reference.compute(bundle, stream.windows[judged])
    assert expected.input is not None

    results = [_golden(bundle)]
    try:
        results.append(
            compare(
                "compiled engine, host",
                targets.on_host(bundle, expected.input),
                expected,
                np.arange(len(expected.input)),
            )
        )
    except ConvertError as problem:
        results.append(
            TargetResult("compiled engine, host", 0, None, None, None, note=f"not run: {problem}")
        )
    scored = None
    for port in ports:
        with Session.open(port) as session:
            run = targets.on_board(bundle, session, stream.frames, stream.index)
        name = f"{run.board}, {run.engine} engine"
        own = _of_wearer(bundle, stream, _Judged(expected, judged, reason), run.threshold)
        both = run.reason[own.rows] == 0
        computed = run.computed.rows(own.rows[both])
        on_both = own.computed.rows(np.flatnonzero(both))
        results.append(compare(name, computed, on_both, own.rows[both]))
        if isinstance(bundle.manifest.gate, GateLimits) or wearer_of(bundle.manifest) is not None:
            assert own.computed.score is not None
            flagged = own.rows[own.computed.score > np.float32(run.threshold)]
            wanted = own.reason.copy()
            wanted[flagged[own.reason[flagged] == CLIPPED]] = 0
            results.append(_gate(run.board, run.reason, wanted))
        results.append(_boot(run))
        if counts is None and run.computed.score is not None and len(stream.chosen):
            rows = stream.chosen[len(bundle.golden.counts) :]
            seen = run.reason[rows] == 0
            scores = run.computed.score[rows[seen]]
            scored = ScoredOnBoard(
                run.board, tuple(map(int, indices[seen])), tuple(map(float, scores))
            )
    return VerifyResult(
        name=bundle.manifest.name,
        bundle=bundle.hash8.hex(),
        golden=len(bundle.golden.counts),
        more=len(more),
        targets=tuple(results),
        keras=_keras(bundle) if counts is None else None,
        board=scored,
    )


@dataclass(frozen=True)
class _Judged:
    """What the host computes of a stream's windows."""

    computed: Computed  # of the judged windows
    rows: NDArray[np.int64]  # the judged windows
    reason: NDArray[np.uint8]  # of every window: 0 if it is judged


def _of_wearer(bundle: Bundle, stream: Stream, judged: _Judged, threshold: float) -> _Judged:
    """Return the personal scores, which depend on the board's threshold, if there is a wearer."""
    wearer = wearer_of(bundle.manifest)
    if wearer is None:
        return judged
    assert judged.computed.score is not None
    personal = wearer.judge(
        stream.windows[judged.rows],
        stream.interval[judged.rows],
        judged.computed.score,
        threshold,
        decision_of(bundle.manifest),
        clipped=judged.reason[judged.rows] == CLIPPED,
    )
    known = ~np.isnan(personal)
    reason = judged.reason.copy()
    reason[judged.rows[~known]] = LEARNING
    computed = replace(judged.computed, score=personal).rows(np.flatnonzero(known))
    return _Judged(computed, judged.rows[known], reason)


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


def _golden(bundle: Bundle) -> TargetResult:
    g = bundle.golden
    now = reference.compute(bundle, g.counts)
    stored = Computed(g.input, g.output, g.score)
    return compare("golden windows of the bundle", stored, now, np.arange(len(g.counts)))


def _gate(board: str, reported: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> TargetResult:
    """Compare why the board judges no window with the host's reasons, uint8 [n] each."""
    wrong = np.flatnonzero(reported != wanted)
    first = ""
    if len(wrong):
        at = wrong[0]
        words = [REASONS[reason[at]] or "judged" for reason in (reported, wanted)]
        first = f"window {at} is {words[0]}, must be {words[1]}"
    rejected = int((wanted != 0).sum())
    windows = "window is" if rejected == 1 else "windows are"
    return TargetResult(
        name=f"{board}, quality gate",
        windows=len(wanted),
        input=None,
        output=None,
        score=Count(len(wrong), len(wanted)),
        first_wrong=first,
        note=f"{rejected:,} {windows} not judged" if rejected else "",
    )


def _boot(run: targets.BoardRun) -> TargetResult:
    """Return the result of the check of golden windows that the board makes at its start."""
    wrong = run.golden_total - run.golden_passed
    return TargetResult(
        name=f"{run.board}, check at start",
        windows=run.golden_total,
        input=None,
        output=None,
        score=Count(wrong, run.golden_total),
        first_wrong=f"{wrong} golden {plural('window', wrong)}" if wrong else "",
        note="" if run.golden_total else "no golden windows in the image",
    )


def _keras(bundle: Bundle) -> FloatDifference:
    evaluation = bundle.evaluation()
    keras, int8 = (evaluation[f"{s}_test"].astype(np.float64) for s in ("keras", "int8"))
    away = np.abs(keras - int8)
    return FloatDifference(len(away), float(away.mean()), float(away.max()), float(int8.mean()))
