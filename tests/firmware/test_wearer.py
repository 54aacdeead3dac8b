"""The wearer against its specification in docs/bundle.md, in unbounded integers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.native import Decision, Wearer

WINDOW, BEFORE = 60, 20
OCTAVE = 65536
SHAPE = {"window": WINDOW, "channels": 1, "first": 10, "length": 40, "shift": 4}
LEARN = 40

Beats = NDArray[np.int16]


def wearer(score: str = "template", learn: int = LEARN, **changes: Any) -> Wearer:
    return Wearer(score, **{**SHAPE, **changes}, learn=learn)


def beat(
    n: int,
    rng: np.random.Generator,
    *,
    height: float = 300,
    width: float = 3,
    noise: float = 5,
    late: int = 0,
) -> Beats:
    """Draw `n` beats: a wave of the given height and width (frames) at BEFORE, with noise."""
    t = np.arange(WINDOW) - BEFORE - late
    wave = height * np.exp(-0.5 * (t / width) ** 2)
    return np.rint(wave + noise * rng.standard_normal((n, WINDOW))).astype(np.int16)[..., None]


def steady(n: int, rr: int = 150) -> NDArray[np.uint32]:
    return np.full(n, rr, np.uint32)


def judge(
    one: Wearer,
    beats: Beats,
    rr: NDArray[np.uint32] | None = None,
    error: float = 1.0,
    **decided: Any,
) -> NDArray[np.float32]:
    n = len(beats)
    intervals = steady(n) if rr is None else rr
    return one.judge(beats, intervals, np.full(n, error, np.float32), **decided)


def learned(rng: np.random.Generator, score: str = "template", **wave: float) -> Wearer:
    one = wearer(score)
    assert np.isnan(judge(one, beat(LEARN, rng, **wave))).all()
    assert one.learned
    return one


# The page's formulas.


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


def stream(rng: np.random.Generator, n: int) -> Iterator[tuple[Beats, int, float]]:
    """Draw a heart with two forms of beats, noise, pauses and unknown intervals."""
    for _ in range(n):
        ectopic = rng.random() < 0.3
        one = beat(
            1,
            rng,
            height=rng.choice([-400, 250]) if ectopic else 300,
            width=8 if ectopic else 3,
            noise=rng.choice([2, 10, 40]),
            late=int(rng.integers(-3, 4)),
        )
        rr = 0 if rng.random() < 0.05 else int(rng.integers(60, 110) if ectopic else 150)
        yield one, rr, float(rng.lognormal())


THRESHOLD = 1.25


def decision() -> Decision:
    """An alarm of three flagged beats in five, cleared below two."""
    return Decision([(1.0, 0)], 1, "count", 5, 3.0, 2.0, block=1, limit=1)


@pytest.mark.parametrize("score", ["template", "autoencoder", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_page(score: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, page = wearer(score), Page(score, **SHAPE, learn=LEARN)
    of_board, of_page = decision(), decision()
    judged = alarms = 0
    for x, rr, error in stream(rng, 250):
        errors = np.array([error], np.float32)
        index = np.array([judged], np.uint64)
        got = one.judge(x, np.array([rr], np.uint32), errors, THRESHOLD, of_board, index)
        expected = page.judge(x.ravel().tolist(), rr, float(errors[0]))
        if expected is None:
            assert np.isnan(got[0])
            continue
        # Logarithms are within a step of 1/2048; decisions that turn on a step may drift apart.
        assert got[0] == pytest.approx(expected, abs=0.02)
        alarm = bool(of_page.push(got, THRESHOLD)[1][0])
        page.decided(bool(got[0] > THRESHOLD), alarm)
        if got[0] > THRESHOLD and judged % 10 == 0:
            assert one.accept(judged)
            page.accept()
        judged += 1
        alarms += alarm
    assert judged == 210 and alarms > 0
    assert len(one.forms) == len(page.forms)


def test_usual_beats_score_near_zero_and_doublings_count() -> None:
    rng = np.random.default_rng(1)
    one = learned(rng)
    usual = judge(one, beat(100, rng))
    assert float(np.median(usual)) < 0.2
    assert usual.max() < 1
    taller = judge(one, beat(1, rng, height=360))[0]
    much_taller = judge(one, beat(1, rng, height=420))[0]
    assert much_taller - taller == pytest.approx(1, abs=0.2)


def test_early_beats_score_by_the_wearers_own_rhythm() -> None:
    rng = np.random.default_rng(2)
    regular, irregular = learned(rng), wearer()
    judge(irregular, beat(LEARN, rng), rng.integers(90, 210, LEARN).astype(np.uint32))
    early = np.array([110], np.uint32)
    assert judge(regular, beat(1, rng), early)[0] > 1.5
    assert judge(irregular, beat(1, rng), early)[0] < 1.5


def test_beats_of_another_shape_do_not_count_in_the_wearers_rhythm() -> None:
    rng = np.random.default_rng(5)
    one, n = learned(rng), 300
    # Half of the beats are ventricular and early, in runs of three, each with a pause after it.
    at = np.arange(n) % 6
    shapes = np.where((at < 3)[:, None, None], beat(n, rng, height=-500, width=8), beat(n, rng))
    judge(one, shapes, np.array([100, 100, 100, 200, 150, 150], np.uint32)[at])
    assert judge(one, beat(1, rng), np.array([120], np.uint32))[0] > 1.5


def test_frequent_early_form_is_not_this_wearers_normal() -> None:
    rng = np.random.default_rng(3)
    ectopic = np.arange(LEARN) % 3 == 2
    beats = np.where(
        ectopic[:, None, None], beat(LEARN, rng, height=-500, width=8), beat(LEARN, rng)
    )
    one = wearer()
    judge(one, beats, np.where(ectopic, 90, 150).astype(np.uint32))
    assert len(one.forms) == 1
    assert judge(one, beat(1, rng, height=-500, width=8))[0] > 3


def test_frequent_form_of_the_same_rhythm_is_normal_too() -> None:
    rng = np.random.default_rng(4)
    other = np.arange(LEARN) % 3 == 2
    beats = np.where(other[:, None, None], beat(LEARN, rng, height=-500), beat(LEARN, rng))
    one = wearer()
    judge(one, beats)
    assert len(one.forms) == 2
    assert judge(one, beat(20, rng, height=-500)).max() < 1


def test_unusual_beat_changes_no_form() -> None:
    rng = np.random.default_rng(5)
    one = learned(rng)
    before = one.forms
    assert judge(one, beat(1, rng, height=-900, width=9))[0] > 2.25
    np.testing.assert_array_equal(one.forms, before)


def test_slow_change_is_followed() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    for height in np.linspace(300, 500, 400):
        assert judge(one, beat(1, rng, height=height))[0] < 2.25
    assert judge(one, beat(1, rng, height=500))[0] < 1


def test_accepted_beat_is_normal_from_then_on() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)
    odd = beat(1, rng, height=-500, width=8)
    assert judge(one, odd, threshold=2)[0] > 3
    assert one.accept(0)
    assert judge(one, odd)[0] == pytest.approx(0, abs=0.01)
    assert judge(one, beat(10, rng, height=-500, width=8)).max() < 1.5
    assert judge(one, beat(10, rng)).max() < 1
    assert (one.form_count, one.accepted) == (2, 1)


@pytest.mark.parametrize("height", [410, 450, 500])
def test_accepted_beat_that_resembles_a_form_is_normal_too(height: int) -> None:
    """Flagged for its shape, although it is near enough to a form to have joined it."""
    rng = np.random.default_rng(7)
    one = learned(rng)
    odd = beat(1, rng, height=height, width=4)
    assert judge(one, odd, threshold=1.3)[0] > 1.3
    assert one.accept(0)
    assert judge(one, odd)[0] < 0.1
    assert one.accept(0) and one.form_count == 2  # a repeated message changes nothing
    assert judge(one, beat(10, rng)).max() < 1


def test_accepted_early_beat_of_usual_shape_may_come_as_early_and_no_earlier() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)

    def early(frames: int) -> float:
        return float(judge(one, beat(1, rng), steady(1, frames), threshold=1.5)[0])

    assert early(110) > 1.5
    assert one.accept(0)
    assert one.form_count == 1  # the form that it agrees with
    assert early(112) < 1
    assert early(75) > 1.5
    odd = beat(1, rng, height=-500, width=8)
    assert judge(one, odd)[0] > 3  # only beats that agree with the form


def test_accepted_model_error_is_usual_for_beats_of_that_form_alone() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng, "both")
    odd = beat(1, rng, height=-500, width=8)
    judge(one, odd, error=16.0, threshold=1.5)
    assert one.accept(0)
    assert judge(one, odd, error=16.0)[0] < 0.1
    assert judge(one, beat(1, rng), error=16.0)[0] > 3


@pytest.mark.parametrize(("length", "kept"), [(40, 16), (48, 16), (100, 8), (255, 4)])
def test_only_the_last_flagged_beats_can_be_accepted(length: int, kept: int) -> None:
    shape = {"window": length + 4, "channels": 1, "first": 2, "length": length, "shift": 2}
    one = Wearer("template", **shape, learn=4)
    quiet = np.zeros((4, length + 4, 1), np.int16)
    quiet[:, 10] = 500
    odd = np.zeros((kept + 2, length + 4, 1), np.int16)
    odd[:, 20] = -900
    assert np.isnan(judge(one, quiet)).all()
    assert not one.accept(0)
    windows = np.arange(100, 102 + kept, dtype=np.uint64)
    n = len(odd)
    one.judge(odd, steady(n), np.ones(n, np.float32), 2.0, None, windows)
    assert not one.accept(100) and not one.accept(101) and not one.accept(102 + kept)
    assert one.accept(102)
    assert one.accept(102)  # a repeated message changes nothing
    assert one.accepted == 1
    one.forget_flagged()
    assert not one.accept(101 + kept)


def test_forms_stay_bounded_and_the_rarest_gives_way() -> None:
    rng = np.random.default_rng(7)
    one = learned(rng)
    waves = [(-500, 8, 0), (500, 8, 12), (-600, 2, 14), (600, 2, -8), (-500, 2, -6)]
    for k, (height, width, late) in enumerate(waves):
        odd = beat(1, rng, height=height, width=width, late=late)
        assert judge(one, odd, threshold=2, windows=np.array([k], np.uint64))[0] > 2
        assert one.accept(k)
        assert one.form_count == min(k + 2, 4)
        assert judge(one, odd)[0] < 0.1
    assert judge(one, beat(1, rng))[0] < 1


def test_flagged_beat_moves_no_form() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    taller = beat(1, rng, height=350)
    loose, strict = wearer(), wearer()
    for each in (loose, strict):
        each.load(one.memory)
    score = judge(loose, taller)[0]
    assert 1.0 < score < 2.25
    assert not np.array_equal(loose.forms, one.forms)
    judge(strict, taller, threshold=1.0)
    np.testing.assert_array_equal(strict.forms, one.forms)


def test_an_alarm_freezes_the_forms_for_32_beats_at_most() -> None:
    rng = np.random.default_rng(6)
    one = learned(rng)
    lasting = Decision([(1.0, 0)], 1, "count", 5, 3.0, 0.5, block=1, limit=1)
    odd = beat(1, rng, height=-500, width=8)
    judge(one, np.repeat(odd, 5, axis=0), threshold=1.0, decision=lasting)
    forms, alarmed = one.forms, 1  # it was raised by the fifth of them
    for k in range(60):
        # An abnormal beat in five keeps the alarm on; the beats between are usual.
        judge(one, odd if k % 5 == 4 else beat(1, rng), threshold=1.0, decision=lasting)
        assert lasting.last[1]
        alarmed += 1
        assert np.array_equal(one.forms, forms) == (alarmed <= 32 or (alarmed == 33 and k % 5 == 4))
    judge(one, beat(5, rng), threshold=1.0, decision=lasting)
    assert not lasting.last[1]
    forms = one.forms
    judge(one, beat(1, rng), threshold=1.0, decision=lasting)
    assert not np.array_equal(one.forms, forms)


def test_memory_carries_a_wearer_over() -> None:
    rng = np.random.default_rng(8)
    one, other = learned(rng), wearer()
    other.load(one.memory)
    beats = beat(50, rng, noise=30)
    np.testing.assert_array_equal(judge(one, beats), judge(other, beats))
    assert one.memory == other.memory
    with pytest.raises(ValueError, match="same shape"):
        other.load(one.memory[4:])


def test_restart_forgets_everything() -> None:
    rng = np.random.default_rng(8)
    one = learned(rng)
    one.restart()
    assert one.memory == wearer().memory
    assert not one.learned


def test_model_error_is_relative_to_the_wearers_own() -> None:
    rng = np.random.default_rng(9)
    one = learned(rng, "both")
    assert judge(one, beat(1, rng), error=8.0)[0] == pytest.approx(3, abs=0.1)
    assert judge(learned(rng, "template"), beat(1, rng), error=8.0)[0] < 1


def test_beats_in_pieces_score_as_at_once() -> None:
    rng = np.random.default_rng(10)
    beats = beat(100, rng, noise=30)
    at_once = judge(wearer(), beats)
    one = wearer()
    pieces = np.concatenate([judge(one, beats[i : i + 7]) for i in range(0, 100, 7)])
    np.testing.assert_array_equal(at_once, pieces)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_extreme_counts_do_not_overflow(data: st.DataObject) -> None:
    """Compare the first distance with unbounded integers, where all counts are extremes."""
    levels = st.lists(st.sampled_from([-32768, 32767]), min_size=262, max_size=262)
    first, second = (np.array(data.draw(levels), np.int16)[None, :, None] for _ in range(2))
    shape = {"window": 262, "channels": 1, "first": 3, "length": 255, "shift": 3}
    one, page = Wearer("template", **shape, learn=1), Page("template", **shape, learn=1)
    for x in (first, second):
        score = one.judge(x, steady(1), np.zeros(1, np.float32))[0]
        expected = page.judge(x.ravel().tolist(), 150, 0.0)
    assert expected is not None
    assert score == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"first": 3}, "must lie in the window"),
        ({"first": 30}, "must lie in the window"),
        ({"length": 0}, "length must be 1 to 255"),
        ({"learn": 0}, "learn must be 1"),
        ({"channels": 30}, "at most 288"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(changes: dict[str, int], reason: str) -> None:
    learn = changes.pop("learn", LEARN)
    with pytest.raises(ValueError, match=reason):
        wearer(learn=learn, **changes)
