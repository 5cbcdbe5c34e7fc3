"""The relay as a service: what it tells systemd, a watchdog that a stuck thread does not feed, the
unit that is shipped."""

import ctypes
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from programs import BUILD, PROJECT, SLUICE
from waiting import wait_for

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL


class Manager:
    """A NOTIFY_SOCKET, and all that came through it."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def count(self, message):
        return self.listen().count(message)


@pytest.fixture(params=["path", "abstract"])
def manager(request, directory):
    name = str(directory / "notify.sock")
    made = Manager(name if request.param == "path" else "\0" + name)
    made.variable = name if request.param == "path" else "@" + name
    yield made
    made.socket.close()


def environment_of(manager, **more):
    return {**os.environ, "NOTIFY_SOCKET": manager.variable, **more}


def threads_named(pid, name):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(task.name) for task in tasks if (task / "comm").read_text().strip() == name]


class StoppedThread:
    """One thread of another process that stands still, while the others run."""

    def __init__(self, thread):
        self.thread = thread
        self.kernel = ctypes.CDLL(None, use_errno=True)

    def ask(self, request):
        assert self.kernel.ptrace(request, self.thread, None, None) == 0, os.strerror(ctypes.get_errno())

    def __enter__(self):
        self.ask(PTRACE_SEIZE)
        self.ask(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WAIT_ALL)
        return self

    def __exit__(self, *_):
        self.ask(PTRACE_DETACH)


def test_manager_is_told_of_start_state_and_end(relay, sink, manager):
    relaying = relay(sink().address, environment=environment_of(manager))
    wait_for(lambda: any(message.startswith("STATUS=running") for message in manager.listen()), "status")
    assert manager.heard[0] == "READY=1"
    assert "STOPPING=1" not in manager.heard and "WATCHDOG=1" not in manager.heard
    relaying.stop()
    assert manager.count("STOPPING=1") == 1


def test_ready_is_told_when_mail_is_taken(relay, sink, manager):
    relaying = relay(sink().address, environment=environment_of(manager))
    wait_for(lambda: manager.count("READY=1"), "READY")
    assert relaying.answers()


def test_watchdog_is_fed_only_while_every_shard_answers(relay, sink, manager):
    relaying = relay(sink().address, environment=environment_of(manager, WATCHDOG_USEC="100000"))
    wait_for(lambda: manager.count("WATCHDOG=1") >= 3, "watchdog that is fed")
    (other,) = threads_named(relaying.program.pid, "shard-1")
    with StoppedThread(other):
        # One answer may be under way; the first shard goes on working meanwhile.
        before = manager.count("WATCHDOG=1")
        for _ in range(20):
            (first,) = threads_named(relaying.program.pid, "shard-0")
            turns = switches(relaying.program.pid, first)
            try:
                socket.create_connection(("127.0.0.1", relaying.port), timeout=60).close()
            except OSError:
                pass
            wait_for(lambda: switches(relaying.program.pid, first) > turns, "turn of the first shard")
        assert manager.count("WATCHDOG=1") <= before + 1
    fed = manager.count("WATCHDOG=1")
    wait_for(lambda: manager.count("WATCHDOG=1") > fed + 3, "watchdog that is fed again")
    relaying.stop()


def switches(pid, thread):
    """How often a thread went to sleep."""
    status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])


def test_watchdog_of_another_process_is_not_ours(relay, sink, manager):
    settings = dict(WATCHDOG_USEC="20000", WATCHDOG_PID="1")
    relay(sink().address, environment=environment_of(manager, **settings)).stop()
    assert "READY=1" in manager.listen() and "WATCHDOG=1" not in manager.heard


def test_manager_that_is_gone_is_no_reason_to_fail(relay, sink, manager):
    manager.socket.close()
    if not manager.variable.startswith("@"):
        os.unlink(manager.variable)
    relaying = relay(sink().address, environment=environment_of(manager))
    wait_for(lambda: "service_manager_lost" in relaying.log(), "line of the log")
    relaying.stop()


def test_shipped_unit_is_right_for_systemd(directory):
    """Where the program is installed is found by systemd at run time; here it is told."""
    unit = (PROJECT / "tools/systemd/sluice.service").read_text()
    path = directory / "sluice.service"
    path.write_text(re.sub(r"^(ExecStart(?:Pre)?=)sluice\b", rf"\1{SLUICE}", unit, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=120)
    complaints = [line for line in done.stderr.splitlines() if "sluice" in line]
    assert done.returncode == 0 and complaints == [], done.stderr


def test_wrong_unit_is_found(directory):
    path = directory / "sluice.service"
    path.write_text("[Service]\nType=notify\nExecStart=/no/such/program\nWatchdogSec=often\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=120)
    assert "sluice.service" in done.stderr


def test_unit_is_installed(directory):
    done = subprocess.run(["cmake", "--install", BUILD, "--prefix", directory / "prefix"],
                          capture_output=True, text=True, timeout=120)
    unit = directory / "prefix/lib/systemd/system/sluice.service"
    assert unit.is_file(), done.stdout + done.stderr
