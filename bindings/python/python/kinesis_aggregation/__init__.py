"""Reads Kinesis records of the Amazon Kinesis Producer Library (KPL) exactly as the Kinesis Client Library does, and writes
them exactly as the KPL does."""

from ._native import (
    LostUserRecords,
    Pairs,
    RecordAggregator,
    UserRecord,
    UserRecords,
    aggregate,
    deaggregate,
    deaggregate_pairs,
)

__all__ = [
    "LostUserRecords",
    "Pairs",
    "RecordAggregator",
    "UserRecord",
    "UserRecords",
    "aggregate",
    "deaggregate",
    "deaggregate_pairs",
]
