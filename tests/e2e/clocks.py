"""The clocks of programs under test, shifted by libshifted_clock.so."""

import os
import struct
from pathlib import Path

from programs import BUILD


class Clocks:
    """Of the programs that get this environment."""

    def __init__(self, directory):
        self.path = Path(directory) / "clock"
        self.shifts = [0, 0]  # of the wall clock, of the steady one; in seconds
        self.write()
        self.environment = {**os.environ, "SLUICE_CLOCK_SHIFT": str(self.path),
                            "LD_PRELOAD": str(BUILD / "tests/e2e/libshifted_clock.so")}

    def jump(self, seconds):
        """The wall clock: away from the real time by so much."""
        self.shifts[0] = seconds
        self.write()

    def pass_time(self, seconds):
        """Both clocks go on by so much at once."""
        self.shifts = [shift + seconds for shift in self.shifts]
        self.write()

    def write(self):
        data = struct.pack("=qq", *(int(shift * 1e9) for shift in self.shifts))
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.write(data)
