import gc
import hashlib
import random
import unittest
from pathlib import Path

from kinesis_aggregation import aggregate, deaggregate
from kinesis_aggregation.compat import deaggregate_records
from vectors import CASES, lambda_record, stored

SEED = 20261125
MAGIC = b"\xf3\x89\x9a\xc2"


def mutated(randoms):
    """An aggregate with bytes changed, cut or added; often sealed again, so that it is opened."""
    cases = [data for case in CASES for data, *_ in stored(case) if data.startswith(MAGIC) and len(data) < 5000]
    while True:
        message = bytearray(randoms.choice(cases)[4:-16])
        for _ in range(randoms.randrange(1, 5)):
            at = randoms.randrange(len(message) or 1)
            kind = randoms.randrange(3)
            if kind == 0 and message:
                message[at % len(message)] = randoms.choice([0, 1, 127, 128, 255, randoms.randrange(256)])
            elif kind == 1:
                del message[at : at + randoms.randrange(1, 20)]
            else:
                message[at:at] = randoms.randbytes(randoms.randrange(1, 12))
        digest = hashlib.md5(message).digest() if randoms.randrange(10) else randoms.randbytes(16)
        yield MAGIC + bytes(message) + digest


class Hostile(unittest.TestCase):
    def test_ten_thousand_mutated_records(self):
        randoms = random.Random(SEED)
        losses = plain = opened = 0
        for number, data in zip(range(10_000), mutated(randoms)):
            with self.subTest(seed=SEED, number=number):
                for options in ({}, {"salvage": True, "salvage_damaged": True}, {"hash_key_range": "0-99", "after": "1:2"}):
                    records = list(deaggregate([lambda_record(data, "key", "1")], **options))
                    for record in records:
                        losses += record.loss is not None
                        plain += not record.aggregated
                        opened += record.aggregated and record.loss is None
                        self.assertNotEqual(record.loss is None, record.data is None)
                        if not record.aggregated:
                            self.assertEqual((record.data, len(records)), (data, 1))
                with self.assertNoLogs() if not any(r.loss for r in deaggregate(data)) else self.assertLogs():
                    deaggregate_records([lambda_record(data, "key", "1")])
        # Else it would prove nothing.
        self.assertGreater(min(losses, plain, opened), 1000, (losses, plain, opened))

    def test_all_at_once_as_one_at_a_time(self):
        randoms = random.Random(SEED)
        all_data = [data for _, data in zip(range(500), mutated(randoms))]
        parts = lambda r: (r.partition_key, r.explicit_hash_key, r.data, r.sub_sequence_number, r.loss is None)
        together = [parts(r) for r in deaggregate(all_data, salvage=True)]
        alone = [parts(r) for data in all_data for r in deaggregate(data, salvage=True)]
        self.assertEqual(together, alone)

    def test_every_truncation(self):
        [entry], _ = aggregate([("key", b"one", 7), ("other", b"two")], mixing_shards=True)
        data = entry["Data"]
        for end in range(len(data)):
            [record] = deaggregate(data[:end])
            self.assertEqual((record.data, record.aggregated, record.loss), (data[:end], False, None))
            for r in deaggregate(framed(data[4 : min(end, len(data) - 16)])):
                self.assertTrue(r.data is not None or r.loss)

    def test_huge(self):
        big = bytes(100 << 20)
        [record] = deaggregate([lambda_record(big, "key", "1")])
        self.assertEqual(len(record.data), len(big))
        many = framed(b"\x0a\x01a" + b"\x1a\x04\x08\x00\x1a\x00" * 1_000_000)
        self.assertEqual(sum(r.data == b"" for r in deaggregate(many)), 1_000_000)
        # Linear in the digits of an explicit hash key, and judged once.
        digits = b"1" * 1_000_000
        table = b"\x0a\x01a" + b"\x12" + varint(len(digits)) + digits
        [lost] = deaggregate(framed(table + b"\x1a\x06\x08\x00\x10\x00\x1a\x00" * 1000))
        self.assertLess(len(lost.loss), 300)
        key = b"\x0a" + varint(5_000_000) + b"\xff" * 5_000_000
        one, *others = deaggregate(framed(key + b"\x1a\x04\x08\x00\x1a\x00" * 1000))
        self.assertTrue(all(other.partition_key is one.partition_key for other in others))


class Memory(unittest.TestCase):
    def test_it_is_flat_over_a_million_events(self):
        [entry], _ = aggregate([("key", b"one", 7), ("other", b"two")], mixing_shards=True)
        bad = framed(b"\x0a\x01a" + b"\x1a\x05\x08\x07\x1a\x011")
        events = [{"Records": [lambda_record(data, "key", "1")]} for data in (entry["Data"], b"plain", bad)]

        def rounds(n):
            for number in range(n):
                for _ in deaggregate(events[number % 3]):
                    pass
            gc.collect()
            return resident()

        before = rounds(100_000)
        self.assertLess(rounds(900_000) - before, 2 << 20)


def resident():
    """The process' memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def framed(message):
    return MAGIC + bytes(message) + hashlib.md5(message).digest()


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])
