"""Routes by domain, tenant and class: each message takes the one that is meant for it."""

import email.message
import json

from relay import route
from submission import listener, log_in, make_certificate, top
from waiting import wait_for
from wire import Wire


def only(hosts, **keys):
    """A [[route]] for every domain, and for whom it is."""
    return route(hosts) + "\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in keys.items()) + "\n"


def send(relaying, certificate, klass=""):
    message = email.message.EmailMessage()
    message["From"] = message["Sender"] = "news@acme.example"
    message["Subject"] = klass or "none"
    if klass:
        message["X-Sluice-Class"] = klass
    message.set_content("hello")
    client = log_in(relaying, certificate)
    client.send_message(message, "news@acme.example", ["b@example.net"])
    client.quit()


def subjects(server):
    return sorted(message.header.split("Subject: ")[1].split("\r\n")[0] for message in server.messages)


def test_mail_takes_the_route_of_its_tenant_and_class(directory, relay, server):
    certificate = make_certificate(directory)
    everybody, tenant, transactional = server(), server(), server()
    routes = (only([everybody.address]) + only([tenant.address], tenants=["acme"])
              + only([transactional.address], tenants=["acme"], classes=["transactional"]))
    relaying = relay(routes=routes, listener=listener(),
                     top=top(directory, user='classes = ["bulk", "transactional"]'))
    send(relaying, certificate)
    send(relaying, certificate, "transactional")
    send(relaying, certificate, "bulk")
    wait_for(relaying.is_empty, "delivery")
    assert everybody.messages == []
    assert subjects(tenant) == ["bulk", "none"] and subjects(transactional) == ["transactional"]


def test_what_waits_takes_another_route_after_a_reload(directory, relay, server):
    certificate = make_certificate(directory)
    refusing = server(answers={"MAIL": lambda *_: "451 4.3.0 later"})
    taking = server()
    relaying = relay(routes=only([refusing.address]), listener=listener(), top=top(directory), retry="1s")
    send(relaying, certificate)
    wait_for(lambda: " delivery_deferred " in relaying.log(), "a deferral")
    relaying.settings["routes"] = only([refusing.address]) + only([taking.address], tenants=["acme"])
    relaying.write_config()
    relaying.command("reload")
    wait_for(relaying.is_empty, "delivery by the other route")
    assert subjects(taking) == ["none"]


def test_the_relays_own_notifications_may_have_a_route(relay, server):
    host, home = server(answers={"RCPT": lambda *_: "550 5.1.1 no"}), server()
    relaying = relay(routes=only([host.address]) + only([home.address], classes=["dsn"]), dsn="")
    with Wire(relaying.port) as wire:
        wire.hello()
        wire.submit(b"Subject: x\r\n\r\nhello\r\n")
    wait_for(relaying.is_empty, "the end of both")
    assert [message.recipients for message in home.messages] == [["a@example.com"]]
