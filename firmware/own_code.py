"""Compiles this project's own sources with flags of their own, and all warnings.

Own are the sketch, the libraries beside it, the emulated board's core and generated code. They also
see the generated headers, which others do not: a framework may have a constants.h of its own.
Libraries and frameworks of others keep their flags. The Nano's framework must: it is C++14, and
does not compile as C++17, where std::chrono::abs() meets Arduino's macro.
"""

import os
from pathlib import Path

Import("env")

# Contraction off: scores must agree with x86 to the bit.
FLAGS = ["-std=gnu++17", "-ffp-contract=off", "-Wall", "-Wextra"]
# Where the compiler is the one that this code is tested with, a warning is an error. Elsewhere (the
# Nano's GCC 7, whatever a user's system has) a new one is only shown.
if env["PIOPLATFORM"] == "emulated" and os.environ.get("CI"):
    FLAGS.append("-Werror")

if env.GetProjectOption("custom_engine") == "tflm":
    # Its headers are not ours: no warnings about them. PlatformIO names this folder to the engine,
    # and would not to the generated code.
    library = Path(env.subst("$PROJECT_LIBDEPS_DIR")) / env["PIOENV"] / "Chirale_TensorFLowLite"
    FLAGS += ["-isystem", str(library / "src")]

project = Path(env.subst("$PROJECT_DIR")).resolve()
generated = Path(os.environ.get("VIGIL_GENERATED") or project / "generated").resolve()
own = [project / "src", project / "lib", project / "emulated", generated]
# Generated headers use the libraries' types.
libraries = sorted(str(path) for path in (project / "lib").iterdir() if path.is_dir())


def with_own_flags(env, node):
    """Return the object of one of our sources, compiled with FLAGS; leave others alone."""
    path = Path(node.srcnode().get_abspath()).resolve()
    if not any(path.is_relative_to(folder) for folder in own):
        return node
    includes = [*env.get("CPPPATH", []), str(generated), *libraries]
    return env.Object(node, OWN_CODE_FLAGS=FLAGS, CPPPATH=includes)


# By reference: the board's builder adds to CCFLAGS only after this script has run.
env.Append(CCFLAGS=["$OWN_CODE_FLAGS"], OWN_CODE_FLAGS=[])
env.AddBuildMiddleware(with_own_flags)
