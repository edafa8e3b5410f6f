"""AWS's Python library (PyPI aws_kinesis_agg), reading and writing: see ./driver."""

import base64
import importlib.metadata
import platform

from aws_kinesis_agg import aggregator, deaggregator
from turns import serve


def read(page):
    """User records come in base64, of which every application makes bytes."""
    count = 0
    for record in deaggregator.iter_deaggregate_records(page):
        if len(base64.b64decode(record["kinesis"]["data"])) > 0:
            count += 1
    return count


def write(user_records, max_size):
    writer = aggregator.RecordAggregator(max_size)
    count = 0
    for key, data in user_records:
        closed = writer.add_user_record(key, data)
        if closed is not None:
            closed.get_contents()
            count += 1
    closed = writer.clear_and_get()
    if closed is not None:
        closed.get_contents()
        count += 1
    return count


version = importlib.metadata.version
library = f"aws_kinesis_agg {version('aws_kinesis_agg')} (PyPI), protobuf {version('protobuf')}"
serve(f"{library}, Python {platform.python_version()}", lambda page: page, read, write)
