"""A serial port as a person's terminal reads it: what the board wrote before is kept."""

import serial


class BoardText(serial.Serial):
    """A port whose opening discards nothing.

    pyserial discards what the port holds when it is opened. A board that starts sooner than the
    test opens its port would lose the first lines.
    """

    def _reset_input_buffer(self) -> None:
        pass
