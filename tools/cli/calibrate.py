"""The command calibrate: a threshold for one patient or one machine.

A bundle's guarantee holds for windows that are exchangeable with those it was calibrated on. The
windows of a new patient are not; a stretch of that patient's own normal signal comes closest. The
threshold is chosen here from a recording, or by a board from its next windows (--board).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tools.boards.catalogue import is_emulated
from tools.cli.app import app
from tools.cli.calibrate_board import calibrate_board, forget_calibration
from tools.cli.calibrate_recording import calibrate_threshold
from tools.cli.monitor import ports_of, targets_of
from tools.cli.options import DEFAULT, PortOption, bundle_path, console, finite
from tools.monitor import text
from tools.monitor.controls import CALIBRATION_TOLERATED, CALIBRATION_WINDOWS, Calibrate
from tools.monitor.settings import BoardSensor, DataSet, File, MonitorSettings, Streamed
from training.bundle.manifest import float32_text
from training.bundle.wording import argument, plural


@app.command()
def calibrate(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECORDING] [NAME]",
            help="A recording of normal signal, in any format of samples, and the bundle "
            f"(default: {DEFAULT}). With --board, only the bundle.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="False-alarm rate, between 0 and 1 (default: the recipe's)."),
    ] = None,
    tolerate: Annotated[
        float | None,
        typer.Option(
            help="Largest share of abnormal windows, below 0.5 (default: 0; with --board, 0.02)."
        ),
    ] = None,
    board: Annotated[
        bool,
        typer.Option(
            "--board",
            help="Let the board learn its wearer, if the model has one, choose from its next "
            "windows, and keep both.",
        ),
    ] = False,
    windows: Annotated[
        int, typer.Option("--windows", "-n", min=1, help="With --board: judged windows to take.")
    ] = CALIBRATION_WINDOWS,
    source: Annotated[
        Path | None,
        typer.Option("--source", help="With --board: recording of normal signal to stream."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="With --board: take the board's own sensor.")
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option(callback=finite, help="With --board: multiple of real time."),
    ] = None,
    reset: Annotated[
        bool,
        typer.Option(
            "--reset", help="With --board: return to the image's threshold; forget the wearer."
        ),
    ] = False,
    port: PortOption = None,
) -> None:
    """Choose a threshold for one patient or machine from its own normal signal."""
    if rate is not None and not 0 < rate < 1:
        raise typer.BadParameter(f"--rate {rate:g}: a share between 0 and 1, such as 0.02")
    if tolerate is not None and not 0 <= tolerate < 0.5:
        raise typer.BadParameter(f"--tolerate {tolerate:g}: a share from 0 to 0.5, such as 0.02")
    given = arguments or []
    if not board:
        _from_recording(given, rate, tolerate or 0.0)
        return
    if len(given) > 1:
        raise typer.BadParameter("--board takes one name; give the recording with --source")
    bundle = bundle_path(given[0] if given else DEFAULT)
    if source is None and not reset and (port is None or is_emulated(port) or not sample):
        raise typer.BadParameter(
            "--board needs normal signal: --source FILE, or --sample for the sensor of a board "
            "that is plugged in (--port)"
        )
    played = DataSet() if source is None else File(source)
    settings = MonitorSettings(
        bundle,
        targets_of(bundle, ports_of([port] if port else [])),
        BoardSensor(played, speed) if sample else Streamed(played, speed, resume=False),
        "plain",
    )
    if reset:
        forget_calibration(settings, console())
        return
    plan = Calibrate(windows, rate, CALIBRATION_TOLERATED if tolerate is None else tolerate)
    calibrate_board(settings, plan, console())


def _from_recording(given: list[str], rate: float | None, tolerated: float) -> None:
    if not 1 <= len(given) <= 2:
        raise typer.BadParameter("give a recording of normal signal, or --board")
    source, name = Path(given[0]), given[1] if len(given) > 1 else DEFAULT
    bundle, out = bundle_path(name), console()
    result = calibrate_threshold(bundle, source, rate, tolerated)
    left_out = f" ({result.left_out:,} labelled abnormal left out)" if result.left_out else ""
    rejected = f", {result.not_judged:,} not judged" if result.not_judged else ""
    if result.wearer is not None:
        out.print(f"learned from {result.wearer.beats} beats; {text.wearer_line(result.wearer)}")
    windows = plural("window", result.windows)
    out.print(
        f"{escape(source.name)}: {result.windows:,} normal {windows}{left_out}{rejected}; the "
        f"bundle's threshold {result.before:.4g} flags {result.flagged_before:,} of them"
    )
    value = float32_text(result.choice.value)
    out.print(f"threshold {value} (conformal): {escape(result.choice.guarantee)}")
    out.print(f"vigil monitor {argument(name)} --threshold {value}", soft_wrap=True)
