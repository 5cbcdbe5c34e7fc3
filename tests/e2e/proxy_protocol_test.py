"""Proxies of proxy_protocol announce their clients by the PROXY protocol, and nobody else may."""

import socket
import subprocess

import pytest

from submission import PASSWORD, context, listener, message, plain, top
from waiting import wait_for
from wire import Wire

PROXY = "127.0.0.2"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 587\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BINARY = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 2]) + b"\x9c\x40\x02\x4b"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


@pytest.fixture
def proxied(relay, server):
    """A relay behind a proxy at 127.0.0.2, and what is behind it."""

    def make(networks='["127.0.0.0/8"]', more=""):
        upstream = server()
        settings = f'proxy_protocol = ["{PROXY}/32"]\nrelay_networks = {networks}\n{more}'
        return relay(upstream.address, listener=settings), upstream

    return make


def wire(relaying, header, source=PROXY, **settings):
    return Wire(relaying.port, source=source, first=header, **settings)


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["line", "binary"])
def test_the_announced_client_is_the_client(proxied, header):
    relaying, upstream = proxied('["192.0.2.0/24"]')
    with wire(relaying, header) as client:
        client.hello()
        assert client.submit(b"Subject: x\r\n\r\nbody\r\n").code == 250
    wait_for(lambda: upstream.messages, "delivery")
    assert b"192.0.2.7" in upstream.messages[0].content
    assert b"127.0.0.2" not in upstream.messages[0].content


@pytest.mark.parametrize("header", [LINE, BINARY, LOCAL, b"PROXY UNKNOWN\r\n"],
                         ids=["line", "binary", "local", "unknown"])
def test_a_proxys_own_network_gives_no_right(proxied, header):
    """127.0.0.2 is in relay_networks; who stands behind it is not."""
    relaying, _ = proxied()
    with wire(relaying, header) as client:
        client.hello()
        client.command("MAIL FROM:<a@example.com>")
        refused = client.command("RCPT TO:<b@example.net>")
        assert (refused.code, refused.enhanced) == (550, "5.7.1")


@pytest.mark.parametrize("first", [b"EHLO client.example\r\n", b"PROXY TCP4 192.0.2.7\r\n", b"", LINE[:20]],
                         ids=["smtp", "wrong", "nothing", "half"])
def test_a_proxy_that_announces_nobody_is_sent_away(proxied, first):
    """Within 5 seconds; a minute bounds the test."""
    relaying, _ = proxied()
    with socket.create_connection(("127.0.0.1", relaying.port), timeout=60, source_address=(PROXY, 0)) as raw:
        raw.sendall(first)
        try:
            assert raw.recv(100) == b""
        except ConnectionResetError:
            pass
    wait_for(lambda: "proxy_refused" in relaying.program.errors(), "log line")


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["line", "binary"])
def test_nobody_else_announces_a_client(proxied, header):
    relaying, _ = proxied('["192.0.2.0/24"]')
    with wire(relaying, header, source="127.0.0.3") as client:
        refused = client.reply()
        assert (refused.code, refused.enhanced) == (421, "4.7.0") and "PROXY" in refused.text
        assert client.is_closed()


def test_limits_are_those_of_the_announced_address(proxied):
    relaying, _ = proxied(more="connections_per_address = 1")
    other = LINE.replace(b"192.0.2.7", b"192.0.2.8")
    with wire(relaying, LINE) as first, wire(relaying, other) as second:
        assert (first.greeting.code, second.greeting.code) == (220, 220)
        with wire(relaying, LINE) as third:
            assert third.greeting.code == 421
    # What left is counted back.
    wait_for(lambda: greeting_code(relaying) == 220, "room for another connection")


def greeting_code(relaying):
    with wire(relaying, LINE) as client:
        return client.greeting.code


@pytest.mark.parametrize("tls", ["implicit", "required"])
def test_tls_begins_behind_the_header(relay, server, directory, certificate, tls):
    upstream = server()
    settings = listener(tls) + f'\nproxy_protocol = ["{PROXY}/32"]'
    relaying = relay(upstream.address, top=top(directory, user='networks = ["192.0.2.0/24"]'), listener=settings)
    secure = context(certificate)
    with wire(relaying, LINE, tls=secure if tls == "implicit" else None) as client:
        client.hello()
        if tls == "required":
            assert client.command("STARTTLS").code == 220
            client.secure(secure)
            client.hello()
        assert client.command(plain("apikey", PASSWORD)).code == 235
        assert client.submit(message().encode(), sender="news@acme.example").code == 250
    wait_for(lambda: upstream.messages, "delivery")


def test_curl_speaks_for_its_own_address(proxied, directory):
    relaying, upstream = proxied()
    (directory / "mail").write_text("Subject: x\r\n\r\nbody\r\n")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--haproxy-protocol", "--interface", PROXY, "--upload-file",
         directory / "mail", "--mail-from", "a@example.com", "--mail-rcpt", "b@example.net",
         f"smtp://127.0.0.1:{relaying.port}/client.example"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: upstream.messages, "delivery")
