"""Beside the real aws-kinesis-agg."""

import base64
import hashlib
import unittest

from kinesis_aggregation import compat
from peer import deaggregator as real
from vectors import CASES, LONE_AGGREGATE, boto3_record, firehose_record, lambda_record, stored


def analytics_record(*args):
    record = firehose_record(*args)
    record["kinesisStreamRecordMetadata"] = record.pop("kinesisRecordMetadata")
    return record


def without_invented_keys(user_records, case):
    """aws-kinesis-agg gives the table's first explicit hash key to a user record that has none."""
    put = {(r["partition_key"], r["data"]): r["explicit_hash_key"] for r in case["put"]}
    for user_record in user_records:
        kinesis = user_record["kinesis"]
        if kinesis.get("aggregated") and put[kinesis["partitionKey"], base64.b64decode(kinesis["data"]).hex()] is None:
            kinesis["explicitHashKey"] = None
    return user_records


class Compat(unittest.TestCase):
    def test_it_goes_by_the_old_name(self):
        import kinesis_aggregation.compat as aws_kinesis_agg

        self.assertIs(aws_kinesis_agg.aggregator.RecordAggregator, compat.RecordAggregator)
        self.assertIs(aws_kinesis_agg.deaggregator.deaggregate_records, compat.deaggregate_records)

    def test_the_same_as_aws_kinesis_agg(self):
        compared = 0
        for case in CASES:
            if case["name"] == LONE_AGGREGATE:
                continue
            for shape in (lambda_record, firehose_record, analytics_record):
                with self.subTest(case["name"], shape=shape.__name__):
                    records = [shape(*record) for record in stored(case)]
                    ours = compat.deaggregate_records(records)
                    theirs = without_invented_keys(real.deaggregate_records(records), case)
                    self.assertEqual(ours, theirs)
                    self.assertEqual([list(r["kinesis"]) for r in ours], [list(r["kinesis"]) for r in theirs])
                    compared += len(ours)
        self.assertGreater(compared, 200)

    def test_the_same_for_boto3(self):
        for case in CASES:
            if case["name"] == LONE_AGGREGATE:
                continue
            with self.subTest(case["name"]):
                records = [boto3_record(*record) for record in stored(case)]
                ours = list(compat.iter_deaggregate_records(records, data_format="Boto3"))
                theirs = list(real.iter_deaggregate_records(records, data_format="Boto3"))
                self.assertEqual(ours, without_invented_keys(theirs, case))

    def test_one_record_that_is_not_in_a_list(self):
        record = lambda_record(b"plain", "key", "1")
        self.assertEqual(compat.deaggregate_records(record), real.deaggregate_records(record))
        self.assertIs(compat.deaggregate_records(record)[0], record)

    def test_the_same_errors(self):
        for wrong in ([{}], [{"Data": b"x"}], [5], 5, [{"kinesis": {}}], [{"kinesis": {"data": 5}}]):
            with self.subTest(wrong):
                with self.assertRaises(Exception) as theirs:
                    real.deaggregate_records(wrong)
                self.assertRaises(type(theirs.exception), compat.deaggregate_records, wrong)

    def test_a_loss_is_logged_without_data_and_keys(self):
        message = b"\x0a\x06SECRET" + b"\x1a\x0a\x08\x07\x1a\x06SECRET" + b"\x1a\x05\x08\x00\x1a\x012"
        data = b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()
        with self.assertLogs("kinesis_aggregation.compat", "WARNING") as logs:
            [after] = compat.deaggregate_records([lambda_record(data, "key", "42")])
        self.assertEqual(base64.b64decode(after["kinesis"]["data"]), b"2")
        self.assertIn("42: user record 0", logs.output[0])
        self.assertNotIn("SECRET", logs.output[0])
