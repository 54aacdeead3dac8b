"""The evaluation of a bundle on MIT-BIH: everything that the page of the ECG shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.measure.ecg import qrs
from tools.measure.ecg.board import BoardRun, run_on_board
from tools.measure.ecg.families import Families, Run, compare_families
from tools.measure.ecg.figures import area, flagged, share, threshold
from tools.measure.ecg.noise import DECIBELS, NOISES, with_noise
from tools.measure.ecg.records import (
    Chain,
    F,
    Judged,
    N,
    Record,
    V,
    chain_of,
    errors_of,
    read_records,
)
from training.bundle import Bundle, read_bundle
from training.bundle.errors import DataError
from training.data import ecg


@dataclass(frozen=True)
class Noisy:
    """Figures of a set of records with one noise at one ratio."""

    qrs: qrs.Detected
    judged: float  # share of the annotated beats found that the quality gate lets pass
    area: float | None  # AUROC of V and F
    false: float  # share of normal beats above the threshold of clean records at 2 %


@dataclass(frozen=True, eq=False)
class Study:
    """All figures of one bundle."""

    name: str
    chain: Chain
    records: Mapping[str, Sequence[Record]]  # of "DS1" and "DS2"
    judged: Run  # by the bundle's own family of scores
    families: Families
    qrs: Mapping[str, Mapping[str, qrs.Detected]]  # by record, by detector; "Vigil" is first
    noise: Mapping[tuple[str, str, float], Noisy]  # by set, noise and decibels
    board: BoardRun | None
    seconds: float  # the longest that a record took: read, find its beats, judge them

    @property
    def rate_hz(self) -> float:
        """Frames per second that the chain sees."""
        return self.records["DS1"][0].recording.rate_hz or 1.0


def evaluate(
    bundle_dir: Path, seeds: int, port: str | None, say: Callable[[str], None] = lambda _: None
) -> Study:
    """Evaluate a bundle on the records of MIT-BIH that are at hand.

    Args:
        seeds: of the autoencoders that are compared; 0 compares none.
        port: of a board with this bundle, which gets every record; None for no board.
        say: called with a line on what is being done.

    Raises:
        VigilError: the bundle, a record or the board cannot be used.
    """
    bundle = read_bundle(bundle_dir)
    chain, settings = chain_of(bundle), ecg.Settings()
    folder = ecg.find_folder()
    seconds = 0.0
    records: dict[str, list[Record]] = {"DS1": [], "DS2": []}
    judged: dict[str, list[Judged]] = {"DS1": [], "DS2": []}
    for part, names in (("DS1", settings.train), ("DS2", settings.test)):
        for name in names:
            say(f"record {name}")
            began = time.perf_counter()
            for record in read_records(folder, [name], chain):
                records[part].append(record)
                judged[part].append(judge(bundle, chain, record))
                seconds = max(seconds, time.perf_counter() - began)
        if len(records[part]) < 2:
            raise DataError(f"{folder}: fewer than two records of {part} are there")
    limit = threshold(judged["DS1"], 0.02)
    noise: dict[tuple[str, str, float], Noisy] = {}
    for kind in NOISES:
        for decibels in DECIBELS:
            say(f"{kind} at {decibels:g} dB")
            for part in records:
                noisy = [_with_noise(each, chain, kind, decibels) for each in records[part]]
                noise[part, kind, decibels] = _noisy(bundle, chain, noisy, limit)
    detected = {}
    for record in [*records["DS1"], *records["DS2"]]:
        say(f"QRS detectors on record {record.name}")
        others = qrs.by_others(folder / record.name, record.annotations)
        detected[record.name] = {"Vigil": qrs.of_record(record)} | others
    board = None
    if port is not None:
        board = run_on_board(bundle, port, chain, [*records["DS1"], *records["DS2"]], say)
    return Study(
        name=bundle.manifest.name,
        chain=chain,
        records=records,
        judged=Run(judged["DS1"], judged["DS2"]),
        families=compare_families(
            records["DS1"], records["DS2"], chain, bundle.manifest.recipe, seeds, say
        ),
        qrs=detected,
        noise=noise,
        board=board,
        seconds=seconds,
    )


def judge(bundle: Bundle, chain: Chain, record: Record) -> Judged:
    """Judge a record by the bundle's own score."""
    needs_model = chain.wearer.score != "template"
    return chain.judge(record, errors_of(bundle, record) if needs_model else None)


def _with_noise(record: Record, chain: Chain, kind: str, decibels: float) -> Record:
    return chain.find(with_noise(record.recording, kind, decibels), record.annotations)


def _noisy(bundle: Bundle, chain: Chain, records: Sequence[Record], limit: float) -> Noisy:
    judged = [judge(bundle, chain, record) for record in records]
    limits = {record.name: limit for record in records}
    return Noisy(
        qrs=qrs.total(map(qrs.of_record, records)),
        judged=sum(len(j.scores) for j in judged) / max(1, sum(r.used.sum() for r in records)),
        area=area(judged, (V, F)),
        false=share(flagged(judged, limits, N)),
    )
