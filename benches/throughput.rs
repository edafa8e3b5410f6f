//! Reading and writing over the whole matrix: bytes of a user record, keys, bytes of an aggregate,
//! Kinesis records in a batch. `cargo bench --bench throughput [FILTER]`.
#![allow(missing_docs, reason = "a bench")]

mod shared;

use std::hint::black_box;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, bench};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord};
use shared::{Keys, Traffic};

fn main() {
    divan::main();
}

/// Bytes of data: 50, 200, 1024, 10,240.
const DATA: [usize; 4] = [50, 200, 1024, 10_240];
/// Bytes of an aggregate: the KPL's default, the service's old and new limit (less the key).
const AGGREGATES: [usize; 3] = [51_200, 1024 * 1024 - 1024, 10 * 1024 * 1024 - 1024];
/// Kinesis records in a batch.
const BATCHES: [usize; 5] = [1, 2, 5, 100, 500];
/// Different partition keys; 0 stands for explicit hash keys.
const KEYS: [usize; 4] = [1, 10, usize::MAX, 0];

fn keys(of: usize) -> Keys {
    match of {
        0 => Keys::ExplicitHash,
        of => Keys::Partition(of),
    }
}

fn read(bencher: Bencher<'_, '_>, traffic: Traffic, batch: usize) {
    let page = traffic.aggregates(batch);
    // A shard's range: all but the last hash key, so that every key used counts.
    let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX - 1)).expect("in order");
    let deaggregator = Deaggregator::new()
        .hash_key_range(range)
        .level(shared::level());
    bencher
        .counter(BytesCount::new(bytes(&page)))
        .counter(ItemsCount::new(user_records(&page)))
        .bench_local(|| {
            for (_, user_record) in &deaggregator.deaggregate_batch(&page) {
                let user_record = user_record.expect("nothing is lost");
                black_box((user_record.partition_key(), user_record.data()));
            }
        });
}

fn bytes(page: &[KinesisRecord]) -> usize {
    page.iter().map(|record| record.data().len()).sum()
}

fn user_records(page: &[KinesisRecord]) -> usize {
    page.iter()
        .filter_map(KinesisRecord::user_record_count)
        .sum()
}

#[bench(args = DATA)]
fn read_by_data(bencher: Bencher<'_, '_>, data_len: usize) {
    let traffic = Traffic {
        data_len,
        ..Traffic::USUAL
    };
    read(bencher, traffic, 100);
}

#[bench(args = KEYS)]
fn read_by_keys(bencher: Bencher<'_, '_>, of: usize) {
    let traffic = Traffic {
        keys: keys(of),
        ..Traffic::USUAL
    };
    read(bencher, traffic, 100);
}

#[bench(args = AGGREGATES)]
fn read_five_by_aggregate(bencher: Bencher<'_, '_>, aggregate_len: usize) {
    let traffic = Traffic {
        aggregate_len,
        ..Traffic::USUAL
    };
    read(bencher, traffic, 5);
}

#[bench(args = BATCHES)]
fn read_by_batch(bencher: Bencher<'_, '_>, batch: usize) {
    read(bencher, Traffic::USUAL, batch);
}

#[bench(args = BATCHES)]
fn owned_by_batch(bencher: Bencher<'_, '_>, batch: usize) {
    let page = Traffic::USUAL.aggregates(batch);
    bencher
        .counter(BytesCount::new(bytes(&page)))
        .counter(ItemsCount::new(user_records(&page)))
        .bench_local(|| {
            let batch = Deaggregator::new().deaggregate_batch(&page);
            batch
                .owned_user_records()
                .for_each(|owned| drop(black_box(owned)));
        });
}

fn write(bencher: Bencher<'_, '_>, traffic: Traffic, count: usize) {
    let records = traffic.user_records(count);
    bencher
        .counter(BytesCount::new(count * traffic.data_len))
        .counter(ItemsCount::new(count))
        .with_inputs(|| records.clone())
        .bench_local_values(|records| traffic.aggregator().aggregate_batch(records));
}

#[bench(args = DATA)]
fn write_by_data(bencher: Bencher<'_, '_>, data_len: usize) {
    let traffic = Traffic {
        data_len,
        ..Traffic::USUAL
    };
    write(bencher, traffic, 5_000_000 / data_len);
}

#[bench(args = KEYS)]
fn write_by_keys(bencher: Bencher<'_, '_>, of: usize) {
    let traffic = Traffic {
        keys: keys(of),
        ..Traffic::USUAL
    };
    write(bencher, traffic, 25_000);
}

#[bench(args = AGGREGATES)]
fn write_by_aggregate(bencher: Bencher<'_, '_>, aggregate_len: usize) {
    let traffic = Traffic {
        aggregate_len,
        ..Traffic::USUAL
    };
    write(bencher, traffic, 50_000);
}
