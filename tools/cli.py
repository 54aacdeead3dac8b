"""The command-line program `vigil`: options in, one call into the room that does the work."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console

from training.errors import VigilError

if TYPE_CHECKING:
    from tools.link.faults import FaultConfig

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path("build")

app = typer.Typer(
    name="vigil",
    help="Train an autoencoder on what is normal, and put it on a microcontroller.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(help="A recipe's name, or the path of a recipe (.toml).")]
BoardOption = Annotated[
    str, typer.Option("--board", "-b", help="A board of the catalogue: see `vigil boards`.")
]
EngineOption = Annotated[
    str, typer.Option("--engine", "-e", help="compiled, or tflm (TensorFlow Lite Micro).")
]
PortOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--port", "-p", help="Serial port; found by its USB id when left out."),
]

SensorOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--sensor", help="What the board can read by itself: analog, ad8232, lsm9ds1; none."
    ),
]


def main() -> None:
    """Run the program. Bad input is one line on standard error and exit code 2."""
    # TensorFlow tells of CUDA and of its own log on every import; a person asked for neither.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = app(standalone_mode=False)
    except VigilError as problem:
        _complain(str(problem))
        code = 2
    except typer.TyperException as problem:  # an unknown command or option, a value out of range
        _complain(f"{problem.format_message()} (see `vigil --help`)")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    print(f"vigil: {message}", file=sys.stderr)


def _console() -> Console:
    return Console(highlight=False)


def _bundle_path(name: str) -> Path:
    """build/NAME for a recipe's name or file; a bundle's own folder is taken as it is.

    Where the recipe's data could not be had, training followed its fallback: then that bundle.
    """
    path = Path(name)
    if (path / "manifest.json").is_file():
        return path
    path = BUILD / (path.stem if path.suffix == ".toml" else path.name)
    if not path.exists():
        from training.recipe import read_recipe

        with suppress(VigilError):
            fallback = read_recipe(name).fallback
            if fallback is not None and (BUILD / fallback).exists():
                _complain(f"there is no {path}; taking {BUILD / fallback}, trained in its place")
                return BUILD / fallback
    return path


def _faults(text: str | None) -> FaultConfig | None:
    """RATE[,SEED], a rate of 0.01 being one frame in a hundred."""
    if text is None:
        return None
    from tools.link.faults import FaultConfig

    rate, _, seed = text.partition(",")
    try:
        return FaultConfig(rate=float(rate), seed=int(seed or "0"))
    except ValueError:
        raise typer.BadParameter(f"--faults {text}: RATE or RATE,SEED, such as 0.01,7") from None


@app.command()
def train(
    name: Name = "ecg5000",
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", "-s", help="Change a setting: SECTION.KEY=VALUE, as in TOML."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="The bundle's folder; build/NAME when left out."),
    ] = None,
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--board", "-b", help="Say before the fit whether the model can fit it."),
    ] = None,
) -> None:
    """Fit, quantize, calibrate and evaluate; writes the bundle build/NAME."""
    from tools import pipeline

    pipeline.train(_console(), name, set_ or [], out, board)


@app.command()
def recipes() -> None:
    """List the recipes."""
    from tools import pipeline

    pipeline.show_recipes(_console())


@app.command()
def zoo(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Recipes; all when left out."),
    ] = None,
    docs: Annotated[Path, typer.Option(help="Where zoo.md and its pictures go.")] = ROOT / "docs",
    full: Annotated[
        bool, typer.Option("--full", help="The recipes' own settings; zoo-full.md.")
    ] = False,
    board: Annotated[
        bool, typer.Option("--board", help="Run what was trained on the emulated board.")
    ] = False,
) -> None:
    """Train every recipe small, measure and draw each, and write docs/zoo.md."""
    from tools import pipeline

    if full and board:
        raise typer.BadParameter("--full and --board exclude each other")
    pipeline.zoo(_console(), names or [], BUILD, docs, full=full, board=board)


@app.command()
def calibrate(
    source: Annotated[
        Path, typer.Argument(help="A recording of what is normal: .csv, .npz, .hea.")
    ],
    name: Name = "ecg5000",
    rate: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Of false alarms, 0 to 1; the recipe's when left out."),
    ] = None,
) -> None:
    """Choose a threshold for one patient or machine from a stretch of its own normal signal."""
    from tools import pipeline

    if rate is not None and not 0 < rate < 1:
        raise typer.BadParameter(f"--rate {rate:g}: a share between 0 and 1, such as 0.02")
    pipeline.calibrate(_console(), _bundle_path(name), source, rate)


@app.command()
def convert(name: Name = "ecg5000") -> None:
    """Turn a bundle into C++ for the firmware: firmware/generated."""
    from tools import pipeline

    pipeline.convert(_console(), _bundle_path(name))


@app.command()
def build(
    name: Name = "ecg5000",
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    sensor: SensorOption = None,
) -> None:
    """Convert, and compile the firmware for a board."""
    from tools import pipeline

    pipeline.build(_console(), _bundle_path(name), board, engine, sensor)


@app.command()
def flash(
    name: Name = "ecg5000",
    board: BoardOption = "nano33ble",
    engine: EngineOption = "tflm",
    port: PortOption = None,
    sensor: SensorOption = None,
) -> None:
    """Convert, compile and upload to a board that is plugged in."""
    from tools import pipeline

    pipeline.flash(_console(), _bundle_path(name), board, engine, port, sensor)


@app.command()
def boards() -> None:
    """List the boards of the catalogue, and the ports where one is plugged in."""
    from tools import pipeline

    pipeline.show_boards(_console())


@app.command()
def board(
    name: Name = "ecg5000",
    engine: EngineOption = "compiled",
    link: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also reach the port by this name (a symbolic link)."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="It can sample itself: the test set is played to it.")
    ] = False,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="The same, with this recording: .csv, .npz, .hea (WFDB)."),
    ] = None,
) -> None:
    """Boot the emulated board and print its serial port; Ctrl-C powers it down."""
    from tools import pipeline

    plays = sample or source is not None
    pipeline.run_board(_console(), _bundle_path(name), engine, link, plays, source)


@app.command()
def monitor(
    name: Name = "ecg5000",
    port: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--port",
            "-p",
            help="Serial port; found by its USB id when left out. `emulated` boots a board. "
            "With --web, once for each board.",
        ),
    ] = None,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="Stream this, not the test set: .csv, .npz, .hea (WFDB)."),
    ] = None,
    windows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--windows", "-n", min=1, help="Stop after this many windows."),
    ] = None,
    speed: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="1 is real time; as fast as the link goes when left out."),
    ] = None,
    threshold: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Set on the board before the stream starts."),
    ] = None,
    record: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write scores and samples: .csv, .npz, or .hea (WFDB)."),
    ] = None,
    repeat: Annotated[bool, typer.Option("--repeat", help="Begin again at the end.")] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="The board samples its own sensor; an emulated one plays the source."
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on with a stream that was left unfinished.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="A line a window.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    web: Annotated[bool, typer.Option("--web", help="In a browser, in real time.")] = False,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="For the browser; 0 is any that is free.")
    ] = 0,
    mqtt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="Publish to a broker, too: mqtt://HOST or mqtts://HOST."),
    ] = None,
    faults: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="RATE[,SEED]",
            help="Spoil frames on purpose: 0.01 is one in a hundred.",
        ),
    ] = None,
) -> None:
    """Stream samples to a board and watch its scores."""
    from tools import pipeline
    from tools.monitor.run import MonitorSettings

    if plain + json + web > 1:
        raise typer.BadParameter("--plain, --json and --web exclude each other")
    if sample and repeat:
        raise typer.BadParameter("--repeat: a board that samples itself does not begin again")
    ports = port or []
    if len(ports) > 1 and not web:
        raise typer.BadParameter("several boards at once are for --web")
    settings = MonitorSettings(
        bundle=_bundle_path(name),
        source=source,
        port=ports[0] if ports else None,
        view="plain" if plain else "json" if json else "auto",
        speed=speed,
        repeat=repeat,
        resume=not fresh,
        windows=windows,
        threshold=threshold,
        record=record,
        faults=_faults(faults),
        mqtt=mqtt,
        sample=sample,
    )
    if web:
        pipeline.monitor_web(settings, ports, web_port)
    else:
        pipeline.monitor(settings)


@app.command()
def record(
    recording: Annotated[Path, typer.Argument(help="Scores and samples: .csv, .npz or .hea.")],
    name: Name = "ecg5000",
    port: PortOption = None,
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--source", help="What an emulated board plays: .csv, .npz, .hea (WFDB)."),
    ] = None,
    windows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--windows", "-n", min=1, help="Stop after this many."),
    ] = None,
    speed: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Of an emulated board: so many times faster than in real time."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="A line a window.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Record what a board samples by itself; Ctrl-C ends. It replays bit for bit."""
    from tools import pipeline
    from tools.monitor.run import MonitorSettings

    if plain and json:
        raise typer.BadParameter("--plain and --json exclude each other")
    pipeline.monitor(
        MonitorSettings(
            bundle=_bundle_path(name),
            source=source,
            port=port,
            view="plain" if plain else "json" if json else "auto",
            speed=speed,
            windows=windows,
            record=recording,
            sample=True,
        )
    )


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A recording: .csv, .npz or .hea.")],
    name: Name = "ecg5000",
    port: PortOption = None,
    host: Annotated[bool, typer.Option("--host", help="On this machine, without a board.")] = False,
    speed: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="1 is real time; as fast as the link goes when left out."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="A line a window.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Play a recording back; it must give the same scores, bit for bit."""
    from tools import pipeline
    from tools.monitor.replay import read_recorded
    from tools.monitor.run import MonitorSettings

    if plain and json:
        raise typer.BadParameter("--plain and --json exclude each other")
    recorded = read_recorded(recording)
    pipeline.monitor(
        MonitorSettings(
            bundle=_bundle_path(name),
            source=recorded.samples,
            port=port,
            view="plain" if plain else "json" if json else "auto",
            speed=speed,
            resume=False,
            on_host=host,
            compare=recorded,
        )
    )


@app.command()
def verify(
    name: Name = "ecg5000",
    port: PortOption = None,
    engine: EngineOption = "compiled",
    windows: Annotated[
        int, typer.Option("--windows", "-n", min=0, help="Windows beside the golden ones.")
    ] = 500,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Run the same windows on every rung, and count the bytes that differ."""
    from tools import pipeline

    if not pipeline.verify(_console(), _bundle_path(name), port, engine, windows, json):
        raise typer.Exit(1)


@app.command()
def budget(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="A recipe's name or path; left out, ecg5000, or with --check and --accept the "
            "reference model, which needs no data."
        ),
    ] = None,
    board: BoardOption = "emulated",
    engine: EngineOption = "compiled",
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
    picture: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Draw it, too: .png or .svg."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail on growth against the recorded baseline.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Record this as the new baseline.")
    ] = False,
) -> None:
    """Show flash and SRAM by part, against the board's limits."""
    from tools import pipeline

    if name is None and not (check or accept):
        name = "ecg5000"
    path = pipeline.reference_bundle() if name in (None, "reference") else _bundle_path(name or "")
    pipeline.budget(_console(), path, board, engine, json, picture, check=check, accept=accept)


@app.command()
def bench(
    docs: Annotated[
        Path, typer.Option(help="Folder for bench.md and images/bench.svg and .png.")
    ] = ROOT / "docs",
) -> None:
    """Measure every engine layer by layer, emulated: docs/bench.md and its plot."""
    from tools import pipeline

    pipeline.bench(_console(), docs)


@app.command()
def estimate(
    name: Name = "ecg5000",
    engine: EngineOption = "compiled",
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Estimate time and energy of an inference on every board, before there is one."""
    from tools import pipeline

    pipeline.show_estimate(_console(), _bundle_path(name), engine, json)


@app.command()
def report(name: Name = "ecg5000") -> None:
    """Write build/NAME/report.html from what was measured."""
    from tools import pipeline

    pipeline.report(_console(), _bundle_path(name))


@app.command()
def doctor() -> None:
    """Check the whole chain, from Python to the serial port; a line each."""
    from tools import pipeline

    if not pipeline.doctor(_console()):
        raise typer.Exit(1)


@app.command()
def demo(
    name: Name = "ecg5000",
    windows: Annotated[
        int, typer.Option("--windows", "-n", min=1, help="Windows to stream live.")
    ] = 80,
) -> None:
    """From data to an anomaly flagged by an emulated microcontroller, and a report of it all."""
    from tools import demo as show

    show.run(_console(), name, windows)


if __name__ == "__main__":
    main()
