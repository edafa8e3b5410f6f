"""Beside the real aws-kinesis-agg."""

import base64
import random
import threading
import unittest

from kinesis_aggregation import compat, deaggregate
from peer import aggregator as real

MIB = 1024 * 1024
# What is around the data of 16 KiB and more: the frame, a key of one character, tags and lengths.
AROUND = 20 + 3 + 4 + 2 + 4


def contents(aggregator, user_records):
    """What comes out of it, in order."""
    out = []
    for user_record in user_records:
        full = aggregator.add_user_record(*user_record)
        if full is not None:
            out.append(full.get_contents())
    last = aggregator.clear_and_get()
    return out + ([last.get_contents()] if last is not None else [])


class Same(unittest.TestCase):
    def test_one_aggregate(self):
        cases = {
            "text": [("k", "one"), ("k", "two"), ("other", "three")],
            "bytes": [(b"k", b"one"), (b"k", b"two")],
            "explicit hash keys": [("a", "1", "7"), ("b", "2", "8"), ("c", "3", "7")],
            "some explicit hash keys": [("a", "1"), ("b", "2", "8"), ("c", "3", None)],
            "as bytes": [(b"a", b"1", b"7")],
            "not a number": [("a", "1", "undefined")],
            "empty": [("", ""), ("a", "", "")],
            "not ASCII": [("\u00e9\u20ac\U0001f600", "\u00e9"), ("k", "\U0001f600", "\u0663")],
            "looks like a number": [("10", "1"), ("2", "2"), ("1", "3")],
        }
        for name, user_records in cases.items():
            with self.subTest(name):
                ours, theirs = compat.RecordAggregator(), real.RecordAggregator()
                self.assertEqual(contents(ours, user_records), contents(theirs, user_records))

    def test_random_ones_of_different_keys_fill_up_the_same(self):
        # aws-kinesis-agg counts a key that comes again as another one, unless it is bytes: see below.
        seed = 11
        randoms = random.Random(seed)
        compared = 0
        for number in range(60):
            most = randoms.randrange(300, 5000)
            keys = [b"%d" % randoms.randrange(30) for _ in range(200)]
            hash_keys = [b"%d" % randoms.randrange(10) for _ in range(3)] + [None]
            user_records = [(key, randoms.randbytes(randoms.randrange(200)), randoms.choice(hash_keys)) for key in keys]
            with self.subTest(seed=seed, number=number):
                ours = contents(compat.RecordAggregator(most), user_records)
                self.assertEqual(ours, contents(real.RecordAggregator(most), user_records))
                compared += len(ours)
        self.assertGreater(compared, 500)

    def test_empty(self):
        for new in (compat.RecordAggregator, real.RecordAggregator):
            aggregator = new()
            self.assertEqual((aggregator.get_num_user_records(), aggregator.get_size_bytes()), (0, 20))
            self.assertIsNone(aggregator.clear_and_get())
        ours, theirs = compat.AggRecord(), real.AggRecord()
        self.assertEqual(ours.get_contents(), theirs.get_contents())
        self.assertEqual((ours.get_partition_key(), ours.get_explicit_hash_key()), (None, None))

    def test_of_full_aggregates_the_callbacks_are_told(self):
        for new in (compat.RecordAggregator, real.RecordAggregator):
            aggregator = new(max_size=1000)
            here, there, done = [], [], threading.Event()
            aggregator.on_record_complete(here.append, execute_on_new_thread=False)
            aggregator.on_record_complete(lambda record: (there.append(threading.current_thread()), done.set()))
            self.assertIsNone(aggregator.add_user_record("k", bytes(600)))
            full = aggregator.add_user_record("k", bytes(700))
            self.assertTrue(done.wait(10))
            self.assertEqual([record.get_contents() for record in here], [full.get_contents()])
            self.assertNotEqual(there, [threading.current_thread()])
            self.assertEqual((full.get_num_user_records(), aggregator.get_num_user_records()), (1, 1))
            aggregator.clear_callbacks()
            aggregator.add_user_record("k", bytes(600))
            self.assertEqual(len(here), 1)
            aggregator.clear_record()
            self.assertEqual(aggregator.get_num_user_records(), 0)

    def test_wrong_types_are_the_same_errors(self):
        for wrong in (("k", 5), ("k", None), ("k", [1]), (None, "x"), (5, "x"), (bytearray(b"k"), "x"), ("k", "x", 5),
                      ("k", "x", 0), (b"\xff", "x"), ("\udc80", "x"), ("k", "x", b"\xff")):  # fmt: skip
            with self.subTest(wrong):
                with self.assertRaises(Exception) as theirs:
                    real.RecordAggregator().add_user_record(*wrong)
                ours = compat.RecordAggregator()
                self.assertRaises(type(theirs.exception), ours.add_user_record, *wrong)
        for wrong in ("x", None):
            self.assertRaises(TypeError, compat.RecordAggregator, wrong)
        for new in (compat.RecordAggregator, real.RecordAggregator):
            self.assertRaises(ValueError, new, MIB + 1)
            self.assertRaises(ValueError, new(max_size=0).add_user_record, "k", "x")
            self.assertRaises(ValueError, new().add_user_record, "k", bytes(MIB))


class NotCopied(unittest.TestCase):
    """Each one is a line of COMPAT.md. That aws-kinesis-agg has the fault is asserted too."""

    def test_a_size_in_the_last_20_bytes_loses_the_user_record(self):
        data = bytes(100_000 - AROUND + 1)
        theirs = real.RecordAggregator(100_000)
        self.assertEqual(theirs.add_user_record("k", data).get_num_user_records(), 0)
        self.assertEqual(theirs.get_num_user_records(), 0)
        ours = compat.RecordAggregator(100_000)
        with self.assertRaises(ValueError):
            ours.add_user_record("k", data)

    def test_the_partition_key_counts_in_the_streams_limit(self):
        data = bytes(MIB - AROUND)
        sizes = []
        for new in (compat.RecordAggregator, real.RecordAggregator):
            try:
                new_one = new()
                new_one.add_user_record("k", data)
                key, _, put = new_one.clear_and_get().get_contents()
                sizes.append(len(key) + len(put))
            except ValueError:
                sizes.append(None)
        self.assertEqual(sizes, [None, MIB + 1])
        ours = compat.RecordAggregator()
        ours.add_user_record("k", data[:-1])
        self.assertEqual(ours.get_size_bytes() + len("k"), MIB)

    def test_a_key_that_comes_again_is_counted_again(self):
        ours, theirs = compat.RecordAggregator(), real.RecordAggregator()
        for aggregator in (ours, theirs):
            aggregator.add_user_record("key", "1", "7")
            aggregator.add_user_record("key", "2", "7")
        self.assertEqual(ours.get_size_bytes(), len(ours.clear_and_get().get_contents()[2]))
        self.assertGreater(theirs.get_size_bytes(), len(theirs.clear_and_get().get_contents()[2]))

    def test_a_key_as_text_and_as_bytes_is_one_key(self):
        for new, tables in ((compat.RecordAggregator, 1), (real.RecordAggregator, 2)):
            aggregator = new()
            aggregator.add_user_record("SAME", "1")
            aggregator.add_user_record(b"SAME", "2")
            self.assertEqual(aggregator.clear_and_get().get_contents()[2].count(b"SAME"), tables)

    def test_a_user_record_of_a_wrong_type_breaks_all(self):
        for wrong in (("k", [1]), (b"\xff", "x")):
            ours, theirs = compat.RecordAggregator(), real.RecordAggregator()
            for aggregator in (ours, theirs):
                aggregator.add_user_record("k", "good")
                self.assertRaises(Exception, aggregator.add_user_record, *wrong)
            self.assertRaises(Exception, theirs.clear_and_get().get_contents)
            [good] = deaggregate(ours.clear_and_get().get_contents()[2])
            self.assertEqual(good.data, b"good")

    def test_bytearrays_are_taken(self):
        ours = compat.RecordAggregator()
        ours.add_user_record("k", bytearray(b"1"))
        ours.add_user_record("k", memoryview(b"2"))
        self.assertEqual(ours.get_num_user_records(), 2)
        self.assertRaises(TypeError, real.RecordAggregator().add_user_record, "k", bytearray(b"1"))

    def test_an_empty_explicit_hash_key_is_counted(self):
        ours, theirs = compat.AggRecord(), real.AggRecord()
        self.assertTrue(ours.add_user_record("k", "x", "") and theirs.add_user_record("k", "x", ""))
        self.assertEqual(ours.get_contents(), theirs.get_contents())
        self.assertEqual((ours.get_size_bytes(), theirs.get_size_bytes()), (30, 34))

    def test_clear_raises(self):
        ours, theirs = compat.AggRecord(), real.AggRecord()
        ours.add_user_record("k", "x")
        ours.clear()
        self.assertEqual((ours.get_num_user_records(), ours.get_size_bytes()), (0, 20))
        self.assertRaises(AttributeError, theirs.clear)

    def test_a_callback_that_is_registered_twice_is_called_twice(self):
        for new, calls in ((compat.RecordAggregator, 1), (real.RecordAggregator, 2)):
            told = []
            aggregator = new(max_size=1000)
            # One object: a bound method is another one each time.
            callback = told.append
            aggregator.on_record_complete(callback, False)
            aggregator.on_record_complete(callback, False)
            aggregator.add_user_record("k", bytes(900))
            aggregator.add_user_record("k", bytes(900))
            self.assertEqual(len(told), calls)

    def test_a_callback_that_is_not_callable_is_registered(self):
        real.RecordAggregator().on_record_complete("callback")
        self.assertRaises(TypeError, compat.RecordAggregator().on_record_complete, "callback")

    def test_errors_show_keys(self):
        for new, shown in ((compat.RecordAggregator, False), (real.RecordAggregator, True)):
            with self.assertRaises(ValueError) as raised:
                new().add_user_record("SECRET", bytes(MIB), "1")
            self.assertEqual("SECRET" in str(raised.exception), shown)


class RoundTrip(unittest.TestCase):
    def test_what_is_written_is_read(self):
        aggregator = compat.RecordAggregator()
        aggregator.add_user_record("one", "1", "339606600942967391854603552402021847292")
        aggregator.add_user_record("two", b"\x00\xff")
        key, hash_key, data = aggregator.clear_and_get().get_contents()
        event = {"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": key, "sequenceNumber": "1",
                             "approximateArrivalTimestamp": 1.5, "data": base64.b64encode(data)}}  # fmt: skip
        one, two = (record["kinesis"] for record in compat.deaggregate_records(event))
        self.assertEqual((one["partitionKey"], one["explicitHashKey"]), (key, hash_key))
        self.assertEqual((two["partitionKey"], base64.b64decode(two["data"])), ("two", b"\x00\xff"))
        self.assertIsNone(two["explicitHashKey"])
