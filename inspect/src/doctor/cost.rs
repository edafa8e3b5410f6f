//! What user records cost, as they are and otherwise packed.

use std::collections::BTreeMap;

use serde::Serialize;

/// Kinesis records, as the service counts and bills them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Cost {
    /// The number of Kinesis records.
    pub records: u64,
    /// Bytes of data and partition keys.
    pub bytes: u64,
    /// PUT payload units of a provisioned stream: one for each 25 KB of a Kinesis record, or part
    /// of them.
    pub payload_units: u64,
    /// The shards that take this, at 1000 records and 1 MB a second each. `None` where the sample
    /// does not tell the time it took.
    pub shards: Option<u64>,
}

/// How well the sample is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Packing {
    /// User records in an aggregate, on average. 0 without aggregates.
    pub user_records_per_aggregate: f64,
    /// Bytes of an aggregate, on average. 0 without aggregates.
    pub bytes_per_aggregate: f64,
    /// What was read.
    pub now: Cost,
    /// The same user records, one Kinesis record each.
    pub without_aggregation: Cost,
    /// The same user records, in aggregates of 50 KiB for each shard: an estimate.
    pub aggregated: Cost,
}

const UNIT: u64 = 25 * 1000;
const SHARD_RECORDS: f64 = 1000.0;
const SHARD_BYTES: f64 = 1_048_576.0;
/// `aggregation_max_size` of the KPL.
const AGGREGATE: u64 = kinesis_aggregation::DEFAULT_MAX_SIZE as u64;
/// What a user record takes in an aggregate besides its data: tags, lengths and the numbers of
/// its keys.
const OVERHEAD: u64 = 10;

/// Adds up, shard by shard: each was sampled over a time of its own.
#[derive(Debug, Default)]
pub(super) struct Costs(BTreeMap<String, ShardCosts>);

#[derive(Debug, Default)]
struct ShardCosts {
    now: Cost,
    alone: Cost,
    packed: Cost,
    /// Bytes in the aggregate that would be open.
    open: u64,
    /// The first and last arrival, in seconds.
    arrivals: Option<(f64, f64)>,
}

impl Cost {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
        self.payload_units += bytes.div_ceil(UNIT).max(1);
    }
}

impl Costs {
    /// A Kinesis record of so many bytes, key included, and its user records: the bytes of the
    /// key, and of the data.
    pub(super) fn add(
        &mut self,
        shard: Option<&str>,
        arrived: Option<f64>,
        bytes: u64,
        user_records: impl Iterator<Item = (u64, u64)>,
    ) {
        let shard = self.0.entry(shard.unwrap_or_default().to_owned());
        let shard = shard.or_default();
        shard.now.add(bytes);
        for (key, data) in user_records {
            shard.alone.add(key + data);
            let size = key + data + OVERHEAD;
            if shard.open > 0 && shard.open + size > AGGREGATE {
                shard.packed.add(shard.open);
                shard.open = 0;
            }
            shard.open += size;
        }
        if let Some(time) = arrived.filter(|time| time.is_finite()) {
            let (first, last) = shard.arrivals.unwrap_or((time, time));
            shard.arrivals = Some((first.min(time), last.max(time)));
        }
    }

    pub(super) fn packing(self) -> Packing {
        let mut packing = Packing::default();
        // Of the three costs.
        let mut rates = Some([(0.0, 0.0); 3]);
        for (_, mut shard) in self.0 {
            if shard.open > 0 {
                shard.packed.add(shard.open);
            }
            let costs = [shard.now, shard.alone, shard.packed];
            let totals = [
                &mut packing.now,
                &mut packing.without_aggregation,
                &mut packing.aggregated,
            ];
            for (total, cost) in totals.into_iter().zip(costs) {
                total.records += cost.records;
                total.bytes += cost.bytes;
                total.payload_units += cost.payload_units;
            }
            // Less than a second says nothing about a rate.
            let seconds = shard.arrivals.map(|(first, last)| last - first);
            let seconds = seconds.filter(|seconds| *seconds >= 1.0);
            rates = rates.zip(seconds).map(|(mut rates, seconds)| {
                for ((records, bytes), cost) in rates.iter_mut().zip(costs) {
                    *records += cost.records as f64 / seconds;
                    *bytes += cost.bytes as f64 / seconds;
                }
                rates
            });
        }
        if let Some([now, alone, packed]) = rates.filter(|_| packing.now.records > 0) {
            packing.now.shards = Some(shards(now));
            packing.without_aggregation.shards = Some(shards(alone));
            packing.aggregated.shards = Some(shards(packed));
        }
        packing
    }
}

/// The shards for so many records and bytes a second.
fn shards((records, bytes): (f64, f64)) -> u64 {
    let shards = (records / SHARD_RECORDS).max(bytes / SHARD_BYTES).ceil();
    // No stream has as many as would not fit.
    (shards as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aggregation_saves_is_counted() {
        let mut costs = Costs::default();
        // 30,000 records of 100 bytes in ten seconds: three shards; aggregated one.
        for number in 0..30_000 {
            let time = f64::from(number) / 3000.0;
            let user_records = std::iter::once((10, 90));
            costs.add(None, Some(time), 100, user_records);
        }
        let packing = costs.packing();
        assert_eq!(packing.now, packing.without_aggregation);
        assert_eq!(packing.now.records, 30_000);
        assert_eq!(packing.now.payload_units, 30_000);
        assert_eq!(
            packing.now.shards,
            Some(4),
            "a little more than 3000 a second"
        );
        assert_eq!(packing.aggregated.shards, Some(1));
        // 465 of 110 bytes in 51,200.
        assert_eq!(packing.aggregated.records, 30_000_u64.div_ceil(465));
    }

    /// Units of 25 KB, aggregates of 50 KiB, and rates of a second at least.
    #[test]
    fn a_limit_that_is_just_reached_counts_as_kept() {
        let of = |bytes: u64| {
            let mut costs = Costs::default();
            costs.add(None, None, bytes, std::iter::once((0, bytes)));
            costs.packing().now.payload_units
        };
        assert_eq!(
            [0, 1, 25_000, 25_001, 50_000, 50_001].map(of),
            [1, 1, 1, 2, 2, 3]
        );
        let of = |user_records: usize| {
            let mut costs = Costs::default();
            // Of 100 bytes in an aggregate.
            costs.add(None, None, 0, std::iter::repeat_n((10, 80), user_records));
            costs.packing().aggregated.records
        };
        assert_eq!([0, 1, 512, 513, 1024, 1025].map(of), [0, 1, 1, 2, 2, 3]);
        let of = |seconds: f64| {
            let mut costs = Costs::default();
            for time in [seconds, 0.0] {
                costs.add(None, Some(time), 1 << 20, std::iter::once((0, 1)));
            }
            costs.packing().now.shards
        };
        assert_eq!(
            [0.0, 0.9, 1.0, 2.0, f64::INFINITY].map(of),
            [None, None, Some(2), Some(1), None]
        );
    }

    #[test]
    fn rates_of_shards_add_up_and_need_a_time() {
        let mut costs = Costs::default();
        for shard in ["0", "1"] {
            for number in 0..20_000 {
                let time = f64::from(number) / 2000.0;
                costs.add(Some(shard), Some(time), 1, std::iter::once((0, 1)));
            }
        }
        assert_eq!(costs.packing().now.shards, Some(5));
        let mut costs = Costs::default();
        costs.add(None, None, 1, std::iter::once((0, 1)));
        assert_eq!(costs.packing().now.shards, None);
        assert_eq!(Costs::default().packing(), Packing::default());
    }
}
