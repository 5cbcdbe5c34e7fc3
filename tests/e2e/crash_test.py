"""The promise of the spool, by kill -9: what was accepted is delivered."""

import random

from load import all_arrived, duplicates, pairs
from waiting import wait_for

ROUNDS = 30
CONNECTIONS, DEPTH = 4, 8
# Outcomes that may wait for their commit at the instant of a kill; see "What the spool promises".
UNCOMMITTED_OUTCOMES = 1024


def test_thirty_kills_under_load_lose_nothing(relay, sink, load, directory, record_property):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    upstream = sink()
    relaying = relay(upstream.address, connections=CONNECTIONS, depth=DEPTH)
    generator = load(relaying, "--messages", 10_000_000, "--connections", 8, "--rate", 2000, "--size", "4KB",
                     "--give-up", "120s")
    accepted = 0
    for number in range(ROUNDS):
        # The kill comes at a random moment, but never before the restarted relay accepted something.
        wait_for(lambda: sum(generator.accepted().values()) > accepted, "message accepted after the start")
        _pass_random_work(upstream, chance)
        relaying.kill()
        relaying.verify()
        accepted = sum(generator.accepted().values())
        relaying.start()
    generator.stop()
    assert generator.accepted(), "the load sent nothing"
    wait_for(lambda: all_arrived(generator, upstream), "delivery of everything accepted")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
    relaying.verify()
    summary = upstream.stop()
    twice = duplicates(upstream)
    print(f"{len(generator.accepted())} accepted, {twice} delivered twice in {ROUNDS} rounds")
    record_property("duplicates", twice)
    assert set(upstream.received()) - set(generator.accepted()) <= set(pairs(generator.ledger, "unknown"))
    assert twice <= ROUNDS * (CONNECTIONS * DEPTH + UNCOMMITTED_OUTCOMES)
    assert summary["violations"]["corrupt_body"] == 0
    assert summary["violations"]["sender_mismatch"] == 0


def _pass_random_work(upstream, chance):
    """Returns after a random number of further deliveries, up to about a second's worth."""
    goal = sum(upstream.received().values()) + chance.randrange(1, 1500)
    wait_for(lambda: sum(upstream.received().values()) >= goal, "delivery going on")
