import hashlib
import random
import unittest

from kinesis_aggregation import deaggregate
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
    def test_a_thousand_mutated_records(self):
        randoms = random.Random(SEED)
        losses = plain = opened = 0
        for number, data in zip(range(1000), mutated(randoms)):
            with self.subTest(seed=SEED, number=number):
                for options in ({}, {"salvage": True}, {"hash_key_range": "0-99", "after": "1:2"}):
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
        self.assertGreater(min(losses, plain, opened), 100, (losses, plain, opened))

    def test_all_at_once_as_one_at_a_time(self):
        randoms = random.Random(SEED)
        all_data = [data for _, data in zip(range(500), mutated(randoms))]
        parts = lambda r: (r.partition_key, r.explicit_hash_key, r.data, r.sub_sequence_number, r.loss is None)
        together = [parts(r) for r in deaggregate(all_data, salvage=True)]
        alone = [parts(r) for data in all_data for r in deaggregate(data, salvage=True)]
        self.assertEqual(together, alone)
