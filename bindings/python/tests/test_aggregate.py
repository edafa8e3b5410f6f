import gc
import random
import sys
import unittest

from kinesis_aggregation import RecordAggregator, aggregate, deaggregate
from vectors import CASES, LONE_AGGREGATE, stored

LAST = (1 << 128) - 1
HALF = 1 << 127


def shards(*starts, closed=()):
    """As boto3's `list_shards` gives them."""
    ends = [start - 1 for start in starts[1:]] + [LAST]
    all_shards = [
        {
            "ShardId": f"shardId-{number:012}",
            "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        }
        for number, (start, end) in enumerate(zip(starts, ends))
    ]
    for start, end in closed:
        all_shards.append(
            {
                "ShardId": f"closed-{start}",
                "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
                "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"},
            }
        )
    return all_shards


def read(entries):
    return [(r.partition_key, r.data) for entry in entries for r in deaggregate([entry])]


class Written(unittest.TestCase):
    def test_the_bytes_and_keys_of_the_kpl(self):
        compared = 0
        for case in CASES:
            if case["name"] == LONE_AGGREGATE:
                continue
            for number, (data, _, _, _) in enumerate(stored(case)):
                with self.subTest(case["name"], number=number):
                    user_records = list(deaggregate(data))
                    if not user_records[0].aggregated:
                        continue
                    [entry], refused = aggregate(user_records, mixing_shards=True)
                    kpl = case["kinesis_records"][number]
                    self.assertEqual(entry["Data"], data)
                    self.assertEqual(entry["PartitionKey"], kpl["partition_key"])
                    self.assertEqual(entry["ExplicitHashKey"], kpl["explicit_hash_key"])
                    self.assertEqual(refused, [])
                    compared += 1
        self.assertGreater(compared, 5)

    def test_a_lone_user_record_travels_raw(self):
        [entry], _ = aggregate([("key", "text")])
        self.assertEqual((entry["Data"], entry["PartitionKey"]), (b"text", "key"))
        [entry], _ = aggregate([("key", b"x", 7)])
        self.assertEqual(entry["ExplicitHashKey"], "7")

    def test_every_form_of_a_user_record(self):
        [read_one] = deaggregate([{"Data": b"x", "PartitionKey": "key"}])
        forms = [("key", b"x"), ("key", "x"), ("key", bytearray(b"x"), None), ("key", memoryview(b"x")), read_one]
        [entry], _ = aggregate(forms)
        self.assertEqual(read([entry]), [("key", b"x")] * 5)
        for hash_key in (7, "7", " 007 "):
            [entry], _ = aggregate(iter([("key", b"x", hash_key)]))
            self.assertEqual(entry["ExplicitHashKey"], "7")

    def test_without_a_partition_key_they_share_a_random_one(self):
        [entry], _ = aggregate([(None, b"1"), (None, b"2")])
        one, two = deaggregate([entry])
        self.assertTrue(one.partition_key)
        self.assertIs(one.partition_key, two.partition_key)

    def test_limits(self):
        user_records = [("key", bytes(100))] * 100
        self.assertEqual(len(aggregate(user_records)[0]), 1)
        self.assertEqual(len(aggregate(user_records, max_count=10)[0]), 10)
        for size in (500, 1000):
            entries, _ = aggregate(user_records, max_size=size)
            self.assertLessEqual(max(len(entry["Data"]) for entry in entries), size)
            self.assertEqual(len(read(entries)), 100)

    def test_the_outer_key(self):
        two = [("one", b"1"), ("one", b"2")]
        for options, key in (({}, "a"), ({"outer_key": "mine"}, "mine"), ({"outer_key_first": True}, "one")):
            [entry], _ = aggregate(two, **options)
            self.assertEqual(entry["PartitionKey"], key)


class Sharing(unittest.TestCase):
    keys = [str(n) for n in range(50)]

    def test_without_shards_only_one_hash_key_shares_an_aggregate(self):
        entries, _ = aggregate([(key, b"x") for key in self.keys] * 2)
        self.assertEqual(len(entries), 50)
        for entry in entries:
            self.assertEqual(len({r.partition_key for r in deaggregate([entry])}), 1)

    def test_with_shards_no_aggregate_spans_two(self):
        entries, _ = aggregate([(key, b"x") for key in self.keys], shards=shards(0, HALF, closed=[(0, LAST)]))
        self.assertEqual(len(entries), 2)
        self.assertEqual(sorted(key for key, _ in read(entries)), sorted(self.keys))
        for entry, shard in zip(entries, ((0, HALF - 1), (HALF, LAST))):
            for r in deaggregate([entry], hash_key_range=shard):
                self.assertIsNone(r.loss)

    def test_mixing_shards_is_asked_for(self):
        entries, _ = aggregate([(key, b"x") for key in self.keys], mixing_shards=True)
        self.assertEqual(len(entries), 1)

    def test_other_shards_later(self):
        aggregator = RecordAggregator(shards=shards(0))
        for key in self.keys:
            self.assertEqual(aggregator.push(key, b"x"), [])
        self.assertRaises(ValueError, aggregator.set_shards, shards(1))
        self.assertEqual(aggregator.set_shards(shards(0, HALF)), [])
        entries = aggregator.flush()
        self.assertEqual(len(entries), 2)
        for entry, shard in zip(entries, ((0, HALF - 1), (HALF, LAST))):
            self.assertTrue(all(r.loss is None for r in deaggregate([entry], hash_key_range=shard)))
        self.assertRaises(ValueError, RecordAggregator(mixing_shards=True).set_shards, shards(0))


class OneByOne(unittest.TestCase):
    def test_the_same_as_all_at_once(self):
        seed = 7
        randoms = random.Random(seed)
        user_records = [
            (randoms.choice("abcdef") * randoms.randrange(1, 9), randoms.randbytes(randoms.randrange(200)))
            for _ in range(2000)
        ]
        for options in ({}, {"mixing_shards": True}, {"shards": shards(0, HALF)}, {"max_size": 700, "shards": shards(0)}):
            with self.subTest(options, seed=seed):
                aggregator = RecordAggregator(**options)
                entries = []
                for user_record in user_records:
                    entries += aggregator.push(*user_record)
                entries += aggregator.flush()
                self.assertEqual(entries, aggregate(user_records, **options)[0])
                self.assertEqual(sorted(read(entries)), sorted((key, data) for key, data in user_records))

    def test_its_size_is_what_flush_gives(self):
        aggregator = RecordAggregator(mixing_shards=True)
        self.assertEqual((len(aggregator), aggregator.size, bool(aggregator)), (0, 0, True))
        aggregator.push("key", "one")
        aggregator.push("other", "two", 5)
        size = aggregator.size
        self.assertEqual(repr(aggregator), f"<aggregator of 2 user records: {size} bytes>")
        [entry] = aggregator.flush()
        self.assertEqual(len(entry["Data"]), size)
        self.assertEqual((len(aggregator), aggregator.flush()), (0, []))


class Refused(unittest.TestCase):
    refused = [("", b"x"), ("k" * 257, b"x"), ("k", b"x", -1), ("k", b"x", 1 << 128), ("k", b"x", "0x10"), (None, b"x", 1)]

    def test_one_cannot_be_put_and_the_others_are(self):
        mixed = [user_record for bad in self.refused for user_record in (bad, ("good", b"x"))]
        mixed.append(("k", bytes(1024 * 1024)))
        entries, refused = aggregate(mixed)
        self.assertEqual(read(entries), [("good", b"x")] * len(self.refused))
        self.assertEqual([index for index, _ in refused], [0, 2, 4, 6, 8, 10, 12])
        self.assertIn("its partition key has 0 characters", refused[0][1])
        self.assertIn("explicit hash key", refused[2][1])
        self.assertIn("more than 1048576", refused[6][1])

    def test_what_is_held_stays(self):
        aggregator = RecordAggregator()
        aggregator.push("good", b"x")
        for bad in self.refused:
            with self.subTest(bad), self.assertRaises(ValueError):
                aggregator.push(*bad)
        self.assertEqual(len(aggregator), 1)

    def test_reasons_show_no_data_and_no_keys(self):
        secret = [("SECRET" * 100, b"SECRET"), ("SECRET", b"SECRET", "SECRET"), ("SECRET", b"SECRET" * 200000)]
        _, refused = aggregate(secret)
        self.assertEqual(len(refused), 3)
        self.assertNotIn("SECRET", str(refused))


class WrongInput(unittest.TestCase):
    def test_what_is_no_user_record(self):
        wrong = (None, 5, "text", b"bytes", {}, [], ["k", b"x"], (), ("k",), ("k", b"x", 1, 2), ("k", None), ("k", 5))
        for bad in (*wrong, (5, b"x"), (b"k", b"x"), ("k", b"x", 1.5), ("k", b"x", b"1"), ("k", [1])):
            with self.subTest(bad), self.assertRaisesRegex(TypeError, "user record 1"):
                aggregate([("k", b"x"), bad])
        [lost] = deaggregate(_bad_index())
        self.assertRaisesRegex(TypeError, "is a loss", aggregate, [lost])
        for bad in (None, 5):
            self.assertRaises(TypeError, aggregate, bad)

    def test_half_a_surrogate_pair(self):
        for bad in (("\udc80", b"x"), ("k", "\udc80")):
            with self.assertRaisesRegex(ValueError, "user record 0: half a surrogate pair"):
                aggregate([bad])
        with self.assertRaises(ValueError):
            aggregate([("k", b"x", "\udc80")])

    def test_options(self):
        for wrong in (
            {"max_count": 0}, {"max_record_size": 0}, {"max_record_size": 11 << 20}, {"max_size": 1 << 20},
            {"outer_key": ""}, {"outer_key": "k" * 257}, {"outer_key": "k", "outer_key_first": True},
            {"shards": []}, {"shards": shards(1)}, {"shards": shards(0) * 2 + shards(0, HALF)},
            {"shards": shards(0), "mixing_shards": True},
        ):  # fmt: skip
            with self.subTest(wrong), self.assertRaises(ValueError):
                aggregate([], **wrong)
        for wrong in (
            {"max_size": "1"}, {"max_count": 1.5}, {"outer_key": 5}, {"shards": 5}, {"shards": [5]}, {"shards": [{}]},
            {"shards": [{"ShardId": 5, "HashKeyRange": "0-1"}]}, {"shards": [{"ShardId": "x"}]}, {"unknown": 1},
            {"shards": [{"ShardId": "x", "HashKeyRange": "0-1", "SequenceNumberRange": 5}]}, {"mixing_shards": "yes"},
        ):  # fmt: skip
            with self.subTest(wrong), self.assertRaises(TypeError):
                aggregate([], **wrong)
        for wrong in ({"max_size": -1}, {"max_count": 1 << 64}):
            with self.subTest(wrong), self.assertRaises(OverflowError):
                aggregate([], **wrong)

    def test_a_source_that_raises(self):
        def source():
            yield ("k", b"x")
            raise LookupError

        self.assertRaises(LookupError, aggregate, source())


def _bad_index():
    import hashlib

    message = b"\x0a\x01a" + b"\x1a\x05\x08\x07\x1a\x011"
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


class Memory(unittest.TestCase):
    def test_it_is_given_back(self):
        def rounds(n):
            for _ in range(n):
                aggregate([("key", bytes(100)), (None, b"x"), ("", b"x")] * 10, shards=shards(0))
                RecordAggregator().push("key", b"x")
            gc.collect()
            return sys.getallocatedblocks()

        rounds(50)
        before = rounds(50)
        self.assertLess(rounds(500) - before, 200)
