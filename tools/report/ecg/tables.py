"""Tables of the page of the ECG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tools.measure.ecg import qrs
from tools.measure.ecg.figures import (
    Interval,
    Limits,
    alarms,
    area,
    area_interval,
    flagged,
    left_out,
    rate_interval,
    share,
    threshold,
)
from tools.measure.ecg.noise import DECIBELS, NOISES
from tools.measure.ecg.records import F, Judged, N, S, V
from tools.measure.ecg.study import Study

SETS = ("DS1", "DS2")
RATES = (0.005, 0.01, 0.02, 0.03, 0.05)  # false alarms asked per beat
ENOUGH = 10  # beats of V or F from which the AUROC of a single record counts


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table of Markdown, with a line break after it."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def percent(value: float, digits: int = 1) -> str:
    """Format a share; empty if there is none (NaN)."""
    return "" if np.isnan(value) else f"{100 * value:.{digits}f} %"


def pair(detected: qrs.Detected, digits: int = 2) -> str:
    """Format sensitivity and positive predictivity."""
    return f"{percent(detected.sensitivity, digits)}, {percent(detected.predictivity, digits)}"


def limits_of(study: Study, rate: float) -> dict[str, Limits]:
    """Compute thresholds: for a record of DS1 from the others of DS1, for DS2 from all of DS1."""
    ds1, ds2 = study.judged.ds1, study.judged.ds2
    common = threshold(ds1, rate)
    return {"DS1": left_out(ds1, rate), "DS2": {each.name: common for each in ds2}}


def measures(study: Study) -> str:
    """Every measure that was asked, and what it is."""
    limits = {rate: limits_of(study, rate) for rate in (0.01, 0.02)}

    def row(name: str, asked: str, value: Callable[[str], str]) -> list[str]:
        return [name, asked, *(value(each) for each in SETS), ""]

    def detection(
        name: str, asked: str, value: Callable[[Mapping[str, qrs.Detected]], str]
    ) -> list[str]:
        some = [{r.name: study.qrs[r.name]["Vigil"] for r in study.records[e]} for e in SETS]
        return [name, asked, *map(value, [*some, some[0] | some[1]])]

    def least(results: Mapping[str, qrs.Detected]) -> str:
        low = min((min(d.sensitivity, d.predictivity), name) for name, d in results.items())
        return f"{percent(low[0], 2)} ({low[1]})"

    def close(results: Mapping[str, qrs.Detected]) -> str:
        exact = sum(d.close_share >= 0.95 for d in results.values())
        return f"{exact} of {len(results)}"

    def steps() -> list[str]:
        noisy = [study.noise[each, "electrode steps", 6.0].qrs for each in SETS]
        return [pair(each) for each in (*noisy, qrs.total(noisy))]

    def worst(each: str) -> str:
        rows = [
            (value, r.name)
            for r in study.judged.of(each)
            if np.isin(r.classes, (V, F)).sum() >= ENOUGH
            and (value := area([r], (V, F))) is not None
        ]
        return "{:.3f} ({})".format(*min(rows)) if rows else "none"

    def rate(kind: int, at: float) -> Callable[[str], str]:
        def value(each: str) -> str:
            counts = flagged(study.judged.of(each), limits[at][each], kind)
            low, high = (percent(bound) for bound in rate_interval(*counts))
            return f"{percent(share(counts), 2)} ({low} to {high})"

        return value

    def few(each: str) -> str:
        above, of = flagged(study.judged.of(each), limits[0.02][each], N)
        low = sum(a <= 0.04 * n for a, n in zip(above, of, strict=True))
        return f"{low} of {len(of)}"

    def spread(each: str) -> str:
        family = study.chain.wearer.score
        stage = "host" if family == "template" else "int8"
        areas = [
            area(run.of(each), (V, F)) or 0.0 for run in study.families.get((family, stage), [])
        ]
        return f"{max(areas) - min(areas):.4f}" if len(areas) > 1 else "no seed"

    def found(each: str) -> str:
        result = alarms(study.judged.of(each), limits[0.01][each])
        return f"{result.found} of {result.runs}"

    def episodes(each: str) -> str:
        result = alarms(study.judged.of(each), limits[0.01][each])
        return f"{result.false / result.hours:.1f}"

    def pooled(*kinds: int) -> Callable[[str], str]:
        def value(each: str) -> str:
            records = study.judged.of(each)
            interval = area_interval(records, kinds)
            return f"{_area(records, kinds)}{_interval(interval)}"

        return value

    rows = [
        detection(
            "QRS sensitivity",
            "99.85 %",
            lambda each: percent(qrs.total(each.values()).sensitivity, 2),
        ),
        detection(
            "QRS positive predictivity",
            "99.7 %",
            lambda each: percent(qrs.total(each.values()).predictivity, 2),
        ),
        detection("the lower of both, worst record", "98 %", least),
        detection("records with 95 % of R within 10 ms", "9 of 10", close),
        ["QRS with electrode steps at 6 dB", "99 %, 96 %", *steps()],
        row("AUROC of V and F, pooled", "0.975", pooled(V, F)),
        row(f"the same, worst record with {ENOUGH} or more", "0.93", worst),
        row("AUROC of S, pooled", "0.93", pooled(S)),
        row("spread of AUROC of V and F over seeds", "0.01", spread),
        row("false alarms at 1 % per beat", "at most 1.5 %", rate(N, 0.01)),
        row("V found at 1 %", "94 %", rate(V, 0.01)),
        row("false alarms at 2 % per beat", "at most 3 %", rate(N, 0.02)),
        row("V found at 2 %", "97 %", rate(V, 0.02)),
        row("records with at most 4 % false alarms at 2 %", "9 of 10", few),
        row("runs of three V found, alarm of 3 in 5 at 1 %", "all", found),
        row("false alarms of 3 in 5 per hour", "at most 3", episodes),
    ]
    if study.board is not None:
        text = f"{study.board.differing} of {study.board.beats:,}"
        rows.append(["beats that differ on the board", "0", "", "", text])
    rows.append(
        ["slowest record of 30 minutes on the host", "3 s", "", "", f"{study.seconds:.1f} s"]
    )
    return table(["measure", "asked", *SETS, "both"], rows)


def _area(records: Sequence[Judged], kinds: Sequence[int]) -> str:
    value = area(records, kinds)
    return "none" if value is None else f"{value:.4f}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"


def families(study: Study) -> str:
    """AUROC by family of scores, stage and class; mean and lowest of the seeds."""
    columns = [
        (each, kinds)
        for each in SETS
        for kinds in ((V, F), (V,), (F,), (S,))
        if _area(study.judged.of(each), kinds) != "none"
    ]
    names = {(V, F): "V and F", (V,): "V", (F,): "F", (S,): "S"}
    rows = []
    for (family, stage), runs in study.families.items():
        cells = []
        for each, kinds in columns:
            areas = [value for run in runs if (value := area(run.of(each), kinds)) is not None]
            low = f" ({min(areas):.4f})" if len(areas) > 1 else ""
            cells.append(f"{np.mean(areas):.4f}{low}")
        rows.append([f"`{family}`", stage, *cells])
    return table(["score", "stage", *(f"{each}: {names[kinds]}" for each, kinds in columns)], rows)


def best_family(study: Study) -> str:
    """Say which int8 family of scores is best on DS1, and which the bundle has."""
    runs = {family: runs for (family, stage), runs in study.families.items() if stage != "float"}

    def best(kinds: tuple[int, ...]) -> str:
        means = {
            family: np.mean([area(run.ds1, kinds) or 0.0 for run in some])
            for family, some in runs.items()
        }
        return max(means, key=lambda family: float(means[family]))

    return (
        f"On DS1, `{best((V, F))}` is best for V and F, and `{best((S,))}` for S. The recipe has "
        f"`{study.chain.wearer.score}`."
    )


def detectors(study: Study) -> str:
    """Sensitivity and positive predictivity by record and detector."""
    names = list(next(iter(study.qrs.values())))

    def row(title: str, results: Mapping[str, qrs.Detected]) -> list[str]:
        cells = [pair(results[name]) for name in names]
        own = results["Vigil"]
        return [title, str(own.missed), str(own.false), percent(own.close_share), *cells]

    rows = []
    for each in SETS:
        some = [study.qrs[record.name] for record in study.records[each]]
        rows += [
            row(record.name, results)
            for record, results in zip(study.records[each], some, strict=True)
        ]
        sums = {name: qrs.total(results[name] for results in some) for name in names}
        rows.append(row(f"**{each}**", sums))
    return table(["record", "missed", "false", "R within 10 ms", *names], rows)


def by_record(study: Study, each: str) -> str:
    """Beats by class, AUROC by class, false alarms and found beats of each record."""
    limits = {rate: limits_of(study, rate)[each] for rate in (0.01, 0.02)}
    head = ["record", "N", "S", "V", "F", "AUROC V", "F", "S"]
    head += ["false alarms at 1 %", "at 2 %", "V found at 1 %", "S found at 1 %"]
    rows = []
    for r in study.judged.of(each):
        counts = [str(int((r.classes == kind).sum())) for kind in (N, S, V, F)]
        areas = ["" if (a := area([r], (kind,))) is None else f"{a:.3f}" for kind in (V, F, S)]
        false = [percent(share(flagged([r], limits[rate], N))) for rate in limits]
        hits = (percent(share(flagged([r], limits[0.01], kind))) for kind in (V, S))
        rows.append([r.name, *counts, *areas, *false, *hits])
    return table(head, rows)


def alarm_rates(study: Study) -> str:
    """Runs found and false alarms per hour, by the rate that was asked per beat."""
    head = ["asked per beat"]
    for each in SETS:
        head += [f"{each}: per beat", "V found", "S found", "runs found", "false alarms per hour"]
    rows = []
    for rate in RATES:
        row = [percent(rate)]
        for each, limits in limits_of(study, rate).items():
            records = study.judged.of(each)
            row += [percent(share(flagged(records, limits, kind)), 2) for kind in (N, V, S)]
            result = alarms(records, limits)
            row += [f"{result.found} of {result.runs}", f"{result.false / result.hours:.1f}"]
        rows.append(row)
    return table(head, rows)


def noise(study: Study) -> str:
    """QRS figures, AUROC and false alarms by noise and ratio, on DS1."""
    rows = []
    for kind in NOISES:
        some = [study.noise["DS1", kind, decibels] for decibels in DECIBELS]
        rows += [
            [kind, "QRS", *(pair(n.qrs, 1) for n in some)],
            ["", "beats judged", *(percent(n.judged) for n in some)],
            ["", "AUROC of V and F", *("" if n.area is None else f"{n.area:.3f}" for n in some)],
            ["", "false alarms", *(percent(n.false) for n in some)],
        ]
    return table(["noise", "figure", *(f"{decibels:g} dB" for decibels in DECIBELS)], rows)
