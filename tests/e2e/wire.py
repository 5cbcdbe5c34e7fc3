"""Wire: an SMTP client that sends exactly the bytes it is told and reads the replies."""

import re
import socket

PATIENCE_SECONDS = 60


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.text = "\n".join(line[4:] for line in lines)

    @property
    def enhanced(self):
        found = re.match(r"(\d\.\d+\.\d+)\b", self.text)
        return found[1] if found else ""

    def __repr__(self):
        return f"<{self.code} {self.text}>"


class Wire:
    def __init__(self, port, address="127.0.0.1", source="", first=b"", tls=None):
        """`first`: what is sent before anything else; `tls`: a context for TLS from the first byte."""
        self.socket = socket.create_connection((address, port), timeout=PATIENCE_SECONDS,
                                               source_address=(source, 0) if source else None)
        self.socket.sendall(first)
        self.buffer = b""
        if tls is not None:
            self.secure(tls)
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def secure(self, context):
        """The handshake of TLS, on either side of a STARTTLS or at once."""
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == "-":
            lines.append(self._line())
        return Reply(lines)

    def command(self, line):
        self.send(line.encode("latin-1") + b"\r\n")
        return self.reply()

    def hello(self):
        return self.command("EHLO client.example")

    def is_closed(self):
        """Whether the server closes, without another reply."""
        return self.buffer == b"" and self._receive() == b""

    def begin(self, sender="a@example.com", recipients=("b@example.net",)):
        """MAIL and RCPT, which must be taken."""
        assert self.command(f"MAIL FROM:<{sender}>").code == 250
        for recipient in recipients:
            assert self.command(f"RCPT TO:<{recipient}>").code == 250

    def submit(self, message, sender="a@example.com", recipients=("b@example.net",), body=""):
        """A whole message by DATA; returns the last reply."""
        assert self.command(f"MAIL FROM:<{sender}>{body}").code == 250
        for recipient in recipients:
            assert self.command(f"RCPT TO:<{recipient}>").code == 250
        assert self.command("DATA").code == 354
        self.send(as_data(message))
        return self.reply()

    def submit_chunks(self, chunks, sender="a@example.com", recipients=("b@example.net",), body=""):
        """A whole message by BDAT; returns the last reply."""
        assert self.command(f"MAIL FROM:<{sender}>{body}").code == 250
        for recipient in recipients:
            assert self.command(f"RCPT TO:<{recipient}>").code == 250
        for chunk in chunks[:-1]:
            self.send(b"BDAT %d\r\n" % len(chunk) + chunk)
            assert self.reply().code == 250
        self.send(b"BDAT %d LAST\r\n" % len(chunks[-1]) + chunks[-1])
        return self.reply()

    def _line(self):
        while b"\r\n" not in self.buffer:
            data = self._receive()
            if data == b"":
                raise ConnectionError(f"the server closed; unread: {self.buffer!r}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _receive(self):
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""


def as_data(message):
    """What follows DATA: dots doubled, a last line that ends, the lone dot."""
    stuffed = re.sub(rb"(?m)^\.", b"..", message)
    if stuffed and not stuffed.endswith(b"\r\n"):
        stuffed += b"\r\n"
    return stuffed + b".\r\n"
