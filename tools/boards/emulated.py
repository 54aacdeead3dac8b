"""An emulated board: a machine of QEMU, with a serial port that any program can open."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import weakref
from pathlib import Path
from types import TracebackType

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from tools.boards.adc import AdcRecording
from tools.boards.catalogue import Board, find_board, is_emulated
from tools.boards.flash_memory import open_flash
from tools.boards.qmp import Qmp
from tools.boards.serial_bridge import SerialBridge
from training.bundle.errors import BoardError, LinkError

_BOARD_SECTION = ".vigil.board"  # firmware/emulated/cores/arduino/startup.cpp
_STOP_TIMEOUT_S = 5.0


def emulator_of(board: Board) -> tuple[list[str], str]:
    """Return QEMU's command for a board's machine, and Debian's package that has the program."""
    machine = ["-M", board.machine]
    if board.riscv:
        # Without -bios, QEMU would start its own firmware.
        return ["qemu-system-riscv32", *machine, "-bios", "none"], "qemu-system-misc"
    return ["qemu-system-arm", *machine], "qemu-system-arm"


def board_of_image(elf: Path) -> Board:
    """Return the emulated board that an image was built for.

    Raises:
        BoardError: it is no image of an emulated board.
    """
    try:
        with elf.open("rb") as stream:
            section = ELFFile(stream).get_section_by_name(_BOARD_SECTION)
            name = section.data().split(b"\0")[0].decode() if section is not None else ""
    except (OSError, ELFError, UnicodeDecodeError) as error:
        raise BoardError(f"{elf}: no readable image ({error}): run `vigil build`") from error
    if not is_emulated(name):
        raise BoardError(f"{elf} was not built for an emulated board: run `vigil build`")
    return find_board(name)


class EmulatedBoard:
    """A running emulated board.

    Use it as a context manager: leaving it always ends QEMU.

    Attributes:
        elf: the program. It names the board that it was built for, and so QEMU's machine.

    Example:
        with EmulatedBoard(result.elf) as board:
            port = serial.Serial(board.port)
    """

    def __init__(
        self,
        elf: Path,
        *,
        deterministic: bool = False,
        seed: int = 0,
        adc: AdcRecording | None = None,
        flash: Path | None = None,
    ) -> None:
        """Prepare a board that runs `elf`, without starting it.

        Args:
            elf: an image built for an emulated environment.
            deterministic: the board never sleeps, so that virtual time counts instructions only
                and does not follow the wall clock. Occupies one processor of the host.
            seed: distinguishes the program's boot id from another board's.
            adc: the recording that the board samples, or None.
            flash: file of the board's flash for data, which outlives this object; None: a flash
                that does not.

        Raises:
            BoardError: this system is not Linux.
        """
        if not hasattr(os, "memfd_create"):
            raise BoardError(
                "the emulated board runs on Linux only; connect a board, and name its port"
            )
        self.elf = elf
        self._deterministic = deterministic
        self._seed, self._starts = seed, 0
        self._adc = adc
        self._flash = open_flash(flash)
        weakref.finalize(self, os.close, self._flash)
        self._process: subprocess.Popen[bytes] | None = None
        self._bridge: SerialBridge | None = None
        self._qmp: Qmp | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the board)

    def __enter__(self) -> "EmulatedBoard":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self.exit_code
        self.stop()
        if ended is not None and isinstance(value, LinkError):
            # A link error says only that no answer came; the program's output has the cause.
            output = " ".join(self.log.split()) or "without output"
            raise BoardError(f"the emulated board stopped (exit code {ended}): {output}") from value

    @property
    def port(self) -> str:
        """Path of the serial port, for pyserial. The baud rate is ignored."""
        if self._bridge is None:
            raise BoardError("emulated board: not running")
        return self._bridge.port

    @property
    def running(self) -> bool:
        """Whether QEMU runs. It ends when the program faults or exits."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        if self._process is None:
            raise BoardError("emulated board: not running")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the program, 70 after a fault; None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        """Standard error of the program and of QEMU, reports of faults included."""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        # QEMU warns at each start that the board's network interface is not connected.
        return "\n".join(line for line in lines if "has no peer" not in line)

    def start(self) -> None:
        """Start QEMU, wait for its serial port, and start the program.

        Raises:
            BoardError: QEMU is not installed or does not start, there is no image, or the shared
                memory or pseudo-terminal cannot be created.
        """
        if self.running:
            raise BoardError("emulated board: already running")
        if not self.elf.is_file():
            raise BoardError(f"no image at {self.elf}: run `vigil build`")
        command, package = emulator_of(board_of_image(self.elf))
        qemu = command[0]
        if shutil.which(qemu) is None:
            raise BoardError(f"{qemu} is not on PATH: sudo apt-get install {package}")
        self._stderr.seek(0)
        self._stderr.truncate()
        self._starts += 1  # each start has a boot id of its own
        recording = None
        try:
            recording = self._adc.memory() if self._adc is not None else None
            bridge = SerialBridge()
        except OSError as error:
            if recording is not None:
                os.close(recording)
            raise BoardError(
                f"the emulated board does not start: {error.strerror}; raise the limits of this "
                "shell, such as `ulimit -f unlimited` for the size of files"
            ) from error
        shared = [bridge.qemu_end.fileno(), bridge.memory, self._flash]
        shared += [] if recording is None else [recording]
        try:
            self._process = subprocess.Popen(
                [*command, *self._options(bridge, recording)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                pass_fds=shared,
                # Keeps Ctrl-C away from QEMU. As the leader of a new session, QEMU makes the
                # terminal that it opens (chardev "life" below) its controlling terminal: if this
                # process dies, the terminal closes, and the hang-up ends QEMU too.
                start_new_session=True,
            )
        except OSError as error:
            bridge.close()
            raise BoardError(f"{qemu} does not start: {error}") from error
        finally:
            if recording is not None:
                os.close(recording)  # QEMU has its own copy
        self._bridge = bridge
        bridge.start()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._qmp = Qmp(self._process.stdin, self._process.stdout)
        try:
            self._qmp.connect()
            self._qmp.command("cont")
        except BoardError as error:
            self.kill()
            raise BoardError(f"{error}: {self.log.strip() or 'no output'}") from error

    def _options(self, bridge: SerialBridge, recording: int | None) -> list[str]:
        semihosting = [
            "enable=on,target=native,arg=firmware",
            f"arg=serial=/proc/self/fd/{bridge.memory}",
            f"arg=seed={self._seed + self._starts - 1}",
            f"arg=spin={int(self._deterministic)}",
            f"arg=flash=/proc/self/fd/{self._flash}",
        ]
        if recording is not None:
            semihosting.append(f"arg=adc=/proc/self/fd/{recording}")
        return [
            *("-display", "none"),
            "-nodefaults",
            *("-nic", "none"),
            "-S",
            *("-icount", "shift=6"),
            *("-chardev", f"socket,id=uart,fd={bridge.qemu_end.fileno()}"),
            *("-serial", "chardev:uart"),
            *("-chardev", f"serial,id=life,path={bridge.port}"),
            *("-qmp", "stdio"),
            *("-semihosting-config", ",".join(semihosting)),
            *("-kernel", str(self.elf)),
        ]

    def stop(self) -> int | None:
        """Power down and return QEMU's exit code. May be called when nothing runs."""
        if self.running:
            assert self._process is not None
            self._process.send_signal(signal.SIGTERM)
        return self._close()

    def kill(self) -> None:
        """Unplug the board: QEMU is killed and the port closes at once."""
        if self.running:
            assert self._process is not None
            self._process.kill()
        self._close()

    def wait(self, timeout_s: float) -> int:
        """Wait until the program ends, and return its exit code.

        Raises:
            BoardError: it still runs after `timeout_s` seconds.
        """
        if self._process is None:
            raise BoardError("emulated board: not running")
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise BoardError(f"emulated board: still running after {timeout_s} s") from error

    def reset(self) -> None:
        """Reset the board. The port stays open."""
        self._running_qmp().command("system_reset")

    def led(self) -> bool:
        """Whether the built-in LED is lit."""
        text = self._running_qmp().monitor(f"x /1xw {board_of_image(self.elf).led_register:#x}")
        value = re.search(r":\s*(0x[0-9a-f]+)", text)
        if value is None:
            raise BoardError(f"emulated board: cannot read the LED from QEMU: {text.strip()}")
        return bool(int(value[1], 16) & 1)

    def _running_qmp(self) -> Qmp:
        if not self.running or self._qmp is None:
            raise BoardError(f"emulated board: not running (exit code {self.exit_code})")
        return self._qmp

    def _close(self) -> int | None:
        """Wait for QEMU's end, kill it if that takes too long, and close the port."""
        code = None
        process = self._process
        if process is not None:
            try:
                code = process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        self._qmp = None
        return code
