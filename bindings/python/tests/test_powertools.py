"""With the real Powertools for AWS Lambda."""

import base64
import hashlib
import inspect
import logging
import unittest

import peer  # noqa: F401: it makes Powertools importable
from aws_lambda_powertools.utilities import batch
from aws_lambda_powertools.utilities.batch import EventType, async_process_partial_response, process_partial_response
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from aws_lambda_powertools.utilities.parser.models import KinesisDataStreamRecord

from kinesis_aggregation import aggregate
from kinesis_aggregation.powertools import AsyncBatchProcessor, BatchProcessor, LostUserRecords
from vectors import lambda_record


def aggregated(*user_records):
    [entry], _ = aggregate(user_records, mixing_shards=True)
    return entry["Data"]


def framed(message):
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


# The user record in the middle has a bad index.
CUT = framed(b"\x0a\x01a" + b"\x1a\x05\x08\x00\x1a\x01x" + b"\x1a\x05\x08\x07\x1a\x01y" + b"\x1a\x05\x08\x00\x1a\x01z")

EVENT = {
    "Records": [
        lambda_record(aggregated(("a", b"1"), ("b", b"2", 7), ("c", b"bad")), "a", "100"),
        lambda_record(b"3", "plain", "101"),
        lambda_record(aggregated(("d", b"bad"), ("e", b"bad")), "a", "102"),
    ]
}


class Handler:
    def __init__(self):
        self.seen = []

    def __call__(self, record):
        data = record.kinesis.data_as_bytes()
        self.seen.append((record.kinesis.partition_key, data))
        if data == b"bad":
            raise LookupError("as asked")

    async def later(self, record):
        self(record)


def failures(response):
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


class Powertools(unittest.TestCase):
    seen = [("a", b"1"), ("b", b"2"), ("c", b"bad"), ("plain", b"3"), ("d", b"bad"), ("e", b"bad")]

    def test_powertools_alone_opens_none(self):
        handler = Handler()
        process_partial_response(EVENT, handler, batch.BatchProcessor(EventType.KinesisDataStreams), None)
        self.assertEqual(len(handler.seen), 3)
        self.assertTrue(handler.seen[0][1].startswith(b"\xf3\x89\x9a\xc2"))

    def test_the_kinesis_record_of_what_failed_is_reported_once(self):
        for processor, twice in ((BatchProcessor(), True), (BatchProcessor(EventType.KinesisDataStreams), False)):
            for _ in range(2 if twice else 1):
                handler = Handler()
                response = process_partial_response(EVENT, handler, processor, None)
                self.assertEqual(handler.seen, self.seen)
                self.assertEqual(failures(response), ["100", "102"])

    def test_async(self):
        handler = Handler()
        response = async_process_partial_response(EVENT, handler.later, AsyncBatchProcessor(), None)
        self.assertEqual(handler.seen, self.seen)
        self.assertEqual(failures(response), ["100", "102"])

    def test_what_a_handler_gets(self):
        seen = []
        process_partial_response({"Records": EVENT["Records"][:2]}, lambda record: seen.append(record), BatchProcessor(), None)
        second = seen[1]
        self.assertEqual(second.aws_region, "us-east-2")
        kinesis = second.kinesis
        self.assertEqual((kinesis.partition_key, kinesis.sequence_number, kinesis.data_as_text()), ("b", "100", "2"))
        self.assertEqual((kinesis["explicitHashKey"], kinesis["subSequenceNumber"], kinesis["aggregated"]), ("7", 1, True))
        self.assertEqual(kinesis.approximate_arrival_timestamp, 1545084650.987)
        self.assertEqual(seen[3].raw_event, EVENT["Records"][1])

    def test_the_context_reaches_the_handler(self):
        contexts = []
        process_partial_response(EVENT, lambda record, lambda_context: contexts.append(lambda_context), BatchProcessor(), 5)
        self.assertEqual(contexts, [5] * 6)

    def test_all_failed(self):
        event = {"Records": EVENT["Records"][2:]}
        with self.assertRaises(BatchProcessingError) as raised:
            process_partial_response(event, Handler(), BatchProcessor(), None)
        self.assertEqual(len(raised.exception.child_exceptions), 2)
        str(raised.exception)
        response = process_partial_response(event, Handler(), BatchProcessor(raise_on_entire_batch_failure=False), None)
        self.assertEqual(failures(response), ["102"])

    def test_a_model(self):
        class Model(KinesisDataStreamRecord):
            pass

        base = {"eventVersion": "1.0", "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn", "eventSourceARN": "arn"}
        event = {"Records": [{**record, **base} for record in EVENT["Records"]]}
        seen = []

        def handler(record):
            seen.append((record.kinesis.partitionKey, record.kinesis.data))
            if record.kinesis.data == b"bad":
                raise LookupError

        self.assertEqual(failures(process_partial_response(event, handler, BatchProcessor(model=Model), None)), ["100", "102"])
        self.assertEqual(seen, self.seen)
        # Records that are none in the model's eyes.
        processor = BatchProcessor(model=Model, raise_on_entire_batch_failure=False)
        self.assertEqual(failures(process_partial_response(EVENT, handler, processor, None)), ["100", "101", "102"])

    def test_a_loss_fails_its_kinesis_record(self):
        event = {"Records": [lambda_record(CUT, "a", "7"), lambda_record(b"ok", "k", "8")]}
        for salvage, seen in ((False, [b"x", b"ok"]), (True, [b"x", b"z", b"ok"])):
            handler = Handler()
            processor = BatchProcessor(salvage=salvage)
            self.assertEqual(failures(process_partial_response(event, handler, processor, None)), ["7"])
            self.assertEqual([data for _, data in handler.seen], seen)
            [(kind, error, traceback)] = processor.exceptions
            self.assertIs(kind, LostUserRecords)
            self.assertIn("partition key index 7", str(error))
            self.assertIsNotNone(traceback)

    def test_of_a_loss_one_is_told_and_may_go_on(self):
        event = {"Records": [lambda_record(CUT, "a", "7"), lambda_record(b"ok", "k", "8")]}
        for answer, failed in ((True, []), (None, ["7"]), (False, ["7"])):
            told = []
            processor = BatchProcessor(on_loss=lambda lost: (told.append(lost.sequence_number), answer)[1])
            self.assertEqual(failures(process_partial_response(event, Handler(), processor, None)), failed)
            self.assertEqual(told, ["7"])

    def test_an_on_loss_that_cannot_be_called(self):
        for processor in (BatchProcessor, AsyncBatchProcessor):
            with self.subTest(processor), self.assertRaisesRegex(TypeError, "on_loss is not callable"):
                processor(on_loss="continue")

    def test_a_record_that_cannot_be_read_fails_alone(self):
        bad = lambda_record(b"", "k", "9")
        bad["kinesis"]["data"] = "not base64!"
        handler = Handler()
        response = process_partial_response({"Records": [EVENT["Records"][1], bad]}, handler, BatchProcessor(), None)
        self.assertEqual(failures(response), ["9"])
        self.assertEqual(handler.seen, [("plain", b"3")])

    def test_an_empty_aggregate(self):
        event = {"Records": [lambda_record(framed(b"\x0a\x01a"), "a", "7")]}
        handler = Handler()
        self.assertEqual(failures(process_partial_response(event, handler, BatchProcessor(), None)), [])
        self.assertEqual(handler.seen, [])

    def test_only_kinesis(self):
        self.assertRaises(ValueError, BatchProcessor, EventType.SQS)

    def test_a_logger_goes_to_powertools(self):
        logger = logging.getLogger("own")
        if "logger" in inspect.signature(batch.BatchProcessor.__init__).parameters:
            self.assertIs(BatchProcessor(logger=logger).logger, logger)
        else:
            self.assertRaises(TypeError, BatchProcessor, logger=logger)

    def test_what_is_given_stays_as_it_is(self):
        record = lambda_record(aggregated(("a", b"1"), ("a", b"2")), "a", "100")
        before = base64.b64decode(record["kinesis"]["data"])
        process_partial_response({"Records": [record]}, lambda record: None, BatchProcessor(), None)
        self.assertEqual(base64.b64decode(record["kinesis"]["data"]), before)
