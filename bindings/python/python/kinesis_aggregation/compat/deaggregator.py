"""The interface of PyPI aws-kinesis-agg 1.2.3's `aws_kinesis_agg.deaggregator`."""

import base64
import logging
from collections.abc import Mapping

from .._native import deaggregate

__all__ = ["deaggregate_records", "iter_deaggregate_records"]

_log = logging.getLogger("kinesis_aggregation.compat")


def deaggregate_records(records):
    """The user records of `records`, a list of Kinesis records as Lambda or Firehose gives them, or one: a list."""
    return list(iter_deaggregate_records(records))


def iter_deaggregate_records(records, data_format=None):
    """The user records of `records`, one at a time; `data_format` is 'Boto3' for those of boto3's `get_records`."""
    if isinstance(records, Mapping):
        records = [records]
    for record in records:
        record = _as_lambda_does(record, data_format)
        kinesis = record["kinesis"]
        data = kinesis["data"]
        if data_format != "Boto3":
            data = base64.b64decode(data)
        others = {name: value for name, value in record.items() if name not in ("kinesis", "data")}
        for user_record in deaggregate(data, salvage=True):
            if user_record.loss is not None:
                _log.warning("%s: %s", kinesis["sequenceNumber"], user_record.loss)
            elif user_record.aggregated:
                yield {"kinesis": _inner(kinesis, user_record), **others}
            else:
                yield record


def _as_lambda_does(record, data_format):
    """A record of Kinesis Analytics, Firehose or boto3, nested as an event source mapping of Lambda does it."""
    if not ("kinesis" not in record and "data" in record or "Data" in record):
        return record
    for name in ("kinesisStreamRecordMetadata", "kinesisRecordMetadata"):
        if name in record:
            metadata = record[name]
            return {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "sequenceNumber": metadata["sequenceNumber"],
                    "partitionKey": metadata["partitionKey"],
                    "approximateArrivalTimestamp": metadata["approximateArrivalTimestamp"],
                    "shardId": metadata["shardId"],
                    "data": record["data"],
                    "recordId": record["recordId"],
                }
            }
    if data_format == "Boto3":
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "sequenceNumber": record["SequenceNumber"],
                "partitionKey": record["PartitionKey"],
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
                "data": record["Data"],
            }
        }
    return record


def _inner(outer, user_record):
    inner = {
        "kinesisSchemaVersion": outer["kinesisSchemaVersion"],
        "sequenceNumber": outer["sequenceNumber"],
        "approximateArrivalTimestamp": outer["approximateArrivalTimestamp"],
        "explicitHashKey": user_record.explicit_hash_key,
        "partitionKey": user_record.partition_key,
        "subSequenceNumber": user_record.sub_sequence_number,
        "aggregated": True,
        "data": base64.b64encode(user_record.data),
    }
    if "recordId" in outer:
        inner["recordId"] = outer["recordId"]
    return inner
