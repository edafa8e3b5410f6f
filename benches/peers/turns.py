"""What the drivers in Python share: the input's files, the turns, the clock. See ./driver."""

import base64
import functools
import os
import struct
import sys
import time

FOLDER = sys.argv[1]
MAX_SIZE = {"small": 51_200, "large": 1024 * 1024 - 1024}


def parts(name):
    """The parts of a file: a count, then each with its length in front."""
    with open(os.path.join(FOLDER, name), "rb") as file:
        for _ in range(*struct.unpack(">I", file.read(4))):
            yield file.read(*struct.unpack(">I", file.read(4)))


def page(shape):
    """The records of a Lambda event: the data are base64. Making it is not timed, decoding it is the library's."""
    return [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "a",
                "sequenceNumber": "49671246667567228643283430150187087032206582658070609922",
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": 1545084650.987,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": "shardId-000000000006:49671246667567228643283430150187087032206582658070609922",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
            "awsRegion": "us-east-2",
            "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
        }
        for data in parts(f"{shape}.records")
    ]


@functools.cache
def user_records():
    every = list(parts("user-records"))
    return [(key.decode(), data) for key, data in zip(every[::2], every[1::2])]


def serve(name, prepare, read, write):
    """`read` gets what `prepare` makes of a page, `write` user records and the maximum size; both say how many came out."""
    print(name, flush=True)
    prepared = functools.cache(lambda shape: prepare(page(shape)))
    for line in sys.stdin:
        what, shape, repeats = line.split()
        given = [prepared(shape)] if what == "read" else [user_records(), MAX_SIZE[shape]]
        work = read if what == "read" else write
        start = time.process_time_ns()
        for _ in range(int(repeats)):
            count = work(*given)
        print(time.process_time_ns() - start, count, flush=True)
