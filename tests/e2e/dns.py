"""A domain name system of a test's own: nsd, which knows one zone, behind unbound, which the relay asks."""

import os
import shutil
import signal
import socket
import struct
from pathlib import Path

from ports import free_port
from programs import PEERS, Program
from waiting import wait_for

NSD = PEERS / "nsd/usr/sbin/nsd"
UNBOUND = PEERS / "unbound/usr/sbin/unbound"

NSD_CONFIG = """
server:
  ip-address: 127.0.0.1@{port}
  port: {port}
  username: ""
  chroot: ""
  pidfile: "{directory}/nsd.pid"
  zonesdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  database: ""
  xfrdfile: "{directory}/xfrd.state"
  logfile: "{directory}/nsd.log"
  server-count: 1
  hide-version: yes
remote-control:
  control-enable: no
zone:
  name: "{name}"
  zonefile: "{zone}"
"""

UNBOUND_CONFIG = """
server:
  interface: 127.0.0.1@{port}
  interface: ::1@{port}
  port: {port}
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: "{directory}/unbound.pid"
  use-syslog: no
  logfile: "{directory}/unbound.log"
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "{modules}"
  {anchor}
  local-zone: "{name}." nodefault
  cache-max-negative-ttl: 1
  num-threads: 1
  so-sndbuf: 0
  so-rcvbuf: 0
remote-control:
  control-enable: no
stub-zone:
  name: "{name}."
  stub-addr: 127.0.0.1@{authority}
"""

ZONE_HEAD = """$ORIGIN {name}.
$TTL {ttl}
@ SOA ns hostmaster {serial} 3600 600 86400 {ttl}
@ NS ns
ns A 127.0.0.1
"""


def ask(port, name, kind=1):
    """One question to a server of 127.0.0.1: the code of its reply; None while there is none."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(1)
        asking.sendto(query, ("127.0.0.1", port))
        try:
            return asking.recv(4096)[3] & 0xF
        except OSError:
            return None


class Dns:
    """`records` are lines of the zone: "a MX 10 mx.a", "mx.a A 127.0.0.2"."""

    def __init__(self, directory, records, ttl=1, name="test"):
        self.name = name
        self.directory = Path(directory) / "dns"
        self.directory.mkdir()
        self.serial = 0
        self.ttl = ttl
        self.authority_port, self.port = free_port(), free_port()
        self.authority = self.resolver = None
        self.write(records)
        (self.directory / "nsd.conf").write_text(NSD_CONFIG.format(
            name=name,
            directory=self.directory, port=self.authority_port, zone=self.zone))
        (self.directory / "unbound.conf").write_text(UNBOUND_CONFIG.format(
            name=name,
            directory=self.directory, port=self.port, authority=self.authority_port, modules="iterator", anchor=""))
        self.start_authority()
        self.start_resolver()

    @property
    def zone(self):
        return self.directory / "zone"

    def write(self, records):
        self.serial += 1
        head = ZONE_HEAD.format(name=self.name, serial=self.serial, ttl=self.ttl)
        self.zone.write_text(head + "\n".join(records) + f"\nserial-{self.serial} A 127.0.0.1\n")

    def change(self, records):
        """Another zone, from now on, and a resolver that remembers nothing of the last."""
        self.write(records)
        self.authority.process.send_signal(signal.SIGHUP)
        wait_for(lambda: ask(self.authority_port, f"serial-{self.serial}.{self.name}") == 0, "new zone")
        self.resolver.kill()
        self.start_resolver()

    def start_authority(self):
        self.authority = Program("nsd", self.directory, [NSD, "-d", "-c", self.directory / "nsd.conf"])
        wait_for(lambda: ask(self.authority_port, f"ns.{self.name}") == 0 or not self.authority.is_running(), "nsd that answers")
        assert self.authority.is_running(), self.authority.errors()

    def start_resolver(self):
        self.resolver = Program("unbound", self.directory, [UNBOUND, "-d", "-c", self.directory / "unbound.conf"])
        wait_for(lambda: ask(self.port, f"ns.{self.name}") == 0 or not self.resolver.is_running(), "unbound that answers")
        assert self.resolver.is_running(), self.resolver.errors()

    def close(self):
        for program in (self.resolver, self.authority):
            if program is not None:
                program.kill()
