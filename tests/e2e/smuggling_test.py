"""End-of-data smuggling: nothing but CRLF.CRLF ends a message, however the bytes are split."""

import array
import fcntl
import termios

import pytest

from waiting import wait_for
from wire import Wire

# Everything that some server has taken for the end of a message, or a part of it.
ENDS = {
    "lf_dot_lf": b"\n.\n",
    "lf_dot_crlf": b"\n.\r\n",
    "crlf_dot_lf": b"\r\n.\n",
    "cr_dot_cr": b"\r.\r",
    "cr_dot_crlf": b"\r.\r\n",
    "crlf_dot_cr": b"\r\n.\r",
    "cr_dot_lf": b"\r.\n",
    "lf_dot_cr": b"\n.\r",
    "crlf_dot_cr_lf_apart": b"\r\n.\r\r\n",
    "crlf_null_dot_crlf": b"\r\n\0.\r\n",
    "lf_crlf_dot_lf": b"\n\r\n.\n",
    "lf_only_lines": b"\n\n.\n\n",
    "crcrlf_dot_crcrlf": b"\r\r\n.\r\r\n",
}
SMUGGLED = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n"


def send_split(wire, data, position):
    """Sends `data` in two pieces; the second only after the peer's kernel has the first."""
    wire.send(data[:position])
    wait_for(lambda: unsent(wire) == 0, "acknowledgement of the first piece")
    wire.send(data[position:])


def unsent(wire):
    """Bytes that the peer's kernel has not acknowledged."""
    count = array.array("i", [0])
    fcntl.ioctl(wire.socket, termios.TIOCOUTQ, count)
    return count[0]


def attack(relaying, end, position):
    """One message with `end` in its body and another behind it; returns the codes of all replies."""
    data = b"Subject: first\r\n\r\nfirst" + end + SMUGGLED
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.begin()
        assert wire.command("DATA").code == 354
        send_split(wire, data, position)
        wire.send(b"QUIT\r\n")
        codes = []
        while not codes or codes[-1] not in (221, 421):
            codes.append(wire.reply().code)
        return codes


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_bare_newlines_never_end_a_message(relay, server, end):
    upstream = server()
    relaying = relay(upstream.address)
    first = len(b"Subject: first\r\n\r\nfirst")
    for position in range(first - 1, first + len(end) + 2):
        # The one message is refused as a whole for its bare CR or LF, or taken as a whole where the
        # bytes are harmless: then the smuggled commands are text in it.
        assert attack(relaying, end, position)[:-1] in ([554], [550], [500], [250]), position
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(b"Subject: last\r\n\r\nlast\r\n").code == 250
    wait_for(lambda: any(b"Subject: last" in message.content for message in upstream.messages), "last message")
    assert all(message.sender == "a@example.com" for message in upstream.messages)
    assert all(message.recipients == ["b@example.net"] for message in upstream.messages)


@pytest.mark.parametrize("newline", [b"\n", b"\r"], ids=["lf", "cr"])
def test_bare_newline_in_a_chunk_is_refused(relay, server, newline):
    upstream = server()
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        reply = wire.submit_chunks([b"Subject: x\r\n\r\none" + newline + b"two\r\n"])
        assert reply.code in (550, 554) and reply.enhanced.startswith("5.")
        assert wire.submit_chunks([b"Subject: x\r\n\r\n", b"one\r", b"\ntwo\r\n"]).code == 250
    wait_for(lambda: upstream.messages, "the good message")
    assert len(upstream.messages) == 1


def test_normalising_listener_turns_bare_newlines_into_crlf(relay, server):
    upstream = server()
    relaying = relay(upstream.address, listener='bare_newlines = "normalise"')
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.begin()
        assert wire.command("DATA").code == 354
        wire.send(b"Subject: x\r\n\r\none\n.\ntwo\r\n.\r\n")
        assert wire.reply().code == 250
    wait_for(lambda: upstream.messages, "message")
    assert upstream.messages[0].body == b"one\r\n.\r\ntwo\r\n"


def test_the_true_end_is_found_at_every_split(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    data = b"Subject: x\r\n\r\n..\r\n.x\r\nhello\r\n.\r\n"
    for position in range(1, len(data)):
        with Wire(relaying.port) as wire:
            wire.hello()
            wire.begin()
            assert wire.command("DATA").code == 354
            send_split(wire, data, position)
            assert wire.reply().code == 250
    wait_for(lambda: len(upstream.messages) == len(data) - 1, "all messages")
    assert {message.body for message in upstream.messages} == {b".\r\nx\r\nhello\r\n"}
