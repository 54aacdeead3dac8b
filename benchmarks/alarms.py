"""How often the stated rates of false alarms and of false drift hold on real normal signals.

    VIGIL_DATA=... python -m benchmarks.alarms

The first third of each series fits a PCA, whose residual is the score. Of the normal windows of the
rest, the first half is the calibration part and the second half is new. The rate holds if the new
half has at most as many alarms per window as stated.

For the drift, stretches of each series are put in random order, so that nothing drifts; each is
five correlation times long. It is false if the second half has more low p-values than the limit of
the first. Takes five minutes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.io import loadmat
from sklearn.decomposition import PCA

from training.bundle.manifest import Decision
from training.decision import (
    CAUTION,
    DRIFT_RATE,
    LOW,
    Stretch,
    correlation_time,
    count_alarms,
    drift_limit,
    fit_decision,
)
from training.sections import Alarm
from training.threshold import conformal

RATE = 0.01
ORDERS = 100  # random orders of each series
ALARMS = (
    Alarm(kind="mean", windows=5),
    Alarm(kind="mean", windows=8),
    Alarm(kind="mean", windows=16),
    Alarm(kind="count", windows=3, count=2),
    Alarm(kind="count", windows=5, count=3),
)
NAB = {
    "machine_temperature_system_failure": (96, 12),
    "nyc_taxi": (48, 6),
    "ec2_request_latency_system_failure": (24, 6),
    "cpu_utilization_asg_misconfiguration": (48, 12),
}
PACED = ("102", "104", "107")  # paced hearts, which are left out
NORMAL_BEATS, BEATS = set("NLRej"), set("NLRejVFASaJQ/f!E")

Series = tuple[str, NDArray[np.float64], NDArray[np.bool_]]  # set, windows, which are normal


def cut(
    x: NDArray[np.float64], bad: NDArray[np.bool_], length: int, hop: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Windows [n, length * channels] of frames [m, channels], and which have no bad frame."""
    first = np.arange(0, len(x) - length + 1, hop)
    windows = np.stack([x[i : i + length].ravel() for i in first])
    return windows, np.array([not bad[i : i + length].any() for i in first])


def standard(x: NDArray[np.float64]) -> NDArray[np.float64]:
    begin = x[: len(x) // 3]
    return np.asarray((x - begin.mean(axis=0)) / begin.std(axis=0))


def series(data: Path) -> Iterator[Series]:
    labels = json.loads((data / "nab/combined_windows.json").read_text())
    for name, (length, hop) in NAB.items():
        rows = [row.split(",") for row in (data / f"nab/{name}.csv").read_text().split()[1:]]
        days, others = rows[::2], rows[1::2]  # a blank parts the date from the time
        times = [f"{day} {time}" for (day,), (time, _) in zip(days, others, strict=True)]
        spans = next(spans for key, spans in labels.items() if name in key)
        bad = np.array([any(begin <= t <= end for begin, end in spans) for t in times])
        x = np.array([[float(value)] for _, value in others])
        yield "NAB", *cut(standard(x), bad, length, hop)
    table = np.loadtxt(
        data / "skab/anomaly-free.csv", delimiter=";", skiprows=1, usecols=range(1, 9)
    )
    vibration = loadmat(data / "cwru/97_Normal_0.mat")
    drive_end = next(v for k, v in vibration.items() if k.endswith("DE_time")).astype(float)
    for name, x, sizes in (("SKAB", table, (16, 32)), ("CWRU", drive_end, (128, 512))):
        for length in sizes:
            yield name, *cut(standard(x), np.zeros(len(x), bool), length, length // 2)
    for header in sorted((data / "mitdb").glob("*.hea")):
        if header.stem not in PACED:
            yield from heart(header.with_suffix(""))


def heart(record: Path) -> Iterator[Series]:
    """A record's beats, and its signal in windows of a second."""
    import wfdb

    x = wfdb.rdrecord(str(record), channels=[0]).p_signal[::2]
    notes = wfdb.rdann(str(record), "atr")
    beats = [
        (frame // 2, symbol)
        for frame, symbol in zip(notes.sample, notes.symbol, strict=True)
        if symbol in BEATS and 64 <= frame // 2 <= len(x) - 64
    ]
    windows = np.stack([x[r - 64 : r + 64, 0] for r, _ in beats])
    yield (
        "MIT-BIH, beats",
        windows - windows.mean(axis=1, keepdims=True),
        np.array([symbol in NORMAL_BEATS for _, symbol in beats]),
    )
    bad = np.zeros(len(x), bool)
    for r, symbol in beats:
        if symbol not in NORMAL_BEATS:
            bad[max(r - 90, 0) : r + 90] = True
    windows, normal = cut(standard(x), bad, 180, 90)
    if normal[: len(normal) // 3].sum() > 50:
        yield "MIT-BIH, seconds", windows, normal


def scores(windows: NDArray[np.float64], normal: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Residuals of the normal windows after the first third, which fits the PCA."""
    begin = len(windows) // 3
    fitted = windows[:begin][normal[:begin]]
    pca = PCA(max(2, min(8, windows.shape[1] // 4, len(fitted) // 4))).fit(fitted)
    rest = windows[begin:][normal[begin:]]
    residual = rest - pca.inverse_transform(pca.transform(rest))
    return np.asarray((residual**2).mean(axis=1), np.float32)


def stretch(values: NDArray[np.float32]) -> Stretch:
    return Stretch(values, np.arange(len(values)), 1, None, ordered=True)


def lowest(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Which scores have a low p-value among themselves, float64 [n] of 0 and 1."""
    low = np.zeros(len(values))
    low[np.argsort(-values, kind="stable")[: max(round(LOW * len(values)), 1)]] = 1
    return low


def false_drift(values: NDArray[np.float32], rng: np.random.Generator) -> float | None:
    """Share of random orders in which the drift is raised; None for fewer than 8 stretches."""
    length = max(5, round(5 * correlation_time(lowest(values))))
    stretches = values[: len(values) // length * length].reshape(-1, length)
    if len(stretches) < 8:
        return None
    false = 0
    for _ in range(ORDERS):
        mixed = rng.permutation(stretches).ravel()
        old, new = np.split(mixed[: len(mixed) // 2 * 2], 2)
        level = np.sort(old)[-max(int(LOW * (len(old) + 1)), 1)]
        limit = drift_limit(len(old), len(new), round(CAUTION * correlation_time(lowest(old)), 1))
        false += bool((new >= level).mean() > limit)
    return false / ORDERS


def main() -> None:
    data = Path(os.environ["VIGIL_DATA"])
    console = Console()
    cases = [(name, scores(windows, normal)) for name, windows, normal in series(data)]
    sets = list(dict.fromkeys(name for name, _ in cases))
    table = Table(title="series on which the stated rate of false alarms holds", box=None)
    for head in ("alarm", *sets, "all", "time in alarm"):
        table.add_column(head)
    for alarm in ALARMS:
        held: dict[str, list[bool]] = {name: [] for name in sets}
        shares = []
        for name, values in cases:
            half = len(values) // 2
            threshold = conformal(values[:half], RATE).value
            decision = fit_decision(alarm, stretch(values[:half]), threshold, RATE)
            assert isinstance(decision, Decision) and decision.false_alarms is not None
            new = stretch(values[half:])
            episodes, share = count_alarms(decision.alarm, new, float(threshold))
            held[name].append(episodes / len(new.scores) <= decision.false_alarms.most_per_window)
            shares.append(share)
        every = [ok for each in held.values() for ok in each]
        of_what = (
            f"{alarm.kind} of {alarm.windows}"
            if alarm.kind == "mean"
            else (f"{alarm.count} of {alarm.windows}")
        )
        cells = [f"{sum(each)} of {len(each)}" for each in (*held.values(), every)]
        table.add_row(of_what, *cells, f"{np.mean(shares):.1%}")
    console.print(table)
    rng = np.random.default_rng(0)
    raised = [false_drift(values, rng) for _, values in cases]
    known = [each for each in raised if each is not None]
    few = sum(each <= 2 * DRIFT_RATE for each in known)
    console.print(
        f"false drift on {len(known)} series in random order: {np.mean(known):.2%} on average "
        f"({DRIFT_RATE:.0%} stated), at most {2 * DRIFT_RATE:.0%} on {few}, largest "
        f"{max(known):.0%}"
    )


if __name__ == "__main__":
    main()
