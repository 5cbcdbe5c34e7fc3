"""Postfix as a relay beside sluice: its queue on the same disk, tuned for one upstream host.

It is run from where tools/setup unpacked it, with a configuration of its own, and needs root, as
Postfix does. It keeps a message in a file of its own and syncs that before its 250.
"""

import os
import shutil
from pathlib import Path

from ports import free_port
from postfix import make_postfix
from processes import first_line, thread_seconds
from programs import PEERS
from waiting import wait_for

MAIN = """
relayhost = [127.0.0.1]:{upstream}
default_process_limit = 300
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
smtpd_recipient_limit = 1000
initial_destination_concurrency = {connections}
smtp_destination_concurrency_limit = {connections}
smtp_destination_recipient_limit = 1000
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = [127.0.0.1]:{upstream}
smtp_connection_reuse_time_limit = 3600s
max_use = 100000
max_idle = 600s
qmgr_message_active_limit = 50000
qmgr_message_recipient_limit = 50000
disable_dns_lookups = yes
smtp_tls_security_level = none
smtpd_tls_security_level = none
transport_maps =
"""

MASTER = """
tlsmgr unix - - n 1000? 1 tlsmgr
smtp unix - - n - - smtp
relay unix - - n - - smtp
discard unix - - n - - discard
scache unix - - n - 1 scache
"""


def reason_against():
    """Why Postfix cannot be measured here; empty when it can."""
    if os.geteuid() != 0:
        return "--peer postfix needs root, as Postfix does"
    if not (PEERS / "postfix/usr/lib/postfix/sbin/master").exists():
        return "--peer postfix: run tools/setup tests first, which unpacks it"
    return ""


class PostfixRelay:
    def __init__(self, workplace, upstream, connections=20):
        self.directory = workplace.new_directory("postfix")
        self.port = free_port()
        command, environment = make_postfix(self.directory, MAIN, MASTER, port=self.port, upstream=upstream,
                                            connections=connections)
        self.process = workplace.start("postfix", command, environment)
        wait_for(lambda: "220" in first_line(self.port) or not self.process.is_running(), "Postfix that answers")
        if not self.process.is_running():
            raise RuntimeError(self.process.errors())

    def cpu_seconds(self):
        """Of master and its living children. They live as long as the run: max_use and max_idle."""
        total = 0.0
        for pid in [self.process.pid, *self._children()]:
            try:
                total += thread_seconds(pid)
            except OSError:
                pass  # ended between the two looks
        return total

    def _children(self):
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def is_empty(self):
        queues = ("maildrop", "incoming", "active", "deferred")
        return not any(path.is_file() for queue in queues for path in (self.directory / "queue" / queue).rglob("*"))

    def end(self):
        self.process.end()
        shutil.rmtree(self.directory)
