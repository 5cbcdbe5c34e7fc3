"""sluice-load over TLS and with a password, as the measurements of submission use it."""

import json
import os

import pytest

from programs import SLUICE_LOAD, Program
from submission import PASSWORD, listener, top


@pytest.fixture
def open_submission(relay, server, directory, certificate):
    """A relay whose one user may send as anybody: open_submission(tls)."""

    def make(tls="required"):
        settings = top(directory).replace("*@acme.example", "*")
        return relay(server().address, top=settings, listener=listener(tls))

    return make


def load(directory, port, *arguments, password=PASSWORD):
    environment = {**os.environ, "SLUICE_LOAD_PASSWORD": password}
    return Program("load", directory, [SLUICE_LOAD, "--to", f"127.0.0.1:{port}", "--messages", 20, "--connections", 2,
                                       "--give-up", "1s", "--json", *arguments], environment=environment)


@pytest.mark.parametrize("tls, option", [("required", "starttls"), ("implicit", "implicit")])
def test_it_submits_over_tls_with_a_password(open_submission, directory, certificate, tls, option):
    relaying = open_submission(tls)
    done = load(directory, relaying.port, "--tls", option, "--ca", certificate, "--server-name", "relay.example",
                "--user", "apikey")
    assert done.wait() == 0, done.output() + done.errors()
    assert json.loads(done.output())["accepted"] == 20


@pytest.mark.parametrize("name, password", [("other.example", PASSWORD), ("relay.example", "wrong")])
def test_without_the_right_name_or_password_nothing_is_submitted(open_submission, directory, certificate,
                                                                 name, password):
    relaying = open_submission()
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
