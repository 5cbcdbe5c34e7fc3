"""What a failing peer costs the others: nothing flies with a suspect, working connections go on, nothing is forgotten."""

import json
import threading

from ports import free_port
from relay import route
from scripted_server import DROP
from waiting import wait_for
from wire import Wire

GOOD = b"Subject: good\r\n\r\nhello\r\n"
POISON = b"Subject: poison\r\n\r\nhello\r\n"


def submit(relaying, message=GOOD, recipient="b@example.net", count=1):
    with Wire(relaying.port) as wire:
        wire.hello()
        for _ in range(count):
            assert wire.submit(message, sender="a@example.com", recipients=[recipient]).code == 250


def test_a_message_that_kills_its_connection_flies_alone_afterwards(relay, server):
    """Its first death may hurt what flies with it. By its later ones nothing else is deferred."""
    submitted, deaths, stop, dying = [], [], threading.Event(), threading.Event()

    def answer(message, _):
        if b"poison" not in message.content:
            return None
        deaths.append(message)
        before = len(submitted)
        dying.set()
        wait_for(lambda: stop.is_set() or len(submitted) >= before + 20, "others that could fly behind it")
        dying.clear()
        return DROP

    upstream = server(answers={"END": answer})
    relaying = relay(upstream.address, connections=1, depth=8, retry="1s")
    submit(relaying, count=20)
    wait_for(relaying.is_empty, "a connection that is used deeply")
    with Wire(relaying.port) as wire:
        wire.hello()
        poison = wire.submit(POISON, sender="a@example.com", recipients=["b@example.net"]).text.split()[-1]

    # A backlog that only grows would leave the poison, which waits its turn in it, ever later.
    def has_room():
        return stop.is_set() or dying.is_set() or len(submitted) - len(upstream.messages) < 40

    def keep_sending():
        with Wire(relaying.port) as wire:
            wire.hello()
            while not stop.is_set():
                wait_for(has_room, "delivery of what was sent before")
                submitted.append(wire.submit(GOOD, sender="a@example.com", recipients=["b@example.net"]))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        wait_for(lambda: len(deaths) >= 4, "several deaths")
    finally:
        stop.set()
        sender.join()
    wait_for(lambda: relaying.queued() == 1, "delivery of everything but the poison")
    deferred = [line for line in relaying.log().splitlines() if " delivery_deferred " in line]
    assert len([line for line in deferred if poison in line]) >= 3
    assert len([line for line in deferred if poison not in line]) <= 7


def test_a_peer_that_allows_few_connections_is_served_over_these(relay, server):
    """Connections that are refused put off further ones, not the mail."""
    open_sessions = set()
    lock = threading.Lock()

    def greet(_, session):
        with lock:
            if len(open_sessions) >= 1:
                return "421 4.7.0 too many connections"
            open_sessions.add(session.number)
        return None

    upstream = server(answers={"CONNECT": greet})
    relaying = relay(upstream.address, connections=8, retry="1h")
    for _ in range(5):
        submit(relaying, count=200)
    wait_for(relaying.is_empty, "delivery of all")
    assert len(upstream.messages) == 1000


def test_a_host_that_answers_421_to_mail_is_left_for_the_next(relay, server):
    first = server(answers={"MAIL": lambda *_: "421 4.3.2 shutting down"})
    second = server()
    relaying = relay(first.address, second.address, retry="1s", connections=2)
    submit(relaying, count=50)
    wait_for(relaying.is_empty, "delivery")
    assert len(second.messages) == 50 and first.messages == []
    tries = len([command for command in first.commands() if command.startswith("MAIL")])
    assert tries < 50


def test_envelopes_that_lost_their_route_are_kept_shown_and_not_waited_for(relay, server):
    port = free_port()
    relaying = relay(f"127.0.0.1:{port}")
    submit(relaying, recipient="b@gone.example")
    submit(relaying, recipient="b@kept.example")
    relaying.stop()
    relaying.settings["routes"] = route([f"127.0.0.1:{port}"], domains=["kept.example"])
    relaying.start()
    wait_for(lambda: "no route" in relaying.command("queue", "summary").stdout, "the reason")
    rows = json.loads(relaying.command("queue", "list", "--json").stdout)["envelopes"]
    reasons = {row["queue"]: row["waits_for"] for row in rows}
    assert reasons["gone.example"] == "no route" and reasons["kept.example"] != "no route"

    upstream = server(port=port)
    drained = relaying.command("drain", check=False)
    assert drained.returncode == 1 and "no route" in drained.stderr
    assert relaying.program.wait() == 0
    assert [message.recipients for message in upstream.messages] == [["b@kept.example"]]
    assert "drain_leaves_recipients" in relaying.log()

    relaying.settings["routes"] = route([upstream.address])
    relaying.start()
    wait_for(relaying.is_empty, "delivery with a route")
    assert len(upstream.messages) == 2


def test_the_limit_of_the_node_moves_from_one_route_to_another(relay, server):
    """A route that waits for a connection of the node gets the one that another route releases."""
    first, second = server(), server()
    routes = "\n".join([route([first.address], domains=["one.example"]),
                        route([second.address], domains=["two.example"])])
    relaying = relay(routes=routes, limits="outgoing_connections = 1", connections=1)
    submit(relaying, recipient="b@one.example", count=3)
    submit(relaying, recipient="b@two.example", count=3)
    wait_for(relaying.is_empty, "delivery over both routes")
    assert len(first.messages) == 3 and len(second.messages) == 3
