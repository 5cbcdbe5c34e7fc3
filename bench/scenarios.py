"""The scenarios of bench/run. Each is a function of the measurements that yields rows, with floors
of the same run; its docstring is what --help says about it."""

import smtplib
import socket
import ssl
import time

from domain_scenario import domains
from measurements import CONNECTIONS, DOMAINS, SIZES, rate_of
from postfix_relay import PostfixRelay
from processes import Relay, own_memory, raise_open_files, settled
from relay import unverified
from submission_scenarios import encryption, logins
from table import Row
from waiting import wait_for

HALF_LOAD_SECONDS = 10


def throughput(measured):
    """messages of 10, 2 and 100 KB from 32 connections to 50 domains, each durable before its 250"""
    targets = {"10 KB": (30_000, 25)}
    for size in ("10 KB", "2 KB", "100 KB"):
        straight, relayed = measured.straight(size), measured.relayed(size)
        rate_target, cpu_target = targets.get(size, (None, None))
        yield Row("throughput", size, relayed.rate, "messages/s", rate_of(straight), "straight into the sink",
                  at_least=rate_target)
        yield Row("throughput", f"{size}, beside the disk", relayed.rate, "messages/s", measured.disk(size),
                  "durable batches")
        messages = straight.sink["messages"]
        yield Row("throughput", f"{size}, CPU of the relay", relayed.microseconds_per_message, "µs/message",
                  (straight.load_seconds + straight.sink_seconds) * 1e6 / messages, "generator and sink, straight",
                  at_most=cpu_target)
        yield Row("throughput", f"{size}, CPU of the generator", straight.load_seconds * 1e6 / messages, "µs/message")
        yield Row("throughput", f"{size}, CPU of the sink", straight.sink_seconds * 1e6 / messages, "µs/message")
        if measured.options.peer:
            peer = measured.relayed(size, program=measured.options.peer)
            yield Row("throughput", f"{size}, {measured.options.peer}", peer.rate, "messages/s", relayed.rate, "sluice")
            yield Row("throughput", f"{size}, CPU of {measured.options.peer}", peer.microseconds_per_message,
                      "µs/message", relayed.microseconds_per_message, "sluice")


def distance(measured):
    """every reply of the sink 50 ms later, 10 connections out, 8 messages in flight; over TLS as well"""
    connections = 10
    secured = measured.workplace.sink_certificate()
    for what, option, mode, count, target in (
            ("CHUNKING", [], "chunking", 12_000, 150), ("PIPELINING only", ["--no-chunking"], "pipelining", 1_500, 19)):
        line = ["--latency", "50ms", *option]
        size = ["--size", "10KB", "--domains", DOMAINS]
        messages = measured.scaled(count)
        measured.say(f"distance: {what}")
        straight = measured.send_straight(
            ["--messages", messages, "--connections", connections, "--mode", mode, "--depth", 8, *size], line)
        load = ["--messages", messages, "--connections", CONNECTIONS, *size]
        relayed = measured.send_relayed(load, Relay, line, connections=connections)
        yield Row("distance", what, relayed.rate / connections, "messages/s per connection",
                  rate_of(straight) / connections, "generator on the same line", at_least=target)
        over_tls = measured.send_relayed(load, Relay, [*line, *secured], connections=connections)
        yield Row("distance", f"{what}, over TLS 1.3", over_tls.rate / connections, "messages/s per connection",
                  relayed.rate / connections, "in clear")
        if measured.options.peer:
            load[1] = measured.scaled(500)
            peer = measured.send_relayed(load, PostfixRelay, line, connections=connections)
            yield Row("distance", f"{what}, postfix", peer.rate / connections, "messages/s per connection",
                      relayed.rate / connections, "sluice")


def shards(measured):
    """the relay with one shard and with two"""
    straight = rate_of(measured.straight())
    results = {count: measured.relayed(shards=count) for count in (1, 2)}
    for count, result in results.items():
        yield Row("shards", f"{count}", result.rate, "messages/s", straight, "straight into the sink")
        transfer = result.transfer
        tools = transfer.load_seconds + transfer.sink_seconds
        yield Row("shards", f"{count}, share of the load tools", 100 * tools / (tools + result.relay_seconds),
                  "% of all CPU")
    yield Row("shards", "2, beside 1", results[2].rate, "messages/s", results[1].rate, "one shard")


def buildup(measured):
    """upstream down, a million messages of 2 KB; memory, restart, and the drain when it is up again"""
    usual = measured.relayed("2 KB").rate
    messages = measured.scaled(1_000_000)
    sink, upstream = measured.workplace.start_sink()
    sink.end()  # its port is free now, and nobody listens there
    relay = Relay(measured.workplace, upstream)
    empty = settled(relay.own_memory)
    measured.say(f"buildup: {messages} messages wait")
    load = measured.workplace.start_load(relay.port, "--messages", messages, "--size", SIZES["2 KB"],
                                         "--connections", CONNECTIONS, "--domains", DOMAINS, "--progress")
    measured.watch(load, load.progress)
    load = load.summary()
    yield Row("buildup", "accepted, upstream down", load["messages_per_second"], "messages/s", usual,
              "2 KB relayed", at_least=1.2 * usual)
    yield Row("buildup", "memory after that", (settled(relay.own_memory) - empty) / messages, "bytes per envelope")
    relay.stop()
    measured.say("buildup: restart")
    yield Row("buildup", "restart to the first 250", seconds_to_first_message(relay), "s", at_most=2)
    wait_for(lambda: relay.queued() == messages + 1, "queue found again", seconds=600)
    yield Row("buildup", "memory after a restart", (settled(relay.own_memory) - empty) / messages,
              "bytes per envelope", at_most=200)
    measured.say("buildup: drain")
    sink, _ = measured.workplace.start_sink("--messages", messages + 1, port=upstream)
    measured.watch(sink, lambda: f"{relay.queued():,} wait")
    received = sink.summary()
    yield Row("buildup", "drain", received["messages"] / received["seconds"], "messages/s", usual, "2 KB relayed")
    relay.end()


def seconds_to_first_message(relay):
    """From the start of the process to the 250 for a message."""
    begin = time.monotonic()
    relay.start()

    def submit():
        if not relay.process.is_running():
            raise RuntimeError(relay.process.errors())
        try:
            with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
                client.sendmail("first@sender.example", ["first@d0.load.example"], b"Subject: first\r\n\r\nfirst\r\n")
            return time.monotonic() - begin
        except OSError:
            return None

    return wait_for(submit, "first message", seconds=600)


def latency(measured):
    """half of the relay's own rate from 32 connections: to the 250, and to the sink"""
    rate = measured.relayed().rate / 2
    messages = measured.scaled(rate * HALF_LOAD_SECONDS)
    load = ["--messages", messages, "--rate", round(rate), "--size", SIZES["10 KB"], "--connections", CONNECTIONS,
            "--domains", DOMAINS]
    measured.say(f"latency: {rate:.0f} messages/s")
    straight = measured.send_straight(load)
    relayed = measured.send_relayed(load, Relay).transfer
    floor = "straight into the sink"
    yield Row("latency", "accept p50", relayed.load["accept_p50_ms"], "ms", straight.load["accept_p50_ms"], floor)
    yield Row("latency", "accept p99", relayed.load["accept_p99_ms"], "ms", straight.load["accept_p99_ms"], floor,
              at_most=10)
    yield Row("latency", "submission to sink p50", relayed.sink["latency_p50_ms"], "ms",
              straight.sink["latency_p50_ms"], floor, at_most=5)
    yield Row("latency", "submission to sink p99", relayed.sink["latency_p99_ms"], "ms",
              straight.sink["latency_p99_ms"], floor)


def idle(measured):
    """the memory of connections that said EHLO and nothing more, in clear and over TLS"""
    count = min(measured.scaled(10_000), raise_open_files() - 1_000, 25_000)
    measured.say(f"idle: {count} connections")
    sink, upstream = measured.workplace.start_sink()
    floor = memory_per_connection(sink.pid, upstream, count, greeted)
    relay = Relay(measured.workplace, upstream, clients=count + 10)
    figure = memory_per_connection(relay.process.pid, relay.port, count, greeted)
    yield Row("idle", f"memory with {count}", figure / 1000, "KB per connection", floor / 1000, "the sink's",
              at_most=10)
    relay.end()
    count = min(count, measured.scaled(2_000))
    measured.say(f"idle: {count} connections over TLS")
    relay = Relay(measured.workplace, upstream, clients=count + 10, tls="starttls")
    secured = memory_per_connection(relay.process.pid, relay.port, count, secured_greeting())
    yield Row("idle", f"memory with {count} over TLS", secured / 1000, "KB per connection", figure / 1000,
              "in clear", at_most=40)
    relay.end()
    sink.end()


def memory_per_connection(pid, port, count, connect):
    before = settled(lambda: own_memory(pid))
    connections = [connect(port) for _ in range(count)]
    after = settled(lambda: own_memory(pid))
    for connection in connections:
        connection.close()
    return (after - before) / count


def greeted(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    converse(connection, b"", b"EHLO idle.example\r\n")
    return connection


def secured_greeting():
    """What opens a connection, has it secured by TLS 1.3, and greets."""
    context = unverified()
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    def connect(port):
        clear = greeted(port)
        converse(clear, b"STARTTLS\r\n")
        connection = context.wrap_socket(clear)
        converse(connection, b"EHLO idle.example\r\n")
        return connection

    return connect


def converse(connection, *commands):
    """Says each and reads its reply to the end."""
    for command in commands:
        connection.sendall(command)
        answer = b""
        while not answer.endswith(b"\n") or answer.splitlines()[-1][3:4] == b"-":
            part = connection.recv(4096)
            if not part:
                raise RuntimeError(f"connection refused: {answer.decode('ascii', 'replace')}")
            answer += part


def recipients(measured):
    """10 and 1,000 recipients per message, over few and many domains"""
    for count, messages in ((10, 20_000), (1_000, 300)):
        for domains in (5, 1_000):
            load = ["--messages", measured.scaled(messages, least=5), "--size", SIZES["2 KB"], "--recipients", count,
                    "--domains", domains, "--connections", CONNECTIONS]
            what = f"{count:,} per message, {domains:,} domains"
            measured.say(f"recipients: {what}")
            straight = measured.send_straight(load, recipients=count)
            relayed = measured.send_relayed(load, Relay, recipients=count)
            yield Row("recipients", what, recipients_per_second(relayed.transfer), "recipients/s",
                      recipients_per_second(straight), "straight into the sink")


def recipients_per_second(transfer):
    return transfer.sink["recipients"] / max(transfer.sink["seconds"], 1e-3)


SCENARIOS = {scenario.__name__: scenario
             for scenario in (throughput, distance, domains, shards, buildup, latency, idle, recipients, encryption, logins)}
