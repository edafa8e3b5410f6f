from typing import Any

import pyarrow as pa

__all__ = ["SCHEMA", "deaggregate_arrow"]

SCHEMA: pa.Schema
"""What `deaggregate_arrow` gives:

- `record_index`: the Kinesis record's place in the column; `take` it from your other columns.
- `sub_sequence_number`: the place in the Kinesis record, counted from 0. Of a loss, that of its cause.
- `partition_key`: None for a plain record, whose key is not in its data, and for a loss.
- `explicit_hash_key`: as it was written, if the user record has one.
- `data`: None for a loss.
- `aggregated`: whether the Kinesis record is an aggregate.
- `damaged`: whether it is damaged, so that any byte of the row may be wrong: only with `salvage_damaged`.
- `loss`: what is lost and why, without data or keys; None for a user record.
"""

def deaggregate_arrow(
    data: Any,
    *,
    hash_key_range: str | tuple[str | int, str | int] | dict[str, str] | None = None,
    salvage: bool = False,
    salvage_damaged: bool = False,
) -> pa.RecordBatch:
    """Reads a column of Kinesis records' data as the KCL does: a row for each user record and each loss, in order.

    `data` is a binary column of pyarrow, or of any library that speaks Arrow's PyCapsule interface (an array or a stream),
    or an iterable of bytes. The rows' data are views of it, which copy nothing and keep it in memory; base64 is to be
    decoded first. A null gives no row. The options are those of `deaggregate`.

    Cast the views for what does not know them: `batch.column("data").cast(pyarrow.binary())`.

    Raises TypeError or pyarrow.ArrowInvalid if the column is not binary, and ValueError for options that make no sense. A
    damaged aggregate raises nothing: it comes out as the KCL gives it, or as a loss.
    """
