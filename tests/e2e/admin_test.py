"""[admin].http: metrics that Prometheus reads, health that a load balancer reads."""

import re
import signal
import subprocess

from load import all_arrived
from ports import free_port
from programs import PEERS
from waiting import wait_for
from wire import Wire

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
PROMTOOL = PEERS / "prometheus/usr/bin/promtool"


def get(address, path, *options):
    """What curl is answered: status and body; status 0 when there is no answer."""
    done = subprocess.run(["curl", "-s", "-o", "-", "-w", "\n%{http_code}", *options, f"http://{address}{path}"],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def with_http(relay, *smart_hosts, **settings):
    """A relay that serves its pages, and their address."""
    address = f"127.0.0.1:{free_port()}"
    return relay(*smart_hosts, admin=f'http = "{address}"', **settings), address


def value(text, name):
    """A sample of the page of metrics."""
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def test_metrics_are_right_for_promtool_and_count_what_happened(relay, sink, load):
    upstream = sink()
    relaying, http = with_http(relay, upstream.address)
    generator = load(relaying, "--messages", 500, "--connections", 8, "--size", "2KB")
    generator.finish()
    wait_for(lambda: all_arrived(generator, upstream), "delivery")
    wait_for(relaying.is_empty, "empty queue")
    status, text = get(http, "/metrics")
    assert status == 200
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and checked.stderr == "", checked.stdout + checked.stderr
    assert value(text, "sluice_reception_messages_accepted_total") == 500  # on both shards
    assert value(text, "sluice_spool_messages_total") == 500
    assert value(text, "sluice_spool_commit_seconds_count") == value(text, "sluice_spool_commits_total")
    assert value(text, 'sluice_spool_commit_seconds_bucket{le="+Inf"}') > 0
    assert value(text, "sluice_spool_queued_recipients") == 0


def test_connection_serves_several_requests_and_other_paths_are_not_found(relay, sink):
    _, http = with_http(relay, sink().address)
    done = subprocess.run(
        ["curl", "-sv", f"http://{http}/healthz", f"http://{http}/metrics", f"http://{http}/"],
        capture_output=True, text=True, timeout=120)
    assert done.stderr.count("Re-using existing connection") == 2, done.stderr
    assert "HTTP/1.1 404" in done.stderr
    status, body = get(http, "/healthz", "--head")
    assert status == 200 and "Content-Length" in body
    assert get(http, "/metrics", "-d", "x")[0] in (405, 413)


def test_health_tells_of_a_drain(relay):
    relaying, http = with_http(relay, f"127.0.0.1:{free_port()}")
    assert get(http, "/healthz") == (200, "The relay takes mail.\n")
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(MESSAGE).code == 250
    drain = subprocess.Popen([*relaying.program_of("drain")], stdout=subprocess.DEVNULL)
    try:
        status, body = wait_for(lambda: (get(http, "/healthz") if get(http, "/healthz")[0] != 200 else None), "503")
        assert status == 503 and "draining" in body
        relaying.program.process.send_signal(signal.SIGTERM)
        assert relaying.program.wait() == 0
    finally:
        drain.kill()
        drain.wait()


def test_health_tells_of_a_full_disk(relay, sink):
    """The operator wants more free than there is: the same as a disk that fills up."""
    relaying, http = with_http(relay, sink().address, disk_free="1000000GiB")
    status, body = wait_for(lambda: (get(http, "/healthz") if get(http, "/healthz")[0] != 200 else None), "503")
    assert status == 503 and "full" in body
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.command("MAIL FROM:<a@example.com>").code == 452


def test_port_that_is_taken_is_an_error_by_name(relay, server):
    taken = server()
    with_taken = relay(server().address)
    with_taken.stop()
    with_taken.settings["admin"] = f'http = "{taken.address}"'
    done = subprocess.run(with_taken.serve_command(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "admin.http" in done.stderr and taken.address in done.stderr
