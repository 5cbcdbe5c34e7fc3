"""Reloads under full load, with files right and wrong: no message is lost, no session dropped."""

import random
import signal

from load import all_arrived
from submission import listener, log_in, make_certificate, send, top
from waiting import wait_for

RELOADS = 100
SEED = 20_260_101

# Each makes another file of a good one; the wrong ones are refused whole.
RIGHT = [
    ("message_size", lambda text, n: text.replace("[limits]\n", f"[limits]\nmessage_size = \"{10 + n}MB\"\n")),
    ("factor", lambda text, n: text.replace("factor = 1.0", f"factor = {1 + n % 3}.0")),
    ("senders", lambda text, n: text.replace('"*@acme.example"', f'"*@acme.example", "*@n{n}.example"')),
    ("tenant", lambda text, n: text.replace('name = "acme"\n', f'name = "acme"\nqueued = {100_000 + n}\n')),
    ("another_tenant", lambda text, n: text + f'[[tenant]]\nname = "t{n}"\n'),
    ("errors", lambda text, n: text.replace('auth = "optional"', f'auth = "optional"\nerrors_per_session = {20 + n}')),
    ("memory", lambda text, n: text.replace("[limits]\n", f"[limits]\nmemory = \"{256 + n}MiB\"\n")),
    ("nothing", lambda text, n: text),
]
WRONG = [
    ("unknown_key", lambda text, n: text.replace("[limits]\n", "[limits]\nspeed = 3\n")),
    ("syntax", lambda text, n: text + "[[route\n"),
    ("cut_off", lambda text, n: text[:len(text) // 2 + n % 7].rstrip('"') + '"'),
    ("no_certificate", lambda text, n: text.replace("cert.pem", f"missing{n}.pem")),
    ("other_key", lambda text, n: text.replace("cert.key", "other.key")),
    ("range", lambda text, n: text.replace("factor = 1.0", "factor = 1000.0")),
    ("bytes", lambda text, n: text + "\0\xff"),
    ("log", lambda text, n: text.replace("[log]\n", f'[log]\nfile = "/missing/{n}/log"\n')),
]


def test_a_hundred_reloads_under_load(relay, sink, load, directory, certificate):
    print(f"seed {SEED}")  # shown when the test fails
    chance = random.Random(SEED)
    make_certificate(directory, "other")
    upstream = sink()
    settings = listener("starttls").replace('"required"', '"optional"').replace("[]", '["127.0.0.1"]')
    relaying = relay(upstream.address, top=top(directory), listener=settings)
    path = relaying.write_config()
    good = path.read_text()
    generator = load(relaying, "--messages", 2_000_000, "--connections", 8, "--size", "2KB")
    with log_in(relaying, certificate) as session:
        for number in range(RELOADS):
            name, change = chance.choice(RIGHT + WRONG)
            path.write_text(change(good, number), encoding="latin-1")
            done = relaying.command("reload", check=False)
            is_right = name in dict(RIGHT)
            assert (done.returncode == 0) == is_right, f"{number}: {name}: {done.stdout}{done.stderr}"
            if number % 10 == 0:
                send(session)
        assert generator.program.is_running(), generator.program.errors()
        summary = generator.stop()
        send(session)
    assert summary["connection_failures"] == 0 and summary["connections"] == 8, summary
    assert summary["rejected"] == 0 and summary["accepted"] > 0, summary
    wait_for(lambda: all_arrived(generator, upstream), "delivery")
    relaying.stop()


def test_another_certificate_is_shown_to_those_who_come(relay, server, directory, certificate):
    upstream = server()
    relaying = relay(upstream.address, top=top(directory), listener=listener())
    with log_in(relaying, certificate) as session:
        renewed = make_certificate(directory, "renewed")
        relaying.settings["top"] = relaying.settings["top"].replace("cert.", "renewed.")
        relaying.write_config()
        relaying.command("reload")
        with log_in(relaying, renewed) as other:
            send(other)
        send(session)  # under the certificate that it began with
    wait_for(lambda: len(upstream.messages) == 2, "delivery")


def test_a_signal_reloads_too(relay, server, directory, certificate):
    relaying = relay(server().address, top=top(directory), listener=listener())
    relaying.settings["limits"] = 'message_size = "12345KB"'
    relaying.write_config()
    relaying.program.process.send_signal(signal.SIGHUP)

    def announced():
        with log_in(relaying, certificate) as client:
            client.ehlo()
            return client.esmtp_features["size"]

    wait_for(lambda: announced() == "12345000", "the new limit")
