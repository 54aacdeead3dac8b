"""Client of QEMU's machine protocol (QMP): JSON lines over standard input and output."""

import json
import os
import select
import time
from typing import IO, Any

from training.bundle.errors import BoardError

TIMEOUT_S = 10.0


class Qmp:
    """A QMP client over a process's pipes.

    Commands are sent one at a time; events in between are ignored.
    """

    def __init__(self, to_qemu: IO[bytes], from_qemu: IO[bytes]) -> None:
        self._to = to_qemu
        self._from = from_qemu.fileno()
        self._poll = select.poll()  # unlike select(), it takes any descriptor
        self._poll.register(self._from, select.POLLIN)
        self._buffer = b""

    def connect(self) -> None:
        """Read the greeting and leave negotiation mode."""
        self._message(lambda message: "QMP" in message)
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: Any) -> Any:
        """Run a command and return its result.

        Raises:
            BoardError: QEMU rejects the command, does not answer within TIMEOUT_S, or has ended.
        """
        request = json.dumps({"execute": name, "arguments": arguments})
        try:
            self._to.write(request.encode() + b"\n")
            self._to.flush()
        except (OSError, ValueError) as error:
            raise BoardError(f"emulated board: QEMU has ended ({error})") from error
        answer = self._message(lambda message: "return" in message or "error" in message)
        if "error" in answer:
            raise BoardError(f"emulated board: QEMU rejects {name}: {answer['error']['desc']}")
        return answer["return"]

    def monitor(self, line: str) -> str:
        """Run a command of QEMU's human monitor and return its output."""
        return str(self.command("human-monitor-command", **{"command-line": line}))

    def _message(self, wanted: Any) -> dict[str, Any]:
        end = time.monotonic() + TIMEOUT_S
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                message: dict[str, Any] = json.loads(line)
                if wanted(message):
                    return message
                continue
            if not self._poll.poll(max(1000 * (end - time.monotonic()), 0)):
                raise BoardError(f"emulated board: QEMU did not answer within {TIMEOUT_S:.0f} s")
            chunk = os.read(self._from, 65536)
            if not chunk:
                raise BoardError("emulated board: QEMU has ended")
            self._buffer += chunk
