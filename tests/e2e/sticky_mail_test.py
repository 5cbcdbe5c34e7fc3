"""A flight whose first message is refused never gives the next one another sender or body."""

from peers import Exim
from waiting import wait_for
from wire import Wire


def test_sink_that_keeps_mail_sees_every_message_under_its_own_sender(relay, sink, load):
    upstream = sink("--sticky-mail", "--reply", "rcpt:550 5.1.1 no such user:20%")
    relaying = relay(upstream.address, connections=2)
    generator = load(relaying, "--messages", 10_000, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(relaying.is_empty, "end of every message")
    summary = upstream.stop()
    assert sum(summary["violations"].values()) == 0, summary
    refused = relaying.log().count("5.1.1 no such user")
    assert summary["messages"] + refused == 10_000 and refused > 1000


def test_exim_stores_every_body_under_its_own_sender(relay, directory):
    upstream = Exim(directory)
    # One connection, so that flights are as deep as they may be.
    relaying = relay(upstream.address, connections=1, depth=8)
    names = [f"{'bad' if number % 3 != 2 else 'good'}{number}" for number in range(300)]
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.send(b"".join(batch(name) for name in names))
        assert [wire.reply().code for _ in range(3 * len(names))] == [250] * (3 * len(names))
    wait_for(relaying.is_empty, "end of every message")
    good = [name for name in names if name.startswith("good")]
    stored = upstream.stored()
    upstream.end()
    assert sorted(stored) == sorted(good)
    assert {name: stored[name].sender for name in good} == {name: f"{name}@example.com" for name in good}
    assert {name: stored[name].body for name in good} == {name: f"body of {name}\n".encode() for name in good}


def batch(name):
    content = f"Subject: x\r\nX-Test-Id: {name}\r\n\r\nbody of {name}\r\n".encode()
    return (f"MAIL FROM:<{name}@example.com>\r\nRCPT TO:<{name}@example.net>\r\n"
            f"BDAT {len(content)} LAST\r\n").encode() + content
