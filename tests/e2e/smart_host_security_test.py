"""TLS and logins towards smart hosts: what each policy demands, and what happens where it is not met."""

import base64
import json
import ssl
import subprocess

import pytest

from submission import PASSWORD, listener, make_certificate, top
from waiting import wait_for
from wire import Wire

SECRET = "correct horse battery staple"
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")


def submit(relaying, count=1):
    with Wire(relaying.port) as wire:
        wire.hello()
        for number in range(count):
            reply = wire.submit(b"Subject: x\r\n\r\nnumber %d\r\n" % number)
            assert reply.code == 250, reply


def server_context(directory, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    return context


def too_old():
    """A server with which no handshake succeeds: TLS 1.1 and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.fixture
def authority(directory):
    """A certificate that is trusted: for localhost, signed by itself, and the authorities of the relay."""
    return make_certificate(directory, "trusted", names="DNS:localhost")


def route(*servers, tls, login=None, directory=None):
    hosts = ", ".join(f'"localhost:{server.port}"' for server in servers)
    text = f'[[route]]\nsmart_hosts = [{hosts}]\ntls = "{tls}"\n'
    if login is not None:
        (directory / "upstream").write_text(login)
        text += f'username = "relay"\npassword = {{ file = "{directory}/upstream" }}\n'
    return text


def trusting(authority):
    return f'[tls]\nca = "{authority}"'


def waits_for(relaying):
    queues = json.loads(relaying.command("queue", "summary", "--json").stdout)["queues"]
    return " ".join(f'{queue["waits_for"]} {queue["detail"]}' for queue in queues)


def test_connections_resume_the_tls_of_earlier_ones(directory, relay, server, authority):
    context = server_context(directory, "trusted")
    upstream = server(tls=context)
    relaying = relay(routes=route(upstream, tls="verified") + trusting(authority), shards=1, connections=1,
                     delivery="messages_per_connection = 1")
    for _ in range(10):
        submit(relaying)
        wait_for(relaying.is_empty, "delivery")
    assert len(upstream.messages) == 10 and {message.tls for message in upstream.messages} == {"TLSv1.3"}
    stats = context.session_stats()
    assert stats["accept_good"] == 10 and stats["hits"] == 9


# How the servers are: what they show, and how they fail.
SERVERS = {
    "trusted": lambda directory: dict(tls=server_context(directory, "trusted")),
    "signed": lambda directory: dict(tls=signed_certificate(directory, days=9)),
    "expired": lambda directory: dict(tls=signed_certificate(directory, days=-1)),
    "self_signed": lambda directory: dict(tls=other_certificate(directory, names="DNS:localhost")),
    "wrong_name": lambda directory: dict(tls=other_certificate(directory, names="DNS:other.example")),
    "without_starttls": lambda directory: {},
    "refuses_starttls": lambda directory: dict(
        tls=server_context(directory, "trusted"), answers={"STARTTLS": lambda *_: "454 4.7.0 not now"}),
    "failing_handshake": lambda directory: dict(tls=too_old()),
}
# What becomes of mail: "TLSv1.3", "none" (in clear), or None (it waits).
TABLE = {
    "none": dict(trusted="none", self_signed="none", without_starttls="none", failing_handshake="none"),
    "opportunistic": dict(trusted="TLSv1.3", expired="TLSv1.3", self_signed="TLSv1.3", wrong_name="TLSv1.3",
                          without_starttls="none", refuses_starttls="none", failing_handshake="none"),
    "required": dict(trusted="TLSv1.3", expired="TLSv1.3", self_signed="TLSv1.3", wrong_name="TLSv1.3",
                     without_starttls=None, refuses_starttls=None, failing_handshake=None),
    "verified": dict(trusted="TLSv1.3", signed="TLSv1.3", expired=None, self_signed=None, wrong_name=None,
                     without_starttls=None, refuses_starttls=None, failing_handshake=None),
}


def other_certificate(directory, names):
    make_certificate(directory, "other", names=names)
    return server_context(directory, "other")


def signed_certificate(directory, days):
    """For localhost, signed by the one that is trusted; with negative days it has expired."""
    (directory / "names").write_text("subjectAltName=DNS:localhost\n")
    for arguments in (
            ["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj",
             "/CN=localhost", "-keyout", "signed.key", "-out", "signed.csr"],
            ["x509", "-req", "-in", "signed.csr", "-CA", "trusted.pem", "-CAkey", "trusted.key", "-CAcreateserial",
             "-days", str(days), "-extfile", "names", "-out", "signed.pem"]):
        subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True, timeout=60,
                       stdin=subprocess.DEVNULL)
    return server_context(directory, "signed")


@pytest.mark.parametrize("policy,kind", [(policy, kind) for policy, row in TABLE.items() for kind in row])
def test_policy(relay, server, directory, authority, policy, kind):
    expected = TABLE[policy][kind]
    upstream = server(**SERVERS[kind](directory))
    relaying = relay(routes=route(upstream, tls=policy), top=trusting(authority))
    submit(relaying)
    if expected is None:
        wait_for(lambda: " connection_failed " in relaying.log(), "failure of the host")
        assert upstream.messages == [] and relaying.queued() == 1
        assert not [command for command in upstream.commands() if command.startswith("MAIL")]
        return
    wait_for(lambda: upstream.messages, "delivery")
    assert [message.tls for message in upstream.messages] == [expected]
    wait_for(lambda: " delivery_succeeded " in relaying.log(), "event of the delivery")
    assert f" tls={expected} " in relaying.log()


def test_failed_tls_is_not_tried_again_where_clear_text_will_do(relay, server, directory, authority):
    upstream = server(**SERVERS["refuses_starttls"](directory))
    relaying = relay(routes=route(upstream, tls="opportunistic"),
                     arguments=("--set", "delivery.timeouts.idle=50ms"))
    for number in range(3):
        submit(relaying)
        wait_for(lambda: upstream.commands().count("QUIT") == number + 2, "end of an idle connection")
    assert len(upstream.messages) == 3 and upstream.commands().count("STARTTLS") == 1
    assert "tls_given_up" in relaying.log()


def test_implicit_tls_is_verified(relay, server, directory, authority):
    upstream = server(tls=server_context(directory, "trusted"), implicit=True, logins={"relay": SECRET})
    relaying = relay(routes=route(upstream, tls="implicit", login=SECRET, directory=directory),
                     top=trusting(authority))
    submit(relaying)
    wait_for(lambda: upstream.messages, "delivery")
    assert [(message.tls, message.user) for message in upstream.messages] == [("TLSv1.3", "relay")]


def test_implicit_tls_with_another_certificate_waits(relay, server, directory, authority):
    upstream = server(tls=other_certificate(directory, names="DNS:localhost"), implicit=True)
    relaying = relay(routes=route(upstream, tls="implicit"), top=trusting(authority))
    submit(relaying)
    wait_for(lambda: " connection_failed " in relaying.log(), "failure of the host")
    assert upstream.messages == [] and relaying.queued() == 1


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
def test_login(relay, server, directory, authority, mechanisms):
    upstream = server(tls=server_context(directory, "trusted"), logins={"relay": SECRET}, mechanisms=mechanisms)
    relaying = relay(routes=route(upstream, tls="verified", login=SECRET, directory=directory),
                     top=trusting(authority))
    submit(relaying, 20)
    wait_for(lambda: len(upstream.messages) == 20, "delivery")
    assert {message.user for message in upstream.messages} == {"relay"}
    for said in (SECRET, in_base64(SECRET), in_base64(f"\0relay\0{SECRET}")):
        assert said not in relaying.log()


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def test_a_wrong_password_holds_the_route_and_bounces_nothing(relay, server, directory, authority, load):
    upstream = server(tls=server_context(directory, "trusted"), logins={"relay": SECRET})
    relaying = relay(routes=route(upstream, tls="verified", login="wrong", directory=directory),
                     top=trusting(authority))
    generator = load(relaying, "--messages", 10_000, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(lambda: " route_held " in relaying.log(), "alarm")
    assert relaying.queued() == 10_000 and upstream.messages == []
    assert "login refused: 535 5.7.8" in waits_for(relaying)
    # All connections that were being opened when the first was refused, and none after that.
    assert len([command for command in upstream.commands() if command.startswith("AUTH")]) <= 4
    held = json.loads(relaying.command("queue", "summary", "--json").stdout)
    assert sum(queue["ready"] + queue["scheduled"] for queue in held["queues"]) == 10_000

    # The right password comes with a reload; nothing needs a restart.
    (directory / "upstream").write_text(SECRET)
    relaying.command("reload")
    wait_for(lambda: len(upstream.messages) == 10_000, "delivery of everything")
    wait_for(relaying.is_empty, "empty queue")


def test_a_host_that_wants_a_login_that_we_have_not_holds_the_route(relay, server, directory, authority):
    upstream = server(tls=server_context(directory, "trusted"), logins={"relay": SECRET})
    relaying = relay(routes=route(upstream, tls="required"), top=trusting(authority))
    submit(relaying, 50)
    wait_for(lambda: " route_held " in relaying.log(), "alarm")
    assert relaying.queued() == 50 and upstream.messages == []
    wait_for(lambda: "mail refused: 530 5.7.0" in waits_for(relaying), "reason of the wait")


def test_the_second_host_takes_over_from_one_that_refuses_the_login(relay, server, directory, authority):
    first = server(tls=server_context(directory, "trusted"), logins={"relay": "another"})
    second = server(tls=server_context(directory, "trusted"), logins={"relay": SECRET})
    relaying = relay(routes=route(first, second, tls="verified", login=SECRET, directory=directory),
                     top=trusting(authority))
    submit(relaying, 20)
    wait_for(lambda: len(second.messages) == 20, "delivery by the second")
    assert first.messages == []


def test_a_relay_submits_to_another(relay, server, directory, certificate, authority):
    """sluice as the smart host of sluice: what its submission demands, its delivery gives."""
    upstream = server()
    (directory / "near").mkdir()
    far = relay(upstream.address, top=top(directory), listener=listener("starttls"))
    far_port = far.port
    near = relay(routes=f'[[route]]\nsmart_hosts = ["127.0.0.1:{far_port}"]\ntls = "required"\nusername = "apikey"\n'
                        f'password = {{ file = "{directory}/password" }}\n', within=directory / "near")
    with Wire(near.port) as wire:
        wire.hello()
        assert wire.submit(b"From: news@acme.example\r\nSubject: x\r\n\r\nhello\r\n",
                           sender="news@acme.example").code == 250
    wait_for(lambda: upstream.messages, "delivery through both")
    assert "with ESMTPSA" in upstream.messages[0].header and PASSWORD not in near.log()
    near.stop()
