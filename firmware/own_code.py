"""Compiles the project's own sources with flags of their own and all warnings.

Own sources are the sketch, the libraries beside it, the emulated board's core and the generated
code. Only they see the generated headers: a framework may have a constants.h of its own. Frameworks
and other people's libraries keep their flags. The Nano's framework must: it is C++14 and does not
compile as C++17, where std::chrono::abs() meets Arduino's macro.
"""

import os
import sys
import tomllib
from pathlib import Path

Import("env")

project = Path(env.subst("$PROJECT_DIR")).resolve()
generated = Path(os.environ.get("VIGIL_GENERATED") or project / "generated").resolve()
own = [project / "src", project / "lib", project / "emulated", generated]
# Generated headers use the libraries' types.
libraries = sorted(str(path) for path in (project / "lib").iterdir() if path.is_dir())

catalogue = project.parent / "tools" / "boards" / "boards.toml"
board = tomllib.loads(catalogue.read_text(encoding="utf-8")).get(env["BOARD"], {})
if "receive_ring" not in board:
    sys.stderr.write(
        f"Error: {catalogue.name} has no receive_ring for {env['BOARD']}: the firmware tells the "
        "host how many bytes may be under way\n"
    )
    env.Exit(1)

# Contraction off: scores must agree with x86 to the bit.
FLAGS = ["-std=gnu++17", "-ffp-contract=off", "-Wall", "-Wextra"]
FLAGS.append(f"-DVIGIL_RECEIVE_RING={board['receive_ring']}")
FLAGS.append(f'-DVIGIL_BOARD=\\"{env["BOARD"]}\\"')  # the row's key
# SRAM that the framework leaves; where its share is unknown, half.
framework = board.get("framework_sram", board["sram_bytes"] // 2)
FLAGS.append(f"-DVIGIL_FREE_SRAM={board['sram_bytes'] - framework}")
# Warnings are errors only with the compiler that this code is tested with. Other compilers (the
# Nano's GCC 7, a user's own) may know new warnings.
if env["PIOPLATFORM"] == "emulated" and os.environ.get("CI"):
    FLAGS.append("-Werror")

if os.environ.get("VIGIL_SENSOR_LIBRARY", "").startswith(
    "arduino-libraries/Arduino_BMI270_BMM150@"
):
    FLAGS.append("-DVIGIL_BMI270_PROGRAM")

if env.GetProjectOption("custom_engine") == "tflm":
    # As a system folder, so that its headers give no warnings. PlatformIO passes this folder to the
    # engine, but not to the generated code.
    library = Path(env.subst("$PROJECT_LIBDEPS_DIR")) / env["PIOENV"] / "Chirale_TensorFLowLite"
    # A node, not text: SCons would split text at the spaces of a folder's name.
    FLAGS += ["-isystem", env.Dir(str(library / "src"))]


def with_own_flags(env, node):
    """Return the object of an own source, compiled with FLAGS; leave other sources alone."""
    path = Path(node.srcnode().get_abspath()).resolve()
    if not any(path.is_relative_to(folder) for folder in own):
        return node
    includes = [*env.get("CPPPATH", []), str(generated), *libraries]
    return env.Object(node, OWN_CODE_FLAGS=FLAGS, CPPPATH=includes)


# By reference: the board's builder adds to CCFLAGS only after this script has run.
env.Append(CCFLAGS=["$OWN_CODE_FLAGS"], OWN_CODE_FLAGS=[])
env.AddBuildMiddleware(with_own_flags)
