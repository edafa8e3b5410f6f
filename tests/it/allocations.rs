//! Reading borrows: what it allocates does not grow with the user records.

use allocation_counter::{AllocationInfo, measure};
use kinesis_aggregation::{Deaggregator, KinesisRecord};

use crate::support::{field, frame, range, record};

fn aggregate(user_records: u64, key: &[u8]) -> KinesisRecord {
    let mut body = field(1, key);
    body.extend(field(2, b"7"));
    for i in 0..user_records {
        body.extend(record(
            0,
            (i % 2 == 0).then_some(0),
            b"data of a user record",
        ));
    }
    KinesisRecord::new("outer", frame(&body))
}

fn read(records: &[KinesisRecord]) -> AllocationInfo {
    measure(|| {
        let deaggregator = Deaggregator::new().hash_key_range(range(0, u128::MAX));
        let batch = deaggregator.deaggregate_batch(records);
        let bytes: usize = batch
            .user_records()
            .map(|(_, r)| r.unwrap())
            .map(|r| r.data().len() + r.partition_key().unwrap().len())
            .sum();
        assert!(bytes > 0);
    })
}

/// The lists grow by doubling, so ten times the records cost a few allocations more.
#[test]
fn no_allocation_per_user_record() {
    for key in [&b"key"[..], b"not \xFF UTF-8"] {
        let few = read(&[aggregate(100, key)]);
        let many = read(&[aggregate(100_000, key)]);
        assert!(many.count_total <= few.count_total + 12, "{few:?} {many:?}");
    }
}

#[test]
fn owned_reading_allocates_no_more() {
    let read = |user_records| {
        let page = [aggregate(user_records, b"key")];
        measure(|| {
            let batch = Deaggregator::new().deaggregate_batch(&page);
            assert!(
                batch
                    .owned_user_records()
                    .all(|(_, r)| !r.unwrap().data().is_empty())
            );
        })
    };
    let (few, many) = (read(100), read(100_000));
    assert!(many.count_total <= few.count_total + 12, "{few:?} {many:?}");
}

/// 16 bytes a user record and 60 a used key, twice that while a list grows; a length field alone
/// allocates nothing.
#[test]
fn memory_is_bounded_by_the_input() {
    let input = aggregate(100_000, b"key");
    let read_all = read(std::slice::from_ref(&input));
    let bound = 3 * 16 * 100_000 + 10_000;
    assert!(read_all.bytes_max < bound, "{read_all:?}");

    let mut keys = Vec::new();
    for i in 0..100_000_u64 {
        keys.extend(field(1, &i.to_be_bytes()));
    }
    let input = KinesisRecord::new("outer", frame(&keys));
    let unused = measure(|| {
        Deaggregator::new().deaggregate_batch(std::slice::from_ref(&input));
    });
    assert!(unused.bytes_max < 3 * 12 * 100_000 + 10_000, "{unused:?}");

    let claims = KinesisRecord::new("outer", frame(b"\x1a\xff\xff\xff\x07\x08"));
    let lying = measure(|| {
        Deaggregator::new().deaggregate_batch(std::slice::from_ref(&claims));
    });
    assert!(lying.bytes_max < 1000, "{lying:?}");
}

/// The KCL pays a bad or long key again for every user record that uses it.
#[test]
fn time_is_linear_in_the_input() {
    let long = "9".repeat(1_000_000);
    let mut body = [field(1, &[0xFF; 100_000]), field(2, long.as_bytes())].concat();
    for _ in 0..100_000 {
        body.extend(record(0, None, b""));
    }
    let page = [KinesisRecord::new("outer", frame(&body))];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    // Decoding the bad key for each user record would write 30 GB.
    assert_eq!(
        batch.user_records().filter(|(_, r)| r.is_ok()).count(),
        100_000
    );
}

/// Each bad user record is reported with its place in the data; looking for each from the start
/// would take minutes here.
#[test]
fn salvaging_is_linear_in_the_bad_user_records() {
    let bad = record(7, None, b"");
    let body = [field(1, b"key"), bad.repeat(200_000)].concat();
    let page = [KinesisRecord::new("outer", frame(&body))];
    let deaggregator = Deaggregator::new().salvage(true);
    let batch = deaggregator.deaggregate_batch(&page);
    let losses = batch.losses();
    assert_eq!(losses.len(), 200_000);
    let step = |pair: &[kinesis_aggregation::Loss]| pair[1].offset() - pair[0].offset();
    assert!(losses.windows(2).all(|pair| step(pair) == bad.len()));
}
