"""The scenario of many domains: each has MX records of its own, and many of them share their hosts."""

import urllib.request

from dns import Dns
from measurements import CONNECTIONS, rate_of
from ports import free_port
from processes import Relay
from table import Row

DOMAINS, SITES = 10_000, 2_000
ZONE = "load.example"  # of the recipients that sluice-load makes
MORE = """
http = "127.0.0.1:{http}"
[dns]
servers = ["127.0.0.1:{dns}"]
[delivery]
port = {{upstream}}
allow_networks = ["127.0.0.0/8"]
"""


class ByMx(Relay):
    """A relay that finds its hosts by DNS, and is asked for its counters before it ends."""

    def __init__(self, workplace, upstream, dns, **settings):
        self.http = free_port()
        self.counters = {}
        super().__init__(workplace, upstream, smart_hosts="", more=MORE.format(http=self.http, dns=dns.port), **settings)

    def end(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics") as page:
            for line in page.read().decode().splitlines():
                name, _, value = line.partition(" ")
                if not line.startswith("#"):
                    self.counters[name] = float(value)
        super().end()


def records(count):
    sites = min(SITES, count)
    return [f"d{number} MX 10 mx{number % sites}" for number in range(count)] + [
        f"mx{number} A 127.0.0.1" for number in range(sites)]


def domains(measured):
    """10,000 domains over 2,000 sites by DNS, with one message of 2 KB each, then with 100"""
    count = measured.scaled(DOMAINS)
    dns = Dns(measured.workplace.new_directory("names"), records(count), ttl=3600, name=ZONE)
    try:
        for each in (1, 100):
            messages = count * each
            measured.say(f"domains: {each} messages to each of {count}")
            load = ["--messages", messages, "--size", "2KB", "--connections", CONNECTIONS, "--domains"]
            relays = []

            def by_mx(workplace, port, relays=relays, **settings):
                relays.append(ByMx(workplace, port, dns, **settings))
                return relays[-1]

            spread = measured.send_relayed([*load, count], by_mx)
            few = measured.send_relayed([*load, 50], Relay)
            counters = relays[0].counters
            yield Row("domains", f"{each} to each", spread.rate, "messages/s", rate_of(few.transfer),
                      "to 50 domains through one smart host", at_least=few.rate / 2 if each > 1 else None)
            yield Row("domains", f"{each} to each, CPU of the relay", spread.microseconds_per_message, "µs/message",
                      few.microseconds_per_message, "to 50 domains")
            yield Row("domains", f"{each} to each, connections", counters["sluice_delivery_connections_opened_total"],
                      "opened")
            yield Row("domains", f"{each} to each, DNS", counters["sluice_dns_queries_total"], "queries")
    finally:
        dns.close()
