"""Bodies arrive byte for byte as they were given, by DATA and BDAT on both sides."""

import pytest

from body_cases import BODIES, declared, ended, in_chunks, message
from scripted_server import EXTENSIONS
from waiting import wait_for
from wire import Wire

WITHOUT_CHUNKING = tuple(extension for extension in EXTENSIONS if extension != "CHUNKING")
WITHOUT_BOTH = tuple(extension for extension in WITHOUT_CHUNKING if extension != "PIPELINING")


@pytest.mark.parametrize("way_in", ["data", "bdat", "bdat_small_chunks"])
@pytest.mark.parametrize("extensions", [EXTENSIONS, WITHOUT_CHUNKING, WITHOUT_BOTH],
                         ids=["out_bdat", "out_data", "out_lockstep"])
def test_bodies_are_byte_exact(relay, server, way_in, extensions):
    upstream = server(extensions=extensions)
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        for name in BODIES:
            assert submit(wire, name, way_in).code == 250, name
    wait_for(lambda: len(upstream.messages) == len(BODIES), "all messages")
    arrived = {field(received, "X-Test-Id"): received for received in upstream.messages}
    for name, body in BODIES.items():
        through_data = way_in == "data" or extensions is not EXTENSIONS
        assert arrived[name].body == (ended(body) if through_data else body), name
        assert ("BODY=8BITMIME" in arrived[name].parameters) == (name == "eight_bit")
    assert {received.way for received in upstream.messages} == {"BDAT" if extensions is EXTENSIONS else "DATA"}


def submit(wire, name, way_in):
    if way_in == "data":
        return wire.submit(message(name), body=declared(name))
    size = 50_000_000 if way_in == "bdat" else max(7, len(message(name)) // 40)
    return wire.submit_chunks(in_chunks(message(name), size), body=declared(name))


def field(received, name):
    for line in received.header.split("\r\n"):
        if line.startswith(name + ": "):
            return line.split(": ", 1)[1]
    return ""


def test_eight_bit_body_fails_for_a_peer_without_8bitmime(relay, server):
    upstream = server(extensions=("PIPELINING", "CHUNKING"))
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(message("eight_bit"), body=" BODY=8BITMIME").code == 250
        assert wire.submit(message("plain")).code == 250
    wait_for(relaying.is_empty, "end of both messages")
    assert [field(received, "X-Test-Id") for received in upstream.messages] == ["plain"]
    assert "5.6.3" in relaying.log()


def test_message_over_the_peers_size_fails_without_being_sent(relay, server):
    upstream = server(extensions=("PIPELINING", "SIZE 1000"))
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(b"Subject: x\r\n\r\n" + b"x" * 70 * 20 + b"\r\n").code == 250
    wait_for(relaying.is_empty, "end of the message")
    assert [command for command in upstream.commands() if command.startswith("MAIL")] == []
    assert "5.3.4" in relaying.log()
