"""Relay: the real program with a spool of its own, as a test starts, asks, stops and kills it."""

import json
import socket
import ssl
import subprocess
from pathlib import Path

from ports import free_port
from programs import SLUICE, Program
from waiting import wait_for

CONFIG = """
hostname = "relay.example"
spool = "{directory}/spool"
spool_size = "2GiB"
shards = {shards}
{top}
[log]
level = "info"
[[listener]]
address = "127.0.0.1:{port}"
{listener}
{routes}
[[retry]]
class = "bulk"
first = "{retry}"
factor = 1.0
max = "{retry}"
expire = "{expire}"
[limits]
disk_free = "{disk_free}"
{limits}
[delivery]
connections = {connections}
pipeline_depth = {depth}
{delivery}
[dsn]
{dsn}
[admin]
socket = "{directory}/control.sock"
{admin}
"""


def route(smart_hosts, domains=("*",), connections=None):
    """A [[route]] as text."""
    lines = ["[[route]]", f"domains = {json.dumps(list(domains))}", f"smart_hosts = {json.dumps(list(smart_hosts))}"]
    if connections is not None:
        lines.append(f"connections = {connections}")
    return "\n".join(lines)


def unverified():
    """TLS with whomever: for a test that only asks whether somebody answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Relay:
    def __init__(self, directory, routes, *, shards=2, retry="1s", expire="1h", connections=4, depth=8,
                 top="", listener="", limits="", disk_free="1MB", admin="", delivery="", dsn="failure = false", environment=None, arguments=(),
                 process_limits=None):
        self.directory = Path(directory)
        self.port = free_port()
        self.shards = shards
        self.settings = dict(
            directory=directory, routes=routes, retry=retry, expire=expire, connections=connections,
            depth=depth, top=top, listener=listener, limits=limits, disk_free=disk_free,
            admin=admin, delivery=delivery, dsn=dsn, port=self.port)
        self.environment = environment
        self.process_limits = process_limits  # run in the new process
        self.arguments = arguments  # more of `sluice serve`
        self.program = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def spool(self):
        return self.directory / "spool"

    def write_config(self):
        path = self.directory / "sluice.toml"
        path.write_text(CONFIG.format(**self.settings, shards=self.shards))
        return path

    def serve_command(self):
        return [SLUICE, "serve", "--config", self.write_config(), *self.arguments]

    def start(self):
        """Starts it and waits until it answers."""
        self.program = Program("relay", self.directory, self.serve_command(), self.environment,
                               self.process_limits)
        wait_for(lambda: self.answers() or not self.program.is_running(), "relay that answers")
        assert self.program.is_running(), self.program.errors()
        return self

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
                if 'tls = "implicit"' in self.settings["listener"]:
                    connection = unverified().wrap_socket(connection)
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def stop(self):
        """A graceful stop; it must end with 0."""
        status = self.program.end()
        assert status == 0, f"ended with {status}: {self.program.errors()[-2000:]}"

    def kill(self):
        self.program.kill()

    def log(self):
        return self.program.errors()

    def command(self, *arguments, check=True):
        """A subcommand that talks to the running relay."""
        done = subprocess.run(
            self.program_of(*arguments), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def program_of(self, *arguments):
        """What runs a subcommand that talks to the running relay."""
        return [SLUICE, *arguments, "--socket", self.directory / "control.sock"]

    def queued(self):
        """How many envelopes the relay has not finished."""
        return json.loads(self.command("queue", "summary", "--json").stdout)["pending"]

    def is_empty(self):
        return self.queued() == 0

    def verify(self):
        """Checks the spool offline; returns what `sluice spool verify` said."""
        done = subprocess.run([SLUICE, "spool", "verify", self.spool], capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
