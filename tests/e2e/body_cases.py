"""The messages whose bytes must survive every way through the relay."""

HEADER = "From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: {name}\r\nX-Test-Id: {name}\r\n\r\n"

BODIES = {
    "plain": b"hello\r\n",
    "empty": b"",
    "one_empty_line": b"\r\n",
    "leading_dots": b".\r\n..\r\n.a\r\n...b\r\n.",
    "only_dots": b".\r\n.\r\n.\r\n",
    "no_final_crlf": b"one\r\ntwo",
    "long_lines": (b"." + b"x" * 997 + b"\r\n" + b"y" * 998 + b"\r\n") * 20,
    "eight_bit": bytes(range(0x80, 0x100)) * 30 + b"\r\n" + "Grüße, привет, 你好\r\n".encode(),
    "five_megabytes": b"".join(b"%07d " % line + b"z" * 68 + b"\r\n" for line in range(67_000)),
    "part_boundary": b"." * 70 + b"\r\n" + (b"w" * 76 + b"\r\n") * 13_443 + b".\r\n",
}


def message(name):
    return HEADER.format(name=name).encode() + BODIES[name]


def declared(name):
    """What MAIL must say of the body."""
    return " BODY=8BITMIME" if name == "eight_bit" else ""


def ended(body):
    """The body as DATA carries it: a last line that ends."""
    return body if body == b"" or body.endswith(b"\r\n") else body + b"\r\n"


def in_chunks(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]
