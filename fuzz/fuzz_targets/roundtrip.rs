//! Any user records: put, aggregated, read back, and never over the limit.
#![no_main]

use kinesis_aggregation::{Aggregator, Deaggregator, HashKey, KinesisRecord, UserRecord, wire};

type Put = (String, Option<u128>, Vec<u8>);

libfuzzer_sys::fuzz_target!(|input: (u16, u8, Vec<Put>)| {
    let (max_size, max_count, records) = input;
    let max_size = usize::from(max_size);
    let builder = Aggregator::builder().max_size(max_size);
    let builder = builder.max_count(usize::from(max_count).max(1));
    let mut aggregator = builder.mixing_shards().build().unwrap();
    let mut stored: Vec<KinesisRecord> = Vec::new();
    let mut put: Vec<UserRecord> = Vec::new();
    for (key, hash_key, data) in records {
        let record = UserRecord::new(key, data);
        let record = match hash_key {
            Some(number) => record.with_explicit_hash_key(HashKey::new(number)),
            None => record,
        };
        let predicted = aggregator.encoded_len();
        match aggregator.push(record.clone()) {
            Ok(closed) => {
                if let Some(closed) = &closed {
                    assert_eq!(closed.data().len(), predicted);
                }
                stored.extend(closed);
                put.push(record);
            }
            Err(error) => assert_eq!(error.into_record(), record),
        }
    }
    stored.extend(aggregator.flush());
    assert!(
        stored
            .iter()
            .all(|one| { one.user_record_count() == Some(1) || one.data().len() <= max_size })
    );
    let batch = Deaggregator::new().deaggregate_batch(&stored);
    let mut put = put.into_iter();
    for (source, read) in batch.owned_user_records() {
        let (read, put) = (read.unwrap(), put.next().unwrap());
        assert_eq!(read.partition_key(), put.partition_key());
        assert_eq!(read.data(), put.data());
        // A plain record tells it only through where it was put.
        if wire::is_framed(source.data()) {
            assert_eq!(read.hash_key(), put.hash_key());
        } else {
            assert_eq!(source.explicit_hash_key(), put.hash_key());
        }
    }
    assert!(put.next().is_none());
});
