"""Postfix as a relay beside sluice: its queue on the same disk, tuned for one upstream host.

It is run from where tools/setup unpacked it, with a configuration of its own, and needs root, as
Postfix does. It keeps a message in a file of its own and syncs that before its 250.
"""

import os
import shutil
from pathlib import Path

from ports import free_port
from processes import first_line, thread_seconds
from programs import PEERS
from waiting import wait_for

MAIN = """
compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {work}
mail_owner = daemon
setgid_group = operator
maillog_file = {work}/postfix.log
maillog_file_prefixes = {work}
import_environment = LD_LIBRARY_PATH={root}/usr/lib/postfix MAIL_CONFIG
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{upstream}
default_process_limit = 300
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
smtpd_peername_lookup = no
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
mydestination =
alias_maps =
local_recipient_maps =
transport_maps =
smtputf8_enable = no
message_size_limit = 50000000
mailbox_size_limit = 0
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

QUEUES = "active bounce corrupt defer deferred flush hold incoming maildrop private public pid saved trace".split()


def reason_against():
    """Why Postfix cannot be measured here; empty when it can."""
    if os.geteuid() != 0:
        return "--peer postfix needs root, as Postfix does"
    if not (PEERS / "postfix/usr/lib/postfix/sbin/master").exists():
        return "--peer postfix: run tools/setup tests first, which unpacks it"
    return ""


class PostfixRelay:
    def __init__(self, workplace, upstream, connections=20):
        self.directory = work = workplace.new_directory("postfix")
        root = (PEERS / "postfix").resolve()
        self.port = free_port()
        work.chmod(0o755)
        for name in ("data", "queue", *(f"queue/{queue}" for queue in QUEUES)):
            (work / name).mkdir()
            if name != "queue":
                shutil.chown(work / name, "daemon")
        shutil.chown(work / "queue/pid", "root")
        settings = dict(work=work, root=root, port=self.port, upstream=upstream, connections=connections)
        (work / "main.cf").write_text(MAIN.format(**settings))
        (work / "master.cf").write_text(MASTER.format(**settings))
        environment = {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(work),
                       "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"}
        self.process = workplace.start("postfix", [root / "usr/lib/postfix/sbin/master", "-d", "-c", work], environment)
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
