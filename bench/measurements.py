"""Measurements that scenarios share, each made once per run: straight through, relayed, the disk.

Rates come from the sink: messages between its first and its last. What is repeated gives the run
with the median rate, so that a moment in which the machine was busy elsewhere does not decide.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from postfix_relay import PostfixRelay
from processes import Relay, Transfer
from programs import BUILD
from waiting import wait_for

SIZES = {"2 KB": "2KB", "10 KB": "10KB", "100 KB": "100KB"}
MESSAGES = {"2 KB": 200_000, "10 KB": 100_000, "100 KB": 20_000}
POSTFIX_MESSAGES = {"2 KB": 5_000, "10 KB": 5_000, "100 KB": 2_000}
CONNECTIONS, DOMAINS = 32, 50
WARM_UP = 500
SAY_SECONDS, STANDSTILL_SECONDS = 10, 180


@dataclass
class Options:
    scale: float
    runs: int
    peer: str = ""


@dataclass
class Relayed:
    transfer: Transfer
    relay_seconds: float

    @property
    def rate(self):
        return rate_of(self.transfer)

    @property
    def microseconds_per_message(self):
        return self.relay_seconds * 1e6 / self.transfer.sink["messages"]


def rate_of(transfer):
    """Messages per second that arrived."""
    return transfer.sink["messages"] / max(transfer.sink["seconds"], 1e-3)


def by_rate(results, rate):
    """The one with the median rate; of an even number the slower of the two in the middle."""
    return sorted(results, key=rate)[(len(results) - 1) // 2]


class Measurements:
    def __init__(self, workplace, options):
        self.workplace, self.options = workplace, options
        self.start = time.monotonic()
        self.known = {}

    def say(self, what):
        print(f"[{time.monotonic() - self.start:5.0f} s] {what}", file=sys.stderr, flush=True)

    def watch(self, process, how_far):
        """Until a process that takes long has ended; an error when it makes no progress."""
        seen, moved, said = "", time.monotonic(), time.monotonic()
        while process.is_running():
            time.sleep(0.05)
            now = time.monotonic()
            if now - said < SAY_SECONDS:
                continue
            said, last, seen = now, seen, how_far()
            self.say(f"  {seen}")
            moved = now if seen != last else moved
            if now - moved > STANDSTILL_SECONDS:
                raise RuntimeError(f"nothing moves any more: {seen}")

    def scaled(self, count, least=50):
        return max(least, round(count * self.options.scale))

    def once(self, key, measure):
        if key not in self.known:
            self.known[key] = measure()
        return self.known[key]

    def straight(self, size="10 KB"):
        """The generator straight into the sink: what the load tools and the loopback take."""
        return self.once(("straight", size), lambda: self._median(
            f"{size} straight into the sink", lambda: self.send_straight(self._usual(size, MESSAGES)), rate_of))

    def relayed(self, size="10 KB", shards=0, program="sluice"):
        return self.once((program, size, shards), lambda: self._median(
            f"{size} through {program}{f' with {shards} shards' if shards else ''}",
            lambda: self._relay(size, shards, program), lambda result: result.rate))

    def _median(self, what, measure, rate):
        results = []
        for run in range(self.options.runs):
            self.say(f"{what}, run {run + 1} of {self.options.runs}")
            results.append(measure())
        return by_rate(results, rate)

    def _usual(self, size, messages):
        return ["--messages", self.scaled(messages[size]), "--size", SIZES[size],
                "--connections", CONNECTIONS, "--domains", DOMAINS]

    def _relay(self, size, shards, program):
        sink_settings = []
        if program == "postfix":
            return self.send_relayed(self._usual(size, POSTFIX_MESSAGES), PostfixRelay, sink_settings)
        return self.send_relayed(self._usual(size, MESSAGES), lambda *args, **settings: Relay(
            *args, **settings, shards=shards), sink_settings)

    def send_straight(self, load, sink_settings=(), recipients=1):
        messages = load[load.index("--messages") + 1]
        sink, port = self.workplace.start_sink("--messages", messages * recipients, *sink_settings)
        return self.workplace.transfer(sink, port, *load)

    def send_relayed(self, load, make_relay, sink_settings=(), recipients=1, **relay_settings):
        """Warms the relay and its connections up, then measures it with the same sink."""
        messages = load[load.index("--messages") + 1]
        warm_up = min(WARM_UP, messages)
        sink, port = self.workplace.start_sink("--messages", messages * recipients, "--warm-up", warm_up, *sink_settings)
        relay = make_relay(self.workplace, port, **relay_settings)
        self.workplace.submit(relay.port, "--messages", warm_up, "--run", "warm")
        wait_for(relay.is_empty, "end of the warm-up", seconds=60)
        before = relay.cpu_seconds()
        transfer = self.workplace.transfer(sink, relay.port, *load)
        result = Relayed(transfer, relay.cpu_seconds() - before)
        relay.end()
        return result

    def disk(self, size="10 KB"):
        """Messages per second that the disk itself makes durable, in batches, over used blocks."""
        return self.once(("disk", size), lambda: self._disk(size))

    def _disk(self, size):
        self.say(f"{size} durably on the disk")
        count = {"2 KB": 2_000, "10 KB": 10_000, "100 KB": 100_000}[size]
        done = subprocess.run(
            [BUILD / "bench/disk_bench", f"--benchmark_filter=overwrite/bytes:{count}/",
             f"--benchmark_min_time={min(1.0, self.options.scale)}", "--benchmark_format=json"],
            cwd=self.workplace.directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
        return max(one["items_per_second"] for one in json.loads(done.stdout)["benchmarks"])

