//! What the other tests left open: each was found by a mutation of the code that none noticed.

use kinesis_aggregation::error::{HashKeyRangeError, ParseHashKeyError};
use kinesis_aggregation::wire::Index;
use kinesis_aggregation::{
    Aggregator, HashKey, HashKeyRange, SequenceNumber, UserRecord, deaggregate,
};

use crate::support::{field, record};

#[test]
fn an_index_tells_where_everything_is() {
    let message = [
        field(1, b"a"),
        field(1, b"bb"),
        field(2, b"7"),
        record(1, Some(0), b"data"),
        record(0, None, b""),
    ]
    .concat();
    let mut index = Index::new();
    let extent = index.append(&message).unwrap();
    let at = |range| str::from_utf8(&message[range]).unwrap();
    let keys: Vec<_> = index.partition_keys().map(at).collect();
    let hash_keys: Vec<_> = index.explicit_hash_keys().map(at).collect();
    assert_eq!((keys, hash_keys), (vec!["a", "bb"], vec!["7"]));
    let [first, second] = index.records() else {
        panic!("{extent:?}")
    };
    assert_eq!(at(first.data()), "data");
    let indices = [first, second].map(|r| (r.partition_key_index(), r.explicit_hash_key_index()));
    assert_eq!(indices, [(1, Some(0)), (0, None)]);

    let again = index.append(&message).unwrap();
    assert_eq!(
        (
            again.records,
            again.partition_keys,
            again.explicit_hash_keys
        ),
        (2..4, 2..4, 1..2)
    );
    // A refused message leaves nothing behind.
    index.append(&message[..message.len() - 1]).unwrap_err();
    assert_eq!(index.records().len(), 4);
    assert_eq!(index.partition_keys().len(), 4);
    assert_eq!(index.explicit_hash_keys().len(), 2);
    index.clear();
    assert_eq!(index.records().len(), 0);
    assert_eq!(
        index.partition_keys().len() + index.explicit_hash_keys().len(),
        0
    );
}

#[test]
fn the_neighbours_of_a_scripts_digits_are_no_digits() {
    for zero in [
        0x30, 0x660, 0x966, 0xE50, 0x1040, 0x1A80, 0x1A90, 0xABF0, 0xFF10_u32,
    ] {
        for beside in [zero - 1, zero + 10] {
            let text = char::from_u32(beside).unwrap().to_string();
            assert!(text.parse::<HashKey>().is_err(), "{beside:x}");
        }
        let nine = char::from_u32(zero + 9).unwrap().to_string();
        assert_eq!(nine.parse(), Ok(HashKey::new(9)));
    }
    assert_eq!(u128::from(HashKey::new(9)), 9);
}

#[test]
fn a_hash_key_range_reads_and_writes_as_text() {
    let range: HashKeyRange = "7-٩".parse().unwrap();
    assert_eq!((range.start().get(), range.end().get()), (7, 9));
    assert_eq!(range.to_string(), "7-9");
    let error = |text: &str| text.parse::<HashKeyRange>().unwrap_err();
    assert_eq!(error("7"), HashKeyRangeError::NotARange);
    assert_eq!(error("9-7"), HashKeyRangeError::Reversed);
    let not_a_number = HashKeyRangeError::HashKey(ParseHashKeyError::NotANumber);
    assert_eq!((error("a-7"), error("7-")), (not_a_number, not_a_number));
    assert_eq!("7-7".parse::<HashKeyRange>().unwrap().to_string(), "7-7");
}

#[test]
fn sequence_numbers_compare_with_operators_too() {
    let number = |text: &str| text.parse::<SequenceNumber>().unwrap();
    assert!(number("9") < number("10"));
    assert!(number("10") > number("9"));
    assert!(number("010") <= number("10"));
}

#[test]
fn user_records_without_a_key_share_an_aggregate_of_one_hash_key() {
    let mut aggregator = Aggregator::builder().build().unwrap();
    let keyless = || UserRecord::without_partition_key("x");
    assert!(aggregator.push(keyless()).unwrap().is_none());
    assert!(aggregator.push(keyless()).unwrap().is_none());
    let closed = aggregator
        .push(UserRecord::new("key", "y"))
        .unwrap()
        .unwrap();
    assert_eq!(closed.user_record_count(), 2);
    let read = deaggregate(None, closed.data());
    let keys: Vec<_> = read
        .user_records()
        .map(|r| r.unwrap().partition_key())
        .collect();
    assert_eq!(keys[0], keys[1]);
    // And the other way round.
    let closed = aggregator.push(keyless()).unwrap().unwrap();
    assert_eq!(closed.partition_key(), Some("key"));
}
