"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from training.bundle.errors import DataError
from training.data.files.cells import is_time, quoted
from training.data.files.options import Options
from training.data.files.sheet import MOST_COLUMNS, Column, Sheet, check_size
from training.data.files.times import to_seconds

SUFFIXES = (".parquet", ".pq")


def sniff(head: bytes) -> bool:
    """Return whether the magic number is there."""
    return head[:4] == b"PAR1"


def read(path: Path, options: Options) -> Sheet:
    """Read columns of numbers, times, booleans and words; nested ones are left out."""
    try:
        scan = pl.scan_parquet(path)
        width = len(scan.collect_schema())
        if width > MOST_COLUMNS:
            raise DataError(f"{path}: has more than {MOST_COLUMNS} columns")
        check_size(path, scan.select(pl.len()).collect().item() * width)
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise DataError(f"{path}: cannot be read: {quoted(str(problem))}") from None
    columns = [c for c in (_column(frame[name]) for name in frame.columns) if c is not None]
    left_out = [quoted(n) for n in frame.columns if n not in {c.name for c in columns}]
    note = f"columns of nested or other types are left out: {', '.join(left_out[:8])}"
    return Sheet(path, tuple(columns), notes=(note,) if left_out else ())


def _column(cells: pl.Series) -> Column | None:
    dtype = cells.dtype
    if dtype.is_numeric() or dtype == pl.Boolean:
        return Column(cells.name, cells.cast(pl.Float64).to_numpy().astype(np.float64))
    if dtype in (pl.Datetime, pl.Date):
        stamps = cells.cast(pl.Datetime("us"))
        seconds = stamps.dt.timestamp("us").cast(pl.Float64).to_numpy() / 1e6
        return Column(cells.name, np.asarray(seconds, np.float64), kind="time")
    if dtype in (pl.String, pl.Categorical):
        cells = cells.cast(pl.String)
        first = cells.drop_nulls().head(1).to_list()
        if first and is_time(first[0]):
            return Column(cells.name, to_seconds(cells, of_day=False), kind="time")
        words = cells.unique(maintain_order=True).drop_nulls().to_list()
        codes = {word: float(n) for n, word in enumerate(words)}
        values = cells.replace_strict(codes, default=None, return_dtype=pl.Float64).to_numpy()
        return Column(cells.name, values.astype(np.float64), kind="words", words=tuple(words))
    return None
