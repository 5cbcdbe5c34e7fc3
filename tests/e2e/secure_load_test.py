"""sluice-load over TLS and with a password, as the measurements of submission use it."""

import json
import os

import pytest

from programs import SLUICE_LOAD, Program
from submission_test import PASSWORD, certificate, listener, top  # noqa: F401: a fixture among them


@pytest.fixture
def submission(relay, server, directory, certificate):  # noqa: F811
    """A relay whose one user may send as anybody: submission()."""

    def make():
        settings = top(directory).replace("*@acme.example", "*")
        return relay(server().address, top=settings, listener=listener())

    return make


def load(directory, port, *arguments, password=PASSWORD):
    environment = {**os.environ, "SLUICE_LOAD_PASSWORD": password}
    return Program("load", directory, [SLUICE_LOAD, "--to", f"127.0.0.1:{port}", "--messages", 20, "--connections", 2,
                                       "--give-up", "1s", "--json", *arguments], environment=environment)


def test_it_submits_over_tls_with_a_password(submission, directory, certificate):  # noqa: F811
    relaying = submission()
    done = load(directory, relaying.port, "--tls", "starttls", "--ca", certificate, "--server-name", "relay.example",
                "--user", "apikey")
    assert done.wait() == 0, done.output() + done.errors()
    assert json.loads(done.output())["accepted"] == 20


@pytest.mark.parametrize("name, password", [("other.example", PASSWORD), ("relay.example", "wrong")])
def test_without_the_right_name_or_password_nothing_is_submitted(submission, directory, certificate,  # noqa: F811
                                                                 name, password):
    relaying = submission()
    done = load(directory, relaying.port, "--tls", "starttls", "--ca", certificate, "--server-name", name,
                "--user", "apikey", password=password)
    assert done.wait() == 1, done.errors()
    summary = json.loads(done.output())
    assert summary["accepted"] == 0 and summary["connection_failures"] > 0


@pytest.mark.parametrize("arguments, words", [
    (["--tls", "starttls"], "--ca FILE"),
    (["--tls", "implicit", "--insecure", "--ca", "x"], "--ca FILE"),
    (["--insecure"], "without --tls")])
def test_what_it_is_not_told_it_asks_for(directory, arguments, words):
    done = load(directory, 1, *arguments)
    assert done.wait() == 2
    assert words in done.errors()
