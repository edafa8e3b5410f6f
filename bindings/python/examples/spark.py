"""Counts the user records of an archive of Kinesis records, by partition key.

Usage: spark-submit spark.py ARCHIVE      a folder of Parquet files with the columns `data` and `partitionKey`
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import coalesce, col

from kinesis_aggregation.spark import deaggregate_frame


def main():
    spark = SparkSession.builder.appName("kinesis-aggregation").getOrCreate()
    user_records = deaggregate_frame(spark.read.parquet(sys.argv[1]))
    # A plain record's key is the Kinesis record's.
    key = coalesce(col("partition_key"), col("partitionKey"))
    good = user_records.where("loss IS NULL").groupBy(key.alias("key")).count()
    for row in good.orderBy(col("count").desc(), "key").limit(20).collect():
        print(row["key"], row["count"])
    for row in user_records.where("loss IS NOT NULL").select("loss").limit(20).collect():
        print(f"lost: {row['loss']}")


if __name__ == "__main__":
    main()
