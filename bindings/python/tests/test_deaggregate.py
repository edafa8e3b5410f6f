import base64
import gc
import sys
import threading
import unittest
import weakref

from kinesis_aggregation import UserRecord, deaggregate
from vectors import CASES, LONE_AGGREGATE, boto3_record, firehose_record, lambda_record, pipes_record, stored

AGGREGATE = next(case for case in CASES if case["name"] == "different_keys")
DATA, KEY, SEQUENCE, RANGE = next(stored(AGGREGATE))
EXPECTED = [(put["partition_key"], bytes.fromhex(put["data"])) for put in AGGREGATE["put"]]


def seen(source, **options):
    return [(r.partition_key, r.data) for r in deaggregate(source, **options)]


class Vectors(unittest.TestCase):
    def test_what_the_kpl_put_comes_back_whole(self):
        for case in CASES:
            if case["name"] == LONE_AGGREGATE:
                continue
            with self.subTest(case["name"]):
                # The KPL writes explicit hash keys in its own way: 007 as 7.
                put = [
                    (r["partition_key"], number(r["explicit_hash_key"]), bytes.fromhex(r["data"]))
                    for r in case["put"]
                    if not r.get("refused")
                ]
                for data, key, sequence, shard in stored(case):
                    for r in deaggregate([lambda_record(data, key, sequence)], hash_key_range=shard):
                        self.assertIsNone(r.loss)
                        self.assertEqual(r.sequence_number, sequence)
                        # A plain record's explicit hash key is not stored.
                        explicit = number(r.explicit_hash_key) if r.aggregated else ...
                        put.remove(next(it for it in put if agree(it, (r.partition_key, explicit, r.data))))
                self.assertEqual(put, [])


def number(key):
    return None if key is None else int(key)


def agree(put, got):
    return all(here in (there, ...) for there, here in zip(put, got))


class Shapes(unittest.TestCase):
    def test_every_shape_gives_the_same(self):
        args = (DATA, KEY, SEQUENCE)
        shapes = {
            "Lambda event": {"Records": [lambda_record(*args)]},
            "its records": [lambda_record(*args)],
            "one of them": lambda_record(*args),
            "boto3 answer": {"Records": [boto3_record(*args)], "MillisBehindLatest": 0},
            "boto3 records": [boto3_record(*args)],
            "Pipes": [pipes_record(*args)],
            "Firehose event": {"invocationId": "1", "records": [firehose_record(*args)]},
            "bytes": DATA,
            "bytearray": bytearray(DATA),
            "memoryview": memoryview(DATA),
            "list of bytes": [DATA],
            "generator": (record for record in [boto3_record(*args)]),
            "tuple": (pipes_record(*args),),
        }
        for name, source in shapes.items():
            with self.subTest(name):
                self.assertEqual(seen(source), EXPECTED)

    def test_attributes(self):
        records = list(deaggregate([lambda_record(DATA, KEY, SEQUENCE), boto3_record(b"plain", "p", "7")]))
        self.assertEqual([r.sub_sequence_number for r in records], [0, 1, 2, 3, 0])
        self.assertEqual([r.sequence_number for r in records], [SEQUENCE] * 4 + ["7"])
        self.assertEqual([r.aggregated for r in records], [True] * 4 + [False])
        self.assertTrue(all(type(r) is UserRecord and r.loss is None for r in records))
        self.assertEqual((records[4].partition_key, records[4].data), ("p", b"plain"))

    def test_a_plain_record_of_every_shape(self):
        for shape in (lambda_record, boto3_record, pipes_record, firehose_record):
            for data in (b"", b"x", b"\xf3\x89\x9a\xc2", bytes(range(256))):
                [record] = deaggregate([shape(data, "key", "1")])
                self.assertEqual((record.partition_key, record.data, record.sequence_number), ("key", data, "1"))

    def test_without_a_partition_key(self):
        [record] = deaggregate([{"data": base64.b64encode(b"x").decode(), "partitionKey": None}])
        self.assertEqual((record.partition_key, record.sequence_number), (None, None))

    def test_firehose_without_its_source_stream(self):
        record = firehose_record(b"x", "key", "1")
        del record["kinesisRecordMetadata"]
        [record] = deaggregate({"records": [record]})
        self.assertEqual((record.partition_key, record.data), (None, b"x"))

    def test_keys_are_shared(self):
        case = next(case for case in CASES if case["name"] == "two_same_key")
        one, two = deaggregate(next(stored(case))[0])
        self.assertIs(one.partition_key, two.partition_key)

    def test_a_plain_record_of_bytes_is_not_copied(self):
        data = bytes(100)
        [record] = deaggregate(data)
        self.assertIs(record.data, data)

    def test_more_than_a_batch(self):
        big = bytes(1 << 20)
        records = [boto3_record(big, "key", str(n)) for n in range(7)]
        self.assertEqual([r.sequence_number for r in deaggregate(records)], [str(n) for n in range(7)])

    def test_no_records(self):
        for none in ([], {"Records": []}, iter(())):
            self.assertEqual(list(deaggregate(none)), [])


class Options(unittest.TestCase):
    def test_a_loss_is_a_value(self):
        for outside in ("0-1", (0, 1), ("0", "1"), {"StartingHashKey": "0", "EndingHashKey": "1"}):
            records = [lambda_record(b"plain", "p", "1"), lambda_record(DATA, KEY, SEQUENCE)]
            plain, lost = deaggregate(records, hash_key_range=outside)
            self.assertEqual(plain.data, b"plain")
            self.assertIsNone(lost.data)
            self.assertIn("Kinesis record 1", lost.loss)
            self.assertEqual((lost.sequence_number, lost.partition_key), (SEQUENCE, KEY))
            self.assertEqual(seen(DATA, hash_key_range=RANGE), EXPECTED)

    def test_the_place_of_a_loss_counts_all_kinesis_records(self):
        records = [bytes(1 << 20)] * 5 + [DATA]
        *_, lost = deaggregate(records, hash_key_range="0-1")
        self.assertIn("Kinesis record 5,", lost.loss)

    def test_salvage_goes_on_after_a_bad_index(self):
        message = b"\x0a\x01a" + b"\x1a\x05\x08\x07\x1a\x011" + b"\x1a\x05\x08\x00\x1a\x012"
        data = framed(message)
        [stopped] = deaggregate(data)
        lost, good = deaggregate(data, salvage=True)
        self.assertTrue(stopped.loss and lost.loss)
        self.assertEqual(good.data, b"2")

    def test_salvage_of_damaged_aggregates(self):
        message = b"\x0a\x01a" + b"\x1a\x05\x08\x00\x1a\x011" + b"\x1a\x05\x08\x00\x1a\x012"
        data = framed(message)
        brief = lambda data, **options: [(r.data, r.damaged, r.aggregated) for r in deaggregate(data, **options)]
        good = [(b"1", False, True), (b"2", False, True)]
        self.assertEqual(brief(data, salvage_damaged=True), good)
        changed, cut = data.replace(b"\x011", b"\x013"), data[:-18]
        for damaged in (changed, cut):
            self.assertEqual(brief(damaged), [(damaged, False, False)])
            self.assertEqual(brief(damaged, salvage=True), [(damaged, False, False)])
        lost, *_ = deaggregate(changed, salvage_damaged=True)
        self.assertIn("digest", lost.loss)
        wanted = [(None, True, True), (b"3", True, True), (b"2", True, True)]
        self.assertEqual(brief(changed, salvage_damaged=True), wanted)
        *_, lost = deaggregate(cut, salvage_damaged=True)
        self.assertIn("cut short", lost.loss)
        self.assertEqual(brief(cut, salvage_damaged=True), [(b"1", True, True), (None, True, True)])
        self.assertEqual(brief(b"plain", salvage_damaged=True), [(b"plain", False, False)])

    def test_resumes_after_a_checkpoint(self):
        record = lambda_record(DATA, KEY, SEQUENCE)
        for after in (f"{SEQUENCE}:1", (SEQUENCE, 1), (int(SEQUENCE), 1)):
            self.assertEqual(seen([record], after=after), EXPECTED[2:])
        self.assertEqual(seen([record], after=SEQUENCE), [])

    def test_wrong_options(self):
        for wrong in ("", "x", "5-1", "1-", "-1-5", (1, -1), (1 << 128, 1 << 129)):
            with self.subTest(wrong), self.assertRaises(ValueError):
                deaggregate([], hash_key_range=wrong)
        for wrong in (5, (1,), (1, 2, 3), (None, None), [], {}, b"0-1", object()):
            with self.subTest(wrong), self.assertRaises(TypeError):
                deaggregate([], hash_key_range=wrong)
        for wrong in ("", "x", "1:", ":1", "1:x", ("1", -1), (-1, 1)):
            with self.subTest(wrong), self.assertRaises(ValueError):
                deaggregate([], after=wrong)
        for wrong in (5, ("1",), [], object()):
            with self.subTest(wrong), self.assertRaises(TypeError):
                deaggregate([], after=wrong)


def framed(message):
    import hashlib

    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


class WrongInput(unittest.TestCase):
    def test_sources(self):
        for wrong in (None, 5, "text", object(), {"Records": None}, {"Records": "text"}, {"records": {}}, {"Records": 5}):
            with self.subTest(wrong), self.assertRaises(TypeError):
                deaggregate(wrong)

    def test_records(self):
        wrong = [
            (None, TypeError),
            ("text", TypeError),
            (5, TypeError),
            ([], TypeError),
            ({}, ValueError),
            ({"kinesis": 5}, TypeError),
            ({"kinesis": {}}, ValueError),
            ({"data": 5}, TypeError),
            ({"data": "not base64!"}, ValueError),
            ({"data": "\udc80"}, ValueError),
            ({"data": "\u20ac"}, ValueError),
            ({"data": "QQ==", "partitionKey": 5}, TypeError),
            ({"data": "QQ==", "sequenceNumber": b"1"}, TypeError),
            ({"data": "QQ==", "kinesisRecordMetadata": 5}, TypeError),
            ({"data": "QQ==", "sequenceNumber": "\udc80"}, ValueError),
        ]
        for record, error in wrong:
            with self.subTest(record):
                given = deaggregate([b"before", record, b"after"])
                self.assertEqual(next(given).data, b"before")
                with self.assertRaises(error) as raised:
                    next(given)
                self.assertIn("record 1", str(raised.exception))
                # As a generator: it does not go on, perhaps without what it had read ahead.
                self.assertRaises(StopIteration, next, given)

    def test_a_source_that_raises(self):
        def source():
            yield b"one"
            raise LookupError

        given = deaggregate(source())
        self.assertEqual(next(given).data, b"one")
        self.assertRaises(LookupError, next, given)
        self.assertRaises(StopIteration, next, given)

    def test_a_source_that_asks_for_its_own_user_records(self):
        def source():
            yield next(given)

        given = deaggregate(source())
        self.assertRaises(RuntimeError, next, given)

    def test_a_key_with_a_lone_surrogate_goes_through(self):
        [record] = deaggregate([{"data": "QQ==", "partitionKey": "\udc80"}])
        self.assertEqual(record.partition_key, "\udc80")

    def test_a_buffer_that_changes_meanwhile(self):
        data = bytearray(DATA)
        given = deaggregate(data)
        first = next(given)
        data[:] = bytes(len(data))
        self.assertEqual([(r.partition_key, r.data) for r in (first, *given)], EXPECTED)

    def test_representations_show_no_data_and_no_keys(self):
        for record in deaggregate([boto3_record(b"SECRET", "SECRET", "1")]):
            self.assertEqual(repr(record), "<user record 1:0: 6 bytes>")
        [lost] = deaggregate([boto3_record(DATA, "SECRET", "1")], hash_key_range="0-1")
        self.assertNotIn("SECRET", repr(lost))
        self.assertIn("<loss at 1:0: ", repr(lost))

    def test_user_records_are_not_made_or_changed(self):
        self.assertRaises(TypeError, UserRecord)
        [record] = deaggregate(b"x")
        with self.assertRaises(AttributeError):
            record.data = b"y"


class Memory(unittest.TestCase):
    def test_it_is_given_back(self):
        def rounds(n):
            for _ in range(n):
                for _ in deaggregate([lambda_record(DATA, KEY, SEQUENCE)] * 10, hash_key_range=RANGE):
                    pass
            gc.collect()
            return sys.getallocatedblocks()

        rounds(50)
        before = rounds(50)
        self.assertLess(rounds(500) - before, 200)

    def test_a_source_that_refers_to_its_own_user_records_is_collected(self):
        def circle():
            def source():
                yield from (b"one", b"two", user_records)

            given = source()
            user_records = deaggregate(given)
            return weakref.ref(given)

        there = circle()
        gc.collect()
        self.assertIsNone(there())

    def test_threads(self):
        results = []
        work = lambda: results.append(len(list(deaggregate([boto3_record(DATA, KEY, SEQUENCE)] * 2000))))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [8000] * 4)


if __name__ == "__main__":
    unittest.main()
