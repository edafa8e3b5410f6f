"""With the real pyarrow."""

import gc
import random
import struct
import unittest

import peer  # noqa: F401: it makes pyarrow importable
import pyarrow as pa

from kinesis_aggregation import aggregate, deaggregate
from kinesis_aggregation._native import Columns
from kinesis_aggregation.arrow import SCHEMA, deaggregate_arrow
from test_hostile import mutated
from vectors import CASES, stored

DATAS = [data for case in CASES for data, *_ in stored(case)]


def rows(datas, **options):
    """What `deaggregate` gives, as the table has it."""
    for index, data in enumerate(datas):
        for r in deaggregate(data, **options) if data is not None else ():
            loss = r.loss and r.loss.replace("Kinesis record 0", f"Kinesis record {index}")
            yield {
                "record_index": index,
                "sub_sequence_number": r.sub_sequence_number,
                "partition_key": r.partition_key,
                "explicit_hash_key": r.explicit_hash_key,
                "data": r.data,
                "aggregated": r.aggregated,
                "damaged": r.damaged,
                "loss": loss,
            }


class Arrow(unittest.TestCase):
    maxDiff = None

    def same(self, datas, column=None, **options):
        batch = deaggregate_arrow(pa.array(datas, pa.binary()) if column is None else column, **options)
        batch.validate(full=True)
        self.assertEqual(batch.schema, SCHEMA)
        self.assertEqual(batch.to_pylist(), list(rows(datas, **options)))
        return batch

    def test_what_the_kpl_put(self):
        self.assertGreater(self.same(DATAS).num_rows, 50)

    def test_every_kind_of_column(self):
        column = pa.array(DATAS, pa.binary())
        chunks = pa.chunked_array([column[:3], column[3:3], column[3:]])
        for name, given in {
            "large": column.cast(pa.large_binary()),
            "view": column.cast(pa.binary_view()),
            "chunks": chunks,
            "a slice": pa.concat_arrays([column[:1], column])[1:],
            "a list": DATAS,
            "a table's": pa.table({"data": chunks})["data"],
            "an Arrow array of another library": OtherArray(column),
            "an Arrow stream of another library": OtherStream(chunks),
        }.items():
            with self.subTest(name):
                self.same(DATAS, given)
        fixed = [b"12345678", b"abcdefgh"]
        self.same(fixed, pa.array(fixed, pa.binary(8)))

    def test_nothing(self):
        for nothing in ([], pa.array([], pa.binary()), pa.chunked_array([], pa.binary()), pa.array([None, None])):
            self.assertEqual(deaggregate_arrow(nothing).num_rows, 0)
        self.same([b"", b""])

    def test_nulls_are_left_out_and_counted(self):
        datas = [None, DATAS[1], None, b"plain", DATAS[2], None]
        self.same(datas)
        self.same(datas[1:], pa.array(datas, pa.binary())[1:])

    def test_losses_are_a_column(self):
        batch = self.same([b"plain", *DATAS], hash_key_range="0-1")
        self.assertGreater(batch.num_rows - batch["loss"].null_count, 5)

    def test_damaged_aggregates(self):
        damaged = DATAS[1][:-1] + bytes([DATAS[1][-1] ^ 1])
        self.assertFalse(any(self.same([damaged])["damaged"].to_pylist()))
        batch = self.same([b"plain", damaged, DATAS[1]], salvage_damaged=True)
        loss, *others = [row for row in batch.to_pylist() if row["record_index"] == 1]
        self.assertIn("digest", loss["loss"])
        self.assertTrue(loss["damaged"] and others and all(row["damaged"] for row in others))
        self.assertEqual(sum(batch["damaged"].to_pylist()), 1 + len(others))

    def test_long_keys_and_many_batches(self):
        user_records = [(f"a partition key that is long {n % 7}", bytes(500), n % 5) for n in range(50_000)]
        entries, _ = aggregate(user_records, mixing_shards=True)
        batch = self.same([entry["Data"] for entry in entries])
        self.assertEqual(batch.num_rows, 50_000)
        # Batches of 8 MiB.
        self.assertEqual(len(batch["data"].buffers()), 2 + 4)

    def test_a_record_larger_than_a_batch(self):
        self.same([bytes(9 << 20), b"x", bytes(8 << 20), b"y"])

    def test_the_data_are_where_they_were(self):
        column = pa.array(DATAS, pa.large_binary())
        start = column.buffers()[2].address
        for buffer in deaggregate_arrow(column)["data"].buffers()[2:]:
            self.assertTrue(start <= buffer.address < start + column.buffers()[2].size)

    def test_mutated_records(self):
        seed = 3
        randoms = random.Random(seed)
        datas = [data for _, data in zip(range(2000), mutated(randoms))]
        for options in ({}, {"salvage": True}, {"salvage_damaged": True}, {"hash_key_range": "0-99999999999999999999999999999999999999"}):
            with self.subTest(seed=seed, options=options):
                self.same(datas, **options)

    def test_wrong_input(self):
        for wrong in (pa.array([1]), pa.array(["text"]), ["text"], [1], pa.table({"data": DATAS}), 5, None, object(), "text"):
            with self.subTest(type(wrong)), self.assertRaises((TypeError, pa.ArrowInvalid)):
                deaggregate_arrow(wrong)
        self.assertRaises(ValueError, deaggregate_arrow, [], hash_key_range="5-1")

    def test_offsets_that_make_no_sense(self):
        # pyarrow refuses them itself, but not in what other libraries hand over.
        for offsets in ([], [0, 9], [5, 3], [-1, 6], [0, -1], [2, 1, 3], [-(1 << 63), (1 << 63) - 1]):
            packed = struct.pack(f"{len(offsets)}q", *offsets)
            with self.subTest(offsets), self.assertRaises(ValueError):
                Columns(None, False, False).add(b"12345", packed, None, 0)
        self.assertRaises(ValueError, Columns(None, False, False).add, b"12345", bytes(9), None, 0)

    def test_memory_is_given_back(self):
        column = pa.array(DATAS * 20, pa.binary())
        del column
        gc.collect()
        before = pa.total_allocated_bytes()
        for _ in range(50):
            deaggregate_arrow(pa.array(DATAS * 20, pa.binary()))
        gc.collect()
        self.assertEqual(pa.total_allocated_bytes(), before)


class OtherArray:
    def __init__(self, array):
        self.array = array

    def __arrow_c_array__(self, requested_schema=None):
        return self.array.__arrow_c_array__(requested_schema)


class OtherStream:
    def __init__(self, chunks):
        self.chunks = chunks

    def __arrow_c_stream__(self, requested_schema=None):
        return self.chunks.__arrow_c_stream__(requested_schema)
