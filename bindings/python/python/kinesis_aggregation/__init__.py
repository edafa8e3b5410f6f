"""Reads Kinesis records of the Amazon Kinesis Producer Library (KPL) exactly as the Kinesis Client Library does, and writes
them exactly as the KPL does."""

from ._native import RecordAggregator, UserRecord, UserRecords, aggregate, deaggregate

__all__ = ["RecordAggregator", "UserRecord", "UserRecords", "aggregate", "deaggregate"]
