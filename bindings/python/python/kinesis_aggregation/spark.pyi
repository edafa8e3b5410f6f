from pyspark.sql import DataFrame

__all__ = ["deaggregate_frame"]

def deaggregate_frame(
    frame: DataFrame,
    column: str = "data",
    *,
    hash_key_range: str | tuple[str | int, str | int] | dict[str, str] | None = None,
    salvage: bool = False,
    salvage_damaged: bool = False,
) -> DataFrame:
    """Reads a binary column of Kinesis records' data as the KCL does: a row for each user record and each loss.

    `frame` may be an archive or a stream. Its other columns are repeated in every row; in place of `column` come
    `sub_sequence_number`, `partition_key` (None for a plain record, whose key is in a column of yours),
    `explicit_hash_key`, `data` (None for a loss), `aggregated`, `damaged` and `loss`. A null gives no row. The number of the Kinesis
    record in the text of a loss is that in its batch. The options are those of `deaggregate`.

    It runs on every worker, which need this package and pyarrow installed. A batch is 10,000 Kinesis records unless
    `spark.sql.execution.arrow.maxRecordsPerBatch` is set to fewer; of them, 4 MiB at a time are read and passed on.

    Raises ValueError if there is no such column, or if a column of yours has the name of one that comes; TypeError if the
    column is not binary.
    """
