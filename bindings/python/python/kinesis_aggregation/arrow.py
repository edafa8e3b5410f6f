"""User records as Arrow tables, for pyarrow and all that speaks Arrow's PyCapsule interface."""

import bisect

import pyarrow as pa

from ._native import Columns

__all__ = ["SCHEMA", "deaggregate_arrow"]

SCHEMA = pa.schema(
    [
        pa.field("record_index", pa.int64(), nullable=False),
        pa.field("sub_sequence_number", pa.int64(), nullable=False),
        pa.field("partition_key", pa.string_view()),
        pa.field("explicit_hash_key", pa.string_view()),
        pa.field("data", pa.binary_view()),
        pa.field("aggregated", pa.bool_(), nullable=False),
        pa.field("damaged", pa.bool_(), nullable=False),
        pa.field("loss", pa.string_view()),
    ]
)

# Digests are computed together, but more than this is no quicker. So much at a time is copied, to be read without the GIL.
_BATCH = 8 * 1024 * 1024


def deaggregate_arrow(data, *, hash_key_range=None, salvage=False, salvage_damaged=False):
    """Reads a column of Kinesis records' data as the KCL does: a row for each user record and each loss, in order."""
    columns = Columns(hash_key_range, salvage, salvage_damaged)
    datas, texts = [], []
    first = 0
    for chunk in _chunks(data):
        for values, part in _add(columns, chunk, first):
            datas.append(values)
            texts.append(pa.py_buffer(part))
        first += len(chunk)
    rows, finished = columns.finish()
    arrays = []
    for field, column in zip(SCHEMA, finished):
        if column is None:
            arrays.append(pa.nulls(rows, field.type))
            continue
        valid, values = column
        buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(values)]
        if field.name == "data":
            buffers += datas
        elif valid is not None:
            buffers += texts
        arrays.append(pa.Array.from_buffers(field.type, rows, buffers))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


_BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
    pa.types.is_null,
)


def _chunks(data):
    """The arrays of a column, with offsets of 64 bits."""
    if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pa.Array):
        data = pa.chunked_array(data)
    elif not isinstance(data, pa.Array):
        data = pa.array(data)
    chunks = data.chunks if isinstance(data, pa.ChunkedArray) else [data]
    if not any(is_kind(data.type) for is_kind in _BINARY):
        raise TypeError(f"the column is {data.type}, not binary")
    # Where it is binary already, its data stay where they are.
    return [chunk.cast(pa.large_binary()) for chunk in chunks]


def _add(columns, array, first):
    """Adds an array, a batch at a time, and gives each batch's data and texts."""
    _, offsets_buffer, values = array.buffers()
    if len(array) == 0 or offsets_buffer is None:
        return
    values = values or pa.py_buffer(b"")
    offsets_buffer = offsets_buffer.slice(array.offset * 8, (len(array) + 1) * 8)
    offsets = memoryview(offsets_buffer).cast("q")
    valid = None
    if array.null_count:
        valid = memoryview(array.is_valid().cast(pa.uint8()).buffers()[1])[: len(array)]
    start = 0
    while start < len(array):
        end = bisect.bisect_right(offsets, offsets[start] + _BATCH, start + 1, len(array) + 1) - 1
        end = max(end, start + 1)
        part = values.slice(offsets[start], offsets[end] - offsets[start])
        text = columns.add(
            part.to_pybytes(),
            offsets_buffer.slice(start * 8, (end - start + 1) * 8).to_pybytes(),
            None if valid is None else bytes(valid[start:end]),
            first + start,
        )
        yield part, text
        start = end
