"""Limits of the machine and of the configuration: what is reached is refused or waits, nothing is
lost, and service resumes by itself."""

import os
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from load import all_arrived
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
IDLE_CONNECTIONS = 20_000
OTHER_FILES = 700  # of the relay, and of this process, beside the idle connections
DAY = 24 * 3600


def submit(relaying, message=MESSAGE):
    with Wire(relaying.port) as wire:
        wire.hello()
        return wire.submit(message)


@pytest.fixture
def open_files():
    """As many open files as this process may have; its children inherit that."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def idle_connection(port, number):
    """From one of many addresses, because one has no 20,000 ports left."""
    connection = socket.socket()
    connection.settimeout(60)
    connection.bind((f"127.0.1.{number % 8 + 1}", 0))
    connection.connect(("127.0.0.1", port))
    return connection


def greeting(connection):
    text = b""
    while not text.endswith(b"\r\n"):
        more = connection.recv(512)
        assert more, text
        text += more
    return text[:3]


def test_idle_connections_stay_while_mail_goes_through(relay, sink, load, open_files):
    """20,000, or as many as one process may have open here."""
    count = min(IDLE_CONNECTIONS, open_files - OTHER_FILES)
    upstream = sink()
    relaying = relay(upstream.address, listener=f"connections = {count + 64}\nconnections_per_address = {count}")
    with ExitStack() as stack:
        idle = []
        for number in range(count):
            idle.append(stack.enter_context(idle_connection(relaying.port, number)))
            assert greeting(idle[-1]) == b"220"
        generator = load(relaying, "--messages", 2000, "--connections", 16, "--size", "2KB")
        generator.finish()
        wait_for(lambda: all_arrived(generator, upstream), "delivery")
        for connection in idle:
            connection.sendall(b"NOOP\r\n")
        assert {greeting(connection) for connection in idle} == {b"250"}
    relaying.stop()


def test_memory_that_is_used_up_refuses_and_recovers(relay, server):
    relaying = relay(server().address, limits='memory = "4MiB"')
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(relaying.port)) for _ in range(8)]
        large = b"Subject: x\r\n\r\n" + b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 10_000
        for wire in wires:
            wire.hello()
            wire.begin()
            assert wire.command("DATA").code == 354
            wire.send(large)
        for wire in wires:
            wire.send(b".\r\n")
        replies = [wire.reply() for wire in wires]
        assert {reply.code for reply in replies} <= {250, 452}
        assert {reply.enhanced for reply in replies if reply.code == 452} == {"4.3.1"}
        accepted = sum(reply.code == 250 for reply in replies)
    wait_for(lambda: submit(relaying, large).code == 250, "message that is taken again")
    wait_for(relaying.is_empty, "delivery")
    relaying.stop()
    assert f"{accepted + 1} received" in " ".join(relaying.verify().split())


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_open_files_that_run_short_refuse_clients_without_spinning(relay, server, open_files):
    """The relay fits its connections into what it may open; beyond them clients are told so."""
    relaying = relay(server().address, listener="connections_per_address = 2000",
                     process_limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1700, 1700)))
    pid = relaying.program.pid
    assert "connections_lowered" in relaying.log()
    with ExitStack() as stack:
        clients = [stack.enter_context(idle_connection(relaying.port, number)) for number in range(1700)]
        answers = [greeting(client) for client in clients]
        assert set(answers) == {b"220", b"421"}
        assert len(os.listdir(f"/proc/{pid}/fd")) < 1700
        # Whoever waits sleeps: a loop without a pause would take all of the second.
        ticks, began = cpu_ticks(pid), time.monotonic()
        wait_for(lambda: time.monotonic() > began + 1, "second")
        assert cpu_ticks(pid) - ticks < os.sysconf("SC_CLK_TCK") / 2
        served = clients[answers.index(b"220")]
        served.sendall(b"NOOP\r\n")
        assert greeting(served) == b"250"
    wait_for(relaying.answers, "client that is served again")
    assert submit(relaying).code == 250
    relaying.stop()


class Deferrals:
    """A relay with those clocks, before an upstream that defers everything."""

    def __init__(self, relay, server, clocks):
        self.upstream = server(answers={"RCPT": lambda *_: "450 4.2.1 mailbox busy"})
        self.relay = relay(self.upstream.address, retry="1s", expire="4h", environment=clocks.environment)

    def begin(self):
        assert submit(self.relay).code == 250
        wait_for(lambda: self.attempts() >= 1, "first attempt")

    def go_on(self):
        before = self.attempts()
        wait_for(lambda: self.attempts() >= before + 2, "more attempts")
        assert self.relay.queued() == 1
        self.relay.stop()

    def attempts(self):
        return sum(command.startswith("RCPT") for command in self.upstream.commands())


@pytest.fixture
def deferrals(relay, server, clocks):
    return Deferrals(relay, server, clocks)


@pytest.mark.parametrize("seconds", [-30 * DAY, -3600, 3600])
def test_retries_go_on_when_the_clock_jumps(deferrals, clocks, seconds):
    deferrals.begin()
    clocks.jump(seconds)
    deferrals.go_on()


def test_retries_go_on_when_the_clock_was_set_back_before_a_start(deferrals, clocks):
    clocks.jump(30 * DAY)
    deferrals.begin()
    deferrals.relay.stop()
    clocks.jump(0)
    deferrals.relay.start()
    deferrals.go_on()


def test_message_expires_when_the_clock_says_so(deferrals, clocks):
    deferrals.begin()
    clocks.jump(5 * 3600)
    wait_for(deferrals.relay.is_empty, "expiry")
    deferrals.relay.stop()
    assert "1 expired" in " ".join(deferrals.relay.verify().split())


def test_stop_under_full_load_loses_nothing_and_ends_in_time(relay, sink, load):
    upstream = sink("--latency", "20ms")
    relaying = relay(upstream.address, connections=8)
    generator = load(relaying, "--messages", 10_000_000, "--connections", 32, "--size", "4KB", "--give-up", "120s")
    wait_for(lambda: len(upstream.received()) > 1000, "delivery going on")
    began = time.monotonic()
    relaying.stop()
    # Transactions have 10 s, what is past its final dot 30 s.
    assert time.monotonic() - began < 60
    relaying.verify()
    generator.stop()
    relaying.start()
    wait_for(lambda: all_arrived(generator, upstream), "delivery of everything accepted")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
