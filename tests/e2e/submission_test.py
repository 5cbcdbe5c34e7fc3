"""Customers submit over TLS with a password, within their rights and limits, and nobody else can."""

import base64
import json
import smtplib
import ssl
import subprocess

import pytest

from programs import SLUICE
from submission import PASSWORD, context, listener, log_in, message, plain, send, top
from waiting import wait_for
from wire import Wire


def test_a_user_submits_over_starttls(submission, certificate):
    relaying, upstream = submission()
    with log_in(relaying, certificate) as client:
        send(client, extra="Bcc: hidden@example.net\r\nX-Sluice-Tags: news\r\n")
    wait_for(lambda: upstream.messages, "delivery")
    content = upstream.messages[0].content
    assert b"with ESMTPSA (TLSv1.3 " in b" ".join(content.split())
    assert b"hidden@" not in content and b"X-Sluice" not in content
    assert b"Date: " in content and b"Message-ID: <" in content


def test_a_user_submits_over_implicit_tls(submission, certificate):
    relaying, upstream = submission("implicit")
    with smtplib.SMTP_SSL("127.0.0.1", relaying.port, timeout=60, context=context(certificate)) as client:
        client.login("apikey", PASSWORD)
        send(client)
    wait_for(lambda: upstream.messages, "delivery")


def test_swaks_and_curl_submit(submission, certificate, directory):
    relaying, upstream = submission()
    swaks = subprocess.run(
        ["swaks", "--server", relaying.address, "--tls", "--auth", "LOGIN", "--auth-user", "apikey",
         "--auth-password", PASSWORD, "--from", "a@acme.example", "--to", "b@example.net",
         "--header", "From: a@acme.example"],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert swaks.returncode == 0, swaks.stdout
    mail = directory / "mail"
    mail.write_text(message("c@acme.example"))
    curl = subprocess.run(
        ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", certificate, "--url",
         f"smtp://127.0.0.1:{relaying.port}", "--user", f"apikey:{PASSWORD}", "--mail-from", "c@acme.example",
         "--mail-rcpt", "d@example.net", "--upload-file", mail],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert curl.returncode == 0, curl.stderr
    wait_for(lambda: len(upstream.messages) == 2, "delivery")


@pytest.mark.parametrize("line, code, enhanced", [
    ("MAIL FROM:<a@acme.example>", 530, "5.7.0"),
    (plain("apikey", PASSWORD), 530, "5.7.0"),
    ("DATA", 530, "5.7.0"),
    ("NOOP", 250, "2.0.0"),
])
def test_nothing_is_taken_in_clear(submission, line, code, enhanced):
    relaying, _ = submission()
    with Wire(relaying.port) as wire:
        wire.hello()
        reply = wire.command(line)
    assert (reply.code, reply.enhanced) == (code, enhanced)


def test_nobody_relays_without_a_password(submission, certificate):
    relaying, _ = submission()
    with smtplib.SMTP("127.0.0.1", relaying.port, timeout=60) as client:
        client.starttls(context=context(certificate))
        client.ehlo()
        assert client.mail("a@acme.example")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login("apikey", "wrong")
        assert refused.value.smtp_code == 535
        with pytest.raises(smtplib.SMTPAuthenticationError) as unknown:
            client.login("nobody", PASSWORD)
        assert unknown.value.smtp_error == refused.value.smtp_error
        assert client.mail("a@acme.example")[0] == 530
    assert PASSWORD not in relaying.log()


@pytest.mark.parametrize("sender", ["a@other.example", "a@sub.acme.example", ""])
def test_a_user_sends_as_himself(submission, certificate, sender):
    relaying, _ = submission()
    with log_in(relaying, certificate) as client:
        client.ehlo()
        code, text = client.mail(sender)
        assert code == 550 and text.startswith(b"5.7.1")


def test_a_user_writes_as_himself(submission, certificate):
    relaying, _ = submission()
    with log_in(relaying, certificate) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("a@acme.example", ["b@example.net"], "From: a@bank.example\r\n\r\nx\r\n")
        assert refused.value.smtp_code == 550


def test_a_class_is_granted_to_whom_may_have_it(submission, certificate):
    relaying, upstream = submission(user='classes = ["transactional"]')
    with log_in(relaying, certificate) as client:
        send(client, extra="X-Sluice-Class: transactional\r\n")
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(client, extra="X-Sluice-Pool: main\r\n")
        assert refused.value.smtp_code == 550
    wait_for(lambda: upstream.messages, "delivery")


def test_the_quota_is_exact_and_survives_a_kill(submission, certificate):
    relaying, upstream = submission(tenant='quota = "5/day"')
    with log_in(relaying, certificate) as client:
        send(client, recipients=[f"{i}@example.net" for i in range(3)])
    relaying.kill()
    relaying.start()
    with log_in(relaying, certificate) as client:
        refused = send(client, recipients=[f"{i}@example.net" for i in range(3)])
        assert len(refused) == 1
        (code, text), = refused.values()
        assert code == 452 and text.startswith(b"4.5.3")
    wait_for(lambda: len(upstream.messages) >= 2, "delivery")
    tenant, = json.loads(relaying.command("tenant", "list", "--json").stdout)["tenants"]
    assert tenant["accepted_today"] == 5


def test_one_tenant_fills_its_own_share_of_the_spool(relay, server, directory, certificate):
    relaying = relay("127.0.0.1:1", top=top(directory, "queued = 2"), listener=listener())
    with log_in(relaying, certificate) as client:
        send(client, recipients=["a@one.example", "a@two.example"])
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(client)
        assert refused.value.smtp_code == 452
    assert relaying.queued() == 2
    relaying.stop()
    relaying.start()
    with log_in(relaying, certificate) as client:
        with pytest.raises(smtplib.SMTPDataError):
            send(client)


def test_a_suspended_tenant_stops_at_once_and_stays_stopped(submission, certificate):
    relaying, upstream = submission()
    with log_in(relaying, certificate) as client:
        send(client)
        wait_for(lambda: upstream.messages, "delivery")
        relaying.command("tenant", "suspend", "acme", "--reception")
        client.ehlo()
        assert client.mail("a@acme.example")[0] == 450
    relaying.stop()
    relaying.start()
    with log_in(relaying, certificate) as client:
        client.ehlo()
        assert client.mail("a@acme.example")[0] == 450
        relaying.command("tenant", "resume", "acme")
        send(client)


def test_a_suspended_delivery_holds_the_queue(submission, certificate):
    relaying, upstream = submission()
    relaying.command("tenant", "suspend", "acme", "--delivery")
    with log_in(relaying, certificate) as client:
        send(client)
    wait_for(lambda: "tenant suspended" in relaying.command("queue", "summary").stdout, "hold")
    assert not upstream.messages
    relaying.command("tenant", "resume", "acme", "--delivery")
    wait_for(lambda: upstream.messages, "delivery")


def test_a_reload_takes_rights_and_routes_over(submission, certificate, server):
    relaying, first = submission()
    second = server()
    with log_in(relaying, certificate) as client:
        send(client)
        wait_for(lambda: first.messages, "delivery")
        relaying.settings["top"] = relaying.settings["top"].replace('"*@acme.example"', '"*@new.example"')
        relaying.settings["routes"] = relaying.settings["routes"].replace(first.address, second.address)
        relaying.write_config()
        dry = relaying.command("reload", "--dry-run").stdout
        assert "user[apikey].senders" in dry and "route[0].smart_hosts" in dry
        send(client)  # it was only tried
        relaying.command("reload")
    with log_in(relaying, certificate) as client:
        client.ehlo()
        assert client.mail("a@acme.example")[0] == 550
        client.rset()
        send(client, sender="a@new.example")
    wait_for(lambda: second.messages, "delivery over the new route")


def test_a_reload_takes_the_log_and_the_limits_over(submission, certificate, directory):
    relaying, _ = submission()

    def reload(log="", **settings):
        relaying.settings.update(settings)
        path = relaying.write_config()
        path.write_text(path.read_text().replace("[log]\n", f"[log]\n{log}\n"))
        return relaying.command("reload").stdout

    def answer():
        with log_in(relaying, certificate) as client:
            client.ehlo()
            return client.mail("a@acme.example")[0]

    told = reload(f'file = "{directory}/relay.log"\nformat = "json"', disk_free="500TiB")
    assert "log.file" in told and "limits.disk_free" in told and "restart" not in told
    wait_for(lambda: answer() == 452, "reception that stops")
    lines = (directory / "relay.log").read_text().splitlines()
    assert any(json.loads(line)["event"] == "configuration_reloaded" for line in lines)
    # A log that cannot be opened changes nothing else either.
    relaying.settings["disk_free"] = "1MB"
    path = relaying.write_config()
    path.write_text(path.read_text().replace("[log]\n", f'[log]\nfile = "{directory}/missing/relay.log"\n'))
    refused = relaying.command("reload", check=False)
    assert refused.returncode != 0 and "missing/relay.log" in refused.stderr
    assert answer() == 452
    reload()
    wait_for(lambda: answer() == 250, "reception that goes on")


def test_a_wrong_file_changes_nothing(submission, certificate):
    relaying, upstream = submission()
    good = relaying.settings["top"]
    relaying.settings["top"] = good.replace("[tls]", "[tsl]")
    relaying.write_config()
    refused = relaying.command("reload", check=False)
    assert refused.returncode != 0 and "tsl" in refused.stderr
    with log_in(relaying, certificate) as client:
        send(client)
    wait_for(lambda: upstream.messages, "delivery")


def test_a_tenant_that_vanished_keeps_its_mail(relay, server, directory, certificate):
    upstream = server()
    relaying = relay(upstream.address, top=top(directory), listener=listener(), arguments=["--hold-delivery"])
    with log_in(relaying, certificate) as client:
        send(client)
    relaying.settings["top"] = relaying.settings["top"].replace('name = "acme"', 'name = "other"')
    relaying.write_config()
    relaying.command("reload")
    relaying.command("release")
    wait_for(lambda: "no tenant" in relaying.command("queue", "summary").stdout, "hold")
    assert not upstream.messages
    relaying.settings["top"] = relaying.settings["top"].replace('name = "other"', 'name = "acme"')
    relaying.write_config()
    relaying.command("reload")
    wait_for(lambda: upstream.messages, "delivery")


@pytest.mark.parametrize("how", [["remove"], ["disable"], ["rotate", "rotate --finish"]], ids=lambda how: how[0])
def test_the_old_password_is_refused_though_it_was_remembered(submission, certificate, directory, how):
    """A running relay looks at the file each second; the session that is open ends at its next message."""
    relaying, _ = submission()
    users = directory / "users.toml"

    def user(command, password=""):
        secret = ["--password-file", "-"] if password else []
        done = subprocess.run([SLUICE, "user", *command.split(), "bob", "--user-file", users, *secret],
                              input=password + "\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def may_log_in(password="another long password"):
        try:
            with log_in(relaying, certificate, password, name="bob"):
                return True
        except smtplib.SMTPAuthenticationError:
            return False

    user("add --sender *@acme.example", "another long password")
    wait_for(may_log_in, "the new user")
    assert may_log_in()  # remembered
    with log_in(relaying, certificate, "another long password", name="bob") as session:
        for command in how:
            user(command, "a third long password" if command == "rotate" else "")
        wait_for(lambda: not may_log_in(), "the end of the password")
        assert may_log_in("a third long password") == (how[0] == "rotate")
        session.ehlo()
        assert session.mail("a@acme.example")[0] == 421


def check(path):
    done = subprocess.run([SLUICE, "check", path], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def test_a_check_warns_of_an_open_relay_and_refuses_a_key_that_does_not_fit(directory, certificate):
    path = directory / "check.toml"
    rest = '[[route]]\nsmart_hosts = ["127.0.0.1:26"]\n'
    path.write_text('[[listener]]\naddress = "127.0.0.1:25"\nrelay_networks = ["0.0.0.0/0"]\n' + rest)
    status, text = check(path)
    assert status == 0 and "warning: listener[0].relay_networks: 0.0.0.0/0 lets anyone" in text
    other = subprocess.run(["openssl", "genrsa", "-out", directory / "other.key", "2048"], capture_output=True,
                           timeout=60, stdin=subprocess.DEVNULL)
    assert other.returncode == 0
    path.write_text(f'[tls]\ncertificates = [{{ certificate = "{certificate}", key = "{directory}/other.key" }}]\n'
                    '[[listener]]\naddress = "127.0.0.1:25"\ntls = "starttls"\n' + rest)
    status, text = check(path)
    assert status == 1 and "tls.certificates[0]" in text and "other.key" in text
