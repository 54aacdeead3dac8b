"""The wearer as docs/bundle.md specifies it, in unbounded integers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

OCTAVE = 65536


def quotient(a: int, b: int) -> int:
    """a / b, rounded towards 0 as in C++."""
    return abs(a) // b * (1 if a >= 0 else -1)


def sign(a: int) -> int:
    return (a > 0) - (a < 0)


def log(value: float) -> int:
    """log2 in 1/65536, exact to the nearest 1/2048; the firmware's is within half a step more."""
    return round(2048 * math.log2(value)) * 32


@dataclass
class Form:
    t: list[int]
    beats: int
    early: int
    error: int
    distance: int = 0
    accepted_early: int | None = None
    accepted_error: int | None = None

    @property
    def size(self) -> int:
        return sum(abs(v) >> 4 for v in self.t)


@dataclass
class Page:
    """The wearer of the page, for one channel."""

    score: str
    window: int
    channels: int
    first: int
    length: int
    shift: int
    learn: int
    forms: list[Form] = field(default_factory=list)
    seen: int = 0
    intervals: int = 0
    distance: int = 0
    error: int = 0
    rr: int = 0
    center: int = 0
    deviation: int = 0
    alarmed: int = 0  # beats since the alarm was raised
    judged: tuple[Any, ...] = ()
    flagged: list[tuple[list[int], int, int, int]] = field(default_factory=list)

    def moved(self, x: list[int], start: int) -> list[int]:
        piece = x[start : start + self.length]
        mean = quotient(sum(piece) * 256, self.length)
        return [v * 256 - mean for v in piece]

    def nearest(self, x: list[int]) -> tuple[int, int, int]:
        """Return the smallest distance, its form and its start."""
        return min(
            (
                (sum(abs(a - b) >> 4 for a, b in zip(self.moved(x, start), f.t, strict=True)), j, s)
                for j, f in enumerate(self.forms)
                for s, start in enumerate(
                    range(self.first - self.shift, self.first + self.shift + 1)
                )
            ),
            default=(2**32 - 1, 0, self.shift),
        )

    def follow(self, form: Form, x: list[int], step: int, divisor: int) -> None:
        moved = self.moved(x, self.first - self.shift + step)
        form.t = [t + quotient(v - t, divisor) for t, v in zip(form.t, moved, strict=True)]

    def interval(self, rr: int) -> int:
        if rr == 0:
            return 0
        if self.intervals == 0:
            self.rr = log(rr)
        return log(rr) - self.rr

    def follow_rhythm(self, rr: int, interval: int, shape: int = 0) -> None:
        if rr == 0:
            return
        self.intervals = min(self.intervals + 1, 64)
        self.rr += quotient(max(-9830, min(9830, interval)), self.intervals)
        if shape >= 5 * OCTAVE // 4:
            return
        off = interval - self.center
        step = OCTAVE // 16 // self.intervals
        self.center += sign(off) * (step // 2)
        self.deviation += sign(abs(off) - self.deviation) * step

    def judge(self, x: list[int], rr: int, error: float) -> float | None:
        interval = self.interval(rr)
        log_error = 0
        if self.score != "template":
            log_error = log(int(min(error, 2**20) * 2**40) + 1) - 40 * OCTAVE
        distance, at, step = self.nearest(x)
        if self.seen < self.learn:
            self.follow_rhythm(rr, interval)
            self.seen += 1
            if self.forms and distance * 8 < self.forms[at].size * 5:
                form = self.forms[at]
                form.beats += 1
                weight = min(form.beats, 32)
                of_beat = log(distance) if distance else 0
                form.distance += quotient(of_beat - form.distance, 1 if form.beats == 2 else weight)
                form.error += quotient(log_error - form.error, weight)
                form.early += quotient(interval - form.early, weight)
                self.follow(form, x, step, weight)
            else:
                new = Form(self.moved(x, self.first), 1, interval, log_error)
                if len(self.forms) < 4:
                    self.forms.append(new)
                else:
                    self.forms[self.rarest()] = new
            if self.seen == self.learn:
                main = max(self.forms, key=lambda f: f.beats)
                self.distance, self.error = main.distance, main.error
                self.forms = [
                    f
                    for f in self.forms
                    if (f.beats == main.beats or f.beats * 10 >= self.learn)
                    and f.early >= min(main.early, 0) - 11264
                ]
            return None
        form, usual, center = self.forms[at], self.error, self.center
        accepted = form.accepted_early, form.accepted_error
        excused = None not in accepted and distance * 8 < form.size * 5
        if excused:
            usual, center = max(usual, accepted[1]), min(center, accepted[0])
        early = 0
        if rr:
            early = max(0, center - interval) * 256 // max(self.deviation, OCTAVE // 64)
        relative = (log(distance) if distance else 0) - self.distance
        shape = max(
            0,
            relative if self.score != "autoencoder" else 0,
            log_error - usual if self.score != "template" else 0,
        )
        score = shape + quotient((log(256 + early) - 8 * OCTAVE) * 5, 8)
        self.judged = x, rr, interval, shape, score, relative, log_error, excused, form, step
        return score / OCTAVE

    def decided(self, flagged: bool, alarm: bool) -> None:
        x, rr, interval, shape, score, relative, log_error, excused, form, step = self.judged
        if flagged:
            self.flagged.append((x, interval, log_error, relative))
        self.alarmed = self.alarmed + 1 if alarm else 0
        self.follow_rhythm(rr, interval, shape)
        if score >= 9 * OCTAVE // 4:
            return
        self.distance += sign(relative) * 1024
        if not excused:
            self.error += sign(log_error - self.error) * 1024
        if not flagged and not 1 <= self.alarmed <= 32:
            self.follow(form, x, step, 32)

    def rarest(self) -> int:
        return min(range(4), key=lambda j: self.forms[j].beats)

    def accept(self) -> None:
        """Accept the beat that was flagged last."""
        x, interval, error, relative = self.flagged[-1]
        moved = self.moved(x, self.first)
        distance, at = min(
            (sum(abs(a - b) >> 4 for a, b in zip(moved, f.t, strict=True)), j)
            for j, f in enumerate(self.forms)
        )
        now = (log(distance) if distance else 0) - self.distance
        unusual = self.score != "autoencoder" and min(relative, now) >= 5 * OCTAVE // 4
        if unusual or distance * 8 >= self.forms[at].size * 5:
            at = len(self.forms) if len(self.forms) < 4 else self.rarest()
            self.forms[at : at + 1] = [Form(moved, 1, 0, self.error, self.distance)]
        form = self.forms[at]
        known = form.accepted_early is not None
        form.accepted_early = min(interval, form.accepted_early) if known else interval
        form.accepted_error = max(error, form.accepted_error) if known else error
