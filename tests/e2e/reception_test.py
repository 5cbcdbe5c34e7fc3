"""Every reply of reception, over a real socket (RFC 5321 4.3.2 and the extensions offered)."""

import re
import socket

import pytest

from load import Sink
from relay import Relay, route
from waiting import wait_for
from wire import Wire

MAIL, RCPT, EHLO = "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "EHLO client.example"

# name, commands before, command, code, start of the text
REPLIES = [
    ("ehlo", [], EHLO, 250, "relay.example"),
    ("ehlo_literal", [], "EHLO [127.0.0.1]", 250, "relay.example"),
    ("ehlo_lower_case", [], "ehlo client.example", 250, "relay.example"),
    ("ehlo_without_name", [], "EHLO", 501, "Say who you are"),
    ("helo", [], "HELO client.example", 250, "relay.example"),
    ("helo_without_name", [], "HELO", 501, "Say who you are"),
    ("ehlo_again", [EHLO], EHLO, 250, "relay.example"),
    ("noop", [], "NOOP", 250, "2.0.0"),
    ("noop_with_argument", [], "NOOP something", 250, "2.0.0"),
    ("rset", [], "RSET", 250, "2.0.0"),
    ("rset_with_argument", [], "RSET now", 501, "5.5.4"),
    ("help", [], "HELP", 214, "2.0.0"),
    ("help_with_argument", [], "HELP MAIL", 214, "2.0.0"),
    ("vrfy", [EHLO], "VRFY b@example.net", 252, "2."),
    ("vrfy_without_argument", [EHLO], "VRFY", 501, "5.5.4"),
    ("expn", [EHLO], "EXPN list", 502, "5.5.1"),
    ("quit", [], "QUIT", 221, "2.0.0"),
    ("quit_in_transaction", [EHLO, MAIL, RCPT], "QUIT", 221, "2.0.0"),
    ("quit_with_argument", [], "QUIT now", 501, "5.5.4"),
    ("unknown", [], "FROBNICATE", 500, "5.5."),
    ("empty_line", [], "", 500, "5.5."),
    ("starttls_not_offered", [EHLO], "STARTTLS", 502, "5.5.1"),
    ("auth_not_offered", [EHLO], "AUTH PLAIN", 502, "5.5.1"),
    ("mail", [EHLO], MAIL, 250, "2.1.0"),
    ("mail_after_helo", ["HELO client.example"], MAIL, 250, "2.1.0"),
    ("mail_before_hello", [], MAIL, 503, "5.5.1"),
    ("mail_nested", [EHLO, MAIL], MAIL, 503, "5.5.1"),
    ("mail_null_path", [EHLO], "MAIL FROM:<>", 250, "2.1.0"),
    ("mail_lower_case", [EHLO], "mail from:<a@example.com>", 250, "2.1.0"),
    ("mail_quoted_local_part", [EHLO], 'MAIL FROM:<"a b"@example.com>', 250, "2.1.0"),
    ("mail_without_from", [EHLO], "MAIL", 501, "5.5.4"),
    ("mail_without_brackets", [EHLO], "MAIL FROM:a@example.com", 501, "5."),
    ("mail_unclosed", [EHLO], "MAIL FROM:<a@example.com", 501, "5."),
    ("mail_bad_domain", [EHLO], "MAIL FROM:<a@-x->", 501, "5."),
    ("mail_unknown_parameter", [EHLO], MAIL + " FUTURE=1", 555, "5.5.4"),
    ("mail_size", [EHLO], MAIL + " SIZE=1000", 250, "2.1.0"),
    ("mail_size_too_large", [EHLO], MAIL + " SIZE=200000", 552, "5.3.4"),
    ("mail_size_not_a_number", [EHLO], MAIL + " SIZE=many", 501, "5.5.4"),
    ("mail_size_twice", [EHLO], MAIL + " SIZE=1 SIZE=2", 501, "5.5.4"),
    ("mail_body_7bit", [EHLO], MAIL + " BODY=7BIT", 250, "2.1.0"),
    ("mail_body_8bitmime", [EHLO], MAIL + " BODY=8BITMIME", 250, "2.1.0"),
    ("mail_body_unknown", [EHLO], MAIL + " BODY=OTHER", 501, "5.5.4"),
    ("mail_parameter_after_helo", ["HELO client.example"], MAIL + " SIZE=1000", 250, "2.1.0"),
    ("mail_after_rset", [EHLO, MAIL, "RSET"], MAIL, 250, "2.1.0"),
    ("mail_after_ehlo_again", [EHLO, MAIL, EHLO], MAIL, 250, "2.1.0"),
    ("rcpt", [EHLO, MAIL], RCPT, 250, "2.1.5"),
    ("rcpt_second", [EHLO, MAIL, RCPT], "RCPT TO:<c@example.net>", 250, "2.1.5"),
    ("rcpt_source_route_ignored", [EHLO, MAIL], "RCPT TO:<@one.example,@two.example:b@example.net>", 250, "2.1.5"),
    ("rcpt_before_hello", [], RCPT, 503, "5.5.1"),
    ("rcpt_before_mail", [EHLO], RCPT, 503, "5.5.1"),
    ("rcpt_after_rset", [EHLO, MAIL, "RSET"], RCPT, 503, "5.5.1"),
    ("rcpt_without_to", [EHLO, MAIL], "RCPT", 501, "5.5.4"),
    ("rcpt_null_path", [EHLO, MAIL], "RCPT TO:<>", 501, "5."),
    ("rcpt_without_brackets", [EHLO, MAIL], "RCPT TO:b@example.net", 501, "5."),
    ("rcpt_unknown_parameter", [EHLO, MAIL], RCPT + " FUTURE=1", 555, "5.5.4"),
    ("rcpt_postmaster_has_no_mailbox", [EHLO, MAIL], "RCPT TO:<postmaster>", 550, "5.1.1"),
    ("rcpt_without_domain", [EHLO, MAIL], "RCPT TO:<someone>", 501, "5."),
    ("rcpt_without_route", [EHLO, MAIL], "RCPT TO:<b@elsewhere.example>", 550, "5.7.1"),
    ("data", [EHLO, MAIL, RCPT], "DATA", 354, ""),
    ("data_before_hello", [], "DATA", 503, "5.5.1"),
    ("data_before_mail", [EHLO], "DATA", 503, "5.5.1"),
    ("data_before_rcpt", [EHLO, MAIL], "DATA", 503, "5.5.1"),
    ("data_after_refused_rcpt", [EHLO, MAIL], "DATA", 503, "5.5.1"),
    ("data_with_argument", [EHLO, MAIL, RCPT], "DATA now", 501, "5.5.4"),
    ("bdat_of_nothing_last", [EHLO, MAIL, RCPT], "BDAT 0 LAST", 250, "2.0.0"),
    ("bdat_of_nothing", [EHLO, MAIL, RCPT], "BDAT 0", 250, "2."),
    ("bdat_before_mail", [EHLO], "BDAT 0 LAST", 503, "5.5.1"),
    ("bdat_before_rcpt", [EHLO, MAIL], "BDAT 0 LAST", 503, "5.5.1"),
    ("bdat_then_data", [EHLO, MAIL, RCPT, "BDAT 0"], "DATA", 503, "5.5.1"),
    ("bdat_then_rcpt", [EHLO, MAIL, RCPT, "BDAT 0"], "RCPT TO:<c@example.net>", 503, "5.5.1"),
    ("rset_between_chunks", [EHLO, MAIL, RCPT, "BDAT 0"], "RSET", 250, "2.0.0"),
    ("line_at_the_limit", [], "NOOP " + "x" * (2048 - 7), 250, "2.0.0"),
    ("line_past_the_limit", [], "NOOP " + "x" * (2048 - 6), 500, "5.5."),
]


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    """One relay for all rows: small limits, a route for example.net only."""
    directory = tmp_path_factory.mktemp("r", numbered=False)
    upstream = Sink(directory)
    relaying = Relay(directory, route([upstream.address], ["example.net"]),
                     listener="errors_per_session = 5",
                     limits='message_size = "100KB"\nrecipients_per_message = 20').start()
    yield relaying
    relaying.stop()
    upstream.program.kill()


@pytest.mark.parametrize("before, command, code, text", [row[1:] for row in REPLIES], ids=[row[0] for row in REPLIES])
def test_reply(listening, before, command, code, text):
    with Wire(listening.port) as wire:
        for line in before:
            assert wire.command(line).code == 250, line
        reply = wire.command(command)
        assert (reply.code, reply.text[: len(text)]) == (code, text), reply


def test_greeting_names_the_relay(listening):
    with Wire(listening.port) as wire:
        assert wire.greeting.code == 220
        assert wire.greeting.text.startswith("relay.example ESMTP")


def test_ehlo_offers_exactly_what_is_built(listening):
    with Wire(listening.port) as wire:
        offered = set(wire.hello().text.split("\n")[1:])
        assert offered - {"HELP"} == {"PIPELINING", "SIZE 100000", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING",
                                             "DSN", "LIMITS RCPTMAX=20"}


def test_message_is_queued_under_an_id(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        reply = wire.submit(b"Subject: x\r\n\r\nhello\r\n")
        assert reply.code == 250
        words = reply.text.split(" ")
        assert words[:4] == ["2.0.0", "Ok:", "queued", "as"]
        assert len(words[4]) == 26 and set(words[4]) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_pipelined_batch_is_answered_in_order(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        wire.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@elsewhere.example>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
        assert [wire.reply().code for _ in range(4)] == [250, 550, 250, 354]
        wire.send(b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n")
        assert [wire.reply().code for _ in range(2)] == [250, 221]
        assert wire.is_closed()


def test_pipelined_chunked_messages_are_answered_in_order(listening):
    one = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nBDAT 5 LAST\r\n\r\nabc"
    with Wire(listening.port) as wire:
        wire.hello()
        wire.send(one * 20)
        replies = [wire.reply() for _ in range(60)]
        assert [reply.code for reply in replies] == [250] * 60
        assert len({reply.text for reply in replies if "queued as" in reply.text}) == 20


def test_data_without_recipient_after_a_refusal_is_refused(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        wire.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@elsewhere.example>\r\nDATA\r\n")
        codes = [wire.reply().code for _ in range(3)]
        assert codes[:2] == [250, 550] and codes[2] in (503, 554)


def test_chunk_behind_a_refused_recipient_is_swallowed(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        wire.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@elsewhere.example>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        assert [wire.reply().code for _ in range(4)] == [250, 550, 554, 250]


def test_bad_chunk_size_ends_the_connection_since_its_bytes_cannot_be_told(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        wire.begin()
        assert wire.command("BDAT many LAST").code in (421, 501)


@pytest.mark.parametrize("extra, code", [(0, 250), (1, 552)], ids=["at_the_limit", "past_the_limit"])
def test_message_size_is_limited_by_what_arrives(listening, extra, code):
    header = b"Subject: x\r\n\r\n"
    message = header + b"x" * 76 + b"\r\n"
    message += b"y" * (100_000 - len(message) - 2 + extra) + b"\r\n"
    with Wire(listening.port) as wire:
        wire.hello()
        reply = wire.submit_chunks([message])
        assert reply.code == code
        assert wire.command("NOOP").code == 250


def test_recipients_are_limited(listening):
    with Wire(listening.port) as wire:
        wire.hello()
        wire.begin(recipients=[f"r{number}@example.net" for number in range(20)])
        reply = wire.command("RCPT TO:<one.more@example.net>")
        assert (reply.code, reply.enhanced) == (452, "4.5.3")
        assert wire.command("DATA").code == 354


def test_too_many_errors_end_the_session(listening):
    with Wire(listening.port) as wire:
        codes = [wire.command("FROBNICATE").code for _ in range(4)]
        assert codes == [500] * 4
        wire.send(b"FROBNICATE\r\n")
        replies = [wire.reply()]
        if replies[0].code == 500:
            replies.append(wire.reply())
        assert replies[-1].code == 421 and replies[-1].enhanced.startswith("4.7")
        assert wire.is_closed()


def test_received_is_added_in_front(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        queued_as = wire.submit(b"Subject: x\r\n\r\nhello\r\n").text.split(" ")[-1]
    message = _only_message(upstream)
    assert message.header.startswith("Received: from client.example ([127.0.0.1])")
    assert "by relay.example" in message.header and f"id {queued_as}" in message.header
    assert "with ESMTP" in message.header
    assert message.content.endswith(b"Subject: x\r\n\r\nhello\r\n")


def test_helo_is_received_with_smtp(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.command("HELO old.example")
        wire.submit(b"Subject: x\r\n\r\nhello\r\n")
    assert re.search(r"with SMTP\s+id", _only_message(upstream).header)


def test_too_many_received_fields_are_a_loop(relay, server):
    relaying = relay(server().address, limits="received_headers = 5")
    hop = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(hop * 5 + b"Subject: x\r\n\r\nhello\r\n").code == 250
        reply = wire.submit(hop * 6 + b"Subject: x\r\n\r\nhello\r\n")
        assert (reply.code, reply.enhanced) == (554, "5.4.6")


def test_network_that_is_not_listed_may_not_relay(relay, server):
    relaying = relay(server().address, listener='relay_networks = ["192.0.2.0/24"]')
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.command(MAIL).code == 250
        reply = wire.command(RCPT)
        assert reply.code == 550 and reply.text.startswith("5.7.1 Relay access denied")


def test_listed_network_may_relay(relay, server):
    relaying = relay(server().address, listener='relay_networks = ["127.0.0.0/8"]')
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(b"Subject: x\r\n\r\nhello\r\n").code == 250


def test_connections_of_one_address_are_limited(relay, server):
    relaying = relay(server().address, listener="connections_per_address = 3")
    held = [Wire(relaying.port) for _ in range(3)]
    refused = Wire(relaying.port)
    assert refused.greeting.code == 421
    for wire in held + [refused]:
        wire.socket.close()


def test_client_that_leaves_in_a_message_leaves_nothing(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.begin()
        wire.command("DATA")
        wire.send(b"Subject: half\r\n\r\nhal")
        wire.socket.shutdown(socket.SHUT_RDWR)
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.submit(b"Subject: whole\r\n\r\nhello\r\n")
    assert b"Subject: whole" in _only_message(upstream).content


def _only_message(upstream):
    wait_for(lambda: upstream.messages, "delivered message")
    assert len(upstream.messages) == 1
    return upstream.messages[0]
