//! Packing as the producer does it: what a buffer says of the Kinesis record that it would give.

use kinesis_aggregation::packing::{Buffer, Closed, Settings};
use kinesis_aggregation::{Aggregator, HashKey, OuterKey, UserRecord};

fn settings(outer_key: OuterKey) -> Settings {
    let builder = Aggregator::builder().outer_key(outer_key);
    builder.into_settings().unwrap()
}

/// A request is filled by it.
#[test]
fn the_size_of_a_record_is_that_of_its_data_and_its_partition_key() {
    for outer_key in [
        OuterKey::Kpl,
        OuterKey::First,
        OuterKey::Fixed("outer".into()),
    ] {
        let settings = settings(outer_key);
        for (first, second) in [("data", None), ("", Some("x")), ("data", Some("data"))] {
            let mut buffer = Buffer::default();
            for data in [first].into_iter().chain(second) {
                buffer.push(UserRecord::new("a key", data.to_owned()), None);
            }
            let said = buffer.record_size(&settings);
            let closed = buffer.close(&settings).unwrap();
            assert_eq!(closed.is_framed(), second.is_some());
            let (record, _) = Closed::seal_all(vec![closed]).remove(0);
            let key_len = record.partition_key().map_or(0, str::len);
            assert_eq!(said, record.data().len() + key_len);
        }
    }
}

#[test]
fn settings_say_what_was_asked_for() {
    let builder = Aggregator::builder().max_size(3000).max_count(40);
    let settings = builder.max_record_size(5000).into_settings().unwrap();
    let limits = [
        settings.max_size(),
        settings.max_count(),
        settings.max_record_size(),
    ];
    assert_eq!(limits, [3000, 40, 5000]);
}

/// Lengths only.
#[test]
fn debug_shows_neither_data_nor_keys() {
    let settings = settings(OuterKey::First);
    let mut buffer = Buffer::default();
    for data in ["secret", "hidden"] {
        let record = UserRecord::new("covert", data).with_explicit_hash_key(HashKey::new(777_777));
        buffer.push(record, None);
    }
    let open = format!("{buffer:?}");
    let closed = format!("{:?}", buffer.close(&settings).unwrap());
    assert!(open.starts_with("Buffer { len: 2, frame_len: "), "{open}");
    assert!(
        closed.starts_with("Closed { is_framed: true, len: 2"),
        "{closed}"
    );
    for word in ["secret", "hidden", "covert", "777777"] {
        assert!(!open.contains(word) && !closed.contains(word));
    }
}
