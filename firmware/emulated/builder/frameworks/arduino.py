"""Builds the emulated board's part of the Arduino API: startup, serial port, time, pins."""

from pathlib import Path

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
core = Path(env.PioPlatform().get_dir()) / "cores" / "arduino"

env.Append(
    CPPDEFINES=[("ARDUINO", 10819)],
    CPPPATH=[str(core)],
)

# Objects, not an archive: no symbol reference would pull the vector table out of an archive.
env.BuildSources("$BUILD_DIR/core", str(core))
