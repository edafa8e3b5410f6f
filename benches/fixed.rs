//! Fixed pieces of work, each by name, for benches/instructions to count: `fixed NAME` does the
//! work ten times, `fixed NAME 0` only prepares it, `fixed list` names all.
#![allow(missing_docs, reason = "a bench")]

mod shared;

use std::hint::black_box;

use bytes::Bytes;
#[cfg(feature = "lambda")]
use kinesis_aggregation::lambda::Processor;
use kinesis_aggregation::md5::{self, Level};
use kinesis_aggregation::wire::{Frame, Index};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, UserRecord};
use shared::{Keys, Lengths, Traffic, aggregate_of, prost_way};

type Work = fn(usize);

/// Without the digests, which callgrind counts by what the processor that it shows can do: the
/// level is fixed where there are any.
const ALL: &[(&str, Work)] = &[
    ("index_kpl_shape", index_kpl_shape),
    ("index_explicit_hash_keys", index_explicit_hash_keys),
    ("index_varied_lengths", index_varied_lengths),
    ("index_real_lengths", index_real_lengths),
    ("index_prost_bare", index_prost_bare),
    ("read_batch_sse2", read_batch_sse2),
    (
        "read_batch_all_keys_differ_sse2",
        read_batch_all_keys_differ_sse2,
    ),
    (
        "read_batch_last_key_outside_sse2",
        read_batch_last_key_outside_sse2,
    ),
    ("read_owned_sse2", read_owned_sse2),
    ("read_one_of_1", read_one_of_1),
    ("read_one_of_10", read_one_of_10),
    ("iterate", iterate),
    ("md5_lanes_sse2", md5_lanes_sse2),
    ("write_push", write_push),
    ("write_batch", write_batch),
    #[cfg(feature = "lambda")]
    ("lambda_own_event_sse2", lambda_own_event_sse2),
    #[cfg(feature = "lambda")]
    ("lambda_owned_event_sse2", lambda_owned_event_sse2),
];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(name) = args.next().filter(|name| name != "list") else {
        ALL.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let times = args
        .next()
        .map_or(10, |times| times.parse().expect("a number"));
    let work = ALL.iter().find(|(known, _)| *known == name);
    work.expect("a name of the list").1(times);
}

fn usual(keys: Keys) -> Vec<KinesisRecord> {
    page(Traffic {
        keys,
        ..Traffic::USUAL
    })
}

fn page(traffic: Traffic) -> Vec<KinesisRecord> {
    traffic.aggregates(16)
}

fn frames(page: &[KinesisRecord]) -> impl Iterator<Item = Frame<'_>> {
    let frames = page.iter().map(|record| Frame::split(record.data()));
    frames.map(|frame| frame.expect("a frame"))
}

fn messages(page: &[KinesisRecord]) -> Vec<&[u8]> {
    frames(page).map(|frame| frame.message()).collect()
}

fn index(times: usize, page: &[KinesisRecord]) {
    let frames: Vec<_> = frames(page).collect();
    let mut index = Index::default();
    for _ in 0..times {
        for frame in &frames {
            index.refill(frame).expect("a message");
            black_box(&index);
        }
    }
}

fn index_kpl_shape(times: usize) {
    index(times, &usual(Keys::Partition(10)));
}

fn index_explicit_hash_keys(times: usize) {
    index(times, &usual(Keys::ExplicitHash));
}

fn index_varied_lengths(times: usize) {
    index_lengths(times, Lengths::Varied);
}

fn index_real_lengths(times: usize) {
    index_lengths(times, Lengths::Real);
}

fn index_lengths(times: usize, lengths: Lengths) {
    let traffic = Traffic {
        lengths,
        ..Traffic::USUAL
    };
    index(times, &page(traffic));
}

fn index_prost_bare(times: usize) {
    let page = usual(Keys::Partition(10));
    let messages: Vec<Bytes> = messages(&page)
        .into_iter()
        .map(Bytes::copy_from_slice)
        .collect();
    for _ in 0..times {
        for message in &messages {
            black_box(prost_way::decode_bare(message.clone()));
        }
    }
}

fn shard() -> Deaggregator {
    let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX - 1)).expect("in order");
    Deaggregator::new().hash_key_range(range).level(Level::Sse2)
}

fn read(times: usize, keys: Keys) {
    let page = usual(keys);
    let deaggregator = shard();
    for _ in 0..times {
        for (_, user_record) in &deaggregator.deaggregate_batch(&page) {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
        }
    }
}

fn read_batch_sse2(times: usize) {
    read(times, Keys::Partition(10));
}

fn read_batch_all_keys_differ_sse2(times: usize) {
    read(times, Keys::Partition(usize::MAX));
}

/// Only the last user record of each aggregate is out of range, as an adversary would have it: all
/// is read, and then dropped. Every key is to be hashed once.
fn read_batch_last_key_outside_sse2(times: usize) {
    let traffic = Traffic {
        keys: Keys::Partition(usize::MAX),
        ..Traffic::USUAL
    };
    let mut records = traffic.user_records(200);
    records.sort_by_key(UserRecord::hash_key);
    let highest = records.last().and_then(UserRecord::hash_key);
    let highest = highest.expect("a user record").get();
    let mut aggregator = traffic.aggregator();
    for record in records {
        let closed = aggregator.push(record).expect("a good record");
        assert!(closed.is_none(), "it all fits one aggregate");
    }
    let page = vec![aggregator.flush().expect("user records"); 16];
    let range = HashKeyRange::new(HashKey::MIN, HashKey::new(highest - 1)).expect("in order");
    let deaggregator = shard().hash_key_range(range);
    for _ in 0..times {
        let batch = deaggregator.deaggregate_batch(&page);
        assert_eq!(black_box(&batch).losses().len(), page.len());
    }
}

fn read_owned_sse2(times: usize) {
    let page = usual(Keys::Partition(10));
    let deaggregator = shard();
    for _ in 0..times {
        let batch = deaggregator.deaggregate_batch(&page);
        batch
            .owned_user_records()
            .for_each(|owned| drop(black_box(owned)));
    }
}

fn read_one_of_1(times: usize) {
    read_one(times, 1);
}

fn read_one_of_10(times: usize) {
    read_one(times, 10);
}

/// One Kinesis record of so many small user records, a hundred times.
fn read_one(times: usize, user_records: usize) {
    let traffic = Traffic {
        data_len: 50,
        ..Traffic::USUAL
    };
    let record = aggregate_of(user_records, traffic);
    let deaggregator = Deaggregator::new();
    for _ in 0..100 * times {
        for user_record in &deaggregator.deaggregate(&record) {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
        }
    }
}

fn iterate(times: usize) {
    let page = usual(Keys::Partition(10));
    let batch = shard().deaggregate_batch(&page);
    for _ in 0..times {
        for (_, user_record) in &batch {
            let user_record = user_record.expect("nothing is lost");
            black_box((user_record.partition_key(), user_record.data()));
        }
    }
}

fn md5_lanes_sse2(times: usize) {
    let page = usual(Keys::Partition(10));
    let messages = messages(&page);
    for _ in 0..times {
        black_box(md5::digest_many_at(Level::Sse2, &messages));
    }
}

/// All that writing does but for the digest: nothing is closed.
fn write_push(times: usize) {
    let traffic = Traffic::USUAL;
    let inputs: Vec<Vec<UserRecord>> = (0..10).map(|_| traffic.user_records(240)).collect();
    for records in inputs.into_iter().take(times) {
        let mut aggregator = traffic.aggregator();
        for record in records {
            black_box(aggregator.push(record).expect("a good record"));
        }
    }
}

/// All of writing, with digests at the best level that valgrind shows: AVX2.
fn write_batch(times: usize) {
    let traffic = Traffic::USUAL;
    let inputs: Vec<Vec<UserRecord>> = (0..10).map(|_| traffic.user_records(1000)).collect();
    for records in inputs.into_iter().take(times) {
        black_box(traffic.aggregator().aggregate_batch(records));
    }
}

#[cfg(feature = "lambda")]
fn lambda_own_event_sse2(times: usize) {
    let event = shared::lambda_way::event();
    let processor = Processor::new().level(Level::Sse2);
    for _ in 0..times {
        black_box(shared::lambda_way::own_event(&processor, &event));
    }
}

#[cfg(feature = "lambda")]
fn lambda_owned_event_sse2(times: usize) {
    let event = shared::lambda_way::event();
    let processor = Processor::new().level(Level::Sse2);
    for _ in 0..times {
        black_box(shared::lambda_way::owned_event(&processor, &event));
    }
}
