"""Numbers and lines of text that several views show."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tools.monitor.bars import bar
from tools.monitor.events import (
    AlarmChanged,
    BoardFacts,
    CalibrationStatus,
    DriftChanged,
    LinkCounters,
    Outcome,
    RecordingChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
)
from tools.monitor.summary import Summary
from training.bundle.chain import LEARNING, REASONS
from training.bundle.wording import plural

VERDICT = {
    Outcome.TRUE_POSITIVE: "correct",
    Outcome.TRUE_NEGATIVE: "correct",
    Outcome.FALSE_POSITIVE: "wrong: false alarm",
    Outcome.FALSE_NEGATIVE: "wrong: missed",
}


def number(value: float) -> str:
    """Return a score in at most 9 characters: four significant digits, or two and an exponent."""
    if value == 0 or 1e-3 <= abs(value) < 1000:
        return f"{value:#.4g}"
    return f"{value:.1e}"


def threshold_source(status: CalibrationStatus) -> str:
    """Return where the threshold in force comes from, in a few words."""
    if status.source == "calibration":
        if status.running:
            return "board's calibration"
        windows = f"{status.windows} {plural('window', status.windows)}"
        return f"board's calibration, {windows}, {100 * status.rate:g} %"
    return {"bundle": "bundle", "build": "image (vigil build --threshold)"}.get(
        status.source, "set by the host"
    )


def threshold_source_brief(status: CalibrationStatus) -> str:
    """Return the source of the threshold, or the progress of a calibration, in 17 characters."""
    if status.running:
        return f"taking {status.taken}/{status.windows}"
    if status.source == "calibration":
        return f"board, {100 * status.rate:.3g} %"
    return {"bundle": "bundle", "build": "image"}.get(status.source, "host")


def calibration_lines(status: CalibrationStatus) -> list[str]:
    """Return what a board says of its calibration, one line each."""
    lines = [f"threshold {number(status.threshold)}: {threshold_source(status)}"]
    windows = f"{status.windows} {plural('window', status.windows)}"
    if status.running:
        lines = [f"calibrating: {status.taken} of {windows}"]
    elif status.set_aside:
        were = "was" if status.set_aside == 1 else "were"
        lines.append(f"{status.set_aside} of {windows} {were} set aside as abnormal")
    if status.state == "not_kept":
        lines.append("the board's calibration ends with a reset: it cannot be kept")
    elif status.state == "other_model":
        lines.append("the calibration in the board's memory is of another model, and is ignored")
    return lines


def legend(board: BoardFacts) -> list[str]:
    """Return what the numbers of heartbeats mean; nothing for windows of fixed length."""
    lines = []
    if board.cuts_beats and board.rate_hz:
        lines.append(
            f"a heartbeat's number counts stretches of {board.hop / board.rate_hz:.3g} s, of which "
            "those without an R are left out"
        )
    if board.personal:
        lines.append("score: 0 is a usual beat of this wearer, and 1 more is twice as far from it")
    return lines


NO_FORM = "too few beats resemble one another to learn a wearer: check the electrodes and the lead"


def forms(status: WearerStatus) -> str:
    """Return how many forms a wearer has."""
    return f"{status.forms} {plural('form', status.forms)}"


def wearer_line(status: WearerStatus) -> str:
    """Return in a line what a board knows about its wearer."""
    if not status.learned:
        why = "; too few of those before resembled one another" if status.refused else ""
        return f"learning the wearer: {status.beats} of {status.learn} beats{why}"
    rate = "" if status.per_minute is None else f", {status.per_minute:.0f} beats per minute"
    accepted = f", {status.accepted} accepted" if status.accepted else ""
    kept = {"kept": "; kept across restarts", "failed": "; the board cannot keep it"}
    return f"wearer: {forms(status)}{accepted}{rate}{kept.get(status.memory, '')}"


def wearer_brief(status: WearerStatus) -> str:
    """Return the same in 17 characters."""
    if not status.learned:
        return f"learning {status.beats}/{status.learn}"
    return forms(status) + {"kept": ", kept", "failed": ", not kept"}.get(status.memory, "")


def percent(value: float | None) -> str:
    """Return a share in percent; a dash for None."""
    return "-" if value is None else f"{100 * value:.2f} %"


def heart_rate(intervals: Sequence[int], rate_hz: float | None) -> tuple[float, float] | None:
    """Return beats per minute and the RR interval in milliseconds, from the last intervals.

    Args:
        intervals: frames between R peaks, newest last; 0 is unknown. The median of the last eight
            that are known counts.

    Returns:
        None without a known interval or rate.
    """
    known = [interval for interval in intervals if interval > 0][-8:]
    if not known or not rate_hz:
        return None
    seconds = statistics.median(known) / rate_hz
    return 60 / seconds, 1000 * seconds


def scored_line(event: WindowScored, cells: int = 20, rate_hz: float | None = None) -> str:
    """Return one window in a line: index, score, bar, flag, and whether its label agrees.

    A heartbeat's line also has its RR interval, if the sample rate is given.
    """
    return _with_interval(_scored_line(event, cells), event, cells, rate_hz)


def _with_interval(
    line: str, event: WindowScored | WindowNotJudged, cells: int, rate_hz: float | None
) -> str:
    if event.peak is None or not event.interval or rate_hz is None:
        return line
    return f"{line:<{cells + 26}}  RR {1000 * event.interval / rate_hz:.0f} ms"


def _scored_line(event: WindowScored, cells: int) -> str:
    flag = "ANOMALY" if event.flag else "normal"
    line = f"{event.index:>8} {number(event.score):>8} {bar(event.score, event.threshold, cells)}"
    if event.alarm:
        flag += " ALARM"
    if event.outcome is None:
        return f"{line} {flag}"
    return f"{line} {flag:<7}  {VERDICT[event.outcome]}"


def alarm_line(event: AlarmChanged, noun: str) -> str:
    """Return a raised or cleared alarm in a line."""
    return f"alarm {'raised' if event.on else 'cleared'} by {noun} {event.index}"


def drift_line(event: DriftChanged, noun: str) -> str:
    """Return in a line whether the board should be calibrated again."""
    if event.recalibrate:
        return f"recalibrate: from {noun} {event.index} on the normal signal has changed"
    return f"no drift any more from {noun} {event.index} on"


def recording_line(event: RecordingChanged) -> str:
    """Return in a line that a recording began, or that it ended and why."""
    if event.on:
        return f"recording to {event.file}"
    if event.reason.startswith(event.file):  # an error, which names the file
        return f"the recording has ended: {event.reason}"
    return f"recorded {event.file}: {event.reason}"


def not_judged_line(event: WindowNotJudged, cells: int = 20, rate_hz: float | None = None) -> str:
    """Return a window without a score in a line: index, why it is not judged, and its RR."""
    line = f"{event.index:>8} {'-':>8} {'':{cells}} not judged: {event.reason}"
    return _with_interval(line, event, cells, rate_hz)


def board_line(board: BoardFacts) -> str:
    """Return the board's description in one line."""
    kind = "emulated board" if board.emulated else board.board
    kind = f"{board.name}, {kind}" if board.name else kind
    location = "in-process board" if board.in_process else f"{kind} on {board.port}"
    golden = f"golden {board.golden_passed}/{board.golden_total}, " if board.golden_total else ""
    alarm = f", alarm: {board.alarm}" if board.alarm else ""
    return (
        f"{location}, engine {board.engine}, model {board.model} "
        f"{board.model_hash}, {golden}threshold {number(board.threshold)}{alarm}"
    )


def counters_line(counters: LinkCounters) -> str:
    """Return the counters of both ends of the link in one line."""
    return (
        f"host sent {counters.sent}, received {counters.received}, corrupt {counters.corrupt}, "
        f"missing {counters.missing}, repeated {counters.repeated}, resent {counters.resent}; "
        f"board received {counters.board_received}, corrupt {counters.board_corrupt}, "
        f"missing {counters.board_missing}, repeated {counters.board_repeated}, "
        f"resent {counters.board_resent}"
    )


def summary_lines(summary: Summary) -> list[str]:
    """Return a summary of the run."""
    noun = summary.source.noun if summary.source else "window"
    emulated = " (emulated)" if summary.board and summary.board.emulated else ""
    simulated = ", simulated signal" if summary.source and summary.source.simulated else ""
    rejected = f", {summary.not_judged} not judged" if summary.not_judged else ""
    lost = summary.samples_lost
    missing = f", {lost} {plural('sample', lost)} missing" if lost else ""
    lines = [
        f"{summary.windows} {plural(noun, summary.windows)} scored, {summary.flagged} flagged, "
        f"{summary.lost} lost{rejected}{missing}, in {summary.seconds:.1f} s{simulated}; "
        + ("complete" if summary.complete else f"ended early: {summary.reason}")
    ]
    if summary.not_judged and not summary.windows:
        why = "the source ended before the wearer was learned: give a longer one"
        if summary.not_judged_why != REASONS[LEARNING]:
            why = f"the last one because of '{summary.not_judged_why}': check the sensor"
        lines.append(f"no {noun} was judged, {why}")
    if summary.alarms or summary.recalibrate:
        times = "once" if summary.alarms == 1 else f"{summary.alarms} times"
        share = percent(summary.alarm_windows / max(summary.windows, 1))
        drift = "; recalibrate: the normal signal has changed" if summary.recalibrate else ""
        lines.append(f"alarm raised {times}, on for {share} of the {noun}s{drift}")
    if summary.labelled:
        lines.append(
            f"{summary.labelled} labelled: precision {percent(summary.precision)}, "
            f"recall {percent(summary.recall)}, false alarms "
            f"{percent(summary.false_alarm_rate)} of normal {noun}s "
            f"(correct: {summary.true_positive} flagged, {summary.true_negative} not flagged; "
            f"wrong: {summary.false_positive} {plural('false alarm', summary.false_positive)}, "
            f"{summary.false_negative} missed)"
        )
    in_process = summary.board is not None and summary.board.in_process
    if summary.mean_microseconds is not None:
        where = "in this process" if in_process else f"on the board{emulated}"
        lines.append(f"{summary.mean_microseconds:.0f} us per {noun} {where}")
    if not in_process:
        lines.append(f"link: {counters_line(summary.counters)}")
    return lines
