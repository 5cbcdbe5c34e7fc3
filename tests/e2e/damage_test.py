"""Bytes that change on the disk: found by their checksums, quarantined, told of, never sent."""

import json
import subprocess

from ports import free_port
from programs import SLUICE, Program
from waiting import wait_for
from wire import Wire


def submit(relaying, text):
    with Wire(relaying.port) as wire:
        wire.hello()
        reply = wire.submit(b"Subject: x\r\n\r\n" + text + b"\r\n")
        assert reply.code == 250
        return reply.text.split(" ")[-1]


def change_on_disk(relaying, old, new):
    """Everywhere in the file of the stopped relay's spool, also in pages that are no longer used."""
    path = relaying.spool / "00/data.mdb"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def verify(relaying, *arguments):
    done = subprocess.run([SLUICE, "spool", "verify", relaying.spool, *arguments], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def test_a_flipped_byte_is_never_sent(relay, server):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    damaged = submit(relaying, b"the amount is 100 coins")
    submit(relaying, b"this one is sound")
    relaying.stop()
    change_on_disk(relaying, b"amount is 100", b"amount is 900")
    status, text = verify(relaying)
    assert status == 1 and damaged in text and "message body fails its checksum" in text

    upstream = server(port=port)
    relaying.start()
    wait_for(lambda: "envelope_quarantined" in relaying.log(), "event of the quarantine")
    wait_for(lambda: upstream.messages, "delivery of the sound message")
    wait_for(relaying.is_empty, "empty queue")
    line = next(line for line in relaying.log().splitlines() if " envelope_quarantined " in line)
    assert damaged in line and "checksum" in line
    assert [message.body for message in upstream.messages] == [b"this one is sound\r\n"]
    relaying.stop()
    assert "quarantined  1 envelopes" in relaying.verify()


def test_a_damaged_recipient_is_never_sent_to(relay, server):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    submit(relaying, b"hello")
    relaying.stop()
    change_on_disk(relaying, b"b@example.net", b"c@example.net")
    status, text = verify(relaying)
    assert status == 1 and "message metadata fail their checksum" in text
    upstream = server(port=port)
    relaying.start()
    wait_for(lambda: "envelope_quarantined" in relaying.log(), "event of the quarantine")
    wait_for(relaying.is_empty, "empty queue")
    assert upstream.messages == []


def test_a_damaged_counter_is_found_and_begins_anew(relay, server):
    upstream = server()
    relaying = relay(upstream.address, top='[[tenant]]\nname = "acme"')
    relaying.command("tenant", "suspend", "acme", "--delivery")
    relaying.stop()
    assert "counters     1, 0 of them expired" in relaying.verify()
    change_on_disk(relaying, b"suspended:delivery:acme", b"suspended:delivery:acmf")
    status, text = verify(relaying)
    assert status == 1 and 'counter "suspended:delivery:acmf": a counter of the ledger is damaged' in text
    status, text = verify(relaying, "--json")
    assert status == 1 and "a counter of the ledger is damaged" in " ".join(json.loads(text)["findings"])

    relaying.start()
    tenants = json.loads(relaying.command("tenant", "list", "--json").stdout)["tenants"]
    assert [(row["tenant"], row["delivery"]) for row in tenants] == [("acme", "running")]
    submit(relaying, b"hello")
    wait_for(lambda: upstream.messages, "delivery")
    relaying.command("tenant", "suspend", "acme", "--reception")
    relaying.stop()
    assert verify(relaying)[0] == 1


def test_a_spool_of_a_newer_format_is_refused_with_a_sentence(relay, server):
    relaying = relay(server().address)
    relaying.stop()
    change_on_disk(relaying, b"format" + bytes([2, 0, 0, 0]), b"format" + bytes([3, 0, 0, 0]))
    refused = Program("newer", relaying.directory, [SLUICE, "serve", "--config", relaying.write_config()])
    assert refused.wait() == 1
    assert "written by a newer sluice (format 3, this one knows up to 2)" in refused.errors()


def test_a_spool_of_more_partitions_and_shards_is_adopted_and_drained(relay, server):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}", shards=3, top="spool_partitions = 3")
    sent = {submit(relaying, b"number %d" % number) for number in range(30)}
    relaying.stop()
    used = [path for path in relaying.spool.glob("0?/data.mdb") if b"number" in path.read_bytes()]
    assert len(used) == 3

    upstream = server(port=port)
    relaying.shards = 1
    relaying.settings["top"] = "spool_partitions = 1"
    relaying.start()
    wait_for(lambda: len(upstream.messages) >= len(sent), "delivery of everything")
    wait_for(relaying.is_empty, "empty queue")
    assert {message.body for message in upstream.messages} == {b"number %d\r\n" % number for number in range(30)}
    relaying.stop()
    relaying.verify()
