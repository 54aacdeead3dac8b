"""Build script: the system's compiler for the board's processor, the Nano's other flags."""

import runpy
import shutil
import sys
from pathlib import Path

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

ARM = "arm-none-eabi-"
RISCV = "riscv64-unknown-elf-"
PACKAGES = {  # names on Debian
    ARM: "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    RISCV: "gcc-riscv64-unknown-elf qemu-system-misc",
}

env = DefaultEnvironment()
PREFIX = RISCV if env.BoardConfig().get("build.architecture", "arm") == "riscv" else ARM

for prefix in {ARM, PREFIX}:
    if not shutil.which(f"{prefix}g++", path=env["ENV"]["PATH"]):
        sys.stderr.write(
            f"Error: {prefix}g++ is not on PATH; on Debian: "
            f"sudo apt-get install {PACKAGES[prefix]}\n"
        )
        env.Exit(1)


env.Replace(
    AR=f"{PREFIX}gcc-ar",
    AS=f"{PREFIX}gcc",
    CC=f"{PREFIX}gcc",
    CXX=f"{PREFIX}g++",
    LINK=f"{PREFIX}g++",
    RANLIB=f"{PREFIX}gcc-ranlib",
    OBJCOPY=f"{PREFIX}objcopy",
    SIZETOOL=f"{PREFIX}size",
    ARFLAGS=["rcs"],
    # .data counts to both memories; the stack has its own section and counts to SRAM.
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPROGREGEXP=r"^(?:\.text|\.data|\.ARM\.exidx)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.stack|\.data|\.bss|\.noinit)\s+(\d+).*",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)

# Char, optimization and, with an FPU, float ABI as for the Nano, from ArduinoCore-mbed's
# variants/ARDUINO_NANO33BLE: the same sources compile for both; sizes and counts are comparable.
MACHINE = env.BoardConfig().get("build.machine_flags").split()

env.Append(
    ASFLAGS=MACHINE,
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=[
        *MACHINE,
        "-Os",
        "-g",
        "-funsigned-char",
        "-ffunction-sections",
        "-fdata-sections",
        "-fmessage-length=0",
        "-fomit-frame-pointer",
        "-fno-exceptions",
    ],
    CFLAGS=["-std=gnu11"],
    CXXFLAGS=[
        "-std=gnu++17",
        "-fno-rtti",
        "-fno-threadsafe-statics",
        "-fno-use-cxa-atexit",
    ],
    CPPDEFINES=[("F_CPU", "$BOARD_F_CPU"), ("EMULATED_BOARD", env.StringifyMacro(env["BOARD"]))],
    LINKFLAGS=[
        *MACHINE,
        "-Os",
        "-nostartfiles",
        *(["-nostdlib"] if PREFIX == RISCV else ["--specs=nano.specs"]),
        "-Wl,--gc-sections",
        "-Wl,--fatal-warnings",
        "-Wl,--no-warn-rwx-segments",
    ],
    LIBS=["gcc"] if PREFIX == RISCV else ["m", "c", "gcc"],
)
if PREFIX == RISCV:
    script = Path(env.PioPlatform().get_dir()) / "builder" / "arm_headers.py"
    for folder in runpy.run_path(str(script))["arm_headers"](dict(env["ENV"])):
        env.Append(CCFLAGS=["-isystem", folder])

program = env.BuildProgram()
AlwaysBuild(env.Alias("nobuild", program))
Default([program])
