"""A Zephyr module, with Kconfig and a sample."""

from __future__ import annotations

from tools.convert.exports.library import Library

_MODULE = """\
name: {prefix}
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
samples:
  - samples
"""

_KCONFIG = """\
config {upper}
\tbool "{title}"
\tdepends on CPP
\tdepends on STD_CPP17 || STD_CPP20 || STD_CPP2B
\thelp
\t  An anomaly detector, compiled from a trained model. Its header is {prefix}.h.
"""

_CMAKE = """\
if(CONFIG_{upper})
  set(SOURCES ${{CMAKE_CURRENT_LIST_DIR}}/../src)
  zephyr_library_named({prefix})
  zephyr_library_sources(
{sources}
  )
  zephyr_include_directories(${{CMAKE_CURRENT_LIST_DIR}}/../include)
  # Contraction off: scores must agree with training to the bit.
  zephyr_library_compile_options(-ffp-contract=off)
endif()
"""

_SAMPLE_CMAKE = """\
cmake_minimum_required(VERSION 3.20)
list(APPEND ZEPHYR_EXTRA_MODULES ${{CMAKE_CURRENT_LIST_DIR}}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{{ZEPHYR_BASE}})
project({prefix}_score)
target_sources(app PRIVATE src/main.c)
"""

_SAMPLE_CONF = """\
CONFIG_CPP=y
CONFIG_STD_CPP17=y
CONFIG_REQUIRES_FULL_LIBCPP=y
CONFIG_{upper}=y
CONFIG_CBPRINTF_FP_SUPPORT=y
"""

_SAMPLE_YAML = """\
sample:
  name: {prefix} score
tests:
  sample.{prefix}.score:
    integration_platforms:
      - qemu_cortex_m3
    harness: console
    harness_config:
      type: one_line
      regex: golden window exact
"""

_MAIN = """\
#include <stdio.h>

#include "{prefix}.h"

int main(void) {{
    printf("%s\\n", {prefix}_begin() ? "golden window exact" : "do not trust this build");
    for (int i = 0; i < 2 * {prefix}_window; ++i) {{
        int16_t counts[{prefix}_channels] = {{0}};  // your sensor's sample
        const {prefix}_result result = {prefix}_push(counts);
        if (result == {prefix}_more) continue;
        printf("%.4f%s\\n", (double){prefix}_score(), result == {prefix}_anomaly ? " anomaly" : "");
    }}
    return 0;
}}
"""


def files(library: Library) -> dict[str, str]:
    """Texts by path."""
    values = {
        "prefix": library.prefix,
        "upper": library.prefix.upper(),
        "title": library.title,
        "sources": "\n".join(f"    ${{SOURCES}}/{name}" for name in library.cpp()),
    }
    return {
        "zephyr/module.yml": _MODULE.format(**values),
        "zephyr/Kconfig": _KCONFIG.format(**values),
        "zephyr/CMakeLists.txt": _CMAKE.format(**values),
        "samples/score/CMakeLists.txt": _SAMPLE_CMAKE.format(**values),
        "samples/score/prj.conf": _SAMPLE_CONF.format(**values),
        "samples/score/sample.yaml": _SAMPLE_YAML.format(**values),
        "samples/score/src/main.c": main_text(library),
        f"include/{library.prefix}.h": library.header,
        **{f"src/{name}": text for name, text in library.sources.items()},
    }


def main_text(library: Library) -> str:
    """A program in C: golden windows, then two windows of silence."""
    return _MAIN.format(prefix=library.prefix)
