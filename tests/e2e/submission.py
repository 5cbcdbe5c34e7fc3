"""What tests of submission share: the tables of a relay with one tenant and one user, and its client."""

import base64
import smtplib
import ssl
import subprocess

from wire import Wire

PASSWORD = "correct horse battery"


def top(directory, tenant="", user=""):
    """The tables of a relay that has one tenant and one user."""
    (directory / "password").write_text(PASSWORD)
    return f"""
[tls]
certificates = [{{ certificate = "{directory}/cert.pem", key = "{directory}/cert.key" }}]
[[tenant]]
name = "acme"
{tenant}
[[user]]
name = "apikey"
password = {{ file = "{directory}/password" }}
tenant = "acme"
senders = ["*@acme.example"]
{user}
[authentication]
failure_delay = "0ms"
"""


def listener(tls="required"):
    return f'tls = "{tls}"\nauth = "required"\nrelay_networks = []'


def context(certificate):
    return ssl.create_default_context(cafile=certificate)


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def log_in(relaying, certificate, password=PASSWORD, name="apikey"):
    client = smtplib.SMTP("127.0.0.1", relaying.port, timeout=60)
    client.starttls(context=context(certificate))
    client.login(name, password)
    return client


def secured(relaying, certificate):
    """A client that says what it is told, within TLS by STARTTLS, after its EHLO."""
    client = Wire(relaying.port)
    client.hello()
    assert client.command("STARTTLS").code == 220
    client.secure(context(certificate))
    client.hello()
    return client


def message(sender="news@acme.example", extra=""):
    return f"From: News <{sender}>\r\n{extra}Subject: hello\r\n\r\nbody\r\n"


def send(client, sender="news@acme.example", recipients=("b@example.net",), extra=""):
    return client.sendmail(sender, list(recipients), message(sender, extra))


def make_certificate(directory, name="cert", key="ec", names="DNS:relay.example,IP:127.0.0.1"):
    """A key and a certificate that signs itself: NAME.pem and NAME.key of the directory."""
    kinds = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["rsa:2048"]}
    done = subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", *kinds[key], "-days", "90", "-subj", "/CN=relay.example",
         "-addext", f"subjectAltName={names}", "-out", directory / f"{name}.pem",
         "-keyout", directory / f"{name}.key"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return directory / f"{name}.pem"
