"""Programs that use exports: C sources, and stand-ins for Zephyr's and ESP-IDF's build systems."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from training.bundle import Bundle

needs_cmake = pytest.mark.skipif(
    not all(map(shutil.which, ("cmake", "ninja", "g++"))),
    reason="not on PATH: cmake, ninja or g++ (apt-get install cmake ninja-build g++)",
)

STRICT = "-Wall -Wextra -Werror"

# Prints the bits of each golden window's score, for each prefix.
_GOLDEN = """\
static int run_{prefix}(void) {{
    if (!{prefix}_begin()) return 1;
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i += {prefix}_channels) {{
        const {prefix}_result result = {prefix}_push(counts + i);
        if (result == {prefix}_more) continue;
        const float score = {prefix}_score();
        uint32_t bits;
        memcpy(&bits, &score, sizeof bits);
        SAY("{prefix} %08lx %d\\n", (unsigned long)bits, result == {prefix}_anomaly);
    }}
    return 0;
}}
"""


def golden_program(bundle: Bundle, prefixes: Sequence[str]) -> str:
    """C that defines `run()`, which pushes the golden windows; SAY prints, as printf does."""
    counts = ", ".join(map(str, bundle.golden.counts.ravel().tolist()))
    headers = "".join(f'#include "{prefix}.h"\n' for prefix in prefixes)
    bodies = "".join(_GOLDEN.format(prefix=prefix) for prefix in prefixes)
    calls = " | ".join(f"run_{prefix}()" for prefix in prefixes)
    return (
        f"#include <string.h>\n{headers}\nstatic const int16_t counts[] = {{{counts}}};\n{bodies}"
        f"static int run(void) {{ return {calls}; }}\n"
    )


def expected_lines(bundle: Bundle, prefix: str) -> list[str]:
    """What the program prints for a prefix; the bundle's windows do not overlap."""
    assert bundle.manifest.segmenter.window == bundle.manifest.segmenter.hop
    scores = np.asarray(bundle.golden.score, np.float32)
    flags = scores > np.float32(bundle.manifest.threshold.value)
    return [
        f"{prefix} {bits:08x} {int(flag)}"
        for bits, flag in zip(scores.view(np.uint32).tolist(), flags, strict=True)
    ]


def cmake_build(
    source: Path, build: Path, *options: str, env: dict[str, str] | None = None
) -> None:
    for command in (
        ["cmake", "-S", source, "-B", build, "-G", "Ninja", *options],
        ["cmake", "--build", build],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert ran.returncode == 0, ran.stdout + ran.stderr


ZEPHYR = """\
project(Zephyr-Kernel C CXX)
set(CMAKE_CXX_STANDARD 17)
add_compile_options(-Wall -Wextra -Werror)
file(STRINGS ${CMAKE_SOURCE_DIR}/prj.conf lines REGEX "^CONFIG_[A-Z0-9_]+=y$")
foreach(line ${lines})
  string(REPLACE "=y" "" name ${line})
  set(${name} 1)
endforeach()
add_executable(app)
function(zephyr_library_named name)
  set(current ${name} CACHE INTERNAL "")
  add_library(${name} STATIC)
  target_link_libraries(app PRIVATE ${name})
endfunction()
function(zephyr_library_sources)
  target_sources(${current} PRIVATE ${ARGN})
endfunction()
function(zephyr_include_directories)
  target_include_directories(${current} PUBLIC ${ARGN})
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(${current} PRIVATE ${ARGN})
endfunction()
foreach(module ${ZEPHYR_EXTRA_MODULES})
  file(READ ${module}/zephyr/module.yml yml)
  string(REGEX MATCH "cmake: ([a-z/]+)" found "${yml}")
  add_subdirectory(${module}/${CMAKE_MATCH_1} module)
endforeach()
"""

IDF = """\
function(idf_component_register)
  cmake_parse_arguments(arg "" "" "SRCS;INCLUDE_DIRS;REQUIRES" ${ARGN})
  get_filename_component(name ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_library(${name} STATIC ${arg_SRCS})
  target_include_directories(${name} PUBLIC ${arg_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC ${arg_REQUIRES})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Werror)
  set(COMPONENT_LIB ${name} PARENT_SCOPE)
endfunction()
macro(project name)
  _project(${name} C CXX)
  foreach(folder ${EXTRA_COMPONENT_DIRS})
    get_filename_component(component ${folder} ABSOLUTE)
    add_subdirectory(${component} component)
  endforeach()
  add_subdirectory(main)
  file(WRITE ${CMAKE_BINARY_DIR}/start.c
       "void app_main(void); int main(void) { app_main(); return 0; }")
  add_executable(app ${CMAKE_BINARY_DIR}/start.c)
  target_link_libraries(app main)
endmacro()
"""
