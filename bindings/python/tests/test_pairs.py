"""The pairs are the user records that `deaggregate` gives, a list for each Kinesis record."""

import gc
import random
import unittest
import weakref

from kinesis_aggregation import LostUserRecords, UserRecord, deaggregate, deaggregate_pairs
from test_hostile import SEED, framed, mutated
from vectors import CASES, boto3_record, firehose_record, lambda_record, pipes_record, stored

STORED = [given for case in CASES for given in stored(case)]
# Good, bad by its index, good.
BAD = framed(b"\x0a\x01a" + b"\x1a\x05\x08\x00\x1a\x011" + b"\x1a\x05\x08\x07\x1a\x012" + b"\x1a\x05\x08\x00\x1a\x013")


def lists(records, **options):
    """What `deaggregate` gives of each Kinesis record, without losses."""
    return [[(r.partition_key, r.data) for r in deaggregate([record], **options) if not r.loss] for record in records]


class Pairs(unittest.TestCase):
    def test_what_the_kpl_put_in_every_shape(self):
        for shape in (lambda_record, boto3_record, pipes_record, firehose_record, lambda data, *_: data):
            records = [shape(*given) for given in STORED]
            with self.subTest(shape):
                self.assertEqual(list(deaggregate_pairs(records)), lists(records))
                self.assertEqual(list(deaggregate_pairs({"Records": records})), lists(records))

    def test_one_list_for_each_kinesis_record(self):
        for none in ([], {"Records": []}, iter(())):
            self.assertEqual(list(deaggregate_pairs(none)), [])
        empty = framed(b"\x0a\x01a")
        self.assertEqual(list(deaggregate_pairs([b"x", empty, b""])), [[(None, b"x")], [], [(None, b"")]])
        big = [bytes(1 << 20)] * 5
        self.assertEqual(list(deaggregate_pairs(big)), [[(None, data)] for data in big])

    def test_keys_are_shared_and_whole_data_not_copied(self):
        case = next(case for case in CASES if case["name"] == "two_same_key")
        data = next(stored(case))[0]
        [[(one, _), (two, _)]] = deaggregate_pairs(data)
        self.assertIs(one, two)
        plain = bytes(100)
        [[(_, given)]] = deaggregate_pairs([plain])
        self.assertIs(given, plain)

    def test_options(self):
        data, key, sequence, shard = STORED[1]
        record = lambda_record(data, key, sequence)
        for options in ({"hash_key_range": shard}, {"after": f"{sequence}:0"}, {"after": sequence}):
            with self.subTest(options):
                self.assertEqual(list(deaggregate_pairs([record], **options)), lists([record], **options))
        self.assertRaises(ValueError, deaggregate_pairs, [], hash_key_range="5-1")
        self.assertRaises(TypeError, deaggregate_pairs, [], salvage_damaged=True)
        self.assertRaises(TypeError, deaggregate_pairs, 5)

    def test_mutated_records(self):
        randoms = random.Random(SEED)
        records = [data for _, data in zip(range(3000), mutated(randoms))]
        for options in ({}, {"salvage": True}, {"hash_key_range": "0-99999999999999999999999999999999999999"}):
            with self.subTest(seed=SEED, options=options):
                lost = []
                given = list(deaggregate_pairs(records, on_loss=lambda loss: lost.append(loss) is None, **options))
                self.assertEqual(given, lists(records, **options))
                wanted = [repr(r) for r in deaggregate(records, **options) if r.loss]
                self.assertEqual([repr(loss) for loss in lost], wanted)
                self.assertTrue(lost)


class Losses(unittest.TestCase):
    def test_a_loss_raises_at_its_kinesis_record_and_is_the_end(self):
        given = deaggregate_pairs([b"before", BAD, b"after"])
        self.assertEqual(next(given), [(None, b"before")])
        with self.assertRaises(LostUserRecords) as raised:
            next(given)
        *_, lost = deaggregate([b"before", BAD])
        self.assertEqual(str(raised.exception), lost.loss)
        self.assertRaises(StopIteration, next, given)

    def test_on_loss_is_told_and_may_go_on(self):
        told = []

        def on_loss(loss):
            told.append(loss)
            return True

        records = [lambda_record(BAD, "outer", "7"), b"after"]
        self.assertEqual(list(deaggregate_pairs(records, on_loss=on_loss)), [[("a", b"1")], [(None, b"after")]])
        [loss] = told
        self.assertIs(type(loss), UserRecord)
        self.assertIn("user record 1 of Kinesis record 0", loss.loss)
        self.assertEqual((loss.sequence_number, loss.partition_key, loss.data), ("7", "outer", None))
        pairs = deaggregate_pairs(records, on_loss=on_loss, salvage=True)
        self.assertEqual(next(pairs), [("a", b"1"), ("a", b"3")])

    def test_nothing_but_true_goes_on(self):
        for says in (None, False, 1, "yes"):
            with self.subTest(says), self.assertRaises(LostUserRecords):
                list(deaggregate_pairs([BAD], on_loss=lambda _: says))

    def test_what_on_loss_raises_comes_out(self):
        def on_loss(_):
            raise LookupError

        given = deaggregate_pairs([BAD, b"after"], on_loss=on_loss)
        self.assertRaises(LookupError, next, given)
        self.assertRaises(StopIteration, next, given)

    def test_bad_records_raise_after_what_comes_before(self):
        given = deaggregate_pairs([b"before", {"data": "not base64!"}, b"after"])
        self.assertEqual(next(given), [(None, b"before")])
        self.assertRaises(ValueError, next, given)
        self.assertRaises(StopIteration, next, given)

    def test_after_a_loss_an_error_that_was_found_ahead_is_not_raised(self):
        def source():
            yield BAD
            raise LookupError

        for records in ([BAD, {"data": "not base64!"}], [BAD, {"data": 5}], source()):
            with self.subTest(records):
                given = deaggregate_pairs(records)
                self.assertRaises(LostUserRecords, next, given)
                self.assertRaises(StopIteration, next, given)

    def test_an_on_loss_that_cannot_be_called(self):
        for wrong in (5, "continue", True, object()):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "on_loss is not callable"):
                deaggregate_pairs([], on_loss=wrong)

    def test_an_on_loss_that_refers_to_its_own_pairs_is_collected(self):
        def circle():
            def on_loss(_):
                return pairs

            pairs = deaggregate_pairs([], on_loss=on_loss)
            return weakref.ref(on_loss)

        there = circle()
        gc.collect()
        self.assertIsNone(there())


if __name__ == "__main__":
    unittest.main()
