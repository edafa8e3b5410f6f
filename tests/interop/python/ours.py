"""This project's Python package behind the drivers' protocol (../README.md): reading and writing."""

import importlib.metadata
import platform
import struct

from kinesis_aggregation import aggregate, deaggregate
from protocol import nullable, serve

# The KCL's range where it does not know the shard's, which is what the run compares with.
FULL = (0, (1 << 128) - 1)


def read(request, answer):
    """Losses come as a text, one line each."""
    has_range = request.number("B") == 1
    start = request.take(request.number("H")).decode()
    end = request.take(request.number("H")).decode()
    key = request.nullable()
    record = {
        "PartitionKey": None if key is None else key.decode(),
        "SequenceNumber": "1",
        "Data": request.nullable(),
    }
    losses = []
    for r in deaggregate([record], hash_key_range=(start, end) if has_range else FULL):
        if r.loss:
            losses.append(r.loss)
        else:
            keys = nullable(r.partition_key) + nullable(r.explicit_hash_key)
            answer.append(keys + struct.pack(">QB", r.sub_sequence_number, r.aggregated) + nullable(r.data))
    return "\n".join(losses)


def write(request, answer):
    """So do user records that were refused."""
    max_size = request.number("I") or None
    user_records = []
    for _ in range(request.number("I")):
        key, hash_key, data = request.nullable(), request.nullable(), request.nullable()
        user_records.append((key.decode(), data, None if hash_key is None else hash_key.decode()))
    entries, refused = aggregate(user_records, mixing_shards=True, max_size=max_size)
    for entry in entries:
        keys = nullable(entry["PartitionKey"]) + nullable(entry["ExplicitHashKey"])
        answer.append(keys + nullable(entry["Data"]))
    return "\n".join(f"{index}: {why}" for index, why in refused)


version = importlib.metadata.version("kinesis-aggregation")
serve(f"kinesis-aggregation {version} (PyPI), Python {platform.python_version()}", read, write)
