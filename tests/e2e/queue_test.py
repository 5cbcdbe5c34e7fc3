"""`sluice queue`: what waits, why, and what happened to it so far."""

import json
import threading

from ports import free_port
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


def submit(relaying, recipients):
    with Wire(relaying.port) as wire:
        wire.hello()
        return wire.submit(MESSAGE, sender="a@example.com", recipients=recipients).text.split(" ")[-1]


def listed(relaying):
    return json.loads(relaying.command("queue", "list", "--json").stdout)


def test_show_tells_recipients_and_past_attempts(relay, server):
    answers = {"RCPT": lambda argument, _: "450 4.2.1 mailbox busy" if "later" in argument else None}
    upstream = server(answers=answers)
    relaying = relay(upstream.address, retry="1h", expire="2h")
    message = submit(relaying, ["good@example.net", "later@example.net"])
    wait_for(lambda: "4.2.1" in relaying.command("queue", "show", message, check=False).stdout, "deferral")
    text = relaying.command("queue", "show", message).stdout
    for part in (message, "a@example.com", "later@example.net", "4.2.1 mailbox busy", "127.0.0.1"):
        assert part in text, text
    details = json.loads(relaying.command("queue", "show", message, "--json").stdout)
    assert message in json.dumps(details) and "mailbox busy" in json.dumps(details)


def test_deferral_survives_a_restart(relay, server):
    upstream = server(answers={"RCPT": lambda *_: "450 4.2.1 mailbox busy"})
    relaying = relay(upstream.address, retry="1h", expire="2h")
    message = submit(relaying, ["later@example.net"])
    wait_for(lambda: "4.2.1" in relaying.command("queue", "show", message, check=False).stdout, "deferral")
    relaying.stop()
    relaying.start()
    assert "4.2.1 mailbox busy" in relaying.command("queue", "show", message).stdout
    assert len(upstream.commands()) > 0 and relaying.queued() == 1


def test_list_and_summary_tell_what_waits_and_why(relay):
    relaying = relay(f"127.0.0.1:{free_port()}")
    first = submit(relaying, ["b@one.example"])
    second = submit(relaying, ["b@two.example"])
    assert relaying.queued() == 2
    text = relaying.command("queue", "list").stdout
    assert first in text and second in text
    rows = json.dumps(listed(relaying))
    assert first in rows and second in rows
    summary = relaying.command("queue", "summary").stdout
    assert "one.example" in summary and "two.example" in summary


def test_list_tells_the_last_reply_and_the_next_attempt(relay, server):
    upstream = server(answers={"RCPT": lambda *_: "450 4.2.1 mailbox busy"})
    relaying = relay(upstream.address, retry="1h", expire="2h")
    submit(relaying, ["later@example.net"])
    wait_for(lambda: "4.2.1 mailbox busy" in relaying.command("queue", "list").stdout, "deferral")
    row = listed(relaying)["envelopes"][0]
    assert row["waits_for"] == "retry" and row["state"] == "scheduled" and row["attempts"] == 1
    assert 3000 < row["next_attempt_in_seconds"] <= 3960 and 0 < row["expires_in_seconds"] <= 7200
    assert row["last_attempt"]["host"].startswith("127.0.0.1[127.0.0.1]:")


def test_a_dead_host_is_named_as_the_reason(relay):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    message = submit(relaying, ["b@example.net"])
    wait_for(lambda: "refused" in relaying.command("queue", "summary").stdout, "the reason")
    for text in (relaying.command("queue", "list").stdout, relaying.command("queue", "show", message).stdout):
        assert f"127.0.0.1:{port}" in text, text


def test_an_envelope_in_flight_is_shown_with_its_host(relay, server):
    answered = threading.Event()

    def answer(*_):
        answered.wait(60)

    upstream = server(answers={"END": answer})
    relaying = relay(upstream.address)
    message = submit(relaying, ["b@example.net"])

    def shown():
        return json.loads(relaying.command("queue", "show", message, "--json").stdout)["envelopes"][0]

    try:
        wait_for(lambda: shown()["state"] == "in flight" and upstream.address in shown()["detail"].replace(
            "[127.0.0.1]", ""), "envelope in flight")
        summary = json.loads(relaying.command("queue", "summary", "--json").stdout)
        assert summary["totals"]["in_flight"] == 1
        assert "in flight" in relaying.command("queue", "list").stdout
    finally:
        answered.set()
    wait_for(relaying.is_empty, "delivery")


def test_unknown_message_is_an_error(relay, server):
    relaying = relay(server().address)
    done = relaying.command("queue", "show", "0" * 26, check=False)
    assert done.returncode == 1 and done.stderr


def test_relay_that_is_not_running_is_an_error(relay, server):
    relaying = relay(server().address)
    relaying.stop()
    done = relaying.command("queue", "summary", check=False)
    assert done.returncode == 1 and "control.sock" in done.stderr
