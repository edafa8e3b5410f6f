"""The drivers' protocol (../README.md), for peers in Python."""

import os
import select
import struct
import sys

NULL = 0xFFFFFFFF


class Request:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def take(self, length):
        self.at += length
        return self.data[self.at - length : self.at]

    def nullable(self):
        length = self.number("I")
        return None if length == NULL else self.take(length)


def nullable(value):
    if value is None:
        return struct.pack(">I", NULL)
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return struct.pack(">I", len(raw)) + raw


def answer_to(data, read, write):
    """`read` and `write` take the request and the list of what they give, and return what was said, or ''."""
    request, answer, status = Request(data), [], b"\0"
    try:
        if said := (read if request.number("B") == 0 else write)(request, answer):
            status = b"\2" + nullable(said)
    except Exception as error:
        status = b"\1" + nullable(f"{type(error).__name__}: {error}"[:200])
    body = status + struct.pack(">I", len(answer)) + b"".join(answer)
    return struct.pack(">I", len(body)) + body


def requests(source, flush):
    """The requests, in order; flushes the answers whenever no whole request is there and none is waiting."""
    buffer = b""
    while True:
        while len(buffer) >= 4 and len(buffer) - 4 >= struct.unpack_from(">I", buffer)[0]:
            end = 4 + struct.unpack_from(">I", buffer)[0]
            yield buffer[4:end]
            buffer = buffer[end:]
        if not select.select([source], [], [], 0)[0]:
            flush()
        chunk = os.read(source, 1 << 16)
        if not chunk:
            return
        buffer += chunk


def serve(hello, read, write):
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    out.write(nullable(hello))
    out.flush()
    for data in requests(sys.stdin.fileno(), out.flush):
        out.write(answer_to(data, read, write))
    out.flush()
