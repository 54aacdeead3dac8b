"""Finds the headers of C++ and newlib, which Debian's compiler for RISC-V lacks.

The Arm compiler's headers serve both processors. Callers run this file by its path, because the
build script of PlatformIO cannot import it.
"""

import os
import re
import subprocess


def arm_headers(variables: "dict[str, str] | None" = None) -> list[str]:
    """Return the folders, in the order in which they are searched.

    Args:
        variables: environment of the compiler; this process's if None.
    """
    search = subprocess.run(
        ["arm-none-eabi-g++", "-mcpu=cortex-m0", "-mthumb", "-E", "-v", "-x", "c++", "-"],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    folders = re.findall(r"^ (/.+)$", search.partition("#include <...>")[2], re.MULTILINE)
    resolved = map(os.path.realpath, folders)
    return [path for path in resolved if "/lib/gcc/" not in path]  # without the compiler's own
