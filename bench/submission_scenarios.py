"""The scenarios of submission: over TLS, with logins, and while somebody guesses passwords."""

import json
import os
import smtplib
import subprocess
import time

from measurements import CONNECTIONS, DOMAINS, MESSAGES, SIZES, by_rate
from processes import Relay
from programs import BUILD, SLUICE
from submission import PASSWORD
from table import Row
from waiting import wait_for

STORM_RATE, STORM_ADDRESSES, STORM_SECONDS = 1_000, 500, 20
TLS = ["--tls", "starttls", "--insecure"]
USER = """
name = "{name}"
hash = "{hash}"
senders = ["*"]
"""
# Hashing may take a twentieth of the machine, as a node does that has other things to do.
AUTHENTICATION = """
[authentication]
hashing_share = 5
"""


def encryption(measured):
    """the job of throughput at 10 KB: in clear, its clients over TLS 1.3, and the next hop as well, in turns"""
    load = ["--messages", measured.scaled(MESSAGES["10 KB"]), "--size", SIZES["10 KB"], "--connections", CONNECTIONS,
            "--domains", DOMAINS]
    next_hop = measured.workplace.sink_certificate()
    # What the clients do, and what the next hop offers.
    ways = {"in clear": ("none", []), "over TLS": ("starttls", []), "over TLS on both sides": ("starttls", next_hop)}
    results = {way: [] for way in ways}
    for run in range(measured.options.runs):
        for way, (tls, sink) in ways.items():
            measured.say(f"encryption: {way}, run {run + 1} of {measured.options.runs}")
            options = load if tls == "none" else [*load, *TLS]
            results[way].append(measured.send_relayed(
                options, lambda *args, tls=tls, **settings: Relay(*args, **settings, tls=tls), sink_settings=sink))
    plain, secured, both = (by_rate(kept, lambda result: result.rate) for kept in results.values())
    yield Row("encryption", "10 KB over TLS 1.3", secured.rate, "messages/s", plain.rate, "in clear",
              at_least=0.75 * plain.rate)
    yield Row("encryption", "10 KB over TLS 1.3 on both sides", both.rate, "messages/s", plain.rate, "in clear",
              at_least=0.6 * plain.rate)
    for what, result in (("TLS 1.3", secured), ("TLS 1.3 on both sides", both)):
        yield Row("encryption", f"10 KB over {what}, CPU of the relay", result.microseconds_per_message, "µs/message",
                  plain.microseconds_per_message, "in clear")


def hash_of(password):
    done = subprocess.run([SLUICE, "user", "hash", "--password-file", "-"], input=password, capture_output=True,
                          text=True, check=True)
    return done.stdout.strip()


class Submission(Relay):
    """A relay whose users log in, in clear: the customer, and somebody whom it has not seen yet."""

    def __init__(self, workplace, upstream, remembered="5m"):
        users = "".join("[[user]]" + USER.format(name=name, hash=hash_of(PASSWORD)) for name in ("apikey", "newcomer"))
        super().__init__(workplace, upstream, clients=15_000,
                         listener='auth = "optional"\nauth_without_tls = true\nrelay_networks = []',
                         more=users + AUTHENTICATION + f'remembered = "{remembered}"\n')


def environment(password):
    return {**os.environ, "SLUICE_LOAD_PASSWORD": password}


def start_logins(measured, port, *arguments, password=PASSWORD):
    return measured.workplace.start("logins", [BUILD / "bench/login_load", "--to", f"127.0.0.1:{port}", *arguments],
                                    environment(password))


def logins(measured):
    """logins per second, remembered and not; submission while 500 addresses guess 1,000 passwords a second"""
    sink, upstream = measured.workplace.start_sink()
    for what, lifetime, count in (("remembered", "5m", 20_000), ("each hashed, within 5 % of the machine", "0ms", 30)):
        measured.say(f"logins: {what}")
        relay = Submission(measured.workplace, upstream, lifetime)
        first = start_logins(measured, relay.port, "--count", 1).summary()
        done = start_logins(measured, relay.port, "--count", measured.scaled(count, least=5), "--at-once", 32).summary()
        # 454: there was no time to look at it. Anything else says that a right password was wrong.
        if first["replies"] != {"235": 1} or not set(done["replies"]) <= {"235", "454"}:
            raise RuntimeError(f"not every login succeeded: {first} {done}")
        yield Row("logins", what, done["replies"].get("235", 0) / done["seconds"], "logins/s")
        relay.end()
    relay = Submission(measured.workplace, upstream)
    submit(measured, relay, 2)  # warm
    quiet, _ = submit(measured, relay, STORM_SECONDS / 2)
    measured.say("logins: a storm of wrong passwords")
    storm = start_logins(measured, relay.port, "--rate", STORM_RATE, "--addresses", STORM_ADDRESSES, "--at-once", 10_000,
                         "--count", round(STORM_RATE * STORM_SECONDS * max(measured.options.scale, 0.1)), password="guess")
    disturbed, seconds = submit(measured, relay, STORM_SECONDS / 2, newcomer=True)
    storm.end()
    answers = json.loads(storm.output_path.read_text())
    yield Row("logins", f"submission in a storm of {answers['logins_per_second']:,.0f} wrong logins/s", disturbed,
              "messages/s", quiet, "undisturbed", at_least=0.9 * quiet)
    yield Row("logins", "a first login in the storm", seconds * 1000, "ms")
    relay.end()
    sink.end()


def may_log_in(port):
    """Whether the newcomer succeeds; 454 asks to try again."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        try:
            client.login("newcomer", PASSWORD)
            return True
        except smtplib.SMTPAuthenticationError as refused:
            if refused.smtp_code != 454:
                raise
            return False


def submit(measured, relay, seconds, newcomer=False):
    """Messages per second of a customer who is logged in; and how long another one's first login took meanwhile."""
    load = measured.workplace.start(
        "load", [BUILD / "bench/sluice-load", "--to", f"127.0.0.1:{relay.port}", "--json", "--messages", 100_000_000,
                 "--size", SIZES["2 KB"], "--connections", CONNECTIONS, "--user", "apikey"], environment(PASSWORD))
    end = time.monotonic() + max(1, seconds * measured.options.scale)
    took = 0
    if newcomer:
        start = time.monotonic()
        wait_for(lambda: may_log_in(relay.port), "login of a newcomer")
        took = time.monotonic() - start
    time.sleep(max(0, end - time.monotonic()))
    load.end()
    return json.loads(load.output_path.read_text())["messages_per_second"], took
