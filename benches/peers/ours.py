"""This project's Python package, reading and writing: see ./driver. Its name says how: user records one at a time, or Arrow."""

import importlib.metadata
import platform
import sys

from turns import serve

from kinesis_aggregation import aggregate, deaggregate

# All hash keys but the last, as this library itself is run: with all of them, no key would need hashing.
RANGE = (0, (1 << 128) - 2)


def read(page):
    count = 0
    for record in deaggregate(page, hash_key_range=RANGE):
        if record.data is None:
            raise ValueError(record.loss)
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
        lambda shape: pyarrow.array([record["Data"] for record in shape]),
        read_arrow,
        write,
    )
else:
    serve(name, lambda page: page, read, write)
