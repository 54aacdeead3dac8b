"""Adds the model's generated sources, which `vigil convert` writes, to the build.

They are in generated/ beside this script, or in the folder that VIGIL_GENERATED names.
"""

import os
import sys
from pathlib import Path

Import("env")

project = Path(env.subst("$PROJECT_DIR"))
folder = Path(os.environ.get("VIGIL_GENERATED") or project / "generated").resolve()
engine = env.GetProjectOption("custom_engine")
sources = ["golden.cpp", f"{engine}_model.cpp"]

missing = [
    name
    for name in ["constants.h", "sensor_constants.h", *sources]
    if not (folder / name).is_file()
]
if missing:
    sys.stderr.write(f"Error: {folder} has no {', '.join(missing)}: run: vigil convert\n")
    env.Exit(1)

env.BuildSources("$BUILD_DIR/generated", str(folder), ["-<*>", *(f"+<{name}>" for name in sources)])
