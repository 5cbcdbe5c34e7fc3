"""`sluice queue`: what waits, why, and what happened to it so far."""

import json

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


def test_unknown_message_is_an_error(relay, server):
    relaying = relay(server().address)
    done = relaying.command("queue", "show", "0" * 26, check=False)
    assert done.returncode == 1 and done.stderr


def test_relay_that_is_not_running_is_an_error(relay, server):
    relaying = relay(server().address)
    relaying.stop()
    done = relaying.command("queue", "summary", check=False)
    assert done.returncode == 1 and "control.sock" in done.stderr
