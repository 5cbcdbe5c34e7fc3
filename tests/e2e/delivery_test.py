"""Delivery through smart hosts: failures, failover, retries, partial acceptance, attribution."""

import time

import pytest

from load import all_arrived, duplicates, lost
from ports import free_port
from relay import route
from scripted_server import DROP
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


def submit(relaying, count=1, recipients=("b@example.net",), sender="a@example.com"):
    with Wire(relaying.port) as wire:
        wire.hello()
        for _ in range(count):
            assert wire.submit(MESSAGE, sender=sender, recipients=recipients).code == 250


def local_part(argument):
    return argument.split("<")[1].split("@")[0]


def test_each_recipient_ends_as_its_reply_says(relay, server):
    tried = {}

    def answer(argument, _):
        name = local_part(argument)
        tried[name] = tried.get(name, 0) + 1
        if name == "never":
            return "550 5.1.1 no such user"
        if name == "later" and tried[name] == 1:
            return "450 4.2.1 not now"
        return None

    upstream = server(answers={"RCPT": answer})
    relaying = relay(upstream.address)
    submit(relaying, recipients=["good@example.net", "never@example.net", "later@example.net"])
    wait_for(relaying.is_empty, "end of every recipient")
    assert [message.recipients for message in upstream.messages] == [["good@example.net"], ["later@example.net"]]
    assert tried == {"good": 1, "never": 1, "later": 2}
    failed = [line for line in relaying.log().splitlines() if "5.1.1 no such user" in line]
    assert any("never@example.net" in line for line in failed)


@pytest.mark.parametrize("stage", ["MAIL", "DATA", "END"])
def test_5xx_to_the_message_ends_its_recipients(relay, server, stage):
    extensions = ("PIPELINING",) if stage == "DATA" else ("PIPELINING", "CHUNKING")
    upstream = server(extensions=extensions, answers={stage: lambda *_: "554 5.7.1 refused by policy"})
    relaying = relay(upstream.address)
    submit(relaying, recipients=["one@example.net", "two@example.net"])
    wait_for(relaying.is_empty, "end of the message")
    assert upstream.messages == []
    assert "5.7.1 refused by policy" in relaying.log()


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "END"])
def test_4xx_is_tried_again(relay, server, stage):
    refusals = []

    def answer(*_):
        if len(refusals) < 2:
            refusals.append(time.monotonic())
            return "451 4.3.0 later"
        return None

    upstream = server(answers={stage: answer})
    relaying = relay(upstream.address, retry="1s")
    submit(relaying)
    wait_for(relaying.is_empty, "delivery")
    assert len(upstream.messages) == 1 and len(refusals) == 2
    # The schedule says one second; its jitter never makes it less than half of that.
    assert refusals[1] - refusals[0] >= 0.5


def test_too_many_recipients_means_the_next_transaction(relay, server):
    given = {}

    def answer(_, session):
        given[session.number] = given.get(session.number, 0) + 1
        in_transaction = sum(command.startswith(("MAIL", "RCPT")) for command in since_mail(session.commands)) - 1
        return "452 4.5.3 Too many recipients" if in_transaction > 3 else None

    upstream = server(answers={"RCPT": answer})
    # An attempt that was used would wait for an hour.
    relaying = relay(upstream.address, retry="1h", expire="3h")
    names = [f"r{number}@example.net" for number in range(10)]
    submit(relaying, recipients=names)
    wait_for(relaying.is_empty, "delivery to every recipient")
    assert sorted(name for message in upstream.messages for name in message.recipients) == sorted(names)
    assert max(len(message.recipients) for message in upstream.messages) == 3


def since_mail(commands):
    last = max(index for index, command in enumerate(commands) if command.startswith("MAIL"))
    return commands[last:]


def test_connection_that_breaks_after_the_body_is_tried_again(relay, server):
    broken = []

    def answer(message, _):
        if not broken:
            broken.append(message)
            return DROP
        return None

    upstream = server(answers={"END": answer})
    relaying = relay(upstream.address)
    submit(relaying)
    wait_for(relaying.is_empty, "delivery")
    assert len(upstream.messages) == 1 and len(broken) == 1


def test_expired_recipients_end(relay, server):
    upstream = server(answers={"RCPT": lambda *_: "450 4.2.1 never now"})
    relaying = relay(upstream.address, retry="1s", expire="3s")
    submit(relaying)
    wait_for(relaying.is_empty, "expiry")
    assert upstream.messages == []
    assert "4.2.1 never now" in relaying.log()


@pytest.mark.parametrize("refusal", ["554 5.7.1 go away", "421 4.3.2 not now"])
def test_the_next_host_takes_over_from_one_that_refuses_to_talk(relay, server, refusal):
    first, second = server(answers={"CONNECT": lambda *_: refusal}), server()
    relaying = relay(first.address, second.address)
    submit(relaying, count=5)
    wait_for(relaying.is_empty, "delivery")
    assert len(second.messages) == 5 and first.messages == []


def test_the_next_host_takes_over_from_one_that_refuses_ehlo(relay, server):
    first = server(answers={verb: lambda *_: "550 5.7.1 not you" for verb in ("EHLO", "HELO")})
    second = server()
    relaying = relay(first.address, second.address)
    submit(relaying, count=5)
    wait_for(relaying.is_empty, "delivery")
    assert len(second.messages) == 5


def test_10000_queued_and_554_at_connect_end_nothing(relay, sink, load):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}", retry="1s")
    generator = load(relaying, "--messages", 10_000, "--connections", 16, "--size", "1KB")
    refusing = sink("--reply", "connect:554 5.7.1 go away:100%", port=port)
    generator.finish()
    assert relaying.queued() == 10_000
    refused = refusing.stop()
    assert refused["connections"] > 0 and refused["messages"] == 0
    # A bounded number of attempts, not one per message.
    assert refused["connections"] < 1000
    upstream = sink(port=port)
    wait_for(relaying.is_empty, "delivery")
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    assert len(upstream.received()) == 10_000


def test_upstream_down_then_up_loses_nothing(relay, sink, load):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    generator = load(relaying, "--messages", 2000, "--connections", 8, "--size", "4KB")
    generator.finish()
    assert relaying.queued() == 2000
    upstream = sink(port=port)
    wait_for(relaying.is_empty, "delivery")
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    assert duplicates(upstream) == 0


def test_second_host_takes_over_when_the_first_dies_under_load(relay, sink, load):
    first, second = sink(), sink()
    relaying = relay(first.address, second.address)
    generator = load(relaying, "--messages", 20_000, "--connections", 8, "--size", "2KB", "--rate", 5000)
    wait_for(lambda: len(first.received()) > 2000, "load on the first host")
    assert second.received() == {}
    first.program.kill()
    generator.finish()
    wait_for(relaying.is_empty, "delivery")
    # What the first took without having written it into its ledger is unknown: it was killed.
    arrived = set(second.received()) | set(first.received())
    missing = set(generator.accepted()) - arrived
    assert len(missing) <= 500
    assert len(second.received()) > 5000


def test_first_host_gets_the_mail_again_when_it_is_back(relay, sink, server):
    port = free_port()
    second = server()
    relaying = relay(f"127.0.0.1:{port}", second.address)
    submit(relaying)
    wait_for(lambda: second.messages, "delivery to the second host")
    first = server(port=port)

    def arrives_at_first():
        submit(relaying)
        return first.messages

    wait_for(arrives_at_first, "mail for the first host again")


def test_the_most_specific_route_wins(relay, server):
    exact, below, other = server(), server(), server()
    relaying = relay(routes="\n".join([
        route([other.address]), route([below.address], ["*.example.net"]), route([exact.address], ["a.example.net"])]))
    submit(relaying, recipients=["u@a.example.net", "u@b.example.net", "u@c.b.example.net", "u@example.org"])
    wait_for(relaying.is_empty, "delivery")
    assert [message.recipients for message in exact.messages] == [["u@a.example.net"]]
    assert sorted(name for message in below.messages for name in message.recipients) == [
        "u@b.example.net", "u@c.b.example.net"]
    assert [message.recipients for message in other.messages] == [["u@example.org"]]


def test_connections_of_a_route_never_exceed_its_limit_on_the_node(relay, sink, load):
    upstream = sink("--latency", "20ms", "--connections", 3)
    relaying = relay(routes=route([upstream.address], connections=3), shards=4)
    generator = load(relaying, "--messages", 1000, "--connections", 16, "--size", "1KB", "--shards", 1)
    generator.finish()
    wait_for(relaying.is_empty, "delivery")
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    # One connection more than three at once would have been refused with 421.
    assert upstream.stop()["refused"] == 0


def test_connection_is_used_for_many_messages(relay, sink, load):
    upstream = sink()
    relaying = relay(upstream.address)
    generator = load(relaying, "--messages", 5000, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(relaying.is_empty, "delivery")
    summary = upstream.stop()
    assert summary["messages"] == 5000 and summary["connections"] <= 4
    assert sum(summary["violations"].values()) == 0


@pytest.mark.parametrize("missing", [["--no-chunking"], ["--no-chunking", "--no-pipelining"], ["--no-pipelining"]],
                         ids=["no_chunking", "lockstep", "no_pipelining"])
def test_what_the_peer_does_not_offer_is_not_used(relay, sink, load, missing):
    upstream = sink(*missing)
    relaying = relay(upstream.address)
    generator = load(relaying, "--messages", 2000, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(relaying.is_empty, "delivery")
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    assert duplicates(upstream) == 0
    assert sum(upstream.stop()["violations"].values()) == 0


def test_mixed_answers_lose_nothing_but_what_was_refused(relay, sink, load):
    upstream = sink("--reply", "rcpt:451 4.7.1 try later:10%", "--reply", "rcpt:550 5.1.1 no such user:5%",
                    "--reply", "final:452 4.3.1 full:5%", "--reply", "mail:451 4.3.0 later:5%")
    relaying = relay(upstream.address)
    generator = load(relaying, "--messages", 3000, "--connections", 8, "--size", "2KB", "--recipients", 3,
                     "--domains", 5)
    generator.finish()
    wait_for(relaying.is_empty, "end of every recipient")
    summary = upstream.stop()
    refused = len(lost(generator, upstream))
    accepted, received = len(generator.accepted()), len(upstream.received())
    assert accepted == received + refused == 9000
    assert 0 < refused < 0.2 * accepted
    assert sum(summary["violations"].values()) == 0
    assert relaying.log().count("5.1.1 no such user") == refused
