"""The memory of every view over a month of virtual streaming, without a board.

    .venv/bin/python -m benchmarks.month [DAYS] [SECONDS]

A window arrives every second, or as many SECONDS, of virtual time, with alarms, losses, windows
that are not judged and notices. Prints the memory of Python's objects at the end of each tenth.
Ends with code 1 if it grew by more than 4 MiB over the last half. 86,400 windows take a minute of
processor time.
"""

from __future__ import annotations

import sys
import tracemalloc

from tests.support.month import Month

SECONDS_PER_DAY = 86_400
# Bytes. The moments of the wall clocks need half an hour of real time to fill, 2.5 MiB in all.
LEAST_GROWTH = 4 << 20


def main(days: float, seconds: float) -> int:
    tracemalloc.start()
    month, part = Month(), max(int(days * SECONDS_PER_DAY / seconds / 10), 1)
    sizes = []
    for tenth in range(1, 11):
        sizes.append(month.stream(part))
        print(f"day {days * tenth / 10:5.1f}: {sizes[-1] / 2**20:6.2f} MiB", flush=True)
    return int(sizes[-1] - sizes[4] > LEAST_GROWTH)


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    sys.exit(main(*given, *(30.0, 1.0)[len(given) :]))
