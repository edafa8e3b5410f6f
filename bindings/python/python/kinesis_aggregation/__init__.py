"""Reads Kinesis records of the Amazon Kinesis Producer Library (KPL) exactly as the Kinesis Client Library does."""

from ._native import UserRecord, UserRecords, deaggregate

__all__ = ["UserRecord", "UserRecords", "deaggregate"]
