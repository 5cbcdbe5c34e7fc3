"""`serve --hold-delivery`: mail is taken and queued, none is sent until `sluice release`."""

import json
import time

from load import all_arrived, duplicates
from waiting import wait_for


def rows(relaying):
    return json.loads(relaying.command("queue", "summary", "--json").stdout)["queues"]


def holding(relay, sink, load, **settings):
    """A relay that holds 200 messages, and who gave and awaits them."""
    upstream = sink()
    relaying = relay(upstream.address, arguments=("--hold-delivery",), **settings)
    generator = load(relaying, "--messages", 200, "--connections", 8, "--size", "2KB")
    generator.finish()
    return relaying, upstream, generator


def test_held_mail_waits_by_name_until_it_is_released(relay, sink, load):
    relaying, upstream, generator = holding(relay, sink, load)
    wait_for(lambda: sum(row["ready"] for row in rows(relaying)) == 200, "queue at home")
    assert {row["waits_for"] for row in rows(relaying)} == {"delivery held"}
    assert "delivery is held" in relaying.command("queue", "summary").stdout
    assert relaying.queued() == 200 and not upstream.received()
    relaying.command("release")
    wait_for(lambda: all_arrived(generator, upstream), "delivery")
    wait_for(relaying.is_empty, "empty queue")
    assert "delivery is held" not in relaying.command("queue", "summary").stdout
    assert duplicates(upstream) == 0


def test_mail_after_the_release_goes_out_at_once(relay, sink, load):
    upstream = sink()
    relaying = relay(upstream.address, arguments=("--hold-delivery",))
    relaying.command("release")
    relaying.command("release")  # nothing is held: nothing happens
    generator = load(relaying, "--messages", 200, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(lambda: all_arrived(generator, upstream), "delivery")


def test_recovered_mail_is_held_too_and_does_not_expire(relay, sink, load):
    relaying, upstream, generator = holding(relay, sink, load, expire="1s")
    accepted = time.time()
    relaying.stop()
    relaying.start()
    wait_for(lambda: time.time() > accepted + 1, "time in which it would expire")
    wait_for(lambda: sum(row["ready"] + row["scheduled"] for row in rows(relaying)) == 200, "recovered queue")
    relaying.stop()
    upstream.stop()
    assert not upstream.received()
    assert "+ 200 queued" in " ".join(relaying.verify().split())


def test_drain_of_held_mail_is_refused(relay, sink, load):
    relaying, upstream, _ = holding(relay, sink, load)
    done = relaying.command("drain", check=False)
    assert done.returncode == 1 and "sluice release" in done.stderr
    assert relaying.answers()
    relaying.command("release")
    relaying.command("drain")
    assert relaying.program.wait() == 0
    upstream.stop()
    assert len(upstream.received()) == 200
