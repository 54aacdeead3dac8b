"""The recording that the emulated board's analog-to-digital converter plays, in shared memory."""

import os
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BoardError

# Same layout as in the emulated board's adc.cpp: magic, channels, frames, speed; then the counts of
# each frame and a word that is not 0 while the leads are off.
_HEADER = struct.Struct("<4sIII")
_MAGIC = b"VADC"
_MOST_CHANNELS = 255


@dataclass(frozen=True, eq=False)
class AdcRecording:
    """Samples that the emulated board takes by itself."""

    counts: NDArray[np.int16]  # int16 [frames, channels]
    # bool [frames], true where the leads are off; None if they never are
    lead_off: NDArray[np.bool_] | None = None
    speed: int = 1  # sampling rate divided by the model's rate, on the board's own clock

    def memory(self) -> int:
        """Copy the recording to a memory file; return its descriptor, which the caller closes.

        Raises:
            BoardError: an attribute has another shape, dtype or range than described above.
        """
        if self.counts.dtype != np.int16 or self.counts.ndim != 2:
            raise BoardError("a recording for the emulated board must be int16 [frames, channels]")
        frames, channels = self.counts.shape
        if not 1 <= channels <= _MOST_CHANNELS or not 1 <= self.speed <= 1000:
            raise BoardError("the emulated board samples 1 to 255 channels at speed 1 to 1000")
        status = np.zeros(frames, np.int16) if self.lead_off is None else self.lead_off
        if status.shape != (frames,):
            raise BoardError("lead_off must have one entry per frame")
        whole = np.concatenate([self.counts, status.astype(np.int16)[:, np.newaxis]], axis=1)
        descriptor = os.memfd_create("adc")
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(_HEADER.pack(_MAGIC, channels, frames, self.speed))
            file.write(np.ascontiguousarray(whole, "<i2").tobytes())
        return descriptor
