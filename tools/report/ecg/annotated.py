"""Writes docs/mitdb.md: beats cut at their annotations, judged by an autoencoder of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.measure.ecg.annotated import Annotated
from tools.measure.ecg.autoencoder import STAGES
from tools.measure.ecg.figures import area, flagged, share
from tools.measure.ecg.records import N
from tools.report.ecg.tables import SETS, percent, table

PAGE = "mitdb.md"
CLASSES = ("N", "S", "V", "F", "Q")
ABNORMAL = {"all abnormal": (1, 2, 3, 4), "S": (1,), "V": (2,), "F": (3,), "Q": (4,)}

HEAD = """# Beats at their annotations

This page is written by `vigil evaluate {name}`, from the records of the MIT-BIH Arrhythmia \
Database in `VIGIL_DATA`.

The recipe `{name}` judges beats that were cut where cardiologists had marked them. Each beat is \
normalised by itself, and an autoencoder of other patients' normal beats judges it by shape alone. \
It learns no wearer and sees no rhythm. The page shows how far that goes on patients never seen. \
The recipe `ecg` ([ECG](ecg.md)) finds the beats by itself and judges them against the wearer's own.

An autoencoder for records of DS1 is trained on the three quarters of DS1 without them, that for \
DS2 on all of DS1. The threshold for {rate} false alarms comes from normal beats of DS1, each \
scored by an autoencoder that did not see its patient, and without the record that is judged. The \
bundle of `vigil train {name}` has a lower one, from other beats of the patients that it was \
trained on. Figures are means over the seeds 1 to {seeds}, with the lowest and the highest seed. \
The settings were chosen on DS1, two patients at a time left out; DS2 was not used, but its \
figures were seen more than once. N are normal beats, S supraventricular, V ventricular, F fusion \
beats, Q unknown (AAMI).
"""


def write_page(study: Annotated, docs: Path) -> Path:
    """Write docs/mitdb.md and return its path."""
    seeds = len(study.judged["DS1", "int8"])
    text = HEAD.format(name=study.name, rate=percent(study.rate, 0), seeds=seeds)
    text += f"\n## AUROC by class\n\n{areas(study)}"
    text += (
        "\n## False alarms and detected beats\n\nOf the int8 model, with "
        f"{percent(study.rate, 0)} false alarms asked.\n\n{rates(study)}"
    )
    text += f"\n## By record\n\nOf the int8 model.\n\n{by_record(study)}"
    docs.mkdir(parents=True, exist_ok=True)
    path = docs / PAGE
    path.write_text(text, encoding="utf-8")
    return path


def areas(study: Annotated) -> str:
    """AUROC of each class against N, by set and stage."""
    rows = []
    for name, kinds in ABNORMAL.items():
        cells = []
        for part in SETS:
            some = study.judged[part, "int8"][0]
            cells.append(str(sum(int(np.isin(r.classes, kinds).sum()) for r in some)))
            cells += [
                _spread([area(run, kinds) for run in study.judged[part, stage]]) for stage in STAGES
            ]
        rows.append([name, *cells])
    head = [
        cell for part in SETS for cell in (f"beats of {part}", f"{part}, float", f"{part}, int8")
    ]
    return table(["class", *head], rows)


def rates(study: Annotated) -> str:
    """Share of beats above the threshold, by class and set."""
    rows = []
    for kind, name in enumerate(CLASSES):
        cells = []
        for part in SETS:
            runs = study.judged[part, "int8"]
            shares = [
                share(flagged(run, study.limits(part, "int8", seed), kind))
                for seed, run in enumerate(runs)
            ]
            cells.append(_shares(shares))
        rows.append([f"{name} flagged" if kind != N else "N flagged: false alarms", *cells])
    return table(["beats", *SETS], rows)


def by_record(study: Annotated) -> str:
    """Beats by class, AUROC and false alarms of each record."""
    rows = []
    for part in SETS:
        runs = study.judged[part, "int8"]
        limits = [study.limits(part, "int8", seed) for seed in range(len(runs))]
        for at, record in enumerate(runs[0]):
            counts = [str(int((record.classes == kind).sum())) for kind in range(len(CLASSES))]
            values = [area([run[at]], ABNORMAL["all abnormal"]) for run in runs]
            false = [
                share(flagged([run[at]], limit, N)) for run, limit in zip(runs, limits, strict=True)
            ]
            rows.append([part, record.name, *counts, _spread(values), _shares(false)])
    return table(["set", "record", *CLASSES, "AUROC of all abnormal", "false alarms"], rows)


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return f"{np.mean(known):.3f} ({min(known):.3f} to {max(known):.3f})"


def _shares(values: Sequence[float]) -> str:
    if np.isnan(values).any():
        return ""
    return f"{percent(float(np.mean(values)))} ({percent(min(values))} to {percent(max(values))})"
