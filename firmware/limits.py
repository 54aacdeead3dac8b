"""Fails the build when static data exceeds the board's SRAM; PlatformIO only warns."""

import re
import subprocess
import sys

Import("env")


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


env.AddPostAction("$PROGPATH", env.VerboseAction(check_sram, "Checking static data of $TARGET"))
