"""The processes of a measurement: the relay, the generator, the sink; what each of them costs.

A Workplace owns the directory and every process that was started in it, and leaves neither behind.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ports import free_port
from programs import SLUICE, SLUICE_LOAD, SLUICE_SINK
from submission import make_certificate
from waiting import wait_for

CONFIG = """
hostname = "relay.example"
spool = "{directory}/spool"
shards = {shards}
[log]
level = "warning"
[[listener]]
address = "127.0.0.1:{port}"
connections = {clients}
connections_per_address = {clients}
tls = "{tls}"
{listener}
[[route]]
{smart_hosts}
connections = {connections}
[[retry]]
class = "bulk"
first = "1s"
[admin]
socket = "{directory}/control.sock"
"""

CERTIFICATE = """
[tls]
certificates = [{{ certificate = "{directory}/cert.pem", key = "{directory}/cert.key" }}]
"""


def thread_seconds(pid):
    """Processor time of the living threads of a process, user and system, to the nanosecond."""
    nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def own_memory(pid):
    """Resident bytes that are the process's own, without its mapped files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has ended")


@contextmanager
def stops_held():
    """A stop in the middle of starting a program would leave it without an owner: it comes afterwards."""
    held = []
    before = {number: signal.signal(number, lambda held_number, _: held.append(held_number))
              for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in held:
        signal.raise_signal(number)


class Process:
    """A program whose output lands in files; when it has ended, what it used in all."""

    def __init__(self, directory, name, arguments, environment=None):
        self.output_path, self.error_path = Path(directory) / f"{name}.out", Path(directory) / f"{name}.err"
        with self.output_path.open("wb") as output, self.error_path.open("wb") as error:
            self.popen = subprocess.Popen([str(argument) for argument in arguments], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=error, env=environment)
        self.pid = self.popen.pid
        self.seconds_used = None

    def is_running(self):
        if self.popen.returncode is None:
            self._reap(os.WNOHANG)
        return self.popen.returncode is None

    def wait(self):
        """Its exit status."""
        if self.popen.returncode is None:
            self._reap(0)
        return self.popen.returncode

    def _reap(self, options):
        pid, status, usage = os.wait4(self.pid, options)
        if pid == self.pid:
            self.popen.returncode = os.waitstatus_to_exitcode(status)
            self.seconds_used = usage.ru_utime + usage.ru_stime

    def end(self):
        if self.is_running():
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def errors(self):
        return self.error_path.read_text(errors="replace")[-2000:]

    def progress(self):
        """The line that it keeps writing over."""
        return self.error_path.read_text(errors="replace").rsplit("\r", 1)[-1].strip()

    def summary(self):
        """The JSON that it printed when it ended."""
        if self.wait() not in (0, 1):
            raise RuntimeError(self.errors())
        return json.loads(self.output_path.read_text())


class Relay:
    """sluice with a spool of its own."""

    def __init__(self, workplace, upstream, connections=20, shards=0, clients=200, tls="none", listener="",
                 smart_hosts='smart_hosts = ["127.0.0.1:{upstream}"]', more=""):
        """`listener` and `more`: further lines of the listener; of [admin], and further tables."""
        self.directory = workplace.new_directory("relay")
        self.port = free_port()
        self.config = self.directory / "sluice.toml"
        config = CONFIG.replace("{smart_hosts}", smart_hosts) + more
        if tls != "none":
            make_certificate(self.directory)
            config += CERTIFICATE
        self.config.write_text(config.format(directory=self.directory, port=self.port, upstream=upstream,
                                             connections=connections, shards=shards, clients=clients, tls=tls,
                                             listener=listener))
        self.workplace = workplace
        self.start()
        wait_for(lambda: "220" in first_line(self.port) or not self.process.is_running(), "relay that answers")
        if not self.process.is_running():
            raise RuntimeError(self.process.errors())

    def start(self):
        self.process = self.workplace.start("relay", [SLUICE, "serve", "--config", self.config])

    def cpu_seconds(self):
        return thread_seconds(self.process.pid)

    def own_memory(self):
        return own_memory(self.process.pid)

    def queued(self):
        done = subprocess.run([SLUICE, "queue", "summary", "--json", "--socket", self.directory / "control.sock"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
        return json.loads(done.stdout)["pending"]

    def is_empty(self):
        return self.queued() == 0

    def end(self):
        if self.process.end() != 0:
            raise RuntimeError(f"the relay did not end in order: {self.process.errors()}")
        shutil.rmtree(self.directory)

    def stop(self):
        """Ends it and leaves its spool for another start."""
        if self.process.end() != 0:
            raise RuntimeError(f"the relay did not end in order: {self.process.errors()}")


@dataclass
class Transfer:
    """What went through, as both ends tell it."""

    load: dict
    sink: dict
    load_seconds: float  # processor time
    sink_seconds: float


class Workplace:
    def __init__(self, parent):
        self.directory = Path(tempfile.mkdtemp(prefix="bench.", dir=parent))
        # Postfix's own accounts must reach what is theirs.
        self.directory.chmod(0o755)
        self.processes = []
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def new_directory(self, name):
        self.count += 1
        directory = self.directory / f"{name}{self.count}"
        directory.mkdir()
        return directory

    def start(self, name, arguments, environment=None):
        self.count += 1
        with stops_held():
            process = Process(self.directory, f"{name}{self.count}", arguments, environment)
            self.processes.append(process)
        return process

    def start_sink(self, *arguments, port=0):
        """Returns the process and its port."""
        self.count += 1
        port_file = self.directory / f"sink{self.count}.port"
        process = self.start("sink", [SLUICE_SINK, "--listen", f"127.0.0.1:{port}", "--port-file", port_file,
                                      "--json", *arguments])
        wait_for(lambda: port_file.exists() and port_file.read_text().strip() or not process.is_running(),
                 "sink that listens")
        if not process.is_running():
            raise RuntimeError(process.errors())
        return process, int(port_file.read_text())

    def sink_certificate(self):
        """What makes a sink offer STARTTLS."""
        directory = self.new_directory("certificate")
        make_certificate(directory)
        return ["--certificate", directory / "cert.pem", "--key", directory / "cert.key"]

    def submit(self, port, *arguments):
        """Sends to the port until everything is accepted."""
        load = self.start_load(port, *arguments)
        accepted = load.summary()
        if accepted["rejected"] or accepted["unknown"]:
            raise RuntimeError(f"not every message was accepted: {accepted}")
        return load, accepted

    def start_load(self, port, *arguments):
        return self.start("load", [SLUICE_LOAD, "--to", f"127.0.0.1:{port}", "--json", *arguments])

    def transfer(self, sink, port, *arguments):
        """Sends to the port until the sink, which ends by itself, has everything."""
        load, accepted = self.submit(port, *arguments)
        wait_for(lambda: not sink.is_running(), "end of the delivery", seconds=1800)
        received = sink.summary()
        if received["duplicates"] or sum(received["violations"].values()):
            raise RuntimeError(f"the sink saw something wrong: {received}")
        return Transfer(accepted, received, load.seconds_used, sink.seconds_used)


def first_line(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            return connection.recv(100).decode("ascii", "replace")
    except OSError:
        return ""


def raise_open_files():
    """As many open files as this user may have; the children inherit it. Returns the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def settled(read, seconds=10):
    """The value when it has not changed for a while, at the latest after `seconds`."""
    end = time.monotonic() + seconds
    history = [read()]
    while time.monotonic() < end and (len(history) < 6 or len(set(history[-6:])) > 1):
        time.sleep(0.1)
        history.append(read())
    return history[-1]
