"""Has the linker write firmware.map beside the image, for `vigil budget`."""

Import("env")

# A node, not text: SCons would split text at the spaces of a folder's name.
env.Append(
    LINKFLAGS=["-Wl,-Map", "-Xlinker", "$FIRMWARE_MAP"],
    FIRMWARE_MAP=env.File("$BUILD_DIR/firmware.map"),
)
env.Clean("$PROGPATH", "$FIRMWARE_MAP")
