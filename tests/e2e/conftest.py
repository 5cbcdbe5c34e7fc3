"""Fixtures: a short directory per test, and factories whose products end with the test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from clocks import Clocks
from load import Load, Sink
from relay import Relay, route
from scripted_server import ScriptedServer
from submission import listener, make_certificate, top


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed and "directory" in item.funcargs:
        for path in sorted(Path(item.funcargs["directory"]).glob("*.err")):
            report.sections.append((path.name, path.read_text(errors="replace")[-6000:]))


@pytest.fixture
def directory():
    """A new directory whose path is short enough for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="sluice-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def sink(directory):
    """Makes sinks: sink('--reply', 'rcpt:550 no:10%', port=...)."""
    made = []

    def make(*arguments, **settings):
        made.append(Sink(directory, *arguments, **settings))
        return made[-1]

    yield make
    for one in made:
        one.program.kill()


@pytest.fixture
def server():
    """Makes scripted servers."""
    made = []

    def make(**settings):
        made.append(ScriptedServer(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def relay(directory):
    """Makes and starts relays: relay(sink.address, ...) or relay(routes='...')."""
    made = []

    def make(*smart_hosts, routes=None, within=directory, **settings):
        made.append(Relay(within, routes or route(smart_hosts), **settings))
        return made[-1].start()

    yield make
    for one in made:
        if one.program is not None:
            one.program.kill()


@pytest.fixture
def clocks(directory):
    """Clocks that a test shifts, for relays with `environment=clocks.environment`."""
    return Clocks(directory)


@pytest.fixture
def load(directory):
    """Starts generators: load(relay, '--messages', 1000)."""
    made = []

    def make(target, *arguments):
        made.append(Load(directory, target, *arguments))
        return made[-1]

    yield make
    for one in made:
        one.program.kill()


@pytest.fixture
def certificate(directory):
    """The file of a certificate for 127.0.0.1 that signs itself; its key is beside it."""
    return make_certificate(directory)


@pytest.fixture
def submission(relay, server, directory, certificate):
    """A relay for submission, and what is behind it: submission(tls=..., tenant=..., user=...)."""

    def make(tls="required", tenant="", user="", more=""):
        upstream = server()
        relaying = relay(upstream.address, top=top(directory, tenant, user), listener=listener(tls) + more)
        return relaying, upstream

    return make
