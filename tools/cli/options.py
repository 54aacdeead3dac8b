"""What commands have in common: options, and what their values mean."""

from __future__ import annotations

import math
import re
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import typer
from rich.console import Console

from training.bundle.errors import VigilError

if TYPE_CHECKING:
    from tools.link.faults import FaultConfig

BUILD = Path("build")
FAULTS_FORM = "RATE[,SEED][,kinds=K+K][,reboot@S][,unplug@S:S]"
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


def finite(value: float | None) -> float | None:
    """A number that a float32 holds, as the board's are: no nan, no infinity. BadParameter."""
    try:
        if value is None or math.isfinite(*struct.unpack("<f", struct.pack("<f", value))):
            return value
    except OverflowError:
        pass
    raise typer.BadParameter(f"{value:g} is not a finite number (float32)")


SpeedOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(callback=finite, help="1 is real time; as fast as the link goes when left out."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Record over an earlier recording.")
]
PlainOption = Annotated[bool, typer.Option("--plain", help="A line a window.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="A JSON object a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def view_of(*, plain: bool, json: bool, web: bool = False) -> Literal["plain", "json", "auto"]:
    """The view that was asked for; the browser is beside it. BadParameter for more than one."""
    if plain + json + web > 1:
        raise typer.BadParameter("--plain, --json and --web exclude each other")
    return "plain" if plain else "json" if json else "auto"


def complain(message: str) -> None:
    """One line on standard error."""
    print(f"vigil: {message}", file=sys.stderr)


def console() -> Console:
    """Where what people read goes."""
    return Console(highlight=False)


def bundle_path(name: str) -> Path:
    """build/NAME for a recipe's name or file; a path to a bundle's folder is taken as it is.

    Where the recipe's data could not be had, training followed its fallback: then that bundle.
    """
    path = Path(name)
    if (path / "manifest.json").is_file() or (len(path.parts) > 1 and path.suffix != ".toml"):
        return path
    path = BUILD / (path.stem if path.suffix == ".toml" else path.name)
    if not path.exists():
        from training.recipe import read_recipe

        with suppress(VigilError):
            fallback = read_recipe(name).fallback
            if fallback is not None and (BUILD / fallback).exists():
                complain(f"there is no {path}; taking {BUILD / fallback}, trained in its place")
                return BUILD / fallback
    return path


def faults_of(text: str | None) -> FaultConfig | None:
    """RATE[,SEED], a rate of 0.01 being one frame in a hundred, and then any of seed=N,
    kinds=KIND+KIND, reboot@SECOND, unplug@SECOND:SECOND. BadParameter, or LinkError of FaultConfig.
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
            f"--faults {text}: what is '{word}'? {FAULTS_FORM}, such as 0.01,7 or "
            "0.01,seed=7,kinds=drop+flip,reboot@5,unplug@9:12"
        ) from None
    return FaultConfig(**given, reboots=tuple(reboots), unplugged=tuple(unplugged))
