from .aggregator import MAX_BYTES_PER_RECORD as MAX_BYTES_PER_RECORD
from .aggregator import AggRecord, RecordAggregator
from .deaggregator import deaggregate_records, iter_deaggregate_records

MAGIC: bytes
DIGEST_SIZE: int

__all__ = ["AggRecord", "RecordAggregator", "deaggregate_records", "iter_deaggregate_records"]
