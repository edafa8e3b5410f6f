"""AWS's Python library (PyPI aws_kinesis_agg), reading and writing: see ./driver."""

import functools
import importlib.metadata
import os
import platform
import struct
import sys
import time

from aws_kinesis_agg import aggregator, deaggregator

FOLDER = sys.argv[1]
MAX_SIZE = {"small": 51_200, "large": 1024 * 1024 - 1024}


def parts(name):
    """The parts of a file: a count, then each with its length in front."""
    with open(os.path.join(FOLDER, name), "rb") as file:
        for _ in range(*struct.unpack(">I", file.read(4))):
            yield file.read(*struct.unpack(">I", file.read(4)))


@functools.cache
def page(shape):
    """As boto3 gives them: the data are bytes."""
    return [
        {"SequenceNumber": "1", "PartitionKey": "a", "ApproximateArrivalTimestamp": 1500000000.0, "Data": data}
        for data in parts(f"{shape}.records")
    ]


@functools.cache
def user_records():
    every = list(parts("user-records"))
    return [(key.decode(), data) for key, data in zip(every[::2], every[1::2])]


def read(shape):
    return sum(1 for _ in deaggregator.iter_deaggregate_records(page(shape), data_format="Boto3"))


def write(shape):
    writer = aggregator.RecordAggregator(MAX_SIZE[shape])
    count = 0
    for key, data in user_records():
        closed = writer.add_user_record(key, data)
        if closed is not None:
            closed.get_contents()
            count += 1
    closed = writer.clear_and_get()
    if closed is not None:
        closed.get_contents()
        count += 1
    return count


def main():
    version = importlib.metadata.version
    library = f"aws_kinesis_agg {version('aws_kinesis_agg')} (PyPI), protobuf {version('protobuf')}"
    print(f"{library}, Python {platform.python_version()}", flush=True)
    for line in sys.stdin:
        what, shape, repeats = line.split()
        work = read if what == "read" else write
        user_records()
        page(shape)
        start = time.process_time_ns()
        for _ in range(int(repeats)):
            count = work(shape)
        print(time.process_time_ns() - start, count, flush=True)


main()
