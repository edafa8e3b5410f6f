"""On a local Spark with two workers: bindings/python/try-spark runs it."""

import contextlib
import hashlib
import io
import os
import runpy
import sys
import tempfile
import unittest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from pyspark import BarrierTaskContext
from pyspark.sql import SparkSession

from kinesis_aggregation import aggregate, deaggregate
from kinesis_aggregation.spark import _BYTES, _parts, deaggregate_frame
from vectors import ROOT

message = b"\x0a\x01a" + b"\x1a\x05\x08\x00\x1a\x01x" + b"\x1a\x05\x08\x07\x1a\x01y" + b"\x1a\x05\x08\x00\x1a\x01z"
CUT = b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def archive(folder, files=4, records=150):
    """Files of aggregates, plain records, nulls and one with a loss; and what the user records are."""
    expected = []
    for file in range(files):
        datas = []
        for record in range(records):
            keys = [f"key {(file + record + n) % 7}" for n in range(5)]
            entries, _ = aggregate([(key, b"%d" % record, record) for key in keys], mixing_shards=True)
            datas.append(entries[0]["Data"])
        datas += [b"plain", None, CUT]
        table = pa.table({"data": datas, "partitionKey": ["a"] * records + ["own", "own", "a"],
                          "sequenceNumber": [str(file * 1000 + n) for n in range(len(datas))]})  # fmt: skip
        pa.parquet.write_table(table, folder / f"{file}.parquet")
        for data, number in zip(datas, table["sequenceNumber"].to_pylist()):
            for r in deaggregate(data) if data is not None else ():
                key = r.partition_key
                expected.append((number, r.sub_sequence_number, key, r.explicit_hash_key, r.data, r.aggregated, r.loss is not None))
    return sorted(expected, key=str)


def seen(rows):
    fields = ("sequenceNumber", "sub_sequence_number", "partition_key", "explicit_hash_key", "data", "aggregated")
    return sorted(((*(r[name] for name in fields), r["loss"] is not None) for r in rows), key=str)


class Spark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spark = (
            SparkSession.builder.master("local[2]")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.files.maxPartitionBytes", "16k")
            .config("spark.sql.files.openCostInBytes", "0")
            .getOrCreate()
        )
        cls.addClassCleanup(cls.spark.stop)
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.expected = archive(cls.folder)

    def test_an_archive(self):
        frame = self.spark.read.parquet(str(self.folder))
        self.assertGreater(frame.rdd.getNumPartitions(), 1)
        rows = deaggregate_frame(frame).collect()
        self.assertEqual(seen(rows), self.expected)
        [plain, *_] = (row for row in rows if not row["aggregated"])
        self.assertEqual((plain["partition_key"], plain["partitionKey"], bytes(plain["data"])), (None, "own", b"plain"))

    def test_losses_are_a_column(self):
        lost = deaggregate_frame(self.spark.read.parquet(str(self.folder))).where("loss IS NOT NULL").collect()
        self.assertEqual(len(lost), 4)
        self.assertTrue(all("partition key index 7" in row["loss"] and row["data"] is None for row in lost))
        salvaged = deaggregate_frame(self.spark.read.parquet(str(self.folder)), salvage=True).where("data = X'7A'")
        self.assertEqual(salvaged.count(), 4)
        dropped = deaggregate_frame(self.spark.read.parquet(str(self.folder)), hash_key_range="0-9").where("loss IS NOT NULL")
        self.assertEqual(dropped.count(), 4 * (150 - 10 + 1))

    def test_damaged_aggregates(self):
        [entry], _ = aggregate([("key", b"one"), ("key", b"two")])
        frame = self.spark.createDataFrame([(bytearray(entry["Data"][:-1]),)], "data binary")
        [row] = deaggregate_frame(frame).collect()
        self.assertFalse(row["aggregated"] or row["damaged"])
        rows = deaggregate_frame(frame, salvage_damaged=True).where("loss IS NULL").collect()
        self.assertEqual([(bytes(row["data"]), row["damaged"]) for row in rows], [(b"one", True), (b"two", True)])

    def test_so_many_bytes_at_a_time(self):
        half = _BYTES // 2
        for sizes, wanted in {
            (half, half): [2],
            (half, half, 1, None): [2, 2],
            (3 * half, 1, 3 * half, half, half): [1, 1, 1, 2],
            (1,) * 1000: [1000],
            (): [0],
        }.items():
            datas = pa.array([None if size is None else bytes(size) for size in sizes], pa.binary())
            parts = list(_parts(pa.record_batch({"data": datas}), "data"))
            self.assertEqual([part.num_rows for part in parts], wanted)
            self.assertEqual([it for part in parts for it in part["data"].to_pylist()], datas.to_pylist())

    def test_partitions_are_read_in_parallel(self):
        frame = self.spark.read.parquet(str(self.folder)).repartition(2)

        def wait(batches):
            # Goes on when both tasks are there: one after the other, they would wait for ever.
            BarrierTaskContext.get().barrier()
            yield from batches

        def whoami(batches):
            for batch in batches:
                yield pa.RecordBatch.from_pydict({"worker": [os.getpid()] * batch.num_rows})

        together = frame.mapInArrow(wait, frame.schema, barrier=True)
        workers = deaggregate_frame(together).mapInArrow(whoami, "worker long").distinct().collect()
        self.assertEqual(len(workers), 2)

    def test_a_stream(self):
        frame = self.spark.readStream.schema("data binary, partitionKey string, sequenceNumber string").parquet(str(self.folder))
        with tempfile.TemporaryDirectory() as checkpoint:
            query = (
                deaggregate_frame(frame)
                .writeStream.format("memory")
                .queryName("user_records")
                .option("checkpointLocation", checkpoint)
                .trigger(availableNow=True)
                .start()
            )
            self.assertTrue(query.awaitTermination(120))
        self.assertEqual(seen(self.spark.table("user_records").collect()), self.expected)

    def test_columns_that_do_not_fit(self):
        frame = self.spark.read.parquet(str(self.folder))
        with self.assertRaisesRegex(ValueError, "no column nowhere"):
            deaggregate_frame(frame, "nowhere")
        with self.assertRaisesRegex(ValueError, "two columns have one name"):
            deaggregate_frame(frame.withColumnRenamed("sequenceNumber", "Loss"))
        with self.assertRaisesRegex(TypeError, "not binary"):
            deaggregate_frame(frame.drop("data"), "partitionKey")
        renamed = deaggregate_frame(frame.withColumnRenamed("data", "payload"), "payload")
        self.assertEqual(seen(renamed.collect()), self.expected)

    def test_the_example(self):
        example = ROOT / "bindings/python/examples/spark.py"
        arguments, sys.argv = sys.argv, [str(example), str(self.folder)]
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                runpy.run_path(str(example), run_name="__main__")
        finally:
            sys.argv = arguments
        lines = printed.getvalue().splitlines()
        self.assertIn("own 4", lines)
        self.assertEqual(sum(int(line.split()[-1]) for line in lines if line.startswith("key")), 4 * 150 * 5)
        self.assertEqual(sum(line.startswith("lost: ") for line in lines), 4)
        self.assertIs(SparkSession.getActiveSession(), self.spark)


if __name__ == "__main__":
    unittest.main()
