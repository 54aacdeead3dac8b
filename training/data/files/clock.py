"""The column of time: which it is, its rate, its gaps and repeated stamps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.wording import plural
from training.data.files.calendar import joined_calendar
from training.data.files.cells import shown
from training.data.files.sheet import Column, Sheet
from training.data.files.steps import in_runs, in_turn, stands_still

ALWAYS = {"time", "timestamp", "date", "datetime", "index"}
LIKELY = re.compile(
    r"(?:.*[ _])?(?:time|timestamp|stamp|date|datetime|epoch|millis|micros|clock|elapsed|seconds?"
    r"|ms|us|t|ts|utc|sample|frame|count|counter|number|no|nr|n|id|row|index|unnamed: ?\d+)"
    r"(?:[ _](?:ms|s|us|ns|utc|unix|sec|seconds|stamp|millis))?",
    re.I,
)
COUNTER = {"index", "sample", "frame", "count", "counter", "number", "no", "nr", "n", "id", "row"}
UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "millis": 1e-3}
UNITS |= {"msec": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6, "micros": 1e-6}
UNITS |= {"microseconds": 1e-6, "ns": 1e-9, "min": 60.0, "minutes": 60.0, "h": 3600.0}
UNITS |= {"hours": 3600.0, "d": 86400.0, "days": 86400.0}
EPOCH = 4e8  # seconds since 1970 that no device counts from its start: September 1982
LATEST = 5e9  # seconds since 1970 that no log has reached: June 2128
DAY = 86_400.0
DAYS = (25_569.0, 73_050.0)  # since 1900: the years 1970 to 2099
FEWEST = 8  # rows below which no column is taken for a clock by what it holds
TURNS = (
    2.0**8,
    1e3,
    1e4,
    2.0**16,
    86_400.0,
    1e6,
    86_400e3,
    2.0**32,
)  # at which a counter begins again
SAMPLE = 200_000  # frames from which the usual step is derived
UNSORTED = 0.1  # share of jumps back above which the rows are in no order
IRREGULAR = 0.2  # share of steps off the usual one above which no rate holds
UNSTEADY = 0.05  # the same, above which it is said
FEWEST_OTHER = 10  # steps in a row of another whole tick that are another rate


@dataclass(frozen=True, eq=False)
class Clock:
    """When the frames were taken.

    seconds  float64 [frames], of an arbitrary zero unless `absolute`; None if only a counter
    rate_hz  frames per second in the regular stretches; None if there is no unit of time
    cuts     int64 [k]: frames that do not follow the frame before them at the usual step
    lost     int64 [k]: how many frames are missing before each of `cuts`; 0 for a jump back
    """

    name: str
    columns: tuple[str, ...]
    seconds: NDArray[np.float64] | None
    absolute: bool
    rate_hz: float | None
    cuts: NDArray[np.int64]
    lost: NDArray[np.int64]
    gaps: int
    longest: float  # of the gaps, in seconds or counts
    repeats: int
    backward: int
    irregular: bool
    off: float = 0.0  # share of steps, without the gaps, off the usual one
    first_gap: int = 0  # frame
    still: int = 0  # frames in which the clock stands still
    first_still: int = 0  # frame

    def notes(self, sheet: Sheet) -> list[str]:
        """Return sentences about the clock, its gaps and repeated stamps."""
        rate = "" if self.rate_hz is None else f": {describe_rate(self.rate_hz)}"
        notes = [f"column {shown(self.name)} is the clock{rate}"]
        others = [shown(name) for name in self.columns if name != self.name]
        if others:
            notes.append(f"left out, because they count or tell the time: {', '.join(others)}")
        unit = "frames" if self.seconds is None else "s"
        if self.gaps:
            notes.append(
                f"{self.gaps} {plural('gap', self.gaps)} in the time (the longest "
                f"{self.longest:.6g} {unit}; the first at row {sheet.row(self.first_gap)}): the "
                "recording is cut there"
            )
        if self.still:
            notes.append(
                f"the clock stands still for {self.still} {plural('row', self.still)}, from row "
                f"{sheet.row(self.first_still)} on: the recording is cut there"
            )
        for count, what in ((self.repeats, "repeated"), (self.backward, "backward")):
            if count:
                notes.append(
                    f"{count} {what} {plural('time stamp', count)}: the recording is cut there"
                )
        return notes


def describe_rate(rate_hz: float) -> str:
    """Return a rate in words, as frames per second or as seconds per frame."""
    if rate_hz == 1:
        return "1 frame per second"
    if rate_hz > 1:
        return f"{rate_hz:.6g} frames per second" if rate_hz < 1e6 else f"{rate_hz:,.0f} per second"
    return f"a frame every {1 / rate_hz:.6g} s"


def find_clock(sheet: Sheet, exclude: Sequence[str], rate_hz: float | None) -> Clock | None:
    """Return the clock among the columns not in `exclude`, None if there is none.

    A column is the clock by its kind (dates), by its name, or because it only rises, by a steady
    step. A known `rate_hz` separates seconds from milliseconds.
    """
    free = [c for c in sheet.columns if c.name not in exclude and not np.isnan(c.values).all()]
    dated = [c for c in free if c.kind.startswith("time")]
    numbers = [c for c in free if c.kind == "number"]
    calendar = joined_calendar(numbers) if not dated and numbers else None
    if calendar is not None:
        numbers = [c for c in numbers if c.name not in calendar[1]]
        dated = [calendar[0]]
    named = [c for c in numbers if _base(c) in ALWAYS or LIKELY.fullmatch(c.name) or not c.name]
    rising = [c for c in named if _base(c) in ALWAYS - {"index"} or _rises(c.values)]
    steady = [
        c
        for c in numbers
        if c not in rising and (_steady(c.values, sheet.breaks) or _turns(c.values))
    ]
    if len(rising) + len(steady) < len(numbers):  # a channel is left
        rising += steady
    names = tuple(c.name for c in (*dated, *rising))
    if calendar is not None:
        names += calendar[1][1:]
    if dated:
        return _measure(sheet, _joined(dated), names, rate_hz)
    timed = [c for c in rising if not _is_counter(c)]
    chosen = (timed or rising)[:1]
    return _measure(sheet, chosen[0], names, rate_hz) if chosen else None


def _base(column: Column) -> str:
    return column.name.strip().lower()


def _is_counter(column: Column) -> bool:
    base = _base(column)
    return base.startswith("unnamed") or {*re.split(r"[ _]+", base)} <= COUNTER | {""}


def _joined(columns: list[Column]) -> Column:
    """Return the date and the time of day as one column."""
    dates = [c for c in columns if c.kind == "time"]
    times = [c for c in columns if c.kind == "time of day"]
    if dates and times and not (np.nan_to_num(dates[0].values) % DAY).any():
        return replace(dates[0], values=dates[0].values + times[0].values)
    if dates:
        return dates[0]
    values = times[0].values.copy()
    after_midnight = np.nan_to_num(np.diff(values)) < -DAY / 2
    values[1:] += DAY * np.cumsum(after_midnight)
    return replace(times[0], values=values)


def _rises(values: NDArray[np.float64]) -> bool:
    """Return whether nearly every value is at least as large as the one before."""
    steps = np.diff(values)
    known = len(steps) - int(np.isnan(steps).sum())
    return bool(np.count_nonzero(steps >= 0) > 0.95 * known and (steps > 0).any())


def _steady(values: NDArray[np.float64], breaks: NDArray[np.int64]) -> bool:
    """Return whether the values only rise between breaks, nearly always by the same step."""
    if np.isnan(values[-1]) and not len(breaks):  # a shorter column beside others
        values = values[: int(np.flatnonzero(~np.isnan(values))[-1]) + 1]
    steps = np.delete(np.diff(values), breaks - 1) if len(breaks) else np.diff(values)
    if len(steps) < FEWEST or not (steps > 0).all():
        return False
    usual = float(np.median(steps))
    return float((np.abs(steps - usual) <= 0.1 * usual + 1e-9).mean()) > 0.9


def _unit(column: Column, values: NDArray[np.float64], rate_hz: float | None) -> float | None:
    """Return the seconds per unit of the column, None if it cannot be known."""
    if column.kind != "number":
        return 1.0
    words = [column.unit.lower().strip(), *re.split(r"[ _]", _base(column))[::-1]]
    known = next((UNITS[word] for word in words if word in UNITS), None)
    largest = max(abs(float(np.nanmin(values))), abs(float(np.nanmax(values))))
    if known is not None and (known != 1.0 or largest <= LATEST):
        return known
    for factor in (1e-9, 1e-6, 1e-3, 1.0):  # seconds since 1970, or parts of them
        if EPOCH <= largest * factor < LATEST and largest > EPOCH:
            return factor
    if known is not None or _is_counter(column):
        return known
    steps = np.diff(values[:SAMPLE])
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    if _are_days(values, steps, usual):
        return DAY
    if rate_hz is not None and usual > 0:
        near = min((1.0, 1e-3, 1e-6), key=lambda f: abs(np.log(usual * f * rate_hz)))
        return near if abs(np.log(usual * near * rate_hz)) < 1 else 1.0
    return 1.0 if (values[:SAMPLE] % 1 > 0).any() else None


def _are_days(values: NDArray[np.float64], steps: NDArray[np.float64], usual: float) -> bool:
    """Return whether a clock without a unit counts days since 1900, as a spreadsheet does.

    The step is a whole number of milliseconds per day, and no decimal number of six digits.
    """
    if not (DAYS[0] < np.nanmin(values) and np.nanmax(values) < DAYS[1]) or not 0 < usual < 1:
        return False
    milliseconds = float(np.mean(steps[steps > 0])) * DAY * 1e3
    return _tick(steps[steps > 0][:1000]) == 0 and abs(milliseconds - round(milliseconds)) < 0.05


def _measure(sheet: Sheet, column: Column, names: tuple[str, ...], rate_hz: float | None) -> Clock:
    """Measure rate, gaps and jumps of the clock column."""
    values = _unwrapped(column)
    factor = _unit(column, values, rate_hz)
    times = values if factor in (None, 1.0) else values * factor
    absolute = factor is not None and float(np.nanmax(times)) > EPOCH
    clock = Clock(
        name=column.name,
        columns=names,
        seconds=None if factor is None else times,
        absolute=absolute,
        rate_hz=None,
        cuts=np.empty(0, np.int64),
        lost=np.empty(0, np.int64),
        gaps=0,
        longest=0.0,
        repeats=0,
        backward=0,
        irregular=False,
    )
    steps = np.diff(times)
    sample = steps[:: max(1, len(steps) // SAMPLE)]
    sample = sample[sample > 0]
    if not len(sample):
        if len(steps) >= FEWEST and (steps < 0).mean() > 0.9:
            raise DataError(
                f"{sheet.path}: column {shown(column.name)} falls from row to row: sort the rows "
                "by time, the oldest first"
            )
        return clock
    if (steps < 0).mean() > UNSORTED:
        raise DataError(
            f"{sheet.path}: column {shown(column.name)} jumps back in "
            f"{100 * (steps < 0).mean():.0f} % of the rows: sort the rows by time, or give each "
            "sensor its own file"
        )
    usual = float(np.median(sample))
    tick = _tick(sample[:10_000])
    still = stands_still(steps)
    same = (steps == 0) & ~still
    coarse = np.count_nonzero(same) > 0.1 * len(steps)
    burst = column.kind == "time of day" and sheet.columns[0].name == column.name
    between = tick >= 0.5 * usual  # the period may lie between two whole ticks
    if coarse:  # stamps in whole seconds of a fast signal: several frames share one
        usual /= float(np.median(np.diff(np.flatnonzero(steps != 0))))
        limit = max(2 * tick, 8 * usual)
    elif burst:
        limit = max(5 * usual, 0.25)
    elif between and in_turn(np.isclose(steps, usual + tick)):
        limit = usual + 1.01 * tick
    else:
        limit = 1.5 * usual
    gap, back = steps > limit, steps < 0
    repeat = same if not (coarse or burst) else np.zeros(len(steps), np.bool_)
    stops = np.diff(still.view(np.int8), prepend=0, append=0)[:-1] != 0
    cut = np.flatnonzero(gap | repeat | back | stops | np.isnan(steps))
    near = (steps > 0.9999 * usual) & (steps < 1.0001 * usual)
    regular = (steps > 0) & ~gap
    # Other steps are accidents of the clock, unless the period lies between two whole ticks.
    if not between and near.sum() > 0.9 * regular.sum():
        regular = near
    mean = usual if coarse else float(steps.sum(where=regular) / regular.sum())
    allowed = 0.3 * usual + tick
    off = (steps > usual + allowed) | ((steps > 0) & (steps < usual - allowed))
    if coarse or burst:
        off[:] = False
    elif between and factor is not None:  # a period between two ticks has both in turn
        off |= in_runs((steps > 0) & (np.abs(steps - usual) > 0.5 * tick), FEWEST_OTHER)
    lost = np.clip(np.rint(np.nan_to_num(steps[cut]) / mean) - 1, 0, 1e15)
    return replace(
        clock,
        rate_hz=None if factor is None else _round(mean),
        cuts=(cut + 1).astype(np.int64),
        lost=np.where(gap[cut], lost, 0).astype(np.int64),
        gaps=int(gap.sum()),
        longest=float(steps[gap].max()) if gap.any() else 0.0,
        repeats=int(repeat.sum()),
        backward=int(back.sum()),
        irregular=int(off.sum()) > IRREGULAR * len(steps),
        off=float((off & ~gap).mean()),
        first_gap=int(gap.argmax()) + 1 if gap.any() else 0,
        still=int(still.sum()),
        first_still=int(still.argmax()) + 1 if still.any() else 0,
    )


def _unwrapped(column: Column) -> NDArray[np.float64]:
    """Return the values of a clock of `TURNS` as if it had not begun again."""
    values = column.values
    back = np.flatnonzero(np.diff(values) < 0) if column.kind == "number" else np.empty(0, np.int64)
    if not len(back) or (values[back] != np.rint(values[back])).any():
        return values
    steps = np.diff(values[:SAMPLE])
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    for turn in TURNS:
        through = values[back + 1] - values[back] + turn
        if float(np.ptp(values)) < turn and (np.abs(through - usual) <= 0.5 * usual).all():
            turns = np.zeros(len(values))
            turns[back + 1] = turn
            return np.asarray(values + np.cumsum(turns))
    return values


def _turns(values: NDArray[np.float64]) -> bool:
    """Return whether whole numbers count up by one step, begin again, and do nothing else."""
    head = values[:1000]  # a quick answer for a signal
    if len(values) < FEWEST or not (head == np.rint(head)).all():
        return False
    if (np.diff(head) == np.median(np.diff(head))).mean() < 0.5:
        return False
    if not (values == np.rint(values)).all():
        return False
    steps = np.diff(values)
    usual = float(np.median(steps))
    if usual <= 0 or not (steps < 0).any() or (steps == usual).mean() < 0.9:
        return False
    rest = steps[steps != usual]
    for turn in TURNS:
        ahead = np.where(rest < 0, rest + turn, rest)  # over the end, a few may be lost
        near = (rest > 0) | (ahead <= 10 * usual)
        if float(np.ptp(values)) < turn and (near & (ahead > 0) & (ahead % usual == 0)).all():
            return True
    return False


def _tick(steps: NDArray[np.float64]) -> float:
    """Return the largest power of ten, at most 1 s, that divides every step; 0 if none does."""
    for digits in range(7):
        tick = 10.0**-digits
        whole = np.rint(steps / tick)
        if (whole >= 1).all() and (np.abs(steps / tick - whole) < 1e-3).all():
            return tick
    return 0.0


def check_rate(sheet: Sheet, clock: Clock | None, rate_hz: float | None) -> None:
    """Raise DataError if the clock's rate differs from the declared one by more than 5 %."""
    if clock is None or clock.rate_hz is None or rate_hz is None:
        return
    if abs(clock.rate_hz / rate_hz - 1) > 0.05:
        raise DataError(
            f"{sheet.path}: rate_hz is {rate_hz:g}, but column {shown(clock.name)} gives "
            f"{describe_rate(clock.rate_hz)}; correct or leave out 'rate_hz'"
        )


def _round(step: float) -> float:
    """Return the rate of a step, rounded to 6 digits in the rate or in the step."""
    rate, rounded = float(f"{1 / step:.6g}"), float(f"{step:.6g}")
    return rate if len(f"{rate:g}") <= len(f"{rounded:g}") else 1 / rounded
