"""The client's side of the drivers' protocol (README.md), for selftest and for trying things by hand."""

import hashlib
import os
import struct
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = bytes.fromhex("f3899ac2")
FULL = ("0", str(2**128 - 1))


def frame(body):
    """A KPL frame around a protobuf body, with the right MD5."""
    return MAGIC + body + hashlib.md5(body).digest()


def nullable(value):
    return b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value


def read_request(data, partition_key=b"outer", hash_range=FULL):
    start, end = hash_range or ("", "")
    rest = struct.pack(">BBH", 0, hash_range is not None, len(start)) + start.encode()
    rest += struct.pack(">H", len(end)) + end.encode()
    rest += nullable(partition_key) + struct.pack(">I", len(data)) + data
    return struct.pack(">I", len(rest)) + rest


def write_request(user_records, max_size=0):
    """user_records: (partition key, explicit hash key or None, data), all bytes."""
    rest = struct.pack(">BII", 1, max_size, len(user_records))
    for key, explicit, data in user_records:
        rest += nullable(key) + nullable(explicit) + nullable(data)
    return struct.pack(">I", len(rest)) + rest


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def nullable(self):
        length = self.number("I")
        if length == 0xFFFFFFFF:
            return None
        self.at += length
        assert self.at <= len(self.data)
        return self.data[self.at - length : self.at]


def parse(answer, written):
    """(status, text or None, records): a record is (key, explicit hash key, sub-sequence number, aggregated, data), or
    (key, explicit hash key, data) where written."""
    at = Cursor(answer)
    status = at.number("B")
    text = at.nullable().decode() if status else None
    records = []
    for _ in range(at.number("I")):
        keys = at.nullable(), at.nullable()
        numbers = () if written else (at.number("Q"), bool(at.number("B")))
        records.append(keys + numbers + (at.nullable(),))
    assert at.at == len(answer), "bytes left over in an answer"
    return status, text, records


class Peer:
    """One running driver."""

    def __init__(self, name):
        self.process = subprocess.Popen([os.path.join(HERE, "peer"), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hello = self._frame().decode()

    def _frame(self):
        head = self.process.stdout.read(4)
        assert len(head) == 4, "the driver has stopped"
        return self.process.stdout.read(struct.unpack(">I", head)[0])

    def ask(self, requests):
        """Sends all requests ahead and yields the answers as they come."""
        def send():
            for request in requests:
                self.process.stdin.write(request)
            self.process.stdin.flush()
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        for request in requests:
            yield parse(self._frame(), request[4] == 1)
        sender.join()

    def close(self):
        self.process.stdin.close()
        return self.process.wait(20)
