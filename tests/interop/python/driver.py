"""AWS's Python library (PyPI aws_kinesis_agg) behind the drivers' protocol (../README.md): reading and writing."""

import base64
import contextlib
import importlib.metadata
import io
import platform
import struct

from aws_kinesis_agg import aggregator, deaggregator
from protocol import nullable, serve


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


def printed(run):
    """The library prints what it could not read."""

    def runs(request, answer):
        with contextlib.redirect_stderr(io.StringIO()) as text:
            run(request, answer)
        return text.getvalue()[:200]

    return runs


version = importlib.metadata.version
hello = f"aws_kinesis_agg {version('aws_kinesis_agg')} (PyPI), protobuf {version('protobuf')}"
serve(f"{hello}, Python {platform.python_version()}", printed(read), printed(write))
