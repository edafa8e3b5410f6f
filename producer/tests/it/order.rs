//! What an ordered producer does not have to wait for.

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::Producer;

use super::bugs::{Bench, at, two_shards};

/// A shard that answers late, or not at all, does not hold up the others.
#[test]
fn each_shard_has_its_own_record_under_way() {
    let mut bench = Bench::new(
        Producer::builder()
            .ordered(true)
            .record_max_buffered_time(at(0)),
    );
    bench.pipeline.listed(at(0), Ok(two_shards()));
    bench.pipeline.described(at(0), Ok(None));
    // `a` is in the lower half, `b` in the upper one.
    for (now, key) in [(0, "a"), (1, "b"), (2, "a")] {
        let record = UserRecord::new(key, "data");
        let hash_key = record.hash_key();
        bench.pipeline.put(at(now), record, hash_key, key);
        let sent = bench.drive(now).len();
        assert_eq!(sent, usize::from(now < 2), "at {now} ms");
    }
}
