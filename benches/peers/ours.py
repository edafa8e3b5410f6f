"""This project's Python package, reading and writing: see ./driver. Its name says how: user records one at a time, pairs, or
Arrow, whose column is of bytes."""

import base64
import importlib.metadata
import platform
import sys

from turns import serve

from kinesis_aggregation import aggregate, deaggregate, deaggregate_pairs

# All hash keys but the last, as this library itself is run: with all of them, no key would need hashing.
RANGE = (0, (1 << 128) - 2)


def read(page):
    count = 0
    for record in deaggregate(page, hash_key_range=RANGE):
        if record.loss:
            raise ValueError(record.loss)
        if len(record.data) > 0:
            count += 1
    return count


def read_pairs(page):
    count = 0
    for pairs in deaggregate_pairs(page, hash_key_range=RANGE):
        for _key, data in pairs:
            if len(data) > 0:
                count += 1
    return count


def read_arrow(column):
    from kinesis_aggregation.arrow import deaggregate_arrow

    batch = deaggregate_arrow(column, hash_key_range=RANGE)
    if batch["loss"].null_count < batch.num_rows:
        raise ValueError("a loss")
    return batch.num_rows


def write(user_records, max_size):
    entries, refused = aggregate(user_records, mixing_shards=True, max_size=max_size)
    if refused:
        raise ValueError(refused)
    return len(entries)


version = importlib.metadata.version("kinesis-aggregation")
name = f"kinesis-aggregation {version} (PyPI), Python {platform.python_version()}"
if sys.argv[2:] == ["arrow"]:
    import pyarrow

    serve(
        f"{name}, pyarrow {pyarrow.__version__}",
        lambda page: pyarrow.array([base64.b64decode(record["kinesis"]["data"]) for record in page]),
        read_arrow,
        write,
    )
else:
    serve(name, lambda page: page, read_pairs if sys.argv[2:] == ["pairs"] else read, write)
