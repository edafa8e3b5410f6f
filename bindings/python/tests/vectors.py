"""What the real KPL put, as events and as what must come out."""

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CASES = json.loads((ROOT / "tests/vectors/kpl.json").read_text())
# Its data looks like an aggregate of the user's own, which every reader opens.
LONE_AGGREGATE = "data_is_aggregate_lone"


def stored(case):
    """A case's Kinesis records: data, partition key, sequence number, the shard's hash key range."""
    for number, record in enumerate(case["kinesis_records"]):
        yield bytes.fromhex(record["data"]), record["partition_key"], str(100 + number), tuple(record["hash_range"])


def lambda_record(data, partition_key, sequence_number, _=None):
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventID": f"shardId-000000000006:{sequence_number}",
        "awsRegion": "us-east-2",
    }


def boto3_record(data, partition_key, sequence_number, _=None):
    return {
        "SequenceNumber": sequence_number,
        "ApproximateArrivalTimestamp": 1545084650.987,
        "Data": data,
        "PartitionKey": partition_key,
    }


def pipes_record(data, partition_key, sequence_number, _=None):
    nested = lambda_record(data, partition_key, sequence_number)
    return {**nested.pop("kinesis"), **nested}


def firehose_record(data, partition_key, sequence_number, _=None):
    return {
        "recordId": "495",
        "approximateArrivalTimestamp": 1495072949453,
        "data": base64.b64encode(data).decode(),
        "kinesisRecordMetadata": {
            "sequenceNumber": sequence_number,
            "subsequenceNumber": 0,
            "partitionKey": partition_key,
            "shardId": "shardId-000000000000",
            "approximateArrivalTimestamp": 1495072949453,
        },
    }
