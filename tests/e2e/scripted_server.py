"""ScriptedServer: an SMTP server that answers as a test says and keeps what it received.

Without a script it is a correct server. `answers` maps a verb ("RCPT", "DATA", or "END" for the
end of a message, "CONNECT" for the greeting) to a function of the argument and the session; what
it returns is the reply, None leaves it to the server, DROP closes the connection.
"""

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
    def __init__(self, port=0, extensions=EXTENSIONS, answers=None):
        self.extensions = extensions
        self.answers = answers or {}
        self.messages = []
        self.sessions = []
        self.lock = threading.Lock()
        script = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                _Conversation(script, self).run()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # a client that breaks its connection is part of many tests

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

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
        self.void()

    def void(self):
        self.sender, self.parameters, self.recipients, self.chunks = None, "", [], []

    def run(self):
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
        text = "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{line}" for i, line in enumerate(lines))
        return self.say("EHLO", argument, text)

    def on_helo(self, argument):
        self.void()
        return self.say("HELO", argument, "250 scripted.example")

    def on_mail(self, argument):
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
        message = Message(self.sender, self.recipients, content, self.parameters, way)
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
