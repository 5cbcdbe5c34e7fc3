"""Nobody relays who may not: each known way to try, from loopback and from a network of its own."""

import base64
import json
import os
import subprocess
import sys

import pytest

from peers import require_root
from submission import PASSWORD, listener, message, plain, secured, top
from waiting import wait_for
from wire import Wire

ANYBODY, OWN = "MAIL FROM:<a@example.com>", "MAIL FROM:<news@acme.example>"
TO = "RCPT TO:<b@example.net>"
LOGIN = plain("apikey", PASSWORD)

# name, commands before, the command that is refused, code, enhanced status code. The listener has AUTH and relays for
# nobody else; its only route is example.net.
IN_TLS = [
    ("no_password", [], ANYBODY, 530, "5.7.0"),
    ("null_path_without_a_password", [], "MAIL FROM:<>", 530, "5.7.0"),
    ("wrong_password", [], plain("apikey", "guess"), 535, "5.7.8"),
    ("empty_password", [], plain("apikey", ""), 535, "5.7.8"),
    ("unknown_user", [], plain("root", PASSWORD), 535, "5.7.8"),
    ("after_a_wrong_password", [plain("apikey", "guess")], ANYBODY, 530, "5.7.0"),
    ("on_behalf_of_another", [], "AUTH PLAIN " + base64.b64encode(
        f"admin\0apikey\0{PASSWORD}".encode()).decode(), 535, "5.7.8"),
    ("another_mechanism", [], "AUTH EXTERNAL =", 504, "5.5.4"),
    ("anonymous", [], "AUTH ANONYMOUS", 504, "5.5.4"),
    ("claimed_by_a_parameter", [], f"{ANYBODY} AUTH=apikey@acme.example", 530, "5.7.0"),
    ("another_tenants_sender", [LOGIN], "MAIL FROM:<a@other.example>", 550, "5.7.1"),
    ("another_tenants_domain_below", [LOGIN], "MAIL FROM:<a@sub.acme.example>", 550, "5.7.1"),
    ("another_tenants_domain_around", [LOGIN], "MAIL FROM:<a@xacme.example>", 550, "5.7.1"),
    ("another_sender_by_percent", [LOGIN], "MAIL FROM:<a%acme.example@other.example>", 550, "5.7.1"),
    ("another_sender_by_route", [LOGIN], "MAIL FROM:<@acme.example:a@other.example>", 550, "5.7.1"),
    ("another_sender_in_quotes", [LOGIN], 'MAIL FROM:<"a@acme.example"@other.example>', 550, "5.7.1"),
    ("another_sender_claimed", [LOGIN], "MAIL FROM:<a@other.example> AUTH=<>", 550, "5.7.1"),
    ("null_path_without_the_right", [LOGIN], "MAIL FROM:<>", 550, "5.7.1"),
    ("percent_hack", [LOGIN, OWN], "RCPT TO:<b%example.net@relay.example>", 550, "5.7.1"),
    ("bang_path", [LOGIN, OWN], "RCPT TO:<example.net!b@relay.example>", 550, "5.7.1"),
    ("bang_path_alone", [LOGIN, OWN], "RCPT TO:<example.net!b>", 501, "5.1.3"),
    ("quoted_address", [LOGIN, OWN], 'RCPT TO:<"b@example.net"@relay.example>', 550, "5.7.1"),
    ("quoted_address_alone", [LOGIN, OWN], 'RCPT TO:<"b@example.net">', 501, "5.1.3"),
    ("source_route_elsewhere", [LOGIN, OWN], "RCPT TO:<@example.net:b@other.example>", 550, "5.7.1"),
    ("literal", [LOGIN, OWN], "RCPT TO:<b@[127.0.0.1]>", 550, "5.1.2"),
    ("literal_of_ipv6", [LOGIN, OWN], "RCPT TO:<b@[IPv6:::1]>", 550, "5.1.2"),
    ("local_name", [LOGIN, OWN], "RCPT TO:<root>", 501, "5.1.3"),
    ("no_route", [LOGIN, OWN], "RCPT TO:<b@other.example>", 550, "5.7.1"),
]


@pytest.fixture
def relaying(relay, server, directory, certificate):
    upstream = server()
    routes = f'[[route]]\ndomains = ["example.net"]\nsmart_hosts = ["{upstream.address}"]'
    one = relay(routes=routes, top=top(directory), listener=listener("required"))
    one.upstream = upstream
    return one


def assert_nothing_went(relaying):
    assert relaying.queued() == 0
    assert not relaying.upstream.messages


def test_no_attempt_in_tls_succeeds(relaying, certificate):
    for name, before, command, code, enhanced in IN_TLS:
        with secured(relaying, certificate) as client:
            for line in before:
                client.command(line)
            reply = client.command(command)
            assert (reply.code, reply.enhanced) == (code, enhanced), f"{name}: {reply}"
            if command.startswith("AUTH"):
                refused = client.command(ANYBODY)
                assert refused.code == 530, f"{name}: {refused}"
    assert_nothing_went(relaying)


@pytest.mark.parametrize("line", [LOGIN, "AUTH LOGIN", ANYBODY, "MAIL FROM:<>"])
def test_nothing_is_taken_before_tls(relaying, line):
    with Wire(relaying.port) as client:
        client.hello()
        reply = client.command(line)
        assert (reply.code, reply.enhanced) == (530, "5.7.0")
        assert client.command(TO).code != 250
    assert_nothing_went(relaying)


def test_another_author_is_refused_with_the_message(relaying, certificate):
    for author in ("a@other.example", "news@acme.example, a@other.example", '"news@acme.example" <a@other.example>'):
        with secured(relaying, certificate) as client:
            assert client.command(LOGIN).code == 235
            text = message().replace("News <news@acme.example>", author).encode()
            reply = client.submit(text, sender="news@acme.example")
            assert (reply.code, reply.enhanced) == (550, "5.7.1"), f"{author}: {reply}"
    assert_nothing_went(relaying)


@pytest.mark.parametrize("networks, is_allowed", [('["127.0.0.1"]', True), ('["127.0.0.2"]', False), ("[]", False)])
def test_a_network_is_what_the_configuration_says(relay, server, networks, is_allowed):
    relaying = relay(server().address, listener=f"relay_networks = {networks}")
    with Wire(relaying.port) as client:
        client.hello()
        client.command(ANYBODY)
        reply = client.command(TO)
        assert reply.code == (250 if is_allowed else 550), reply


# ---- from outside

OUTSIDE = """
import json, socket, ssl, sys
address, port, lines = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
plain = socket.create_connection((address, port), timeout=60)
stream = plain.makefile("rwb")

def reply():
    while True:
        line = stream.readline().decode()
        if line[3:4] != "-":
            return line.strip()

stream.write(sys.argv[4].encode())
stream.flush()
print(reply())
for line in lines:
    stream.write(line.encode() + b"\\r\\n")
    stream.flush()
    print(reply())
    if line == "STARTTLS":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stream = context.wrap_socket(plain).makefile("rwb")
"""


class Outside:
    """A network of two addresses, one of which is another machine's, as far as the relay can tell."""

    def __init__(self):
        self.name = f"sluice{os.getpid()}"
        self.here, self.there = f"h{os.getpid()}", f"t{os.getpid()}"
        base = 10 + os.getpid() % 200
        self.address, self.client = f"10.213.{base}.1", f"10.213.{base}.2"
        self.ip("netns", "add", self.name)
        try:
            self.ip("link", "add", self.here, "type", "veth", "peer", "name", self.there, "netns", self.name)
            self.ip("address", "add", f"{self.address}/30", "dev", self.here)
            self.ip("link", "set", self.here, "up")
            self.ip("-n", self.name, "address", "add", f"{self.client}/30", "dev", self.there)
            self.ip("-n", self.name, "link", "set", self.there, "up")
        except BaseException:
            self.close()
            raise

    def ip(self, *arguments):
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"

    def say(self, port, lines, header=""):
        """The replies to the greeting and to each line; `header` goes before the greeting."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", OUTSIDE, self.address, str(port),
             json.dumps(lines), header], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, timeout=60)


@pytest.fixture
def outside():
    require_root()
    one = Outside()
    yield one
    one.close()


def listening_everywhere(relay, upstream, **settings):
    """A relay whose listener is open to the world: the second address of the listener says so."""
    one = relay(upstream.address, **settings)
    one.stop()
    path = one.write_config()
    open_to_all = path.read_text().replace(f'address = "127.0.0.1:{one.port}"', f'address = "0.0.0.0:{one.port}"')
    one.write_config = lambda: (path.write_text(open_to_all), path)[1]
    return one.start()


def test_a_stranger_may_not_relay_by_default(relay, server, outside):
    upstream = server()
    relaying = listening_everywhere(relay, upstream)
    greeting, _, mail, refused = outside.say(relaying.port, ["EHLO client.example", ANYBODY, TO])
    assert greeting.startswith("220 ") and mail.startswith("250 ")
    assert refused.startswith("550 5.7.1 Relay access denied")
    assert relaying.queued() == 0 and not upstream.messages


def test_a_stranger_submits_with_a_password_alone(relay, server, directory, certificate, outside):
    upstream = server()
    relaying = listening_everywhere(relay, upstream, top=top(directory), listener=listener("required"))
    refused = outside.say(relaying.port, ["EHLO c", "STARTTLS", "EHLO c", plain("apikey", "guess"), OWN])
    assert refused[-2].startswith("535 5.7.8") and refused[-1].startswith("530 5.7.0")
    text = message().replace("\r\n", "\n").strip().split("\n")
    taken = outside.say(relaying.port, ["EHLO c", "STARTTLS", "EHLO c", LOGIN, OWN, TO, "DATA",
                                        "\r\n".join([*text, "."])])
    assert taken[4].startswith("235 2.7.0") and taken[-1].startswith("250 2.0.0")
    wait_for(lambda: upstream.messages, "delivery")
    assert outside.client.encode() in upstream.messages[0].content


def test_a_proxy_outside_that_names_nobody_may_not_relay(relay, server, outside):
    upstream = server()
    relaying = listening_everywhere(
        relay, upstream,
        listener=f'proxy_protocol = ["{outside.client}/32"]\nrelay_networks = ["10.213.0.0/16", "127.0.0.1"]')
    for header in ("PROXY UNKNOWN\r\n", "PROXY TCP4 192.0.2.7 198.51.100.2 40000 25\r\n"):
        said = outside.say(relaying.port, ["EHLO c", ANYBODY, TO], header)
        assert said[-1].startswith("550 5.7.1"), said
    assert relaying.queued() == 0 and not upstream.messages
