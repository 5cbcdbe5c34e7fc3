"""A disk that stalls, is slow, or fails while the meta page is written."""

import select
import threading

import pytest

from faulty_disk import RelayOnFaultyDisk
from load import all_arrived
from ports import free_port
from relay import route
from waiting import wait_for
from wire import Wire, as_data

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


@pytest.fixture
def relay(directory):
    made = []

    def make(smart_host, **settings):
        made.append(RelayOnFaultyDisk(directory, route([smart_host]), **settings))
        return made[-1].start()

    yield make
    for one in made:
        one.program.kill()


def submit(relaying, recipient):
    with Wire(relaying.port) as wire:
        wire.hello()
        return wire.submit(MESSAGE, recipients=[recipient])


def test_a_disk_that_stalls_delays_acceptance_and_nothing_else(relay, server):
    may_go_on = threading.Event()
    upstream = server(answers={"RCPT": lambda *_: may_go_on.wait(60) and None})
    relaying = relay(upstream.address)
    in_memory = submit(relaying, "first@example.net")
    assert in_memory.code == 250
    wait_for(lambda: any(line.startswith("RCPT") for line in upstream.commands()), "delivery that begins")

    relaying.disk.hold_syncs()
    with Wire(relaying.port) as waiting:
        waiting.hello()
        waiting.begin(recipients=["second@example.net"])
        assert waiting.command("DATA").code == 354
        waiting.send(as_data(MESSAGE))
        wait_for(relaying.disk.holds_one, "sync that is held")
        assert relaying.queued() >= 1
        assert "first@example.net" in relaying.command("queue", "show", in_memory.text.split(" ")[-1]).stdout
        may_go_on.set()
        wait_for(lambda: len(upstream.messages) == 1, "delivery of what lies in memory")
        with Wire(relaying.port) as other:
            other.hello()
            other.begin()
            assert other.command("RSET").code == 250
        assert select.select([waiting.socket], [], [], 0)[0] == [], "a 250 without a sync"
        relaying.disk.let_go()
        assert waiting.reply().code == 250
    wait_for(lambda: len(upstream.messages) == 2, "delivery of the second")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
    relaying.verify()


def test_a_slow_disk_loses_nothing(relay, sink, load):
    upstream = sink()
    relaying = relay(upstream.address)
    relaying.disk.delay_syncs(20)
    generator = load(relaying, "--messages", 500, "--connections", 8, "--size", "4KB")
    assert generator.finish()
    wait_for(lambda: all_arrived(generator, upstream), "delivery of everything accepted")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
    relaying.verify()


def test_a_meta_page_that_cannot_be_written_ends_the_relay_after_a_451(relay):
    relaying = relay(f"127.0.0.1:{free_port()}", retry="1h", expire="2h")
    kept = submit(relaying, "kept@example.net")
    assert kept.code == 250
    relaying.disk.fail_meta_writes()
    refused = submit(relaying, "refused@example.net")
    assert (refused.code, refused.enhanced) == (451, "4.3.0")
    assert relaying.program.wait() != 0
    assert "spool_failed" in relaying.log()
    relaying.verify()

    relaying.disk.repair()
    relaying.start()
    assert relaying.queued() == 1
    assert "kept@example.net" in relaying.command("queue", "show", kept.text.split(" ")[-1]).stdout
    assert submit(relaying, "next@example.net").code == 250
