"""sluice-load and sluice-sink as a test uses them, and the ledgers that both keep."""

import json
from collections import Counter
from pathlib import Path

from programs import SLUICE_LOAD, SLUICE_SINK, Program
from waiting import wait_for


def pairs(ledger, what):
    """How often each (id, recipient) stands in a ledger."""
    found = Counter()
    if Path(ledger).exists():
        for line in Path(ledger).read_text().splitlines():
            fields = line.split(" ")
            if len(fields) >= 3 and fields[0] == what:
                found[fields[1], fields[2]] += 1
    return found


class Sink:
    count = 0

    def __init__(self, directory, *arguments, port=0, ledger=None):
        Sink.count += 1
        name = f"sink{Sink.count}"
        self.ledger = Path(ledger) if ledger else Path(directory) / f"{name}.ledger"
        port_file = Path(directory) / f"{name}.port"
        self.program = Program(name, directory, [
            SLUICE_SINK, "--listen", f"127.0.0.1:{port}", "--port-file", port_file,
            "--ledger", self.ledger, "--json", *arguments])
        wait_for(lambda: port_file.exists() and port_file.read_text().strip() or not self.program.is_running(),
                 "sink that listens")
        assert self.program.is_running(), self.program.errors()
        self.port = int(port_file.read_text())
        self.address = f"127.0.0.1:{self.port}"

    def received(self):
        """What the ledger shows: the sink writes it behind the run, and whole at its end."""
        return pairs(self.ledger, "received")

    def stop(self):
        """Ends it and returns its summary."""
        assert self.program.end() == 0, self.program.errors()
        return json.loads(self.program.output())


class Load:
    count = 0

    def __init__(self, directory, relay, *arguments):
        Load.count += 1
        name = f"load{Load.count}"
        self.ledger = Path(directory) / f"{name}.ledger"
        self.program = Program(name, directory, [
            SLUICE_LOAD, "--to", relay.address, "--ledger", self.ledger, "--run", name, "--json", *arguments])

    def accepted(self):
        return pairs(self.ledger, "accepted")

    def finish(self):
        """Waits for the end of the run, in which every message must be accepted."""
        assert self.program.wait() == 0, self.program.errors() + self.program.output()
        return json.loads(self.program.output())

    def stop(self):
        """Ends the run where it is; returns its summary."""
        self.program.end()
        return json.loads(self.program.output())


def lost(load, sink):
    """What was accepted and is not in the sink's ledger, which is written behind the run."""
    return sorted(set(load.accepted()) - set(sink.received()))


def all_arrived(load, sink):
    return lost(load, sink) == []


def duplicates(sink):
    return sum(count - 1 for count in sink.received().values())
