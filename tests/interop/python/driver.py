"""AWS's Python library (PyPI aws_kinesis_agg) behind the drivers' protocol (../README.md): reading and writing."""

import base64
import contextlib
import importlib.metadata
import io
import os
import platform
import select
import struct
import sys

from aws_kinesis_agg import aggregator, deaggregator

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


def read(request, answer):
    """As Lambda hands a record over: data in base64. The library knows no hash key range."""
    request.number("B")
    request.take(request.number("H"))
    request.take(request.number("H"))
    key = request.nullable()
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1500000000.0,
            "partitionKey": None if key is None else key.decode(),
            "data": base64.b64encode(request.nullable()),
        }
    }
    # The generator, because what it gave before it raised counts as delivered.
    for user_record in deaggregator.iter_deaggregate_records([record]):
        r = user_record["kinesis"]
        numbers = struct.pack(">QB", r.get("subSequenceNumber", 0), r.get("aggregated", False))
        keys = nullable(r["partitionKey"]) + nullable(r.get("explicitHashKey"))
        answer.append(keys + numbers + nullable(base64.b64decode(r["data"])))


def write(request, answer):
    max_size = request.number("I")
    writer = aggregator.RecordAggregator(max_size) if max_size else aggregator.RecordAggregator()

    def done(record):
        if record is not None:
            answer.append(b"".join(nullable(part) for part in record.get_contents()))

    for _ in range(request.number("I")):
        key, explicit, data = request.nullable(), request.nullable(), request.nullable()
        done(writer.add_user_record(key.decode(), data, None if explicit is None else explicit.decode()))
    done(writer.clear_and_get())


def answer_to(data):
    request, answer, status = Request(data), [], b"\0"
    # The library prints what it could not read: status 2.
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        try:
            (read if request.number("B") == 0 else write)(request, answer)
        except Exception as error:
            status = b"\1" + nullable(f"{type(error).__name__}: {error}"[:200])
    if status == b"\0" and printed.getvalue():
        status = b"\2" + nullable(printed.getvalue()[:200])
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


def main():
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    version = importlib.metadata.version
    hello = f"aws_kinesis_agg {version('aws_kinesis_agg')} (PyPI), protobuf {version('protobuf')}"
    out.write(nullable(f"{hello}, Python {platform.python_version()}"))
    out.flush()
    for data in requests(sys.stdin.fileno(), out.flush):
        out.write(answer_to(data))
    out.flush()


main()
