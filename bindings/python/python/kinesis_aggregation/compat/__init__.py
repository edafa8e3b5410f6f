"""The interface of PyPI aws-kinesis-agg 1.2.3: write `kinesis_aggregation.compat` in place of `aws_kinesis_agg`.

COMPAT.md in bindings/python of the project lists the faults that are not copied. What is lost in reading is logged as a
warning, without data or keys, by the logger of this name.
"""

from .aggregator import MAX_BYTES_PER_RECORD, AggRecord, RecordAggregator
from .deaggregator import deaggregate_records, iter_deaggregate_records

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_SIZE = 16

__all__ = ["AggRecord", "RecordAggregator", "deaggregate_records", "iter_deaggregate_records"]
