"""A build that grew past its baseline fails, and the message names what grew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.small_image import build, needs_compiler
from tools.measure.budget import (
    Baseline,
    Budget,
    Limits,
    Measured,
    Memory,
    Part,
    accept,
    compare,
    gate,
    measure,
    with_measured,
)
from training.bundle.errors import BudgetError

NANO = Limits("nano33ble", flash_bytes=983_040, sram_bytes=262_144)
KEY = "emulated"
RECORD = "vigil budget mine --board emulated --engine compiled --accept"


def budget_of(
    engine: int = 4000,
    rest: int = 96_000,
    arena: int = 600,
    instructions: int = 10_000,
    functions: dict[str, int] | None = None,
) -> Budget:
    flash = Memory("flash", 983_040, (Part("engine", engine, ()), Part("libc", rest, ())))
    sram = Memory("sram", 262_144, (Part("arena", arena, ()), Part("heap", 261_544, ())))
    measured = Measured("emulated", instructions=instructions, functions=functions or {})
    return Budget("emulated", "firmware.elf", flash, sram, stack_reserved=0, measured=measured)


@pytest.mark.parametrize(
    ("now", "caught"),
    [
        (budget_of(), []),
        (budget_of(engine=4511), []),
        (budget_of(engine=4512), ["flash"]),  # +512 bytes
        (budget_of(engine=4512, rest=95_999), []),  # one part grew, the image did not
        (budget_of(arena=601), ["SRAM"]),  # any byte
        (budget_of(arena=599, engine=3000), []),  # smaller is welcome
        (budget_of(instructions=10_499), []),
        (budget_of(instructions=10_500), ["instructions"]),  # +5 %
        (budget_of(engine=9000, arena=700, instructions=20_000), ["flash", "SRAM", "instructions"]),
    ],
)
def test_limits(now: Budget, caught: list[str]) -> None:
    assert [g.what for g in compare(now, Baseline.of(budget_of()))] == caught


def test_two_percent_of_a_small_image_is_less_than_512_bytes() -> None:
    before = Baseline.of(budget_of(engine=4000, rest=6000))
    assert compare(budget_of(engine=4199, rest=6000), before) == ()
    [growth] = compare(budget_of(engine=4200, rest=6000), before)
    assert str(growth) == "flash grew by 200 from 10,000 (2.0 %): engine +200"


def test_accept_then_pass_then_trip(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks" / "budget-baseline.json"
    with pytest.raises(BudgetError, match="no baseline yet"):
        gate(budget_of(), KEY, path, RECORD)
    accept(budget_of(), KEY, path)
    accept(budget_of(engine=1), "nano33ble", path)
    gate(budget_of(), KEY, path, RECORD)
    gate(budget_of(engine=1), "nano33ble", path, RECORD)
    with pytest.raises(BudgetError, match=r"flash grew by 1,000.*engine \+1,000") as caught:
        gate(budget_of(engine=5000), KEY, path, RECORD)
    assert "\n" not in str(caught.value)
    accept(budget_of(engine=5000), KEY, path)
    gate(budget_of(engine=5000), KEY, path, RECORD)
    with pytest.raises(BudgetError, match="no baseline for 'other'"):
        gate(budget_of(), "other", path, RECORD)


def test_an_image_measured_without_a_board_keeps_the_older_count(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    accept(budget_of(), KEY, path)
    accept(replace(budget_of(), measured=None), KEY, path)
    with pytest.raises(BudgetError, match="instructions grew by 600"):
        gate(budget_of(instructions=10_600), KEY, path, RECORD)


def test_growth_of_instructions_names_the_functions() -> None:
    before = Baseline.of(budget_of(functions={"dense": 9000, "widen": 1000}))
    grown = {"dense": 9600, "widen": 900, "copy": 700}
    [growth] = compare(budget_of(instructions=11_200, functions=grown), before)
    assert str(growth) == "instructions grew by 1,200 from 10,000 (12.0 %): copy +700, dense +600"


def test_every_refusal_says_the_command_that_records(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    with pytest.raises(BudgetError, match=f"with: {RECORD}$"):
        gate(budget_of(), KEY, path, RECORD)
    accept(replace(budget_of(), compiler="GCC 12.2.1"), KEY, path)
    other = replace(budget_of(), compiler="GCC 13.2.0")
    for built, key in ((other, KEY), (budget_of(), "other"), (budget_of(engine=5000), KEY)):
        with pytest.raises(BudgetError, match=f"with: {RECORD}$"):
            gate(built, key, path, RECORD)


_ENTRY = '{"flash": {"engine": 1}, "sram": {}, "instructions": 5}'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"schema": 2, "images": {}}',
        "[]",
        *(
            f'{{"schema": 1, "images": {{"{KEY}": {entry}}}}}'
            for entry in (
                "[]",
                _ENTRY.replace("5", '"x"'),
                _ENTRY.replace("5", "5.5"),
                _ENTRY.replace("5", "true"),
                _ENTRY.replace("1", "-1"),
                _ENTRY.replace("{}", "[]"),
                _ENTRY.replace("5", '5, "functions": {"dense": null}'),
            )
        ),
    ],
)
def test_a_damaged_baseline_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BudgetError, match="not a budget baseline"):
        gate(budget_of(), KEY, path, RECORD)


@pytest.mark.toolchain
@needs_compiler
def test_growth_planted_in_real_images(tmp_path: Path) -> None:
    """Compiled twice: the weights and the arena that were enlarged are named."""

    def image(name: str, weights: int = 3000, arena: int = 640) -> Budget:
        folder = tmp_path / name
        folder.mkdir()
        return with_measured(measure(build(folder, weights, arena), NANO), Measured("emulated"))

    path = tmp_path / "baseline.json"
    accept(image("before"), KEY, path)
    gate(image("same"), KEY, path, RECORD)
    with pytest.raises(BudgetError, match=r"flash grew by 600 .*: model \(weights\) \+600\. "):
        gate(image("weights", weights=3600), KEY, path, RECORD)
    with pytest.raises(BudgetError, match=r"SRAM grew by 8 .*: arena, activations \+8\. "):
        gate(image("arena", arena=648), KEY, path, RECORD)
