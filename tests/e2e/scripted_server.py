"""ScriptedServer: an SMTP server that answers as a test says and keeps what it received.

Without a script it is a correct server. `answers` maps a verb ("RCPT", "DATA", or "END" for the
end of a message, "CONNECT" for the greeting) to a function of the argument and the session; what
it returns is the reply, None leaves it to the server, DROP closes the connection.

With `tls`, a server's ssl context, it offers STARTTLS, or speaks TLS from the first byte (`implicit`). With
`logins`, passwords by user, it offers AUTH under TLS and takes mail from nobody else.
"""

import base64
import re
import socket
import socketserver
import threading
from dataclasses import dataclass, field

DROP = object()
EXTENSIONS = ("PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES", "CHUNKING")


@dataclass
class Message:
    sender: str
    recipients: list
    content: bytes
    parameters: str
    way: str  # DATA or BDAT
    tls: str = "none"  # "TLSv1.3"
    user: str = ""

    @property
    def body(self):
        return self.content.split(b"\r\n\r\n", 1)[1]

    @property
    def header(self):
        return self.content.split(b"\r\n\r\n", 1)[0].decode("latin-1")


@dataclass
class Session:
    number: int
    commands: list = field(default_factory=list)


class ScriptedServer:
    def __init__(self, port=0, extensions=EXTENSIONS, answers=None, tls=None, implicit=False, logins=None,
                 mechanisms="PLAIN LOGIN", host="127.0.0.1", family=socket.AF_INET):
        self.extensions = extensions
        self.tls = tls
        self.implicit = implicit
        self.logins = logins
        self.mechanisms = mechanisms
        self.answers = answers or {}
        self.messages = []
        self.sessions = []
        self.open = set()  # the sockets of the sessions that go on
        self.lock = threading.Lock()
        script = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                script.open.add(self.request)
                try:
                    _Conversation(script, self).run()
                finally:
                    script.open.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            address_family = family
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # a client that breaks its connection is part of many tests

        self.server = Server((host, port), Handler)
        self.port = self.server.server_address[1]
        self.host = host
        self.address = f"{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def vanish(self):
        """Nobody listens any more, and what was open is cut."""
        self.close()
        for connection in list(self.open):
            connection.shutdown(socket.SHUT_RDWR)

    def commands(self):
        with self.lock:
            return [command for session in self.sessions for command in session.commands]

    def new_session(self):
        with self.lock:
            self.sessions.append(Session(len(self.sessions)))
            return self.sessions[-1]

    def keep(self, message):
        with self.lock:
            self.messages.append(message)


class _Conversation:
    def __init__(self, script, handler):
        self.script = script
        self.reader = handler.rfile
        self.socket = handler.request
        self.session = script.new_session()
        self.tls = "none"
        self.user = ""
        self.void()

    def void(self):
        self.sender, self.parameters, self.recipients, self.chunks = None, "", [], []

    def secure(self):
        self.socket = self.script.tls.wrap_socket(self.socket, server_side=True)
        self.reader = self.socket.makefile("rb")
        self.tls = self.socket.version()

    def run(self):
        if self.script.implicit:
            self.secure()
        if self.say("CONNECT", "", "220 scripted.example ESMTP") != 220:
            return
        while line := self.reader.readline():
            command = line.decode("latin-1").rstrip("\r\n")
            self.session.commands.append(command)
            verb, _, argument = command.partition(" ")
            verb = verb.upper()
            if getattr(self, f"on_{verb.lower()}", self.on_unknown)(argument) in (DROP, 221, 421):
                return

    def say(self, verb, argument, default):
        """Sends the script's answer or the default, and returns its code."""
        scripted = self.script.answers.get(verb, lambda *_: None)(argument, self.session)
        if scripted is DROP:
            self.socket.shutdown(socket.SHUT_RDWR)
            return DROP
        reply = default if scripted is None else scripted
        self.socket.sendall(reply.encode("latin-1") + b"\r\n")
        return int(reply[:3])

    def on_ehlo(self, argument):
        self.void()
        lines = ["scripted.example", *self.script.extensions]
        if self.script.tls and self.tls == "none":
            lines.append("STARTTLS")
        if self.script.logins and self.tls != "none":
            lines.append(f"AUTH {self.script.mechanisms}")
        text = "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{line}" for i, line in enumerate(lines))
        return self.say("EHLO", argument, text)

    def on_helo(self, argument):
        self.void()
        return self.say("HELO", argument, "250 scripted.example")

    def on_starttls(self, argument):
        if self.script.tls is None:
            return self.on_unknown(argument)
        code = self.say("STARTTLS", argument, "220 2.0.0 Go on")
        if code == 220:
            self.secure()
        return code

    def on_auth(self, argument):
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "LOGIN":
            user, password = self.ask("VXNlcm5hbWU6"), self.ask("UGFzc3dvcmQ6")
        else:
            _, user, password = base64.b64decode(initial).decode().split("\0")
        is_right = self.script.logins.get(user) == password
        code = self.say("AUTH", argument, "235 2.7.0 Ok" if is_right else "535 5.7.8 Wrong user or password")
        if code == 235:
            self.user = user
        return code

    def ask(self, prompt):
        self.socket.sendall(f"334 {prompt}\r\n".encode())
        return base64.b64decode(self.reader.readline()).decode()

    def on_mail(self, argument):
        if self.script.logins and not self.user:
            return self.say("MAIL", argument, "530 5.7.0 Authentication required")
        if self.sender is not None:
            return self.say("MAIL", argument, "503 5.5.1 nested MAIL")
        code = self.say("MAIL", argument, "250 2.1.0 Ok")
        if code == 250:
            found = re.match(r"FROM:<([^>]*)>\s*(.*)", argument)
            self.sender, self.parameters = found[1], found[2]
        return code

    def on_rcpt(self, argument):
        if self.sender is None:
            return self.say("RCPT", argument, "503 5.5.1 MAIL first")
        code = self.say("RCPT", argument, "250 2.1.5 Ok")
        if code == 250:
            self.recipients.append(re.match(r"TO:<([^>]*)>", argument)[1])
        return code

    def on_data(self, argument):
        if not self.recipients:
            return self.say("DATA", argument, "554 5.5.1 No valid recipients")
        code = self.say("DATA", argument, "354 Go on")
        if code != 354:
            return code
        lines = []
        while (line := self.reader.readline()) != b".\r\n":
            if line == b"":
                return DROP
            lines.append(line[1:] if line.startswith(b".") else line)
        return self.finish(b"".join(lines), "DATA")

    def on_bdat(self, argument):
        size, _, last = argument.partition(" ")
        chunk = self.reader.read(int(size))
        if len(chunk) < int(size):
            return DROP
        if not self.recipients:
            return self.say("BDAT", argument, "503 5.5.1 No valid recipients")
        self.chunks.append(chunk)
        if last.upper() != "LAST":
            return self.say("BDAT", argument, "250 2.0.0 Ok")
        return self.finish(b"".join(self.chunks), "BDAT")

    def finish(self, content, way):
        message = Message(self.sender, self.recipients, content, self.parameters, way, self.tls, self.user)
        self.void()
        code = self.say("END", message, "250 2.0.0 Ok")
        if code == 250:
            self.script.keep(message)
        return code

    def on_rset(self, argument):
        self.void()
        return self.say("RSET", argument, "250 2.0.0 Ok")

    def on_noop(self, argument):
        return self.say("NOOP", argument, "250 2.0.0 Ok")

    def on_quit(self, argument):
        return self.say("QUIT", argument, "221 2.0.0 Bye")

    def on_unknown(self, argument):
        return self.say("UNKNOWN", argument, "500 5.5.2 Unknown command")
