"""What the emulated board's analog-to-digital converter converts: a recording in shared memory."""

import os
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BoardError

# The emulated board's adc.cpp has the same: magic, channels, frames, speed; then each frame's
# counts and a word that is not 0 while the leads are off.
_HEADER = struct.Struct("<4sIII")
_MAGIC = b"VADC"
_MOST_CHANNELS = 255


@dataclass(frozen=True, eq=False)
class AdcRecording:
    """Samples for the emulated board to take by itself.

    Attributes:
        counts: int16 [frames, channels].
        lead_off: bool [frames], at which frames the leads are off; None: at none.
        speed: how many times faster than the model's rate the board samples, by its own clock.
    """

    counts: NDArray[np.int16]
    lead_off: NDArray[np.bool_] | None = None
    speed: int = 1

    def memory(self) -> int:
        """The recording in a memory file; its descriptor, which the caller closes.

        Raises:
            BoardError: counts, lead_off or speed are not as described above.
        """
        if self.counts.dtype != np.int16 or self.counts.ndim != 2:
            raise BoardError("what the emulated board samples is int16 [frames, channels]")
        frames, channels = self.counts.shape
        if not 1 <= channels <= _MOST_CHANNELS or not 1 <= self.speed <= 1000:
            raise BoardError("the emulated board samples 1 to 255 channels, 1 to 1000 times faster")
        status = np.zeros(frames, np.int16) if self.lead_off is None else self.lead_off
        if status.shape != (frames,):
            raise BoardError("lead_off has one entry a frame")
        whole = np.concatenate([self.counts, status.astype(np.int16)[:, np.newaxis]], axis=1)
        descriptor = os.memfd_create("adc")
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(_HEADER.pack(_MAGIC, channels, frames, self.speed))
            file.write(np.ascontiguousarray(whole, "<i2").tobytes())
        return descriptor
