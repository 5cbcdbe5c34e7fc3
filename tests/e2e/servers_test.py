"""Real servers as upstream: Postfix and Exim take every kind of body unchanged."""

import pytest

from body_cases import BODIES, declared, ended, in_chunks, message
from peers import Exim, Postfix
from waiting import wait_for
from wire import Wire


@pytest.mark.parametrize("offers_chunking", [True, False], ids=["out_bdat", "out_data"])
@pytest.mark.parametrize("kind", [Postfix, Exim])
def test_bodies_arrive_unchanged(relay, directory, kind, offers_chunking):
    upstream = kind(directory, offers_chunking)
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        for number, name in enumerate(BODIES):
            # By DATA and by BDAT in turn.
            if number % 2 == 0:
                reply = wire.submit(message(name), body=declared(name))
            else:
                reply = wire.submit_chunks(in_chunks(message(name), 300_000), body=declared(name))
            assert reply.code == 250, name
    wait_for(lambda: len(upstream.stored()) == len(BODIES), "all messages")
    wait_for(relaying.is_empty, "empty queue")
    stored = upstream.stored()
    upstream.end()
    for name, body in BODIES.items():
        # Both store lines with a newline, and end the last one.
        assert stored[name].body == ended(body).replace(b"\r\n", b"\n"), name
        assert stored[name].sender == "a@example.com"
