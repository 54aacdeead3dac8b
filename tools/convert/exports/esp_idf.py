"""A component for Espressif's ESP-IDF, with an example."""

from __future__ import annotations

from tools.convert.exports.library import Library
from tools.convert.exports.zephyr import main_text

_CMAKE = """\
idf_component_register(
  SRCS
{sources}
  INCLUDE_DIRS include
)
# Contraction off: scores must agree with training to the bit.
target_compile_options(${{COMPONENT_LIB}} PRIVATE -ffp-contract=off -std=gnu++17)
"""

_MANIFEST = """\
version: "{version}"
description: "{title}"
"""

_EXAMPLE = """\
cmake_minimum_required(VERSION 3.16)
# The component's folder is named {prefix}.
set(EXTRA_COMPONENT_DIRS ${{CMAKE_CURRENT_LIST_DIR}}/../..)
include($ENV{{IDF_PATH}}/tools/cmake/project.cmake)
project({prefix}_score)
"""

_EXAMPLE_MAIN = """\
idf_component_register(SRCS main.c REQUIRES {prefix})
"""


def files(library: Library) -> dict[str, str]:
    """Texts by path."""
    values = {
        "prefix": library.prefix,
        "title": library.title,
        "version": library.version,
        "sources": "\n".join(f"    src/{name}" for name in library.cpp()),
    }
    return {
        "CMakeLists.txt": _CMAKE.format(**values),
        "idf_component.yml": _MANIFEST.format(**values),
        "examples/score/CMakeLists.txt": _EXAMPLE.format(**values),
        "examples/score/main/CMakeLists.txt": _EXAMPLE_MAIN.format(**values),
        "examples/score/main/main.c": _app_main(main_text(library)),
        f"include/{library.prefix}.h": library.header,
        **{f"src/{name}": text for name, text in library.sources.items()},
    }


def _app_main(text: str) -> str:
    """A program's text with ESP-IDF's entry point."""
    return text.replace("int main(void)", "void app_main(void)").replace("    return 0;\n", "")
