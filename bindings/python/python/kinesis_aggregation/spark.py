"""User records of Kinesis records in Spark: archives and streams, on every worker."""

import pyarrow as pa
import pyarrow.compute
from pyspark.sql import types

from .arrow import deaggregate_arrow

__all__ = ["deaggregate_frame"]

_FIELDS = [
    types.StructField("sub_sequence_number", types.LongType(), False),
    types.StructField("partition_key", types.StringType()),
    types.StructField("explicit_hash_key", types.StringType()),
    types.StructField("data", types.BinaryType()),
    types.StructField("aggregated", types.BooleanType(), False),
    types.StructField("damaged", types.BooleanType(), False),
    types.StructField("loss", types.StringType()),
]
# Spark knows no views.
_KINDS = [pa.int64(), pa.string(), pa.string(), pa.binary(), pa.bool_(), pa.bool_(), pa.string()]

# Spark gives 10,000 rows at a time, of up to 10 MiB each, and each can become a million user records. So the rows are read
# in slices of at most this many bytes; a longer row is a slice of its own.
_BYTES = 4 * 1024 * 1024


def deaggregate_frame(frame, column="data", *, hash_key_range=None, salvage=False, salvage_damaged=False):
    """Reads a binary column of Kinesis records' data: a row for each user record and each loss."""
    options = {"hash_key_range": hash_key_range, "salvage": salvage, "salvage_damaged": salvage_damaged}
    kept = [field for field in frame.schema if field.name != column]
    schema = types.StructType(kept + _FIELDS)
    if len(kept) == len(frame.schema):
        raise ValueError(f"no column {column}")
    if not isinstance(frame.schema[column].dataType, types.BinaryType):
        raise TypeError(f"the column {column} is not binary")
    if len({name.lower() for name in schema.names}) < len(schema):
        raise ValueError(f"two columns have one name: {', '.join(schema.names)}")

    def read(batches):
        for batch in batches:
            for part in _parts(batch, column):
                yield _read(part, column, options)

    return frame.mapInArrow(read, schema)


def _parts(batch, column):
    """The rows, in slices of up to so many bytes."""
    start = size = 0
    for row, length in enumerate(pa.compute.binary_length(batch[column]).to_pylist()):
        size += length or 0
        if size > _BYTES and row > start:
            yield batch.slice(start, row - start)
            start, size = row, length or 0
    yield batch.slice(start)


def _read(batch, column, options):
    user_records = deaggregate_arrow(batch[column], **options)
    names = [name for name in batch.schema.names if name != column]
    arrays = [batch[name].take(user_records["record_index"]) for name in names]
    for field, kind in zip(_FIELDS, _KINDS):
        names.append(field.name)
        arrays.append(user_records[field.name].cast(kind))
    return pa.RecordBatch.from_arrays(arrays, names)
