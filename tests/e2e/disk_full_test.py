"""A spool whose disk or map is full: 452, nothing lost, deletes still work, acceptance resumes by itself."""

import os
import subprocess
from contextlib import ExitStack

import pytest

from ports import free_port
from relay import Relay, route
from waiting import wait_for
from wire import Wire

BODY_BYTES = 100_000
DISK = "48M"


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, directory):
    """A file system of its own where the relay's spool will lie."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = directory / "spool"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place]
    if request.param == "ext4":
        image = directory / "disk.img"
        subprocess.run(["truncate", "-s", DISK, image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        command = ["mount", "-o", "loop", image, place]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mount of {request.param}: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def message(number):
    return b"Subject: %d\r\n\r\n" % number + (b"%06d" % number * 12 + b"\r\n") * (BODY_BYTES // 74)


def submit(relaying, number):
    """The reply that decided: 250, or what refused."""
    with Wire(relaying.port) as wire:
        wire.hello()
        reply = wire.command("MAIL FROM:<a@example.com>")
        if reply.code != 250:
            return reply
        assert wire.command("RCPT TO:<b@example.net>").code == 250
        assert wire.command("DATA").code == 354
        wire.send(message(number) + b".\r\n")
        return wire.reply()


def fill(relaying):
    """Submits until it is refused; returns what was accepted."""
    accepted = []
    while (reply := submit(relaying, len(accepted))).code == 250:
        accepted.append(len(accepted))
        assert len(accepted) < 2000, "it is never full"
    assert (reply.code, reply.enhanced) == (452, "4.3.1")
    return accepted


def occupy(place, but=0):
    """Takes all that is left of the disk, but so many bytes."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
        file.truncate(file.tell() - but)
    return filler


def numbers(upstream):
    return sorted(int(one.header.split("Subject: ")[1].split("\r\n")[0]) for one in upstream.messages)


def expect_whole(upstream, accepted):
    wait_for(lambda: len(upstream.messages) >= len(accepted), "delivery of everything accepted")
    assert sorted(set(numbers(upstream))) == accepted
    for one in upstream.messages:
        number = int(one.header.split("Subject: ")[1].split("\r\n")[0])
        assert one.body == message(number).split(b"\r\n\r\n", 1)[1]


def resumes(relaying, upstream, number):
    wait_for(lambda: submit(relaying, number).code == 250, "acceptance that resumes")
    wait_for(lambda: number in numbers(upstream), "delivery of what came after")
    wait_for(relaying.is_empty, "empty queue")
    relaying.stop()
    relaying.verify()


class RelayWithSmallMap(Relay):
    def write_config(self):
        path = super().write_config()
        path.write_text(path.read_text().replace('spool_size = "2GiB"', 'spool_size = "16MiB"'))
        return path


def test_a_small_map(directory, server):
    port = free_port()
    relaying = RelayWithSmallMap(directory, route([f"127.0.0.1:{port}"])).start()
    try:
        accepted = fill(relaying)
        assert len(accepted) > 50
        relaying.kill()
        relaying.verify()
        relaying.start()
        assert relaying.queued() == len(accepted)
        upstream = server(port=port)
        expect_whole(upstream, accepted)
        resumes(relaying, upstream, 5000)
    finally:
        relaying.kill()


def test_a_small_disk_that_the_spool_fills(relay, server, small_disk):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    accepted = fill(relaying)
    assert len(accepted) > 100
    assert relaying.queued() == len(accepted)
    upstream = server(port=port)
    expect_whole(upstream, accepted)
    resumes(relaying, upstream, 5000)


@pytest.mark.parametrize("left", [0, BODY_BYTES // 2], ids=["no_write", "part_of_a_write"])
def test_a_disk_that_something_else_fills(relay, server, small_disk, left):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    accepted = [number for number in range(60) if submit(relaying, number).code == 250]
    assert len(accepted) == 60
    # These are under way when the last byte of the disk goes. The file has room for some: it grows ahead.
    with ExitStack() as wires:
        under_way = {number: wires.enter_context(Wire(relaying.port)) for number in range(60, 90)}
        for wire in under_way.values():
            wire.hello()
            wire.begin()
            assert wire.command("DATA").code == 354
        filler = occupy(small_disk, but=left)
        codes = {}
        for number, wire in under_way.items():
            wire.send(message(number) + b".\r\n")
            codes[number] = wire.reply().code
    assert codes[89] == 452
    assert set(codes.values()) <= {250, 452}
    accepted += [number for number, code in codes.items() if code == 250]
    upstream = server(port=port)
    expect_whole(upstream, accepted)
    wait_for(relaying.is_empty, "empty queue on a full disk")
    filler.unlink()
    resumes(relaying, upstream, 5000)


def test_a_kill_on_a_full_disk_loses_nothing(relay, server, small_disk):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    accepted = fill(relaying)
    filler = occupy(small_disk)
    relaying.kill()
    relaying.verify()
    relaying.start()
    assert relaying.queued() == len(accepted)
    upstream = server(port=port)
    expect_whole(upstream, accepted)
    filler.unlink()
    resumes(relaying, upstream, 5000)
