"""What customers submit with: each client over STARTTLS and over implicit TLS, with a right and a wrong password."""

import base64
import smtplib
import subprocess
from pathlib import Path

import pytest

from peers import require_root
from ports import free_port
from postfix import make_postfix
from programs import Program
from submission import PASSWORD, context, message
from waiting import wait_for

SENDER, RECIPIENT = "news@acme.example", "b@example.net"
NODEMAILER = "/usr/share/nodejs/nodemailer"


def run(command, text="", **settings):
    """The exit status and all that was printed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, **settings)
    return done.returncode, done.stdout + done.stderr


class Task:
    """One submission: where to, how, and with which password."""

    def __init__(self, relaying, tls, password, directory, certificate):
        self.port, self.tls, self.password = relaying.port, tls, password
        self.directory, self.certificate = Path(directory), certificate
        self.is_implicit = tls == "implicit"


def swaks(task):
    secure = "--tls-on-connect" if task.is_implicit else "--tls"
    return run(["swaks", "--server", f"127.0.0.1:{task.port}", secure, "--auth", "LOGIN", "--auth-user", "apikey",
                "--auth-password", task.password, "--from", SENDER, "--to", RECIPIENT, "--header", f"From: {SENDER}"])


def curl(task):
    (task.directory / "mail").write_text(message(SENDER))
    scheme = "smtps" if task.is_implicit else "smtp"
    return run(["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", task.certificate, "--user",
                f"apikey:{task.password}", "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file",
                task.directory / "mail", f"{scheme}://127.0.0.1:{task.port}"])


def python(task):
    kind = smtplib.SMTP_SSL if task.is_implicit else smtplib.SMTP
    secure = {"context": context(task.certificate)}
    with kind("127.0.0.1", task.port, timeout=60, **(secure if task.is_implicit else {})) as client:
        if not task.is_implicit:
            client.starttls(**secure)
        try:
            client.login("apikey", task.password)
        except smtplib.SMTPAuthenticationError as refused:
            return 1, str(refused)
        client.sendmail(SENDER, [RECIPIENT], message(SENDER))
    return 0, ""


def msmtp(task):
    return run(["msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={task.port}", "--auth=plain",
                "--user=apikey", f"--passwordeval=echo '{task.password}'", "--tls=on",
                f"--tls-starttls={'off' if task.is_implicit else 'on'}", f"--tls-trust-file={task.certificate}",
                f"--from={SENDER}", RECIPIENT], message(SENDER))


NODE = """
const mailer = require(process.env.MAILER).createTransport({
  host: "127.0.0.1", port: Number(process.env.PORT), secure: process.env.IS_IMPLICIT === "yes", requireTLS: true,
  auth: {user: "apikey", pass: process.env.PASSWORD}, tls: {ca: require("fs").readFileSync(process.env.CA)}});
mailer.sendMail({from: process.env.SENDER, to: process.env.RECIPIENT, subject: "hello", text: "body"})
  .then(() => process.exit(0), error => { console.error(error.message); process.exit(1); });
"""


def nodemailer(task):
    return run(["node", "-e", NODE], env={
        "PATH": "/usr/bin:/bin", "MAILER": NODEMAILER, "PORT": str(task.port), "CA": str(task.certificate),
        "IS_IMPLICIT": "yes" if task.is_implicit else "no", "PASSWORD": task.password, "SENDER": SENDER,
        "RECIPIENT": RECIPIENT})


def openssl(task):
    """A script of s_client: it sends a line once the one before had time to be answered."""
    secret = base64.b64encode(f"\0apikey\0{task.password}".encode()).decode()
    lines = ["EHLO client.example", f"AUTH PLAIN {secret}", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>",
             "DATA", *message(SENDER).splitlines(), ".", "QUIT"]
    secure = [] if task.is_implicit else ["-starttls", "smtp"]
    command = ["openssl", "s_client", "-quiet", "-crlf", "-verify_return_error", "-CAfile", task.certificate,
               "-connect", f"127.0.0.1:{task.port}", *secure]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, bufsize=1) as client:
        said = []
        # Each command waits for its reply, as a careful script does; the greeting is the first.
        awaits_reply = True
        for line in ["", *lines]:
            if line:
                client.stdin.write(line + "\n")
                awaits_reply = line in lines[:5] + [".", "QUIT"]
            if awaits_reply:
                said.append(read_reply(client.stdout))
            if said[-1][:1] in "45":
                break
        client.terminate()  # after a refusal it would wait for more
    return (0 if said[-1].startswith("221") else 1), "\n".join(said)


def read_reply(stream):
    for line in stream:
        if line[:3].isdigit() and line[3:4] == " ":
            return line.strip()
    return "5xx the connection ended"


CLIENTS = [swaks, curl, python, msmtp, nodemailer, openssl]


@pytest.mark.parametrize("tls", ["required", "implicit"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_submits(submission, directory, certificate, client, tls):
    relaying, upstream = submission(tls)
    status, said = client(Task(relaying, tls, PASSWORD, directory, certificate))
    assert status == 0, said
    wait_for(lambda: upstream.messages, "delivery")
    delivered = upstream.messages[0]
    assert (delivered.sender, delivered.recipients) == (SENDER, [RECIPIENT])
    assert b"ESMTPSA" in delivered.content


@pytest.mark.parametrize("tls", ["required", "implicit"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_wrong_password_is_refused(submission, directory, certificate, client, tls):
    relaying, upstream = submission(tls)
    status, said = client(Task(relaying, tls, "not the one", directory, certificate))
    assert status != 0 and ("535" in said or "auth" in said.lower() or "Login denied" in said), said
    assert not upstream.messages


# ---- Postfix, which hands all its mail to the relay

MAIN = """
relayhost = [127.0.0.1]:{to}
smtp_tls_security_level = secure
smtp_tls_wrappermode = {is_implicit}
smtp_tls_CAfile = {certificate}
smtp_tls_secure_cert_match = relay.example
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = inline:{{ [127.0.0.1]:{to}=apikey:{password} }}
cyrus_sasl_config_path = {work}
queue_run_delay = 5
minimal_backoff_time = 5
"""
MASTER = """
smtp unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@pytest.mark.parametrize("tls", ["required", "implicit"])
def test_postfix_submits_as_a_smart_host_client(submission, directory, certificate, tls):
    require_root()
    relaying, upstream = submission(tls)
    work, port = directory / "postfix", free_port()
    work.mkdir()
    directory.chmod(0o755)
    command, environment = make_postfix(
        work, MAIN, MASTER, port=port, to=relaying.port, is_implicit="yes" if tls == "implicit" else "no",
        certificate=certificate, password=PASSWORD.replace(" ", "-"))
    # A password with blanks cannot stand in an inline table.
    (directory / "password").write_text(PASSWORD.replace(" ", "-"))
    relaying.command("reload")
    postfix = Program("postfix", directory, command, environment)
    try:
        wait_for(lambda: is_open(port), "Postfix that answers")
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.sendmail(SENDER, [RECIPIENT], message(SENDER))
        wait_for(lambda: upstream.messages, "delivery")
    finally:
        postfix.end()
    assert upstream.messages[0].recipients == [RECIPIENT]
    assert b"ESMTPSA" in upstream.messages[0].content


def is_open(port):
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=60).quit()
        return True
    except OSError:
        return False
