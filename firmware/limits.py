"""Fails the build when static data exceeds the board's SRAM, or code is for another processor.

PlatformIO only warns of the former. The latter links without a word: flags that contradict each
other select a C library in Arm state, which a Cortex-M cannot execute.
"""

import re
import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

Import("env")

_ARM_STATE = re.compile(r"\$a(\.\d+)?")  # mapping symbol, ABI for the Arm Architecture 5.5.5


def check_sram(source, target, env):
    """Compare the sections that PlatformIO counts as SRAM with the board's limit."""
    limit = int(env.BoardConfig().get("upload.maximum_ram_size"))
    output = subprocess.run(
        [env.subst("$SIZETOOL"), "-A", "-d", str(target[0])],
        env=env["ENV"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = sum(int(size) for size in re.findall(env["SIZEDATAREGEXP"], output, flags=re.MULTILINE))
    if used > limit:
        sys.stderr.write(
            f"Error: static data takes {used} bytes of SRAM, {used - limit} more than the "
            f"{limit} that the board has\n"
        )
        return 1
    return 0


def check_state(source, target, env):
    """Refuse code in Arm state for a Cortex-M."""
    if not env.BoardConfig().get("build.cpu", "").startswith("cortex-m"):
        return 0
    with Path(str(target[0])).open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".symtab")
        names = symbols.iter_symbols() if symbols else ()
        count = sum(_ARM_STATE.fullmatch(symbol.name) is not None for symbol in names)
    if count:
        sys.stderr.write(
            f"Error: the image has {count} stretches of code in Arm state, which this processor "
            "cannot execute: the compiler was given two float ABIs; see build_unflags in "
            "platformio.ini\n"
        )
        return 1
    return 0


env.AddPostAction("$PROGPATH", env.VerboseAction(check_sram, "Checking static data of $TARGET"))
env.AddPostAction("$PROGPATH", env.VerboseAction(check_state, "Checking code of $TARGET"))
