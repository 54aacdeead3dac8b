"""The small part of the Arduino API that a sketch needs here: startup, serial, time, pins."""

from pathlib import Path

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
core = Path(env.PioPlatform().get_dir()) / "cores" / "arduino"

env.Append(
    CPPDEFINES=[("ARDUINO", 10819)],
    CPPPATH=[str(core)],
)

# Objects, not an archive: the vector table has no caller that would pull it out of one.
env.BuildSources("$BUILD_DIR/core", str(core))
