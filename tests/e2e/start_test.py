"""Starts that cannot succeed say why and what to do; the shipped example and the README are right."""

import re
import resource
import socket
import subprocess

import pytest

from ports import free_port
from programs import PROJECT, SLUICE, Program
from waiting import wait_for
from wire import Wire


def run(*arguments, limits=None):
    done = subprocess.run([str(argument) for argument in (SLUICE, *arguments)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, preexec_fn=limits)
    return done.returncode, done.stdout + done.stderr


def serve(directory, *arguments, **settings):
    """A start that must fail, and what it says."""
    status, text = run("serve", "--listen", f"127.0.0.1:{free_port()}", "--smart-host", "127.0.0.1:9",
                       "--spool", directory / "spool", *arguments, **settings)
    assert status == 1, text
    return text


def test_version_names_itself_and_the_tls_library():
    status, text = run("--version")
    assert status == 0 and re.search(r"sluice \d+\.\d+\.\d+", text)


def test_help_lists_the_subcommands():
    status, text = run("--help")
    assert status == 0
    for command in ("serve", "check", "config", "queue", "release", "drain", "spool", "user"):
        assert re.search(rf"^\s+{command}\b", text, re.MULTILINE), command


def test_unknown_subcommand_is_refused():
    status, _ = run("frobnicate")
    assert status == 2


def test_port_that_is_taken(directory):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, text = run("serve", "--listen", address, "--smart-host", "127.0.0.1:9", "--spool", directory / "spool")
    assert status == 1
    assert address in text and "is taken" in text


def test_spool_that_another_relay_holds(relay, server, directory):
    relay(server().address)
    text = serve(directory, "--set", f"admin.socket={directory}/other.sock")
    assert str(directory / "spool") in text and re.search("another|in use|locked", text)


def test_spool_that_cannot_be_written(directory):
    (directory / "spool").write_text("a file, not a directory")
    assert str(directory / "spool") in serve(directory)


def test_limit_of_open_files_that_is_too_low(directory):
    text = serve(directory, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert "open files" in text and re.search(r"ulimit|LimitNOFILE", text)


def test_relay_without_a_listener_or_route_says_what_is_missing(directory):
    status, text = run("serve", "--spool", directory / "spool")
    assert status in (1, 2)
    assert "listen" in text


def test_start_on_the_command_line_alone(directory, server):
    upstream, port = server(), free_port()
    program = Program("relay", directory, [
        SLUICE, "serve", "--listen", f"127.0.0.1:{port}", "--smart-host", upstream.address,
        "--spool", directory / "spool", "--shards", 1, "--hostname", "bare.example",
        "--set", f"admin.socket={directory}/control.sock", "--set", "limits.disk_free=1MB"])
    def greeting():
        try:
            with Wire(port) as wire:
                return wire.greeting.text
        except OSError:
            assert program.is_running(), program.errors()
            return ""

    assert "bare.example" in wait_for(greeting, "greeting")
    assert program.end() == 0


def test_shipped_example_is_valid():
    status, text = run("check", PROJECT / "sluice.example.toml")
    assert status == 0, text


def test_every_problem_of_a_configuration_is_told_with_its_place(directory):
    path = directory / "wrong.toml"
    path.write_text('hostname = 7\n[limits]\nmessage_size = "huge"\nunknown_key = 1\n')
    status, text = run("check", path)
    assert status == 1
    for place in (f"{path}:1:", f"{path}:3:", f"{path}:4:"):
        assert place in text, text


@pytest.mark.parametrize("key", ["tls.min_version", "dsn.failure", "shaping.files"])
def test_key_that_is_not_built_yet_is_refused_by_name(directory, key):
    table, name = key.split(".")
    path = directory / "early.toml"
    path.write_text(f'[{table}]\n{name} = ""\n')
    status, text = run("check", path)
    assert status == 1 and table in text


def test_reference_document_is_what_the_program_says():
    status, text = run("config", "reference", "--markdown")
    assert status == 0
    assert (PROJECT / "docs/configuration.md").read_text() == text


def test_spool_with_a_damaged_version_keeps_the_program_out(relay, server, directory):
    relaying = relay(server().address)
    relaying.stop()
    data = next((directory / "spool").rglob("data.mdb"))
    data.write_bytes(b"not a spool" * 1000)
    assert "spool" in serve(directory)
