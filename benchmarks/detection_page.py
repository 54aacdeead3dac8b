"""The table and the page of benchmarks.detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.bundle.manifest import Manifest

CLEAR = 0.02  # a lead in AUROC of a baseline that the page names

HEAD = """# Detection

This page is written by `python -m benchmarks.detection --write`.

It shows how well the default design, which `vigil train FILE` chooses, tells faults from normal
operation on files of very different sensors.

1. The board computes statistics and band energies of each window.
2. A small dense network reconstructs these features and, where there are windows enough, the
   samples.
3. The score joins the reconstruction error, the Mahalanobis distance of the features, and the
   level, each relative to its mean over the training windows.
4. Length of a window, samples and bands follow rules that read the training part alone.

Each figure is the area under the ROC curve (AUROC) of the test windows: the mean over {seeds}
seeds, and the lowest in brackets. int8 is computed on the host by
the board's own C++. The baselines are fitted to the samples of the same windows
([training](training.md#checks)).

The files of SKAB are divided at 40 %. `vigil train` on such a file tests on the last 30 %, which
follow a change of the pump: [data](data.md#from-a-published-file-to-a-board) has
that figure, 0.691 for valve 1.

The weights of the score and some of the rules were chosen with these figures in view, so they are
optimistic.

"""


@dataclass(frozen=True)
class Row:
    """The bundles of one data set, one per seed."""

    name: str
    about: str
    manifests: tuple[Manifest, ...]

    def areas(self, stage: str) -> np.ndarray:
        """AUROC of each seed, for "keras", "int8" or the name of a baseline, float64 [seeds]."""
        values = []
        for m in self.manifests:
            stages = {"keras": m.metrics.keras, "int8": m.metrics.int8, **m.checks.baselines}
            values.append(stages[stage].auroc)
        return np.array(values, np.float64)

    def best_baseline(self) -> tuple[str, float]:
        """Name and mean AUROC of the best baseline."""
        means = {name: self.areas(name).mean() for name in self.manifests[0].checks.baselines}
        name = max(means, key=lambda each: float(means[each]))
        return name, float(means[name])


def table(rows: Sequence[Row]) -> str:
    """Write the figures of the data sets as a Markdown table."""
    if not rows:
        return "no data set was found"
    baselines = list(rows[0].manifests[0].checks.baselines)
    heads = ["data set", "int8", "float", *baselines, "largest difference, float to int8"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for row in rows:
        int8, keras = row.areas("int8"), row.areas("keras")
        cells = [row.name, *(f"{a.mean():.3f} ({a.min():.3f})" for a in (int8, keras))]
        cells += [f"{row.areas(name).mean():.3f}" for name in baselines]
        cells.append(f"{np.abs(int8 - keras).max():.4f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(rows: Sequence[Row], reasons: Mapping[str, Sequence[str]], seeds: int) -> str:
    """Write docs/detection.md."""
    text = HEAD.format(seeds=seeds) + table(rows) + "\n"
    for row in rows:
        name, area = row.best_baseline()
        own = float(row.areas("int8").mean())
        if area > own + CLEAR:
            text += f"\nOn {row.name}, the baseline '{name}' is better by {area - own:.3f}."
    text += "\n\n## What the rules choose\n\n| data set | test windows | false alarms | design |\n"
    text += "|---|---:|---:|---|\n"
    for row in rows:
        windows = row.manifests[0].data.windows
        rates = [m.metrics.int8.false_alarm_rate or 0.0 for m in row.manifests]
        text += (
            f"| {row.name}: {row.about} | {windows.test_normal:,} normal, "
            f"{windows.test_abnormal:,} abnormal | {np.mean(rates):.1%} | "
            f"{' '.join(reasons[row.name])} |\n"
        )
    return text + (
        "\nThe false-alarm rate asked for is 1 %. It is higher where normal operation moves away "
        "from what training saw, and training says so ([threshold](training.md#threshold)).\n"
    )
