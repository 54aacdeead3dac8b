"""A bundle as a library for Arduino, CMake, Zephyr and ESP-IDF: each is compiled and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.board_text import BoardText
from tests.support.exported import (
    IDF,
    STRICT,
    ZEPHYR,
    cmake_build,
    expected_lines,
    golden_program,
    needs_cmake,
)
from tests.support.waiting import PATIENCE
from tools.boards.build import build
from tools.boards.emulated import EmulatedBoard
from tools.checkout import FIRMWARE
from tools.convert.exports import FORMS, arduino, export
from tools.convert.exports.library import make_library
from tools.measure.bench.reference import make
from training.bundle import MANIFEST, Bundle, read_bundle
from training.bundle.errors import ConvertError

MACHINE = "-mcpu=cortex-m4 -mthumb -mfloat-abi=softfp -mfpu=fpv4-sp-d16 -Os -funsigned-char"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return read_bundle(make(tmp_path_factory.mktemp("export") / "reference").path)


@needs_cmake
def test_two_libraries_in_one_program_compute_what_training_computed(
    bundle: Bundle, tmp_path: Path
) -> None:
    for prefix in ("one", "two"):
        export(bundle.path, "cmake", tmp_path, prefix)
    run_on_host(bundle, tmp_path, "one", "two")


def run_on_host(bundle: Bundle, folder: Path, *prefixes: str) -> None:
    (folder / "main.c").write_text(
        "#include <stdio.h>\n#define SAY(...) printf(__VA_ARGS__)\n"
        + golden_program(bundle, prefixes)
        + "int main(void) { return run(); }\n"
    )
    subdirectories = "".join(f"add_subdirectory({prefix})\n" for prefix in prefixes)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(test C CXX)\n"
        f"add_compile_options({STRICT})\n{subdirectories}"
        f"add_executable(app main.c)\ntarget_link_libraries(app {' '.join(prefixes)})\n"
    )
    cmake_build(folder, folder / "build")
    ran = subprocess.run([folder / "build" / "app"], capture_output=True, text=True, check=True)
    expected = [line for prefix in prefixes for line in expected_lines(bundle, prefix)]
    assert ran.stdout.splitlines() == expected


@needs_cmake
def test_zephyr_s_sample_builds_and_runs(bundle: Bundle, tmp_path: Path) -> None:
    module = export(bundle.path, "zephyr", tmp_path, "pump")
    (tmp_path / "ZephyrConfig.cmake").write_text(ZEPHYR)
    cmake_build(module / "samples/score", tmp_path / "build", f"-DZephyr_DIR={tmp_path}")
    assert says_exact(tmp_path / "build" / "app")
    kconfig = (module / "zephyr/Kconfig").read_text(encoding="utf-8")
    assert kconfig.startswith("config PUMP\n\tbool ")
    assert "CONFIG_PUMP=y" in (module / "samples/score/prj.conf").read_text(encoding="utf-8")


@needs_cmake
def test_esp_idf_s_example_builds_and_runs(bundle: Bundle, tmp_path: Path) -> None:
    component = export(bundle.path, "esp-idf", tmp_path, "pump")
    stand_in = tmp_path / "idf" / "tools" / "cmake" / "project.cmake"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(IDF)
    environment = {**os.environ, "IDF_PATH": str(tmp_path / "idf")}
    cmake_build(component / "examples/score", tmp_path / "build", env=environment)
    assert says_exact(tmp_path / "build" / "app")


def says_exact(program: Path) -> bool:
    """Whether an example found its golden window exact, and then scored two windows."""
    ran = subprocess.run([program], capture_output=True, text=True, check=True)
    first, *scores = ran.stdout.splitlines()
    return first == "golden window exact" and len(scores) == 2


def test_an_arduino_library_follows_the_library_manager_s_rules(
    bundle: Bundle, tmp_path: Path
) -> None:
    archive = export(bundle.path, "arduino", tmp_path, "pump")
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
        properties = zipped.read("pump/library.properties").decode()
    assert {name.split("/")[0] for name in names} == {"pump"}
    assert {"pump/src/pump.h", "pump/examples/Score/Score.ino"} <= set(names)
    values = dict(line.split("=", 1) for line in properties.splitlines())
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category"}
    assert required | {"url", "architectures", "includes"} == set(values)
    assert re.fullmatch(r"\d+\.\d+\.\d+", values["version"])
    assert re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", values["name"])
    before = archive.read_bytes()
    assert export(bundle.path, "arduino", tmp_path, "pump").read_bytes() == before


def test_the_example_of_an_arduino_library_is_short(bundle: Bundle, tmp_path: Path) -> None:
    export(bundle.path, "arduino", tmp_path, "pump")
    sketch = (tmp_path / "pump/examples/Score/Score.ino").read_text(encoding="utf-8")
    assert len([line for line in sketch.splitlines() if line.strip()]) <= 24


def test_the_example_of_an_arduino_library_names_every_channel_to_fill(
    bundle: Bundle, tmp_path: Path
) -> None:
    one = make_library(bundle.path, "pump")
    several = replace(one, channels=("x", "y", "z"), unit="")
    sketch = arduino.files(several)["examples/Score/Score.ino"]
    assert "// your sensor's value\n    // Likewise from counts[1] on (y, z).\n" in sketch
    sketch = arduino.files(replace(one, channels=("x",)))["examples/Score/Score.ino"]
    assert "Likewise" not in sketch


def project(folder: Path, more: str = "") -> Path:
    """A PlatformIO project for the emulated board, without the firmware's own flags."""
    (folder / "src").mkdir(parents=True)
    (folder / "platformio.ini").write_text(
        f"[env:emulated]\nplatform = symlink://{FIRMWARE / 'emulated'}\nboard = emulated\n"
        f"framework = arduino\n{more}"
    )
    return folder


def flash_bytes(elf: Path) -> int:
    sizes = subprocess.run(
        ["arm-none-eabi-size", elf], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1]
    text, data = sizes.split()[:2]
    return int(text) + int(data)


@pytest.mark.toolchain
@pytest.mark.slow
def test_the_arduino_example_runs_on_the_emulated_board(bundle: Bundle, tmp_path: Path) -> None:
    export(bundle.path, "arduino", tmp_path / "libraries", "pump")
    example = project(tmp_path / "example", f"lib_extra_dirs = {tmp_path / 'libraries'}\n")
    shutil.copy(tmp_path / "libraries/pump/examples/Score/Score.ino", example / "src/Score.ino")
    pins = project(tmp_path / "pins")
    # It reads pin and clock as the example does: they are the board's, no part of the library.
    (pins / "src/Pins.ino").write_text(
        "void setup() { Serial.begin(115200); }\nvoid loop() { analogRead(A0); micros(); }\n"
    )
    empty = project(tmp_path / "empty")
    (empty / "src/Empty.ino").write_text("void setup() {}\nvoid loop() {}\n")
    image = build("emulated", None, tmp_path / "built", example).elf
    with EmulatedBoard(image) as board:
        port = BoardText(board.port, timeout=PATIENCE)
        text = [port.readline().decode().strip() for _ in range(3)]
        port.close()
    assert text[0] == "golden window exact"
    assert all(re.fullmatch(r"\d+( anomaly)?", score) for score in text[1:])
    # 11,216 of them are the weights.
    for sketch, most in ((pins, 15_872), (empty, 16 * 1024)):
        none = build("emulated", None, tmp_path / f"built_{sketch.name}", sketch).elf
        assert flash_bytes(image) - flash_bytes(none) <= most, sketch.name


@pytest.mark.toolchain
@pytest.mark.slow
@needs_cmake
def test_a_cmake_library_runs_on_the_emulated_board(bundle: Bundle, tmp_path: Path) -> None:
    library = export(bundle.path, "cmake", tmp_path, "pump")
    (tmp_path / "arm.cmake").write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_C_COMPILER arm-none-eabi-gcc)\n"
        "set(CMAKE_CXX_COMPILER arm-none-eabi-g++)\n"
        "set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
        f'set(CMAKE_C_FLAGS_INIT "{MACHINE} {STRICT}")\n'
        f'set(CMAKE_CXX_FLAGS_INIT "{MACHINE} {STRICT}")\n'
    )
    cmake_build(library, tmp_path / "arm", f"-DCMAKE_TOOLCHAIN_FILE={tmp_path / 'arm.cmake'}")
    flags = f"build_flags = -I{library / 'include'} -L{tmp_path / 'arm'} -lpump\n"
    sketch = project(tmp_path / "sketch", flags)
    (sketch / "src/main.cpp").write_text(
        "#include <Arduino.h>\n#include <stdio.h>\nstatic char line[80];\n"
        "#define SAY(...) (snprintf(line, sizeof line, __VA_ARGS__), Serial.print(line))\n"
        + golden_program(bundle, ["pump"])
        + "void setup() { Serial.begin(115200); }\n"
        + 'void loop() { delay(500); SAY(run() ? "bad\\n" : "end\\n"); }\n'
    )
    with EmulatedBoard(build("emulated", None, tmp_path / "built", sketch).elf) as board:
        port = BoardText(board.port, timeout=PATIENCE)
        port.read_until(b"end\n")
        text = port.read_until(b"end\n").decode()
        port.close()
    assert text.split("\n")[:-2] == expected_lines(bundle, "pump")


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "compiler",
    [
        "g++ -std=gnu++14",  # Arduino's Mbed core
        "arm-none-eabi-g++ -std=gnu++14 -Os -mcpu=cortex-m4 -mthumb",
        "arm-none-eabi-g++ -std=gnu++17 -Os -mcpu=cortex-m0 -mthumb",
        "arm-none-eabi-g++ -std=gnu++17 -Os -mcpu=cortex-m33 -mthumb",
    ],
)
def test_each_source_compiles_alone(bundle: Bundle, tmp_path: Path, compiler: str) -> None:
    export(bundle.path, "arduino", tmp_path, "pump")
    source = tmp_path / "pump/src"
    # C++14 lacks what GCC takes with a warning only; every other warning is an error.
    flags = f"{STRICT} -fno-exceptions -fno-rtti -I{source} -c -o /dev/null"
    if "14" in compiler:
        flags += " -Wno-c++17-extensions"
    for path in sorted((source / "pump").glob("*.cpp")):
        ran = subprocess.run(
            [*compiler.split(), *flags.split(), path], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr


@pytest.mark.toolchain
def test_no_source_of_an_arduino_library_contracts_a_sum_of_products(
    bundle: Bundle, tmp_path: Path
) -> None:
    """The Cortex-M4's compiler would, without the pragma: the IDE passes no flags."""
    export(bundle.path, "arduino", tmp_path, "pump")
    product = tmp_path / "pump/src/pump/product.cpp"
    product.write_text("float sum(float a, float b, float c) { return a * b + c; }\n")
    fused = set()
    for path in sorted(product.parent.glob("*.cpp")):
        flags = (
            f"{MACHINE} -std=gnu++17 -O2 -fno-exceptions -fno-rtti -S -o - -I{tmp_path}/pump/src"
        )
        ran = subprocess.run(
            ["arm-none-eabi-g++", *flags.split(), path], capture_output=True, text=True, check=True
        )
        if re.search(r"\bvfn?m[as]\b", ran.stdout):
            fused.add(path.name)
    assert fused == {"product.cpp"}


def test_names_become_identifiers(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match=r"--prefix 2nd pump: not a C identifier"):
        export(bundle.path, "cmake", tmp_path, "2nd pump")
    for name in ("alarm", "Beats", "constants"):  # alarm.h would be two files
        with pytest.raises(ConvertError, match=f"--prefix {name}: a file of the library"):
            export(bundle.path, "cmake", tmp_path, name)
    assert make_library(bundle.path).prefix == "reference"
    assert FORMS == ("arduino", "cmake", "zephyr", "esp-idf")


@needs_cmake
def test_any_name_of_a_channel_fits_the_forms(bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle.path, tmp_path / "bundle")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["signal"]["channels"] = ['the "left" {one} $x \\']
    manifest["signal"]["units"] = ['"mV" \\']
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    zephyr = export(folder, "zephyr", tmp_path / "zephyr", "pump")
    kconfig = (zephyr / "zephyr/Kconfig").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r'\tbool "[^"\\]+"', kconfig[1])
    idf = export(folder, "esp-idf", tmp_path / "idf", "pump")
    description = (idf / "idf_component.yml").read_text(encoding="utf-8").splitlines()[1]
    assert re.fullmatch(r'description: "[^"\\]+"', description)
    sketch = zipfile.ZipFile(export(folder, "arduino", tmp_path, "pump")).read(
        "pump/examples/Score/Score.ino"
    )
    assert b"\\\n" not in sketch
    export(folder, "cmake", tmp_path, "pump")
    run_on_host(read_bundle(folder), tmp_path, "pump")
