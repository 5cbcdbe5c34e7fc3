"""bench/run and the load tools as a measurement uses them: that they work and tidy up, not how fast."""

import json
import os
import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from programs import PROJECT, SLUICE_LOAD, Program
from waiting import wait_for

sys.path.append(str(PROJECT / "bench"))
from table import Row, as_text, number  # noqa: E402

RUN = PROJECT / "bench/run"


def processes_below(directory):
    """Pids of processes whose command line names the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(directory).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            pass  # ended meanwhile
    return found


def test_a_quick_run_gives_every_figure_its_floor_and_leaves_nothing(directory):
    (directory / "work").mkdir()
    done = subprocess.run([RUN, "--quick", "--directory", directory / "work", "--json", directory / "rows",
                           "throughput", "idle"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    rows = {(row["scenario"], row["what"]): row for row in json.loads((directory / "rows").read_text())["rows"]}
    assert {scenario for scenario, _ in rows} == {"throughput", "idle"}
    for size in ("2 KB", "10 KB", "100 KB"):
        row = rows["throughput", size]
        assert row["figure"] > 0 and row["floor"] > 0 and row["ratio"] == row["figure"] / row["floor"]
    assert "straight into the sink" in done.stdout and "missed" not in done.stdout
    assert list((directory / "work").iterdir()) == []
    assert processes_below(directory / "work") == []


def test_a_run_that_is_stopped_leaves_nothing(directory):
    (directory / "work").mkdir()
    run = Program("run", directory, [RUN, "--directory", directory / "work", "buildup"])
    wait_for(lambda: list((directory / "work").glob("bench.*/relay*")) or not run.is_running(), "relay of the run")
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 143, run.errors()
    assert list((directory / "work").iterdir()) == []
    assert processes_below(directory / "work") == []


def test_without_a_build_it_says_what_to_do(directory):
    done = subprocess.run([RUN], capture_output=True, text=True, env={**os.environ, "SLUICE_BUILD": str(directory)})
    assert done.returncode == 1
    assert "cmake --build --preset release" in done.stderr


def test_a_sink_that_has_everything_answers_it_before_it_ends(sink, directory):
    upstream = sink("--latency", "100ms", "--messages", 20)
    load = Program("load", directory, [SLUICE_LOAD, "--to", upstream.address, "--messages", 20, "--connections", 20,
                                       "--json"])
    assert load.wait() == 0, load.output()
    assert upstream.program.wait() == 0
    summary = json.loads(upstream.program.output())
    assert summary["messages"] == 20 and summary["seconds"] >= 0


def test_a_generator_that_falls_behind_its_rate_counts_the_wait(sink, directory):
    # 20 messages within 20 ms, on one connection that needs 100 ms for each.
    upstream = sink("--latency", "100ms")
    load = Program("load", directory, [SLUICE_LOAD, "--to", upstream.address, "--messages", 20, "--connections", 1,
                                       "--rate", 1000, "--json"])
    assert load.wait() == 0, load.output()
    assert json.loads(load.output())["accept_p99_ms"] > 1800


def test_a_sink_offers_what_it_is_told(sink, directory):
    upstream = sink("--no-enhancedstatuscodes", "--no-chunking")
    with smtplib.SMTP("127.0.0.1", upstream.port) as client:
        client.ehlo()
        assert set(client.esmtp_features) >= {"pipelining", "8bitmime", "size"}
        assert not {"enhancedstatuscodes", "chunking"} & set(client.esmtp_features)


@pytest.mark.parametrize("bounds, expected", [
    ({}, None), ({"at_least": 10}, True), ({"at_least": 11}, False), ({"at_most": 10}, True), ({"at_most": 9}, False)])
def test_a_target_is_met_from_its_bound_on(bounds, expected):
    assert Row("scenario", "what", 10, "s", **bounds).is_met() is expected


@pytest.mark.parametrize("value, text", [(0.1234, "0.12"), (9.994, "9.99"), (12.34, "12.3"), (123456.7, "123,457")])
def test_numbers_have_the_figures_that_mean_something(value, text):
    assert number(value) == text


def test_the_columns_of_a_table_are_aligned():
    lines = as_text([Row("a", "long name", 1, "s", 2, "floor", at_most=3), Row("long", "b", 10, "messages/s")]).splitlines()
    assert [line.index(word) for line, word in zip(lines, ("figure", "1.00 s", "10.0 messages/s"))] == [lines[0].index("figure")] * 3
    assert "≤ 3.00  met" in lines[1]
