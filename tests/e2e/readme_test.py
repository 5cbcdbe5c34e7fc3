"""What the README shows works as it is shown: its commands are run, its configuration is checked.

A block behind <!-- run --> is run to its end, one behind <!-- run: background --> is started; one
behind <!-- check --> is a configuration. Ports are replaced by free ones, nothing else.
"""

import os
import re
import subprocess

from load import pairs
from ports import free_port
from programs import PROJECT, SLUICE, SLUICE_LOAD, Program
from waiting import wait_for

README = (PROJECT / "README.md").read_text()


def blocks(mark):
    return re.findall(rf"<!-- {re.escape(mark)} -->\n```\w*\n(.*?)```", README, re.DOTALL)


def answers(port):
    return subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], stderr=subprocess.DEVNULL).returncode == 0


def test_the_first_relay_moves_mail(directory):
    ports = {"2525": str(free_port()), "2526": str(free_port())}
    environment = dict(os.environ, PATH=f"{SLUICE.parent}:{SLUICE_LOAD.parent}:{os.environ['PATH']}")

    def local(text):
        return re.sub("|".join(ports), lambda found: ports[found[0]], text)

    started = []
    try:
        for number, text in enumerate(blocks("run: background")):
            command = f"cd {directory} && exec {local(text)}"
            started.append(Program(f"background{number}", directory, ["bash", "-c", command], environment))
        assert len(started) == 2
        wait_for(lambda: all(answers(port) for port in ports.values()), "servers that answer")
        (text,) = blocks("run")
        done = subprocess.run(["bash", "-ec", local(text)], cwd=directory, env=environment, capture_output=True,
                              text=True, timeout=300, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "RECEIVED" in done.stdout
        wait_for(lambda: len(pairs(directory / "received", "received")) == 1001, "delivery")
    finally:
        # The relay first: it still talks to the sink.
        statuses = [program.end() for program in reversed(started)]
    assert statuses == [0, 0]


def test_the_configuration_is_valid(directory):
    (text,) = blocks("check")
    path = directory / "sluice.toml"
    path.write_text(text)
    done = subprocess.run([SLUICE, "check", path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_it_points_to_exists():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (PROJECT / target).exists(), target


def test_the_two_commands_are_shown_on_the_first_screens():
    assert "```sh\ntools/demo\n```" in README and "```sh\ntools/test\n```" in README
