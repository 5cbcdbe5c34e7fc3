"""Real clients in: swaks and Python's smtplib."""

import smtplib
import subprocess

from waiting import wait_for


def swaks(relaying, *arguments):
    done = subprocess.run(
        ["swaks", "--server", relaying.address, "--from", "a@example.com", *arguments],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def test_swaks_sends_a_message(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    status, transcript = swaks(relaying, "--to", "b@example.net,c@example.net", "--body", "hello\n.\n..x",
                               "--helo", "swaks.example")
    assert status == 0 and "Ok: queued as" in transcript
    wait_for(lambda: upstream.messages, "delivery")
    message = upstream.messages[0]
    assert message.sender == "a@example.com"
    assert message.recipients == ["b@example.net", "c@example.net"]
    assert b"hello\r\n.\r\n..x\r\n" in message.content


def test_swaks_pipelines_a_message(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    status, _ = swaks(relaying, "--to", "b@example.net", "--pipeline")
    assert status == 0
    wait_for(lambda: upstream.messages, "delivery")


def test_swaks_is_told_that_relaying_is_denied(relay, server):
    relaying = relay(server().address, listener="relay_networks = []")
    status, transcript = swaks(relaying, "--to", "b@example.net")
    assert status != 0 and "550 5.7.1 Relay access denied" in transcript


def test_smtplib_sends_messages(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    with smtplib.SMTP("127.0.0.1", relaying.port, timeout=60) as client:
        for number in range(10):
            refused = client.sendmail("a@example.com", ["b@example.net", "c@example.net"],
                                      f"Subject: {number}\r\n\r\n.dot\r\nbody {number}\r\n")
            assert refused == {}
        client.sendmail("a@example.com", ["b@example.net"], b"Subject: 8\r\n\r\n\xc3\xa4\r\n", ["BODY=8BITMIME"])
    wait_for(lambda: len(upstream.messages) == 11, "delivery")
    bodies = {message.body for message in upstream.messages}
    assert bodies == {f".dot\r\nbody {number}\r\n".encode() for number in range(10)} | {b"\xc3\xa4\r\n"}
