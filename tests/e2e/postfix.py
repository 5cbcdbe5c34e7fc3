"""Postfix as tools/setup unpacked it, run from there with a configuration of its own. It needs root, as Postfix does."""

import os
import shutil

from programs import PEERS

# What every Postfix here is told. Behind it stand the lines of the one that is made.
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
mydestination =
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
smtputf8_enable = no
message_size_limit = 50000000
mailbox_size_limit = 0
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

QUEUES = "active bounce corrupt defer deferred flush hold incoming maildrop private public pid saved trace".split()


def make_postfix(work, main, master, **settings):
    """Fills the directory; gives the command that runs Postfix from it, and its environment.

    `main` and `master` are lines behind those above, with {names} of the settings, of which `port` is one.
    """
    root = (PEERS / "postfix").resolve()
    work.chmod(0o755)  # Postfix's own accounts must reach what is theirs
    for name in ("data", "queue", *(f"queue/{queue}" for queue in QUEUES)):
        (work / name).mkdir()
        if name != "queue":
            shutil.chown(work / name, "daemon")
    shutil.chown(work / "queue/pid", "root")
    names = dict(settings, work=work, root=root)
    (work / "main.cf").write_text((MAIN + main).format(**names))
    (work / "master.cf").write_text((MASTER + master).format(**names))
    environment = {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(work), "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"}
    return [root / "usr/lib/postfix/sbin/master", "-d", "-c", work], environment
