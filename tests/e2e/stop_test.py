"""Stopping in order: what is in flight finishes, nothing is lost, and the next start goes on."""

import signal
import threading

from load import all_arrived, duplicates
from ports import free_port
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


def test_graceful_stop_under_load_makes_no_loss_and_no_duplicate(relay, sink, load):
    upstream = sink("--latency", "2ms")
    relaying = relay(upstream.address)
    generator = load(relaying, "--messages", 10_000_000, "--connections", 8, "--rate", 3000, "--size", "4KB",
                     "--give-up", "120s")
    for _ in range(3):
        before = len(upstream.received())
        wait_for(lambda: len(upstream.received()) > before + 1000, "delivery going on")
        relaying.stop()
        relaying.verify()
        relaying.start()
    generator.stop()
    wait_for(lambda: all_arrived(generator, upstream), "delivery of everything accepted")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
    assert duplicates(upstream) == 0
    assert set(upstream.received()) == set(generator.accepted())


def test_transaction_in_flight_finishes_before_the_stop(relay, server):
    upstream = server()
    relaying = relay(upstream.address)
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.begin()
        assert wire.command("DATA").code == 354
        relaying.program.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not relaying.answers(), "closed listener")
        wire.send(MESSAGE + b".\r\n")
        assert wire.reply().code == 250
    assert relaying.program.wait() == 0
    relaying.start()
    wait_for(lambda: upstream.messages, "delivery after the next start")
    assert len(upstream.messages) == 1


def test_connection_that_opens_during_the_stop_is_closed_in_order(relay, server):
    """It has nothing to send any more, and must not be kept as an idle one is."""
    connected, stopping = threading.Event(), threading.Event()
    def greet(*_):
        connected.set()
        stopping.wait(60)
    upstream = server(answers={"CONNECT": greet})
    relaying = relay(upstream.address, arguments=("--set", "delivery.timeouts.idle=1h"))
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(MESSAGE).code == 250
    wait_for(connected.is_set, "connection to the upstream")
    relaying.program.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "phase=stopping" in relaying.log(), "stop")
    stopping.set()
    assert relaying.program.wait() == 0
    assert upstream.commands()[-1] == "QUIT" and not upstream.messages


def test_idle_connection_is_told_of_the_stop(relay, server):
    relaying = relay(server().address)
    with Wire(relaying.port) as wire:
        wire.hello()
        relaying.program.process.send_signal(signal.SIGTERM)
        assert wire.reply().code == 421
        assert wire.is_closed()
    assert relaying.program.wait() == 0


def test_drain_delivers_what_is_queued_and_then_stops(relay, sink, load):
    upstream = sink("--latency", "5ms")
    relaying = relay(upstream.address, connections=2)
    generator = load(relaying, "--messages", 5000, "--connections", 8, "--size", "2KB")
    generator.finish()
    relaying.command("drain")
    assert relaying.program.wait() == 0
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    assert duplicates(upstream) == 0
    assert "+ 0 queued" in " ".join(relaying.verify().split())


def test_fewer_shards_deliver_what_more_had_queued(relay, sink, load):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}", shards=4)
    generator = load(relaying, "--messages", 3000, "--connections", 16, "--size", "2KB")
    generator.finish()
    relaying.stop()
    relaying.shards = 1
    relaying.start()
    assert relaying.queued() == 3000
    upstream = sink(port=port)
    wait_for(relaying.is_empty, "delivery")
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
