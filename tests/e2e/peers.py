"""Postfix and Exim as Debian ships them, unpacked in the cache, run from there as upstream servers.

Both keep what they accept: Postfix in a maildir, Exim in its queue. They need root, as mail
servers do; libnss_wrapper gives Exim the account that its package would have created.
"""

import glob
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from ports import free_port
from postfix import make_postfix
from programs import PEERS, Program
from waiting import wait_for


@dataclass
class Stored:
    sender: str
    body: bytes  # with the newlines that the server stores


def require_root():
    assert os.geteuid() == 0, "real mail servers need root: run this test with sudo, or leave it out by -LE root"


def _answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


POSTFIX_MAIN = """
smtpd_discard_ehlo_keywords = {discard}
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.net
virtual_mailbox_base = {work}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:1
virtual_gid_maps = static:1
virtual_minimum_uid = 1
"""

POSTFIX_MASTER = """
virtual unix - n n - - virtual
"""


class Postfix:
    """Postfix with one maildir that takes every address of example.net."""

    def __init__(self, directory, offers_chunking=True):
        require_root()
        work = Path(directory) / "postfix"
        self.inbox = work / "mail/inbox"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        Path(directory).chmod(0o755)  # the directory of a test is closed to others
        (work / "mail").mkdir(parents=True)
        shutil.chown(work / "mail", "daemon")
        command, environment = make_postfix(work, POSTFIX_MAIN, POSTFIX_MASTER, port=self.port,
                                            discard="" if offers_chunking else "chunking")
        self.program = Program("postfix", work, command, environment)
        wait_for(lambda: _answers(self.port) or not self.program.is_running(), "Postfix that answers")
        assert self.program.is_running(), self.program.errors()

    def stored(self):
        """What was delivered, by the X-Test-Id of each message."""
        found = {}
        for path in glob.glob(f"{self.inbox}/new/*"):
            header, body = Path(path).read_bytes().split(b"\n\n", 1)
            found[_field(header, "X-Test-Id")] = Stored(_field(header, "Return-Path").strip("<>"), body)
        return found

    def end(self):
        self.program.end()


EXIM = """
exim_path = {exim}
primary_hostname = exim.example
spool_directory = {work}/spool
log_file_path = {work}/%slog
pid_file_path = {work}/pid
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
queue_only
tls_advertise_hosts =
chunking_advertise_hosts = {chunking}
pipelining_advertise_hosts = *
accept_8bitmime = true
message_size_limit = 50M
host_lookup =
rfc1413_hosts =
smtp_accept_max = 200
smtp_accept_max_per_connection = 0
smtp_max_unknown_commands = 3
acl_smtp_rcpt = recipients
begin acl
recipients:
  deny local_parts = ^bad
       message = no such user
  accept
begin routers
begin transports
begin retry
"""


class Exim:
    """Exim that queues what it accepts; recipients whose name begins with "bad" are refused."""

    def __init__(self, directory, offers_chunking=True):
        require_root()
        work = Path(directory) / "exim"
        self.spool = work / "spool/input"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        work.mkdir()
        for path in (Path(directory), work):
            path.chmod(0o755)
        shutil.chown(work, "mail", "mail")  # the ids that the account below has
        exim = (PEERS / "exim4-daemon-light/usr/sbin/exim4").resolve()
        config = work / "exim.conf"
        config.write_text(EXIM.format(exim=exim, work=work, chunking="*" if offers_chunking else ""))
        # The account Debian-exim exists for this process only.
        (work / "passwd").write_text(Path("/etc/passwd").read_text() + "Debian-exim:x:8:8::/:/bin/false\n")
        (work / "group").write_text(Path("/etc/group").read_text() + "Debian-exim:x:8:\n")
        environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": "libnss_wrapper.so",
                       "NSS_WRAPPER_PASSWD": str(work / "passwd"), "NSS_WRAPPER_GROUP": str(work / "group")}
        self.program = Program("exim", work, [exim, "-C", config, "-bdf", "-oX", f"127.0.0.1.{self.port}"], environment)
        wait_for(lambda: _answers(self.port) or not self.program.is_running(), "Exim that answers")
        assert self.program.is_running(), self.program.errors()

    def stored(self):
        """What is queued, by the X-Test-Id of each message."""
        found = {}
        for path in glob.glob(f"{self.spool}/*-H"):
            header = Path(path).read_bytes()
            sender = header.split(b"\n")[2].decode("latin-1").strip("<>")
            # The first line of the data file is its own name.
            body = Path(path[:-1] + "D").read_bytes().split(b"\n", 1)[1]
            found[_field(header, "X-Test-Id")] = Stored(sender, body)
        return found

    def end(self):
        self.program.end()


def _field(header, name):
    # In Exim's queue files a length and a flag stand before the name.
    for line in header.decode("latin-1").splitlines():
        before, found, value = line.partition(f"{name}: ")
        if found and (before == "" or before[:3].isdigit()):
            return value.strip()
    return ""
