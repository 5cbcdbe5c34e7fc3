"""Delivery to the hosts that DNS names: a real name server and resolver, and hosts on addresses of loopback."""

import json
import re
import socket
from collections import Counter

import pytest

from dns import Dns
from ports import free_port
from waiting import wait_for
from wire import Wire

GOOD = b"Subject: x\r\n\r\nhello\r\n"


class World:
    """The hosts of a test, all on one port, and a relay that finds them by DNS."""

    def __init__(self, directory, relay, server):
        self.directory, self.make_relay, self.make_server = directory, relay, server
        self.port = free_port()
        self.dns = None

    def host(self, number, **settings):
        """A server on 127.0.0.NUMBER."""
        return self.make_server(host=f"127.0.0.{number}", port=self.port, **settings)

    def relay(self, records, *, dns="", delivery="", **settings):
        self.dns = Dns(self.directory, records)
        return self.relay_of(self.dns.port, dns=dns, delivery=delivery, **settings)

    def relay_of(self, port, *, dns="", delivery="", routes="", **settings):
        return self.make_relay(
            routes=f'{routes}\n[dns]\nservers = ["127.0.0.1:{port}"]\n{dns}',
            delivery=f'port = {self.port}\nallow_networks = ["127.0.0.0/8", "::1/128"]\n{delivery}', **settings)

    def close(self):
        if self.dns is not None:
            self.dns.close()


@pytest.fixture
def world(directory, relay, server):
    made = World(directory, relay, server)
    yield made
    made.close()


def submit(relaying, *domains, count=1):
    with Wire(relaying.port) as wire:
        wire.hello()
        for domain in domains:
            for _ in range(count):
                reply = wire.submit(GOOD, sender="a@example.com", recipients=[f"b@{domain}"])
                assert reply.code == 250, reply


def recipients(server):
    return sorted(recipient for message in server.messages for recipient in message.recipients)


def failures(relaying):
    """The replies with which recipients failed, by recipient."""
    found = {}
    for line in relaying.log().splitlines():
        if " recipient_failed " in line:
            found[re.search(r'recipient="?([^" ]+)', line)[1]] = re.search(r'reply="([^"]+)"', line)[1]
    return found


def rows(relaying):
    return json.loads(relaying.command("queue", "summary", "--json").stdout)["queues"]


def test_the_best_host_gets_the_mail_and_the_next_one_when_it_is_dead(world):
    best, next_best = world.host(2), world.host(3)
    relaying = world.relay(["a MX 10 mx1", "a MX 20 mx2", "mx1 A 127.0.0.2", "mx2 A 127.0.0.3"])
    submit(relaying, "a.test", count=5)
    wait_for(relaying.is_empty, "delivery")
    assert len(best.messages) == 5 and next_best.messages == []
    best.vanish()
    submit(relaying, "a.test", count=5)
    wait_for(relaying.is_empty, "delivery through the next host")
    assert len(next_best.messages) == 5


def test_equal_hosts_share_the_connections(world):
    hosts = [world.host(number) for number in (2, 3, 4)]
    relaying = world.relay(["a MX 10 mx1", "a MX 10 mx2", "a MX 10 mx3"]
                           + [f"mx{number} A 127.0.0.{number + 1}" for number in (1, 2, 3)],
                           delivery='timeouts.idle = "50ms"', connections=1)
    for _ in range(40):
        submit(relaying, "a.test")
        wait_for(relaying.is_empty, "delivery")
        wait_for(lambda: not any(host.open for host in hosts), "the end of the connection")
    # 40 independent choices among three leave one out with a chance of 3e-7.
    assert all(server.messages for server in hosts)


def test_a_domain_without_mx_is_its_own_host_and_with_mx_it_is_not(world):
    own, exchange = world.host(2), world.host(3)
    relaying = world.relay(["a A 127.0.0.2", "b A 127.0.0.2", "b MX 10 mx", "mx A 127.0.0.3"])
    submit(relaying, "a.test", "b.test")
    wait_for(relaying.is_empty, "delivery")
    assert recipients(own) == ["b@a.test"] and recipients(exchange) == ["b@b.test"]


def test_aliases_are_followed(world):
    host = world.host(2)
    relaying = world.relay(["a CNAME b", "b CNAME c", "c MX 10 mx-alias", "mx-alias CNAME mx", "mx A 127.0.0.2",
                            "loop1 CNAME loop2", "loop2 CNAME loop1"])
    submit(relaying, "a.test", "loop1.test")
    wait_for(lambda: recipients(host) == ["b@a.test"], "delivery")
    wait_for(lambda: any(row["queue"] == "loop1.test" and row["detail"] for row in rows(relaying)), "the reason")
    wait_for(lambda: relaying.queued() == 1, "the end of the other")


def test_a_domain_that_takes_no_mail_fails_at_once(world):
    relaying = world.relay(["null MX 0 .", "null A 127.0.0.2", "private MX 10 mx.private", "mx.private A 10.1.2.3",
                            "own MX 10 relay.example."])
    submit(relaying, "null.test", "private.test", "own.test")
    wait_for(relaying.is_empty, "the end of all")
    failed = failures(relaying)
    assert failed["b@null.test"].startswith("556 5.1.10")
    assert failed["b@private.test"].startswith("550 5.4.4")
    assert failed["b@own.test"].startswith("554 5.4.6")


def test_a_domain_that_does_not_exist_fails_when_two_answers_agree(world, clocks):
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"], environment=clocks.environment)
    submit(relaying, "missing.test", "a.nohost.test")
    wait_for(lambda: all("to be confirmed" in row["detail"] for row in rows(relaying)), "the first answer")
    assert [row["waits_for"] for row in rows(relaying)] == ["DNS answer"] * 2
    clocks.pass_time(16 * 60)
    wait_for(relaying.is_empty, "the end of both")
    assert failures(relaying)["b@missing.test"].startswith("550 5.1.2")
    # Known for a while: what comes now fails without waiting.
    submit(relaying, "missing.test")
    wait_for(relaying.is_empty, "the end of the third")


def test_a_domain_that_appears_in_time_is_not_failed(world, clocks):
    host = world.host(2)
    records = ["mx A 127.0.0.2"]
    relaying = world.relay(records, environment=clocks.environment)
    submit(relaying, "late.test")
    wait_for(lambda: any("to be confirmed" in row["detail"] for row in rows(relaying)), "the first answer")
    world.dns.change(["late MX 10 mx", *records])
    clocks.pass_time(16 * 60)
    wait_for(relaying.is_empty, "delivery")
    assert recipients(host) == ["b@late.test"] and failures(relaying) == {}


def test_nxdomain_fails_at_once_where_the_operator_says_so(world):
    relaying = world.relay(["a MX 10 mx.nowhere", "b MX 10 192.0.2.1."], dns='nxdomain = "fail"')
    submit(relaying, "missing.test", "a.test", "b.test")
    wait_for(relaying.is_empty, "the end of all")
    failed = failures(relaying)
    assert failed["b@missing.test"].startswith("550 5.1.2")
    assert failed["b@a.test"].startswith("550 5.4.4") and failed["b@b.test"].startswith("550 5.4.4")


def test_without_an_answer_of_dns_mail_waits_and_goes_when_it_comes(world, clocks):
    host = world.host(2)
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"], environment=clocks.environment,
                           dns='timeout = "100ms"\nattempts = 2')
    world.dns.resolver.kill()
    submit(relaying, "a.test", count=3)
    wait_for(lambda: any(row["detail"] for row in rows(relaying)), "the reason")
    row = rows(relaying)[0]
    assert row["waits_for"] == "DNS answer" and "4.4.3" in row["detail"]
    world.dns.start_resolver()
    clocks.pass_time(60)
    wait_for(relaying.is_empty, "delivery")
    assert len(host.messages) == 3


def test_servfail_waits(world):
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"], dns='timeout = "1s"\nattempts = 1')
    world.dns.authority.kill()
    submit(relaying, "other.test")
    wait_for(lambda: any("SERVFAIL" in row["detail"] or "no DNS server" in row["detail"] for row in rows(relaying)),
             "the reason")
    assert relaying.queued() == 1


def test_many_domains_with_the_same_hosts_share_their_connections(world):
    host = world.host(2)
    domains = [f"d{number}" for number in range(200)]
    relaying = world.relay([f"{domain} MX 10 mx" for domain in domains] + ["mx A 127.0.0.2"], connections=3)
    submit(relaying, *[f"{domain}.test" for domain in domains], count=2)
    wait_for(relaying.is_empty, "delivery")
    assert Counter(recipients(host)) == {f"b@{domain}.test": 2 for domain in domains}
    assert len(host.sessions) <= 3


def test_mail_survives_a_restart_whether_or_not_its_hosts_are_known(world):
    host = world.host(2)
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2", "dead MX 10 mx.dead", "mx.dead A 127.0.0.9"])
    submit(relaying, "dead.test", "missing.test", count=2)
    wait_for(lambda: any("127.0.0.9" in row["detail"] or "refused" in row["detail"] for row in rows(relaying)),
             "a refused connection")
    relaying.kill()
    relaying.start()
    submit(relaying, "a.test")
    wait_for(lambda: recipients(host) == ["b@a.test"], "delivery of the others")
    wait_for(lambda: relaying.queued() == 4, "what was there before")
    waits = {row["queue"]: row["waits_for"] for row in rows(relaying)}
    assert waits["missing.test"] == "DNS answer" and waits["dead.test"] in ("route backoff", "connection slot")


def test_an_exchange_that_moves_takes_the_mail_that_waited_for_the_old_one(world, clocks):
    host = world.host(2)
    relaying = world.relay(["a MX 10 old", "old A 127.0.0.9"], environment=clocks.environment, expire="10h")
    submit(relaying, "a.test", count=3)
    wait_for(lambda: any(row["detail"] for row in rows(relaying)), "a refused connection")
    world.dns.change(["a MX 10 new", "new A 127.0.0.2"])
    clocks.pass_time(3600)
    wait_for(relaying.is_empty, "delivery to the new host")
    assert len(host.messages) == 3


def test_the_limits_of_a_host_are_kept(world):
    host = world.host(2, extensions=("PIPELINING", "8BITMIME", "CHUNKING", "LIMITS MAILMAX=3 RCPTMAX=2"))
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"], connections=2)
    submit(relaying, "a.test", count=20)
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(GOOD, recipients=[f"r{number}@a.test" for number in range(7)]).code == 250
    wait_for(relaying.is_empty, "delivery")
    assert len(recipients(host)) == 27
    assert max(len(message.recipients) for message in host.messages) == 2
    for session in host.sessions:
        assert len([command for command in session.commands if command.startswith("MAIL")]) <= 3


def test_depth_grows_where_dns_names_the_host_and_a_throttling_reply_ends_it(world):
    throttled = []

    def answer(argument, session):
        if len(throttled) == 0 and "slow" in argument:
            throttled.append(argument)
            return "450 4.7.1 slow down"
        return None

    host = world.host(2, answers={"RCPT": answer})
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"], connections=1, retry="1s")
    submit(relaying, "a.test", count=60)
    with Wire(relaying.port) as wire:
        wire.hello()
        assert wire.submit(GOOD, recipients=["slow@a.test"]).code == 250
    wait_for(relaying.is_empty, "delivery")
    assert len(host.messages) == 61 and len(throttled) == 1


def test_a_black_hole_costs_few_attempts_and_disturbs_nobody(world, clocks):
    """Thousands for a site that answers nothing: attempts per hour stay below a constant, none is used up."""
    good = world.host(2)
    relaying = world.relay(
        ["hole MX 10 mx.hole", "mx.hole A 127.0.0.9", "a MX 10 mx", "mx A 127.0.0.2"],
        environment=clocks.environment, expire="100h")
    submit(relaying, "hole.test", count=2000)
    wait_for(lambda: any("refused" in row["detail"] for row in rows(relaying)), "a refused connection")
    hours, tries = 6, []
    for _ in range(hours * 12):
        clocks.pass_time(300)
        submit(relaying, "a.test")
        wait_for(lambda: relaying.queued() == 2000, "delivery of the others")
        tries.append(relaying.log().count(" connection_failed "))
    assert len(good.messages) == hours * 12
    # Five rounds, then a minute that doubles up to half an hour.
    assert tries[-1] <= 24 and tries[-1] - tries[-13] <= 3
    listed = json.loads(relaying.command("queue", "list", "--domain", "hole.test", "--limit", "3", "--json").stdout)
    assert [row["attempts"] for row in listed["envelopes"]] == [0, 0, 0]


def test_a_refusal_at_the_greeting_bounces_nothing(world):
    refusing = {"CONNECT": lambda *_: "554 5.7.1 not you", }
    host = world.host(2, answers=refusing)
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2"])
    submit(relaying, "a.test", count=1000)
    wait_for(lambda: any("554 5.7.1 not you" in row["detail"] for row in rows(relaying)), "the reason")
    assert relaying.queued() == 1000 and failures(relaying) == {}
    assert len(host.sessions) <= 20
    del refusing["CONNECT"]
    wait_for(relaying.is_empty, "delivery of all")
    assert len(host.messages) == 1000


def test_ipv6_and_ipv4_are_tried_in_the_order_that_is_preferred(world, server):
    v4 = world.host(2)
    v6 = server(host="::1", port=world.port, family=socket.AF_INET6)
    relaying = world.relay(["a MX 10 mx", "mx A 127.0.0.2", "mx AAAA ::1", "b MX 10 mx6", "mx6 AAAA ::1",
                            "mx6 A 127.0.0.9"],
                           delivery='prefer = "ipv4"')
    submit(relaying, "a.test", "b.test")
    wait_for(relaying.is_empty, "delivery")
    assert recipients(v4) == ["b@a.test"] and recipients(v6) == ["b@b.test"]
