"""Free ports below the range that outgoing connections use, held for the life of this process.

Several test files run at once: each port is locked by a file, so that no other test takes it
between this choice and the start of the server.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 12000, 31999
_held = []


def _is_bindable(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_locked(port):
    locks = Path(tempfile.gettempdir()) / f"sluice-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    lock = (locks / str(port)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _held.append(lock)
    return True


def free_port():
    chance = random.Random()
    while True:
        port = chance.randint(FIRST, LAST)
        if _is_locked(port) and _is_bindable(port):
            return port
