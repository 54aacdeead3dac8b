"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import math
import re
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from tools.monitor.controls import ALARM_FORM, alarm_levels
from training.bundle.errors import VigilError
from training.bundle.validation import brief

if TYPE_CHECKING:
    from tools.link.faults import FaultConfig
    from training.bundle.manifest import AlarmLevels

BUILD = Path("build")
TRAINING = "pip install -e '.[train]'"
"""What installs the packages that training and measuring need, TensorFlow among them."""
FAULTS_FORM = "RATE[,SEED][,kinds=K+K][,reboot@S][,unplug@S:S]"
DEFAULT = "ecg"
"""The recipe of `make demo`, whose bundle every command takes unless it is given another."""

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a recipe, path of a recipe (.toml), or folder of a bundle. NAME@RATE: for "
        "samples of another rate, in Hz, which the board converts."
    ),
]
BoardOption = Annotated[
    str, typer.Option("--board", "-b", help="A board of the catalogue; `vigil boards` lists them.")
]
EngineOption = Annotated[
    str, typer.Option("--engine", "-e", help="compiled or tflm (TensorFlow Lite Micro).")
]
PortOption = Annotated[
    str | None,
    typer.Option("--port", "-p", help="Serial port (default: the board that is plugged in)."),
]
SensorOption = Annotated[
    str | None,
    typer.Option(
        "--sensor",
        help="Sensor that the board samples by itself: `vigil boards` lists them (default: none).",
    ),
]


def finite(value: float | None) -> float | None:
    """Return `value` if a float32 holds it, as on the board; raise BadParameter for nan and inf."""
    try:
        if value is None or math.isfinite(*struct.unpack("<f", struct.pack("<f", value))):
            return value
    except OverflowError:
        pass
    raise typer.BadParameter(f"{value:g} is not a finite number (float32)")


ThresholdOption = Annotated[
    float | None,
    typer.Option(callback=finite, help="Threshold that the board starts with (default: trained)."),
]
AlarmOption = Annotated[
    str | None,
    typer.Option(
        "--alarm",
        metavar=ALARM_FORM,
        help="Alarm over the last N windows: mean score, as a multiple of the threshold, or count "
        "of flagged windows (default: trained).",
    ),
]
SpeedOption = Annotated[
    float | None,
    typer.Option(callback=finite, help="Multiple of real time (default: as fast as possible)."),
]


def seconds_of(text: str | None) -> float | None:
    """Return the seconds of --wait; None: the default.

    Raises:
        BadParameter: neither seconds nor `forever`.
    """
    if text is None:
        return None
    try:
        seconds = math.inf if text == "forever" else float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise typer.BadParameter(f"{text}: write seconds, such as 3600, or 'forever'")
    return seconds


def patience(text: str | None) -> str | None:
    """Check --wait. Raises BadParameter."""
    seconds_of(text)
    return text


WaitOption = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="SECONDS|forever",
        callback=patience,
        help="How long to wait for a board that falls silent, is unplugged or returns with another "
        "model (default: forever with --web, else 5 s for a silent one and 60 s otherwise).",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing recording.")
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Print one line per window.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def alarm_levels_of(text: str | None) -> AlarmLevels | None:
    """Read --alarm: what raises the alarm, and what clears it (default: 0.8 of that).

    Raises:
        BadParameter: the text is not understood, or a value is out of range.
    """
    if text is None:
        return None
    try:
        return alarm_levels(text)
    except ValueError as problem:
        raise typer.BadParameter(f"--alarm {text}: {problem}") from None


def view_of(*, plain: bool, json: bool, web: bool = False) -> Literal["plain", "json", "auto"]:
    """The view that the options select; raise BadParameter if they select more than one."""
    if plain + json + web > 1:
        raise typer.BadParameter("--plain, --json and --web exclude each other")
    return "plain" if plain else "json" if json else "auto"


def complain(message: str) -> None:
    """Print one line of at most 1000 characters on standard error.

    Line breaks are escaped, and the middle of a longer message is left out.
    """
    line = brief(message, len(message) * 4)
    if len(line) > 1000:
        line = f"{line[:600]} ... {line[-390:]}"
    print(f"vigil: {line}", file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """The console for text that a person reads; standard error if standard output carries JSON."""
    return Console(highlight=False, stderr=stderr)


def keep_edited(recipe: Path, text: str) -> Path | None:
    """Rename a recipe that is about to be replaced by another text; return its new path."""
    if not recipe.is_file() or recipe.read_text(encoding="utf-8", errors="replace") == text:
        return None
    number = 1
    while (kept := recipe.with_name(f"{recipe.stem}-{number}.toml")).exists():
        number += 1
    return recipe.rename(kept)


def bundle_path(name: str) -> Path:
    """The bundle's folder: `name` itself if it is a bundle, else build/NAME.

    If build/NAME does not exist but the bundle of the recipe's fallback does, that bundle is
    taken: training falls back when a data set is not available. NAME@RATE is that bundle for
    samples of another rate, which is written beside it.
    """
    path = Path(name)
    model, at, rate = name.rpartition("@")
    if at and not path.exists():
        try:
            return _converted(bundle_path(model), float(rate))
        except ValueError:
            raise typer.BadParameter(
                f"{name}: write the sample rate in Hz after @, such as {model or DEFAULT}@250"
            ) from None
    if (path / "manifest.json").is_file() or (len(path.parts) > 1 and path.suffix != ".toml"):
        return path
    path = BUILD / (path.stem if path.suffix == ".toml" else path.name)
    if not path.exists():
        # Imported here, as below: recipes load every data set and family, half a second.
        from training.recipe import read_recipe

        with suppress(VigilError):
            fallback = read_recipe(name).fallback
            if fallback is not None and (BUILD / fallback).exists():
                complain(f"{path} does not exist; using its fallback {BUILD / fallback}")
                return BUILD / fallback
    return path


def _converted(path: Path, rate_hz: float) -> Path:
    """Write the bundle at `path` for samples of another rate, and return its folder.

    Raises:
        VigilError: there is no bundle, or its rate cannot be reached from `rate_hz`.
    """
    # Imported here: they load the C++ of the signal chain, which other options do not need.
    from training.bundle import EVALUATION, GOLDEN, manifest_text, read_bundle, write_bundle
    from training.resampling import at_rate

    bundle = read_bundle(path)
    if rate_hz == bundle.manifest.signal.rate_hz:
        return path
    converted = at_rate(bundle.manifest, rate_hz)
    folder = path.with_name(f"{path.name}-{rate_hz:g}hz")
    text = folder / "manifest.json"
    if not text.is_file() or text.read_text(encoding="utf-8") != manifest_text(converted):
        golden, evaluation = path / GOLDEN, path / EVALUATION
        kept = evaluation.read_bytes() if evaluation.is_file() else None
        write_bundle(folder, converted, bundle.model, golden.read_bytes(), kept)
    return folder


def faults_of(text: str | None) -> FaultConfig | None:
    """Read --faults: RATE[,SEED], then any of seed=N, kinds=KIND+KIND, reboot@S, unplug@S:S.

    Raises:
        BadParameter: a part of the text is not understood; the message names it.
        LinkError: a value is out of range.
    """
    if text is None:
        return None
    from tools.link.faults import FaultConfig

    rate, *words = text.split(",")
    word = rate
    given: dict[str, Any] = {}
    reboots: list[float] = []
    unplugged: list[tuple[float, float]] = []
    try:
        given["rate"] = float(rate)
        for n, word in enumerate(words):
            name, sign, value = re.fullmatch(r"(?:(\w+)([=@]))?(.*)", word).groups()  # type: ignore
            match name, sign:
                case (None, _) if n == 0:
                    given["seed"] = int(value)
                case "seed", "=":
                    given["seed"] = int(value)
                case "kinds", "=":
                    given["kinds"] = tuple(value.split("+"))
                case "reboot", "@":
                    reboots.append(float(value))
                case "unplug", "@":
                    gone, back = value.split(":")
                    unplugged.append((float(gone), float(back)))
                case _:
                    raise ValueError
    except ValueError:
        raise typer.BadParameter(
            f"--faults {text}: '{word}' is not understood; write {FAULTS_FORM}, such as 0.01,7 or "
            "0.01,seed=7,kinds=drop+flip,reboot@5,unplug@9:12"
        ) from None
    return FaultConfig(**given, reboots=tuple(reboots), unplugged=tuple(unplugged))
