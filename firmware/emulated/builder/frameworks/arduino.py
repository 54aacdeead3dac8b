"""Builds the emulated board's part of the Arduino API: startup, serial port, time, pins."""

from pathlib import Path

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
platform = Path(env.PioPlatform().get_dir())
core = platform / "cores" / "arduino"
architecture = platform / "architectures" / env.BoardConfig().get("build.architecture", "arm")
machine = platform / "machines" / env.BoardConfig().get("build.machine")

env.Append(
    CPPDEFINES=[("ARDUINO", 10819)],
    CPPPATH=[str(machine), str(architecture), str(core)],
    LIBPATH=[str(machine)],  # of the linker script's memory.ld
)

# Objects, not an archive: no symbol reference would pull the vector table out of an archive.
env.BuildSources("$BUILD_DIR/core", str(core))
env.BuildSources("$BUILD_DIR/architecture", str(architecture))
