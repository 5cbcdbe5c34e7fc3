"""Notifications to senders: who hears what, in the form of RFC 3464, and never a bounce for a bounce."""

import email
import email.policy
import json
import re

from dns import Dns
from relay import route
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: an offer\r\nX-Own: yes\r\n\r\nhello\r\n"
DSN_EXTENSIONS = ("PIPELINING", "8BITMIME", "CHUNKING", "DSN")


class World:
    """A host that takes the mail of a test, one that takes what its senders are told, and a relay."""

    def __init__(self, relay, server, answers=None, extensions=("PIPELINING", "8BITMIME", "CHUNKING"), **settings):
        self.host = server(answers=answers or {}, extensions=extensions)
        self.home = server()
        self.relay = relay(routes=route([self.home.address], domains=["sender.example"]) + "\n"
                           + route([self.host.address]), dsn="", **settings)

    def submit(self, *recipients, sender="a@sender.example", mail="", message=MESSAGE):
        """`recipients` may have parameters behind their addresses."""
        with Wire(self.relay.port) as wire:
            wire.hello()
            assert wire.command(f"MAIL FROM:<{sender}>{mail}").code == 250
            for recipient in recipients:
                address, _, parameters = recipient.partition(" ")
                reply = wire.command(f"RCPT TO:<{address}> {parameters}".rstrip())
                assert reply.code == 250, reply
            assert wire.command("DATA").code == 354
            wire.send(message + b".\r\n")
            assert wire.reply().code == 250

    def reports(self):
        wait_for(self.relay.is_empty, "the end of all")
        return [Report(message) for message in self.home.messages]


def refuse(pattern, reply):
    """Answers to RCPT for addresses that match."""
    return {"RCPT": lambda argument, _: reply if re.search(pattern, argument) else None}


class Report:
    """A notification, held against RFC 3461 and RFC 3464."""

    def __init__(self, message):
        assert message.sender == ""
        self.recipients = message.recipients
        self.parsed = email.message_from_bytes(message.content, policy=email.policy.default)
        assert not self.parsed.defects
        assert self.parsed.get_content_type() == "multipart/report"
        assert self.parsed.get_param("report-type") == "delivery-status"
        for field in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"):
            assert len(self.parsed.get_all(field)) == 1, field
        assert self.parsed["Auto-Submitted"].startswith("auto-")
        assert self.parsed["Date"].datetime is not None
        parts = self.parsed.get_payload()
        assert [part.get_content_type() for part in parts[:2]] == ["text/plain", "message/delivery-status"]
        assert all(not part.defects for part in parts) and len(parts) in (2, 3)
        self.text = parts[0].get_content()
        self.returned = parts[2] if len(parts) == 3 else None
        blocks = parts[1].get_payload()
        self.of_message, self.of_recipients = blocks[0], blocks[1:]
        assert self.of_message["Reporting-MTA"] == "dns;relay.example" and self.of_recipients
        for block in self.of_recipients:
            assert re.fullmatch(r"rfc822;\S+", block["Final-Recipient"])
            assert block["Action"] in ("failed", "delayed", "delivered", "relayed", "expanded")
            assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", block["Status"])
            known = {"original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code",
                     "last-attempt-date", "will-retry-until"}
            assert {name.lower() for name in block.keys()} <= known
        for line in message.content.split(b"\r\n"):
            assert len(line) <= 998 and b"\n" not in line and b"\r" not in line
        assert all(byte < 128 for byte in message.content) or "8BITMIME" in message.parameters

    def block(self, address):
        return next(block for block in self.of_recipients if block["Final-Recipient"] == f"rfc822;{address}")


def test_a_failure_is_told_to_the_sender_with_the_reply_of_the_host(relay, server):
    world = World(relay, server, answers=refuse("no@", "550 5.1.1 <no@b.example>: nobody of that name"))
    world.submit("yes@b.example", "no@b.example")
    report, = world.reports()
    assert report.recipients == ["a@sender.example"] and report.parsed["To"] == "a@sender.example"
    assert len(report.of_recipients) == 1
    block = report.block("no@b.example")
    assert block["Action"] == "failed" and block["Status"] == "5.1.1"
    assert block["Remote-MTA"] == "dns;127.0.0.1"
    assert block["Diagnostic-Code"] == "smtp;550 5.1.1 <no@b.example>: nobody of that name"
    assert "nobody of that name" in report.text and "<no@b.example>" in report.text
    # By default the header goes back, with the Received field that the relay put on top.
    assert report.returned.get_content_type() == "text/rfc822-headers"
    header = report.returned.get_payload()
    assert "Subject: an offer" in header and "Received: " in header and "hello" not in header
    world.relay.stop()
    assert "1 generated" in world.relay.verify()


def test_what_the_sender_asked_for_is_in_the_report(relay, server):
    world = World(relay, server, answers=refuse("no", "550 no"))
    world.submit("no@b.example ORCPT=rfc822;first+2Blast@old.example", mail=" RET=FULL ENVID=job+3D7")
    report, = world.reports()
    assert report.of_message["Original-Envelope-Id"] == "job=7"
    block = report.block("no@b.example")
    assert block["Original-Recipient"] == "rfc822;first+last@old.example"
    assert block["Status"] == "5.0.0"
    assert report.returned.get_content_type() == "message/rfc822"
    assert "hello" in report.returned.get_payload()[0].get_payload()


def test_nothing_is_told_where_nothing_is_wanted(relay, server):
    world = World(relay, server, answers=refuse("no", "550 5.1.1 no"))
    world.submit("no1@b.example NOTIFY=NEVER")
    world.submit("no2@b.example NOTIFY=SUCCESS,DELAY")
    world.submit("no3@b.example", sender="")
    assert world.reports() == []
    world.submit("no4@b.example NOTIFY=FAILURE,DELAY", "no5@b.example NOTIFY=NEVER")
    report, = world.reports()
    assert len(report.of_recipients) == 1 and report.block("no4@b.example")


def test_success_is_told_where_the_next_host_will_not(relay, server):
    world = World(relay, server)
    world.submit("yes@b.example NOTIFY=SUCCESS", "other@b.example")
    report, = world.reports()
    assert len(report.of_recipients) == 1
    block = report.block("yes@b.example")
    assert block["Action"] == "relayed" and block["Status"].startswith("2.")


def test_a_host_that_tells_itself_is_given_what_was_asked(relay, server):
    world = World(relay, server, extensions=DSN_EXTENSIONS)
    world.submit("yes@b.example NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@old.example", "plain@b.example",
                 mail=" RET=HDRS ENVID=job7")
    assert world.reports() == []
    commands = world.host.commands()
    mail, = [command for command in commands if command.startswith("MAIL")]
    assert " RET=HDRS" in mail and " ENVID=job7" in mail
    rcpts = [command for command in commands if command.startswith("RCPT")]
    assert rcpts == ["RCPT TO:<yes@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@old.example",
                     "RCPT TO:<plain@b.example>"]


def test_a_bounce_that_bounces_ends(relay, server):
    refused = dict(answers={"RCPT": lambda *_: "550 5.1.1 no"})
    host, home = server(**refused), server(**refused)
    relaying = relay(routes=route([home.address], domains=["sender.example"]) + "\n" + route([host.address]), dsn="")
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.submit(MESSAGE, sender="a@sender.example", recipients=["no@b.example"])
    wait_for(relaying.is_empty, "the end of both")
    log = relaying.log()
    assert log.count(" recipient_failed ") == 2 and log.count(" dsn_queued ") == 1
    relaying.stop()
    verified = relaying.verify()
    assert "1 received" in verified and "1 generated" in verified and "2 bounced" in verified


def test_a_message_that_expires_is_reported_with_its_last_reply(relay, server):
    world = World(relay, server, answers=refuse("slow", "451 4.7.1 come back later"), retry="1s", expire="4s")
    world.submit("slow@b.example")
    report, = world.reports()
    block = report.block("slow@b.example")
    assert block["Action"] == "failed" and block["Status"] == "4.4.7"
    assert block["Diagnostic-Code"] == "smtp;451 4.7.1 come back later"


def test_a_domain_that_takes_no_mail_is_reported(relay, server, directory):
    dns = Dns(directory, ["null MX 0 ."])
    try:
        home = server()
        routes = route([home.address], domains=["sender.example"])
        relaying = relay(routes=f'{routes}\n[[route]]\n[dns]\nservers = ["127.0.0.1:{dns.port}"]', dsn="")
        with Wire(relaying.port) as wire:
            wire.hello()
            wire.submit(MESSAGE, sender="a@sender.example", recipients=["b@null.test"])
        wait_for(relaying.is_empty, "the end of all")
        report = Report(home.messages[0])
        block = report.block("b@null.test")
        assert block["Status"] == "5.1.10" and "Remote-MTA" not in block
    finally:
        dns.close()


def test_a_message_beyond_ascii_comes_back_as_it_was_or_without_what_may_not_pass(relay, server):
    world = World(relay, server, answers=refuse("no", "550 5.1.1 no"))
    message = "Subject: gr\u00fc\u00dfe\r\n\r\nh\u00e9llo\r\n".encode("latin-1")
    world.submit("no@b.example", mail=" BODY=8BITMIME RET=FULL", message=message)
    world.submit("no@b.example", mail=" BODY=8BITMIME RET=HDRS", message=message)
    whole, header = sorted(world.reports(), key=lambda report: report.returned.get_content_type())
    assert b"h\xe9llo" in whole.returned.as_bytes()
    assert "gr??e" in header.returned.get_payload()


def test_a_large_message_gives_back_its_header_only(relay, server):
    world = World(relay, server, answers=refuse("no", "550 5.1.1 no"))
    large = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n"
    world.submit("no@b.example", mail=" RET=FULL", message=large + (b"y" * 998 + b"\r\n") * 3000)
    report, = world.reports()
    assert report.returned.get_content_type() == "text/rfc822-headers"
    assert "Subject: large" in report.returned.get_payload()


def test_reports_to_one_reverse_path_have_a_limit(relay, server):
    world = World.__new__(World)
    world.host, world.home = server(answers=refuse("no", "550 5.1.1 no")), server()
    world.relay = relay(routes=route([world.home.address], domains=["sender.example"]) + "\n"
                        + route([world.host.address]), dsn='rate = "3/h"')
    for number in range(5):
        world.submit(f"no{number}@b.example")
    world.submit("no@b.example", sender="other@sender.example")
    reports = world.reports()
    assert sorted(report.recipients[0] for report in reports) == ["a@sender.example"] * 3 + ["other@sender.example"]
    assert world.relay.log().count(" dsn_suppressed ") == 2


def test_a_report_survives_a_crash(relay, server):
    world = World(relay, server, answers=refuse("no", "550 5.1.1 no"))
    world.home.close()
    world.submit("no@b.example")
    wait_for(lambda: " dsn_queued " in world.relay.log(), "the report")
    world.relay.kill()
    world.relay.start()
    summary = json.loads(world.relay.command("queue", "list", "--json").stdout)["envelopes"]
    assert "sender.example" in [row["queue"] for row in summary]
