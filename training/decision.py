"""Fit the decision over windows: alarm level, rate of false alarms, drift (docs/bundle.md).

A window's p-value says nothing about the rate of false alarms, because the scores of neighbouring
windows are correlated: k of n by the binomial distribution raises 30 to 200 times more alarms on
real signals than it promises. The rate is therefore counted. The alarm's level comes from the
first half of the calibration stretch, and E alarms are counted on the other half. If alarms are a
Poisson process, their rate is with 95 % confidence at most chi2(0.95; 2 E + 2) / 2 per duration of
that half (Garwood 1936).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training.bundle import manifest
from training.bundle.decision import make_decision
from training.bundle.errors import DataError
from training.sections import Alarm
from training.threshold import conformal

BLOCKS = 16  # of the drift; Drift::kBlocks
LOW = 0.1  # a p-value up to this counts as low
CLEAR = 0.8  # of the level that raises an alarm, at which it is cleared at the earliest
DRIFT_RATE = 0.01  # probability of a false "recalibrate" at a given moment
# By how much an estimate of the correlation time may be too small. With 6, the drift keeps its rate
# on real series (benchmarks/alarms.py); with 2, it was raised twice as often as stated.
CAUTION = 6
LARGE_SHARE = 0.05  # of normal time in alarm, from which on a warning is given
NO_DRIFT = manifest.Drift(block=1, limit=BLOCKS, share=1.0, correlation=1.0, guarantee="")

Scores = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Calibration windows that follow one another.

    Attributes:
        scores: float32 [n].
        first: int64 [n], first frame of each window.
        hop: frames from one window to the next; for beats int64 [n], to each from the one before.
        seconds: from one window to the next; None if not known.
        ordered: whether the windows are in time order.
    """

    scores: Scores
    first: NDArray[np.int64]
    hop: int | NDArray[np.int64]
    seconds: float | None
    ordered: bool

    def part(self, start: int, stop: int) -> Stretch:
        """Return the windows start to stop - 1."""
        here = slice(start, stop)
        hop = self.hop if isinstance(self.hop, int) else self.hop[here]
        return Stretch(self.scores[here], self.first[here], hop, self.seconds, self.ordered)


def fit_decision(
    settings: Alarm, stretch: Stretch, threshold: np.float32, rate: float
) -> manifest.Decision | manifest.NoDecision:
    """Choose the alarm's levels, and state its rate of false alarms and the drift's limit.

    Args:
        threshold: of the bundle.
        rate: the false-alarm rate per window, with which the threshold was chosen.

    Raises:
        DataError: there are too few calibration windows for the alarm.
    """
    if settings.kind == "none":
        return manifest.NoDecision()
    half = len(stretch.scores) // 2
    if half < 2 * settings.windows:
        raise DataError(
            f"alarm.windows is {settings.windows}, but half of the calibration part has {half} "
            f"windows, fewer than {2 * settings.windows}: set a larger split.calibration, or fewer "
            "alarm.windows"
        )
    first, other = stretch.part(0, half), stretch.part(half, 2 * half)
    if settings.kind == "count":
        level: float = settings.count
        thresholds = {float(threshold), float(conformal(first.scores, rate).value)}
    else:
        level = (
            _mean_level(settings, first, threshold) if settings.level is None else settings.level
        )
        thresholds = {float(threshold)}
    alarm = manifest.AlarmLevels(
        kind=settings.kind,
        windows=settings.windows,
        raise_level=manifest.float32_text(level),
        clear_level=manifest.float32_text(_clear_level(settings, level, first, threshold)),
    )
    # The deployed threshold has seen both halves; take the worse of it and that of the first half.
    episodes, share = max(count_alarms(alarm, other, value) for value in thresholds)
    counted = _false_alarms(episodes, share, other) if stretch.ordered else None
    return manifest.Decision(
        kind="alarm",
        alarm=alarm,
        false_alarms=counted,
        guarantee=_guarantee(counted, other.seconds),
        drift=fit_drift(stretch),
    )


def count_alarms(
    alarm: manifest.AlarmLevels, stretch: Stretch, threshold: float
) -> tuple[int, float]:
    """Count how often the board's own alarm is raised, and the share of windows in alarm."""
    native = make_decision(manifest.Decision(kind="alarm", alarm=alarm, drift=NO_DRIFT), [])
    hop = stretch.hop if isinstance(stretch.hop, int) else stretch.hop[1:]
    gaps = (np.diff(stretch.first) != hop) & stretch.ordered
    on = []
    for n, piece in enumerate(np.split(stretch.scores, np.flatnonzero(gaps) + 1)):
        if n:
            native.gap()
        on.append(native.push(np.ascontiguousarray(piece), threshold)[1])
    state = np.concatenate(on)
    raised = np.diff(state.astype(np.int8), prepend=0) > 0
    return int(raised.sum()), float(state.mean())


def _means(settings: Alarm, first: Stretch) -> NDArray[np.float64]:
    return np.convolve(first.scores, np.ones(settings.windows) / settings.windows, "valid")


def _clear_level(settings: Alarm, level: float, first: Stretch, threshold: np.float32) -> float:
    """Return the level below which the alarm is cleared.

    Scores that are joined by their fourth roots are never far below the threshold, so an alarm that
    is cleared at 0.8 of its level would stay on.
    """
    if settings.clear is not None:
        return level * settings.clear
    half_way = 0.0
    if settings.kind == "mean" and threshold > 0:
        half_way = (float(np.median(_means(settings, first)) / threshold) + level) / 2
    return min(max(CLEAR * level, half_way), level)


def _mean_level(settings: Alarm, first: Stretch, threshold: np.float32) -> float:
    """Return the smallest level, as a multiple of the threshold, that `first` does not reach."""
    if not threshold > 0:
        raise DataError("alarm.kind is 'mean', but the threshold is 0: set alarm.level")
    level = np.float32(_means(settings, first).max() / threshold)
    while True:
        levels = manifest.AlarmLevels(
            kind="mean",
            windows=settings.windows,
            raise_level=manifest.float32_text(level),
            clear_level=0,
        )
        if not count_alarms(levels, first, float(threshold))[0]:
            return float(level)
        level = np.nextafter(level, np.float32(np.inf))


def _false_alarms(episodes: int, share: float, other: Stretch) -> manifest.FalseAlarms:
    windows = len(other.scores)
    most = float(stats.chi2.ppf(0.95, 2 * episodes + 2) / 2)
    hours = None if other.seconds is None else windows * other.seconds / 3600
    return manifest.FalseAlarms(
        windows=windows,
        hours=hours,
        episodes=episodes,
        share=share,
        most_per_window=most / windows,
        most_per_hour=None if not hours else most / hours,
    )


def _guarantee(counted: manifest.FalseAlarms | None, seconds: float | None) -> str:
    if counted is None:
        return (
            "None: the calibration windows are shuffled (split.order), so there is no time order "
            "in which false alarms could be counted."
        )
    times = "once" if counted.episodes == 1 else f"{counted.episodes} times"
    if counted.most_per_hour is None or counted.hours is None:
        on, most = "", f"{1000 * counted.most_per_window:.3g} times per 1,000 windows"
    else:
        on = f" ({duration(counted.hours)})"
        most = (
            f"{counted.most_per_hour:.3g} times per hour, once in "
            f"{duration(1 / counted.most_per_hour)}"
        )
    text = (
        f"On {counted.windows} held-out calibration windows{on} the alarm was raised {times}, and "
        f"was on for {counted.share:.1%} of them. With 95 % confidence, a normal signal like "
        f"theirs raises it at most {most}."
    )
    if counted.share > LARGE_SHARE:
        text += (
            " The normal signal itself moves between the two halves of the calibration part; if it "
            "moves further, no such rate holds."
        )
    return text


def duration(hours: float) -> str:
    """Return a duration in the unit that fits: seconds, minutes, hours or days."""
    for unit, size in (("days", 24.0), ("hours", 1.0), ("minutes", 1 / 60)):
        if hours >= 2 * size:
            return f"{hours / size:.3g} {unit}"
    return f"{hours * 3600:.3g} seconds"


def fit_drift(stretch: Stretch) -> manifest.Drift:
    """Choose how many windows the drift looks at, and how many low p-values are too many.

    The share of low p-values is a beta-binomial variable, with the numbers of windows divided by
    CAUTION times their correlation time: n correlated windows say as much as n / correlation
    independent ones.
    The drift looks at an hour or at 256 windows, whichever is more, and at twice as many until the
    limit is a share of 0.3 or less, at most 64 times.
    """
    n = len(stretch.scores)
    low = np.zeros(n)
    low[np.argsort(-stretch.scores, kind="stable")[: max(round(LOW * n), 1)]] = 1
    correlation = correlation_time(low) if stretch.ordered else 1.0
    cautious = CAUTION * correlation if stretch.ordered else 1.0
    windows = 256 if stretch.seconds is None else max(256, round(3600 / stretch.seconds))
    windows = min(windows, 1 << 24)
    share = drift_limit(n, windows, cautious)
    for _ in range(6):
        if share <= 0.3:
            break
        windows *= 2
        share = drift_limit(n, windows, cautious)
    block = -(-windows // BLOCKS)
    spans = "" if stretch.seconds is None else f", {duration(windows * stretch.seconds / 3600)},"
    text = (
        f"While the signal stays like the {n} calibration windows, more than {share:.0%} of the "
        f"last {block * BLOCKS} windows{spans} have a p-value of {LOW} or less with a probability "
        f"of about {DRIFT_RATE:.0%} at a given moment (neighbours correlate over {correlation:.3g} "
        "windows)."
    )
    if not stretch.ordered:
        text += (
            " The calibration windows are shuffled, so their correlation is not known: this holds "
            "for independent windows."
        )
    if share >= 1:
        text = (
            f"None: {n} calibration windows that correlate over {correlation:.3g} windows are too "
            "few to tell a drift."
        )
    return manifest.Drift(
        block=block,
        limit=min(math.floor(share * block * BLOCKS), block * BLOCKS),
        share=share,
        correlation=round(correlation, 3),
        guarantee=text,
    )


def correlation_time(values: NDArray[np.float64]) -> float:
    """Return how many windows in a row say as much as one independent window, 1 or more.

    It is the largest ratio, over block lengths that leave 10 blocks, of the variance of block means
    to what independent values would give (batch means).
    """
    variance, longest, length = float(values.var()), 1.0, 1
    while variance > 0 and len(values) // length >= 10:
        means = values[: len(values) // length * length].reshape(-1, length).mean(axis=1)
        longest = max(longest, length * float(means.var(ddof=1)) / variance)
        length *= 2
    return longest


@cache
def drift_limit(calibration: int, windows: int, correlation: float) -> float:
    """Return the share of low p-values that is exceeded with probability DRIFT_RATE at most."""
    independent = int(calibration / correlation)
    new = min(max(int(windows / correlation), 1), 2000)  # more would not tell more
    k = int(LOW * (independent + 1))
    if k < 1:
        return 1.0
    counts = np.arange(new + 1)
    above = 1 - np.cumsum(stats.betabinom.pmf(counts, new, k, independent + 1 - k))
    return float(counts[np.argmax(above <= DRIFT_RATE)] / new)
