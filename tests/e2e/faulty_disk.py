"""FaultyDisk: makes the disk under a relay's spool stall, slow or broken while it runs (faulty_disk.cc)."""

import mmap
import os
import struct

from programs import BUILD, SLUICE, Program
from relay import Relay
from waiting import wait_for

LIBRARY = BUILD / "tests/e2e/libsluice_faulty_disk.so"
HOLDS_SYNCS, SYNC_DELAY, FAILS_META_WRITES, SYNCS_HELD = 0, 4, 8, 12


class FaultyDisk:
    def __init__(self, directory):
        path = directory / "faulty_disk"
        path.write_bytes(bytes(4096))
        with path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)
        self.environment = {**os.environ, "LD_PRELOAD": str(LIBRARY), "SLUICE_FAULTY_DISK": str(path)}

    def _set(self, field, value):
        self.page[field:field + 4] = struct.pack("=I", value)

    def hold_syncs(self):
        """From now on no sync ends."""
        self._set(HOLDS_SYNCS, 1)

    def let_go(self):
        self._set(HOLDS_SYNCS, 0)

    def delay_syncs(self, milliseconds):
        self._set(SYNC_DELAY, milliseconds)

    def fail_meta_writes(self):
        self._set(FAILS_META_WRITES, 1)

    def repair(self):
        self._set(FAILS_META_WRITES, 0)

    def holds_one(self):
        return struct.unpack("=I", self.page[SYNCS_HELD:SYNCS_HELD + 4])[0] > 0


class RelayOnFaultyDisk(Relay):
    def __init__(self, directory, routes, **settings):
        super().__init__(directory, routes, **settings)
        self.disk = FaultyDisk(directory)

    def start(self):
        self.program = Program("relay", self.directory, [SLUICE, "serve", "--config", self.write_config()],
                               environment=self.disk.environment)
        wait_for(lambda: self.answers() or not self.program.is_running(), "relay that answers")
        assert self.program.is_running(), self.program.errors()
        return self
