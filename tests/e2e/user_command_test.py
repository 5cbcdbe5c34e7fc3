"""`sluice user`: the file of users is edited as a whole or not at all, and no password is shown again."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from programs import SLUICE

PASSWORD = "correct horse battery"


def run(*arguments, password=None):
    done = subprocess.run([str(argument) for argument in (SLUICE, "user", *arguments)], capture_output=True,
                          text=True, timeout=60, input=password, start_new_session=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def users(directory):
    return directory / "users.toml"


def add(users, name, *arguments):
    status, text = run("add", name, "--user-file", users, "--sender", f"*@{name}.example", "--password-file", "-",
                       *arguments, password=PASSWORD + "\n")
    assert status == 0, text
    return text


def listed(users):
    status, text = run("list", "--json", "--user-file", users)
    assert status == 0, text
    return json.loads(text)


def hashes(users):
    return re.findall(r"\$argon2id\$[^\"]+", users.read_text())


def test_a_user_is_added_with_what_the_options_say(users):
    text = add(users, "apikey", "--tenant", "acme", "--network", "192.0.2.0/24", "--class", "bulk",
               "--accept-rate", "1,000/min", "--recipients", 50)
    assert "within a second" in text and PASSWORD not in text
    user, = listed(users)
    assert user["name"] == "apikey" and user["tenant"] == "acme" and user["enabled"] is True
    assert user["senders"] == ["*@apikey.example"] and user["networks"] == ["192.0.2.0/24"]
    assert user["recipients_per_message"] == 50 and user["passwords"] == 1
    assert PASSWORD not in users.read_text()


def test_the_list_shows_no_hash(users):
    add(users, "apikey")
    for form in ([], ["--json"]):
        status, text = run("list", "--user-file", users, *form)
        assert status == 0 and "apikey" in text and "argon2" not in text


def test_a_name_is_given_once(users):
    add(users, "apikey")
    before = users.read_bytes()
    status, text = run("add", "apikey", "--user-file", users, "--sender", "*", "--generate")
    assert status == 1 and "already" in text and "Password" not in text
    assert users.read_bytes() == before


def test_a_generated_password_is_printed_once_and_kept_as_a_hash(users):
    status, text = run("add", "apikey", "--user-file", users, "--sender", "*", "--generate")
    assert status == 0
    password = re.search(r"^Password: ([\w-]{32})$", text, re.MULTILINE)[1]
    assert password not in users.read_text() and len(hashes(users)) == 1


def test_a_rotation_keeps_the_old_password_until_it_is_finished(users):
    add(users, "apikey")
    old, = hashes(users)
    assert run("rotate", "apikey", "--user-file", users, "--generate")[0] == 0
    kept, new = hashes(users)
    assert kept == old
    status, text = run("rotate", "apikey", "--user-file", users, "--generate")
    assert status == 1 and "--finish" in text and "Password" not in text
    assert run("rotate", "apikey", "--user-file", users, "--finish")[0] == 0
    assert hashes(users) == [new]
    assert run("rotate", "apikey", "--user-file", users, "--finish")[0] == 1


def test_a_user_is_disabled_enabled_and_removed(users):
    add(users, "one")
    add(users, "two")
    assert run("disable", "one", "--user-file", users)[0] == 0
    assert [user["enabled"] for user in listed(users)] == [False, True]
    assert run("enable", "one", "--user-file", users)[0] == 0
    assert [user["enabled"] for user in listed(users)] == [True, True]
    assert run("remove", "one", "--user-file", users)[0] == 0
    assert [user["name"] for user in listed(users)] == ["two"]


@pytest.mark.parametrize("command", ["remove", "enable", "disable", "rotate --finish"])
def test_a_user_who_is_not_there_is_named(users, command):
    add(users, "apikey")
    name, *options = command.split()
    status, text = run(name, "nobody", *options, "--user-file", users)
    assert status == 1 and '"nobody"' in text


@pytest.mark.parametrize("arguments, sentence", [
    (["--sender", "example.com"], "--sender: found"),
    (["--sender", "*", "--network", "192.0.2.1/24"], "--network: found"),
    (["--sender", "*", "--accept-rate", "fast"], "--accept-rate: found"),
    (["--sender", "*", "--recipients", "50001"], "from 1 to 50000"),
    (["--sender", "*", "--class", "fast"], '"bulk" or "transactional"'),
])
def test_a_wrong_value_is_refused_before_a_password_is_asked_for(users, arguments, sentence):
    status, text = run("add", "apikey", "--user-file", users, *arguments)
    assert status == 1 and sentence in text
    assert not users.exists()


@pytest.mark.parametrize("password, sentence", [
    ("short", "5 bytes"), ("", "0 bytes"), ("x" * 1025, "1025 bytes"), ("with\0a nul byte", "NUL"),
])
def test_a_password_that_nobody_could_use_is_refused(users, password, sentence):
    status, text = run("add", "apikey", "--user-file", users, "--sender", "*", "--password-file", "-",
                       password=password)
    assert status == 1 and sentence in text
    assert not users.exists()


def test_a_hash_is_printed_for_the_configuration(directory):
    (directory / "password").write_text(PASSWORD + "\n")
    status, text = run("hash", "--password-file", directory / "password")
    assert status == 0 and re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n", text)


def test_without_a_terminal_it_says_which_options_help(users):
    status, text = run("add", "apikey", "--user-file", users, "--sender", "*")
    assert status == 1 and "--password-file" in text and "--generate" in text


def test_a_user_of_the_configuration_is_not_added_to_the_file(directory, users):
    _, hashed = run("hash", "--password-file", "-", password=PASSWORD)
    config = directory / "sluice.toml"
    config.write_text(f'hostname = "relay.example"\nuser_file = "{users}"\n'
                      '[[listener]]\naddress = "127.0.0.1:2525"\n[[route]]\nsmart_hosts = "127.0.0.1:2526"\n'
                      f'[[user]]\nname = "apikey"\nsenders = "*"\nhash = "{hashed.strip()}"\n')
    status, text = run("add", "apikey", "--config", config, "--sender", "*", "--generate")
    assert status == 1 and str(config) in text and not users.exists()
    assert run("add", "other", "--config", config, "--sender", "*", "--generate")[0] == 0
    assert [user["name"] for user in listed(users)] == ["other"]


class Terminal:
    """A terminal of the test's own, with the command at it."""

    def __init__(self, *arguments):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execv(SLUICE, [str(argument) for argument in (SLUICE, "user", *arguments)])
        self.shown = ""

    def wait_for(self, text, seconds=30):
        end = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, self.shown
            self.shown += os.read(self.terminal, 4096).decode()

    def type(self, text):
        os.write(self.terminal, (text + "\n").encode())

    def end(self):
        try:
            while part := os.read(self.terminal, 4096):
                self.shown += part.decode()
        except OSError:  # the other side is closed
            pass
        os.close(self.terminal)
        _, status = os.waitpid(self.process, 0)
        return os.waitstatus_to_exitcode(status), self.shown


def test_a_password_is_asked_for_twice_and_not_echoed(users):
    terminal = Terminal("add", "apikey", "--user-file", users, "--sender", "*")
    terminal.wait_for("Password: ")
    terminal.type(PASSWORD)
    terminal.wait_for("again: ")
    terminal.type(PASSWORD)
    status, shown = terminal.end()
    assert status == 0, shown
    assert PASSWORD not in shown and len(hashes(users)) == 1


def test_passwords_that_differ_are_refused(users):
    terminal = Terminal("add", "apikey", "--user-file", users, "--sender", "*")
    terminal.wait_for("Password: ")
    terminal.type(PASSWORD)
    terminal.wait_for("again: ")
    terminal.type(PASSWORD + "x")
    status, shown = terminal.end()
    assert status == 1 and "differ" in shown and not users.exists()
