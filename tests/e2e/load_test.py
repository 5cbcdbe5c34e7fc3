"""The relay under plain load, over several shards: nothing lost, doubled, changed or mixed up."""

import pytest

from load import all_arrived, duplicates
from waiting import wait_for


@pytest.mark.parametrize("arguments", [
    ["--messages", 5000, "--size", "10KB"],
    ["--messages", 5000, "--size", "2KB", "--depth", 8],
    ["--messages", 1000, "--size", "1KB", "--recipients", 20],
    ["--messages", 1000, "--size", "4KB", "--mode", "plain"],
    ["--messages", 2000, "--size", "4KB", "--mode", "pipelining"],
    ["--messages", 40, "--size", "3MB"],
], ids=["usual", "pipelined", "many_recipients", "lockstep", "data", "large"])
def test_everything_accepted_arrives_once(relay, sink, load, arguments):
    upstream = sink()
    relaying = relay(upstream.address, shards=3)
    generator = load(relaying, "--connections", 16, *arguments)
    generator.finish()
    wait_for(relaying.is_empty, "delivery")
    relaying.stop()
    relaying.verify()
    summary = upstream.stop()
    wait_for(lambda: all_arrived(generator, upstream), "ledger of everything accepted")
    assert duplicates(upstream) == 0
    assert sum(summary["violations"].values()) == 0, summary
