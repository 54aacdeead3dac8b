"""The emulated board as a PlatformIO development platform without downloads."""

from platformio.public import PlatformBase


class EmulatedPlatform(PlatformBase):
    """Boards in QEMU. The compilers are those on PATH; builder/main.py names their packages."""

    def is_embedded(self) -> bool:
        """Return that programs run on a target, so that libraries may depend on each other."""
        return True
