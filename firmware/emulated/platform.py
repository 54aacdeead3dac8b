"""The emulated board as a PlatformIO development platform: nothing in it is downloaded."""

from platformio.public import PlatformBase


class EmulatedPlatform(PlatformBase):
    """A Cortex-M4 in QEMU. The compiler is the one on PATH (Debian: gcc-arm-none-eabi)."""

    def is_embedded(self) -> bool:
        """Tell PlatformIO that programs run on a target, so that libraries may need each other."""
        return True
