"""Clients that flood, stall, lie or break off: the relay keeps its memory, and serves others meanwhile."""

import random
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

import pytest

from programs import BUILD
from submission import PASSWORD, context, listener, message, plain, secured, top
from waiting import wait_for
from wire import Wire

# A sanitizer makes the relay several times slower, and keeps what was freed.
IS_INSTRUMENTED = BUILD.name in ("asan", "tsan")
# How long a normal client may take while the relay is attacked: a bound on liveness, no measurement.
SERVED_WITHIN_SECONDS = 60 if IS_INSTRUMENTED else 5
# What an attack may leave in the relay's memory at its worst. 1,000 sessions hold some 10 KB each, each receives at most
# 64 KB that it has not looked at, and the allocator keeps what was freed.
MEMORY_MAX_BYTES = 2_000_000_000 if IS_INSTRUMENTED else 150_000_000
DRIPPING_CONNECTIONS = 1000


def resident(pid):
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


def submit(relaying, certificate):
    """A normal client; returns how long it took."""
    start = time.monotonic()
    with secured(relaying, certificate) as wire:
        assert wire.command(plain("apikey", PASSWORD)).code == 235
        assert wire.submit(message().encode(), sender="news@acme.example").code == 250
    return time.monotonic() - start


class Attack:
    """Runs beside the test, in a thread, until it is done or told to stop."""

    def __init__(self, act, relaying):
        self.stop = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run, args=(act, relaying))
        self.thread.start()

    def _run(self, act, relaying):
        try:
            act(relaying, self.stop)
        except OSError:
            pass  # the relay may end whom it does not like
        except Exception as failure:
            self.failure = failure

    def finish(self):
        self.stop.set()
        self.thread.join(timeout=60)
        assert not self.thread.is_alive() and self.failure is None, self.failure


def connect(relaying):
    connection = socket.create_connection(("127.0.0.1", relaying.port), timeout=20)
    connection.recv(512)
    connection.sendall(b"EHLO attacker.example\r\n")
    connection.recv(4096)
    return connection


def repeat(data, bytes_max=20_000_000):
    """An attack that sends this over and over and reads nothing."""

    def act(relaying, stop):
        with connect(relaying) as connection:
            connection.settimeout(2)
            sent = 0
            while not stop.is_set() and sent < bytes_max:
                connection.sendall(data)
                sent += len(data)

    return act


def in_a_transaction(data):
    """What follows MAIL, RCPT and DATA, in one piece, on a listener that relays for everyone here."""

    def act(relaying, stop):
        with connect(relaying) as connection:
            connection.settimeout(2)
            connection.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
            while not stop.is_set():
                connection.sendall(data)

    return act


def garbage_in_tls(relaying, stop):
    """Records that are none, begun in each way that a ClientHello begins."""
    chance = random.Random(5)
    starts = [b"", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x80\x2e\x01"]
    while not stop.is_set():
        for start in starts:
            with connect(relaying) as connection:
                connection.sendall(b"STARTTLS\r\n")
                connection.recv(512)
                connection.settimeout(2)
                connection.sendall(start + chance.randbytes(2000))
                while connection.recv(4096):
                    pass


def wrong_passwords(relaying, stop):
    """From one address, on ever new connections; it is sent away after some."""
    while not stop.is_set():
        with connect(relaying) as connection:
            for number in range(5):
                connection.sendall(plain("apikey", f"guess {number}").encode() + b"\r\n")
                if not connection.recv(512).startswith(b"5"):
                    break


# The dialogue up to each state, for those who leave in the middle.
STATES = [
    b"", b"EH", b"EHLO a\r\n", b"EHLO a\r\nSTARTTLS\r\n", b"EHLO a\r\nSTARTTLS\r\n\x16\x03\x01\x00",
    b"EHLO a\r\nAUTH PLAIN\r\n", b"EHLO a\r\nAUTH LOGIN\r\nYQ==\r\n", b"EHLO a\r\nMAIL FROM:<a@example.com>\r\n",
    b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n",
    b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
    b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nhalf a li",
    b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nBDAT 100000 LAST\r\nhalf",
]


def resets(relaying, stop):
    """A reset (SO_LINGER 0) in every state, with and without the replies unread."""
    while not stop.is_set():
        for number, state in enumerate(STATES):
            connection = socket.create_connection(("127.0.0.1", relaying.port), timeout=20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(state)
            if number % 2:
                connection.recv(512)
            connection.close()


FLOODS = {
    "noop": repeat(b"NOOP\r\n" * 10_000),
    "rset": repeat(b"RSET\r\n" * 10_000),
    "ehlo": repeat(b"EHLO a\r\n" * 10_000),
    "unknown_commands": repeat(b"FROB\r\n" * 10_000),
    "line_of_10_mb": repeat(b"x" * 1_000_000, 10_000_000),
    "argument_of_10_mb": repeat(b"MAIL FROM:<" + b"x" * 1_000_000, 10_000_000),
    "nulls": repeat(b"\0" * 100_000),
    "nulls_in_commands": repeat(b"MAIL FROM:<a\0b@example.com>\r\n" * 1000),
    "recipients_100000": repeat(b"MAIL FROM:<a@example.com>\r\n" + b"".join(
        b"RCPT TO:<%d@example.net>\r\n" % number for number in range(100_000))),
    "auth_lines": repeat(b"AUTH PLAIN " + b"QUFB" * 4000 + b"\r\n"),
    "auth_answer_without_end": repeat(b"AUTH LOGIN\r\n" + b"QUFB" * 250_000),
    "bdat_of_everything": repeat(b"BDAT 18446744073709551615 LAST\r\n" + b"x" * 100_000),
    "body_line_without_end": in_a_transaction(b"x" * 1_000_000),
    "body_of_nulls": in_a_transaction((b"\0" * 78 + b"\r\n") * 10_000),
    "bare_newlines": in_a_transaction(b"x\n" * 100_000),
    "header_without_end": in_a_transaction(b"X-Header: x\r\n" * 10_000),
    "garbage_in_tls": garbage_in_tls,
    "resets": resets,
    "wrong_passwords": wrong_passwords,  # last: the address it comes from may log in no more
}


@pytest.fixture
def attacked(relay, server, directory, certificate, clocks):
    """A relay to attack: STARTTLS, AUTH also in clear (so that floods reach it), and 127.0.0.1 may relay."""
    upstream = server()
    settings = listener("starttls").replace("relay_networks = []", 'relay_networks = ["127.0.0.1"]')
    settings = settings.replace('"required"', '"optional"') + "\nauth_without_tls = true\nconnections_per_address = 3000"
    one = relay(upstream.address, top=top(directory), listener=settings, environment=clocks.environment)
    one.upstream = upstream
    return one


def test_floods_cost_bounded_memory_and_others_are_served(attacked, certificate):
    """One relay through all of them, so that what one leaves behind would add up."""
    submit(attacked, certificate)
    before = resident(attacked.program.pid)
    served = 1
    for name, act in FLOODS.items():
        attacks = [Attack(act, attacked) for _ in range(2)]
        try:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                is_known = name != "wrong_passwords"
                took = submit(attacked, certificate) if is_known else submit_without_login(attacked)
                served += 1
                assert took < SERVED_WITHIN_SECONDS, f"{name}: a normal client took {took:.1f} s"
                grown = resident(attacked.program.pid) - before
                assert grown < MEMORY_MAX_BYTES, f"{name}: {grown} bytes more"
        finally:
            for attack in attacks:
                attack.finish()
        assert attacked.program.is_running(), name
    wait_for(lambda: len(submitted(attacked)) == served, "delivery of what was taken")
    attacked.stop()


def submit_without_login(relaying):
    """For an address that may not log in while it guesses passwords."""
    start = time.monotonic()
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(b"Subject: x\r\n\r\nbody\r\n", sender="news@acme.example").code == 250
    return time.monotonic() - start


def submitted(relaying):
    return [one for one in relaying.upstream.messages if one.sender == "news@acme.example"]


# ---- slow senders

SLOW = {
    "command": (b"", b"N"),
    "auth": (b"EHLO a\r\nAUTH LOGIN\r\n", b"Q"),
    "data": (b"EHLO a\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n", b"x"),
    "handshake": (b"EHLO a\r\nSTARTTLS\r\n", b"\x16"),
}


# Longer than anything that a session waits for: five minutes for a command, three for a body and one more for what
# has come of it (RFC 5321 4.5.3.2).
PATIENCE_SECONDS = 600


def drip(connections, drop):
    """Sends to each that is still open; returns how many are."""
    return sum(is_open_after(connection, drop) for connection in connections)


def is_open_after(connection, drop):
    try:
        connection.send(drop)
        while connection.recv(512, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@pytest.mark.parametrize("state", SLOW)
def test_a_thousand_who_drip_a_byte_a_second_hold_up_nobody(attacked, certificate, clocks, state):
    """And not for ever: a byte now and then is no progress that a deadline would wait for."""
    first, drop = SLOW[state]
    before = resident(attacked.program.pid)
    connections = []
    try:
        for number in range(DRIPPING_CONNECTIONS):
            connection = socket.socket()
            connection.bind((f"127.0.0.{2 + number % 8}" if state != "data" else "127.0.0.1", 0))
            connection.connect(("127.0.0.1", attacked.port))
            connection.sendall(first)
            connections.append(connection)
        for _ in range(3):
            drip(connections, drop)
            took = submit(attacked, certificate)
            assert took < SERVED_WITHIN_SECONDS
            grown = resident(attacked.program.pid) - before
            assert grown < MEMORY_MAX_BYTES, f"{grown} bytes more"
            time.sleep(1)
        clocks.pass_time(PATIENCE_SECONDS)
        wait_for(lambda: drip(connections, drop) == 0, "end of all who drip")
    finally:
        for connection in connections:
            connection.close()
    submit(attacked, certificate)
    attacked.stop()


# ---- what is said in clear does not count in TLS

@pytest.mark.parametrize("injected", [b"EHLO attacker\r\n", b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.net>\r\n",
                                      plain("apikey", PASSWORD).encode() + b"\r\n", b"NOOP\r\n" * 1000],
                         ids=["ehlo", "mail", "auth", "many"])
def test_what_is_pipelined_behind_starttls_has_no_effect(submission, certificate, injected):
    relaying, upstream = submission()
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.send(b"STARTTLS\r\n" + injected)
        assert wire.reply().code == 220
        assert wire.buffer == b""
        try:
            wire.secure(context(certificate))
        except (ssl.SSLError, OSError):
            return  # what lay behind was taken for the beginning of TLS: nothing was obeyed
        # No reply to what was injected: the next one is that to MAIL, and nobody has logged in.
        reply = wire.command("MAIL FROM:<news@acme.example>")
        assert reply.code in (503, 530), reply
    assert not upstream.messages and relaying.queued() == 0


def test_smuggling_fails_in_tls_as_in_clear(submission, certificate):
    relaying, _ = submission()
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n"):
        with secured(relaying, certificate) as wire:
            assert wire.command(plain("apikey", PASSWORD)).code == 235
            wire.begin("news@acme.example")
            assert wire.command("DATA").code == 354
            wire.send(message().encode() + end + b"MAIL FROM:<news@acme.example>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
                      b"smuggled\r\n.\r\n")
            reply = wire.reply()
            assert (reply.code, reply.enhanced) == (554, "5.6.0"), reply
    assert relaying.queued() == 0
