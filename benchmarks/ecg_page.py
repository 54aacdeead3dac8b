"""Writes docs/ecg.md from the results of benchmarks/ecg.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import ecg_figures as ecg

if TYPE_CHECKING:
    from training.bundle.wearer_schema import WearerScore

HEAD = """# ECG

`python -m benchmarks.ecg` wrote this page, from the records of the MIT-BIH Arrhythmia Database \
in `VIGIL_DATA`: {ds1} of DS1's 22 and {ds2} of DS2's 22. The recipe is `ecg`: the firmware's \
C++ finds the beats, learns the wearer from the first {learn} beats, and judges the others. The \
figures were computed on the host. The board runs the same C++; tests and `vigil verify ecg` \
compare its scores on the emulated board, for some records.

The first five minutes of each record, ventricular flutter and detections without an annotation \
within 150 ms are left out. Thresholds and autoencoders for a record of DS1 come from other \
records of DS1; those for DS2 from all of DS1. The settings of detector and wearer were chosen on \
all of DS1, which makes its figures optimistic. No setting was chosen on DS2, but its figures were \
seen more than once during development.

N are normal beats, S supraventricular, V ventricular, F fusion beats (AAMI).
"""

PICTURE = "images/ecg-missed.png"
MISSED = f"""
## What is missed

Ventricular beats of DS1 that score below the threshold at 1 %, the lowest two of each record; the \
shaded stretch is compared with the wearer's forms.

![Strips of three seconds about missed ventricular beats]({PICTURE})

- A ventricular beat that is not early and resembles the wearer's own is missed (106, 203).
- A run of three is missed if two of its beats are.
- A wearer whose beats change at once, as by a moved electrode, is flagged until learned anew (109 \
from minute 26 on).
- A supraventricular beat shows in rhythm alone. In an irregular rhythm it is not early by the \
wearer's own scale (200, 207).
"""

ASKED = """
## What was asked, and what it is

| measure | asked | DS1 | DS2 |
|---|---|---|---|
"""


def page(
    families: Mapping[WearerScore, Sequence[tuple[Sequence[ecg.Judged], Sequence[ecg.Judged]]]],
    ds1: Sequence[ecg.Judged],
    ds2: Sequence[ecg.Judged],
    noise: Mapping[tuple[str, float], tuple[float | None, float]],
    learn: int,
) -> str:
    """Write the page; `families` has the records of DS1 and DS2 for each seed."""
    limits1 = {rate: ecg.left_out(ds1, rate) for rate in (0.01, 0.02)}
    limits2 = {
        rate: dict.fromkeys((r.name for r in ds2), ecg.threshold(ds1, rate))
        for rate in (0.01, 0.02)
    }
    text = HEAD.format(ds1=len(ds1), ds2=len(ds2), learn=learn)
    text += ASKED + _measures(ds1, limits1, ds2, limits2)
    text += _families(families)
    text += "\n## By record\n" + _records("DS1", ds1, limits1) + _records("DS2", ds2, limits2)
    return text + MISSED + _noise(noise)


Limits = Mapping[float, Mapping[str, float]]


def _rates(records: Sequence[ecg.Judged], limits: Mapping[str, float], kind: int) -> list[float]:
    """Return the share of beats of class `kind` above the threshold, by record that has some."""
    return [
        float((r.scores[r.classes == kind] > limits[r.name]).mean())
        for r in records
        if (r.classes == kind).any()
    ]


def _pooled(records: Sequence[ecg.Judged], limits: Mapping[str, float], kind: int) -> float:
    flags = [r.scores[r.classes == kind] > limits[r.name] for r in records]
    return float(np.concatenate(flags).mean())


def _measures(
    ds1: Sequence[ecg.Judged], limits1: Limits, ds2: Sequence[ecg.Judged], limits2: Limits
) -> str:
    sets = ((ds1, limits1), (ds2, limits2))

    def row(name: str, asked: str, values: Sequence[str]) -> str:
        return f"| {name} | {asked} | {values[0]} | {values[1]} |\n"

    def worst(records: Sequence[ecg.Judged]) -> str:
        areas = [
            (area, r.name)
            for r in records
            if np.isin(r.classes, (ecg.V, ecg.F)).sum() >= 10
            and (area := ecg.area([r], (ecg.V, ecg.F))) is not None
        ]
        return "{:.3f} ({})".format(*min(areas)) if areas else "none"

    def over(records: Sequence[ecg.Judged], limits: Limits) -> str:
        rates = _rates(records, limits[0.02], ecg.N)
        return f"{sum(rate <= 0.04 for rate in rates)} of {len(rates)}"

    def episodes(records: Sequence[ecg.Judged], limits: Limits) -> tuple[str, str]:
        counts = [ecg.alarms(r.scores, r.classes, limits[0.01][r.name]) for r in records]
        runs, found, false = (sum(column) for column in zip(*counts, strict=True))
        return f"{found} of {runs}", f"{false / sum(r.hours for r in records):.1f}"

    alarm = [episodes(*each) for each in sets]
    text = row("AUROC of V and F, pooled", "0.975", [_area(r, (ecg.V, ecg.F)) for r, _ in sets])
    text += row("the same, worst record with ten or more", "0.93", [worst(r) for r, _ in sets])
    text += row("AUROC of S, pooled", "0.93", [_area(r, (ecg.S,)) for r, _ in sets])
    for rate, most, least in ((0.01, "1.5 %", "94 %"), (0.02, "3 %", "97 %")):
        text += row(
            f"false alarms at {rate:.0%} per beat",
            f"at most {most}",
            [f"{_pooled(r, limits[rate], ecg.N):.2%}" for r, limits in sets],
        )
        text += row(
            f"V found at {rate:.0%}",
            least,
            [f"{_pooled(r, limits[rate], ecg.V):.1%}" for r, limits in sets],
        )
    text += row(
        "records with at most 4 % false alarms at 2 %", "9 of 10", [over(*each) for each in sets]
    )
    text += row("runs of three V found, alarm of 3 in 5 at 1 %", "all", [a for a, _ in alarm])
    return text + row("false episodes per hour", "at most 3", [b for _, b in alarm])


def _area(records: Sequence[ecg.Judged], kinds: Sequence[int]) -> str:
    area = ecg.area(records, kinds)
    return "none" if area is None else f"{area:.4f}"


def _families(
    families: Mapping[WearerScore, Sequence[tuple[Sequence[ecg.Judged], Sequence[ecg.Judged]]]],
) -> str:
    seeds = max(len(runs) for runs in families.values())
    text = (
        "\n## Template, autoencoder, both\n\n"
        "`template`: distance from the wearer's own beats. `autoencoder`: the error of a dense "
        "autoencoder of normal beats of other people, relative to the wearer's usual one. `both`: "
        f"the larger. All with rhythm; AUROC as mean and lowest of {seeds} seeds.\n\n"
        "| score | DS1: V and F | V | F | S | DS2: V and F | V | S |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    columns = (
        (0, (ecg.V, ecg.F)), (0, (ecg.V,)), (0, (ecg.F,)), (0, (ecg.S,)),
        (1, (ecg.V, ecg.F)), (1, (ecg.V,)), (1, (ecg.S,)),
    )  # fmt: skip
    for name, runs in families.items():
        cells = []
        for at, kinds in columns:
            areas = [a for run in runs if (a := ecg.area(run[at], kinds)) is not None]
            mean = f"{np.mean(areas):.4f}" if areas else "none"
            cells.append(mean if len(areas) < 2 else f"{mean} ({min(areas):.4f})")
        text += f"| `{name}` | {' | '.join(cells)} |\n"
    return text


def _records(title: str, records: Sequence[ecg.Judged], limits: Limits) -> str:
    text = (
        f"\n### {title}\n\n"
        "| record | N | S | V | F | AUROC V and F | S | false alarms at 1 % | at 2 % "
        "| V found at 1 % |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    for r in records:
        counts = " | ".join(str(int((r.classes == kind).sum())) for kind in range(4))
        areas = (ecg.area([r], (ecg.V, ecg.F)), ecg.area([r], (ecg.S,)))
        false = (_pooled([r], limits[rate], ecg.N) for rate in (0.01, 0.02))
        ventricular = (r.classes == ecg.V).any()
        found = f"{_pooled([r], limits[0.01], ecg.V):.1%}" if ventricular else ""
        text += (
            f"| {r.name} | {counts} | "
            + " | ".join("" if area is None else f"{area:.3f}" for area in areas)
            + " | "
            + " | ".join(f"{rate:.1%}" for rate in false)
            + f" | {found} |\n"
        )
    return text


def _noise(noise: Mapping[tuple[str, float], tuple[float | None, float]]) -> str:
    decibels = sorted({db for _, db in noise}, reverse=True)
    text = (
        "\n## Noise\n\n"
        "Noise is added to each third record of DS1, from its first beat on, at a ratio of the "
        "signal's power to the noise's. Each cell: AUROC of V and F, and false alarms at the "
        "threshold of clean records at 2 %.\n\n"
        f"| noise | {' | '.join(f'{db:g} dB' for db in decibels)} |\n"
        f"|---{'|---' * len(decibels)}|\n"
    )
    for kind in dict.fromkeys(kind for kind, _ in noise):
        cells = (
            f"{area or 0:.3f}, {false:.1%}" for area, false in (noise[kind, db] for db in decibels)
        )
        text += f"| {kind} | {' | '.join(cells)} |\n"
    return text
