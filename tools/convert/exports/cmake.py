"""A static library with one C header, for CMake."""

from __future__ import annotations

from tools.convert.exports.library import Library

_CMAKE = """\
# {title}
# In your CMakeLists.txt: add_subdirectory({prefix}), target_link_libraries(program {prefix}).
cmake_minimum_required(VERSION 3.13)
project({prefix} LANGUAGES C CXX)

add_library({prefix} STATIC
{sources}
)
target_include_directories({prefix} PUBLIC include)
target_compile_features({prefix} PRIVATE cxx_std_17)
# Contraction off: scores must agree with training to the bit.
target_compile_options({prefix} PRIVATE
    -ffp-contract=off -ffunction-sections -fdata-sections -fno-exceptions -fno-rtti)
"""


def files(library: Library) -> dict[str, str]:
    """Texts by path."""
    sources = "\n".join(f"    src/{name}" for name in library.cpp())
    return {
        "CMakeLists.txt": _CMAKE.format(
            title=library.title, prefix=library.prefix, sources=sources
        ),
        f"include/{library.prefix}.h": library.header,
        **{f"src/{name}": text for name, text in library.sources.items()},
    }
