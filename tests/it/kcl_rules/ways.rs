//! The ways to read: salvaging, resuming, batches, owned; and what is printed.

use kinesis_aggregation::LossKind;
use kinesis_aggregation::wire::MAGIC;
use kinesis_aggregation::{
    Deaggregator, ExtendedSequenceNumber, HashKeyRange, KinesisRecord, Outcome, deaggregate, md5,
};

use super::{MAGIC_HEX, three};
use crate::support::{field, frame, range, read_with, record, unhex};

#[test]
fn salvage_goes_on_and_reports_each_loss() {
    let body = [
        field(1, b"a"),
        field(2, b"nan"),
        field(2, b"-1"),
        record(0, None, b"0"),
        record(7, None, b"1"),
        record(0, None, b"2"),
        record(0, Some(0), b"3"),
        record(0, Some(1), b"4"),
        record(0, None, b"5"),
    ]
    .concat();
    let read = read_with(&Deaggregator::new().salvage(true), &frame(&body));
    assert_eq!(read.outcome, Outcome::Cut);
    let kept: Vec<_> = read.user_records.iter().map(|r| r.3).collect();
    assert_eq!(kept, [0, 2, 3, 4, 5]);
    let lost: Vec<_> = read
        .losses
        .iter()
        .map(|loss| (loss.sub_sequence_number(), loss.lost()))
        .collect();
    assert_eq!(lost, [(1, 1..2), (3, 3..3), (4, 4..4)]);
    let kinds = [1, 2].map(|at: usize| read.losses[at].kind().clone());
    let expected = [
        LossKind::ExplicitHashKey { len: 3 },
        LossKind::ExplicitHashKeyNumber { len: 2 },
    ];
    assert_eq!(kinds, expected);
}

/// What old writers left: `-123` (AWS Java before 2017-09), `undefined` (AWS Node before 2018-03).
const NO_HASH_KEYS: [&str; 4] = [
    "-123",
    "undefined",
    "340282366920938463463374607431768211456",
    "",
];

/// Three user records, the second with a bad explicit hash key.
fn bad_explicit_hash_key(text: &str) -> Vec<u8> {
    let body = [
        field(1, b"a"),
        field(2, text.as_bytes()),
        record(0, None, b"0"),
        record(0, Some(0), b"1"),
        record(0, None, b"2"),
    ];
    frame(&body.concat())
}

/// Dropped without a range, it would pass for done: nobody can have asked for another shard's.
#[test]
fn without_a_range_an_explicit_hash_key_that_no_range_holds_is_a_cut() {
    for text in NO_HASH_KEYS {
        let read = read_with(&Deaggregator::new(), &bad_explicit_hash_key(text));
        assert_eq!(read.outcome, Outcome::Cut, "{text:?}");
        assert_eq!(read.data(), ["0"], "{text:?}");
        assert_eq!(read.losses[0].lost(), 1..3, "{text:?}");
        assert_ne!(read.losses[0].kind(), &LossKind::OutOfRange, "{text:?}");
    }
}

#[test]
fn with_a_range_a_number_that_no_range_holds_is_dropped_and_told_apart() {
    let rules = Deaggregator::new().hash_key_range(range(0, u128::MAX));
    let read = read_with(&rules.salvage(true), &bad_explicit_hash_key("-123"));
    assert_eq!(read.outcome, Outcome::Dropped);
    assert_eq!(read.losses[0].lost(), 0..3);
    let kind = LossKind::ExplicitHashKeyNumber { len: 4 };
    assert_eq!(read.losses[0].kind(), &kind);
}

#[test]
fn salvage_hands_out_what_only_has_a_bad_explicit_hash_key() {
    let salvage = Deaggregator::new().salvage(true);
    for text in NO_HASH_KEYS {
        let data = bad_explicit_hash_key(text);
        let page = [numbered("7", data)];
        let batch = salvage.deaggregate_batch(&page);
        let items: Vec<_> = batch.user_records().map(|(_, r)| r).collect();
        let [Ok(_), Err(loss), Ok(bad), Ok(_)] = &items[..] else {
            panic!("{text:?}: {items:?}")
        };
        assert_eq!((loss.sub_sequence_number(), loss.lost()), (1, 1..1));
        assert_eq!(bad.partition_key(), Some("a"));
        assert_eq!(bad.explicit_hash_key(), Some(text));
        assert_eq!((bad.hash_key(), bad.data()), (None, &b"1"[..]));
        assert_eq!(bad.position(), Some("7:1".parse().unwrap()));
        let owned = batch.owned_user_records().nth(2).unwrap().1.unwrap();
        assert_eq!(&owned.as_ref(), bad);
        assert_eq!(owned.hash_key(), None);
        // Resuming skips the loss with its user record.
        let resumed = salvage.clone().after("7:1".parse().unwrap());
        let resumed = resumed.deaggregate(&page[0]);
        assert_eq!(
            (resumed.losses().len(), resumed.user_records().len()),
            (0, 1)
        );
    }
}

#[test]
fn salvage_hands_out_what_only_has_a_bad_explicit_hash_key_index() {
    let body = [
        field(1, b"a"),
        record(0, Some(7), b"0"),
        record(0, None, b"1"),
        record(7, Some(7), b"2"),
    ];
    let read = read_with(&Deaggregator::new().salvage(true), &frame(&body.concat()));
    assert_eq!(read.data(), ["0", "1"]);
    assert_eq!(read.user_records[0].1, None);
    let lost: Vec<_> = read.losses.iter().map(|loss| loss.lost()).collect();
    assert_eq!(lost, [0..0, 2..3]);
}

#[test]
fn salvage_never_brings_back_what_is_out_of_range() {
    let body = [
        field(1, b"a"),
        field(2, b"-1"),
        record(0, None, b"0"),
        record(0, Some(0), b"1"),
        record(7, None, b"2"),
    ];
    let full = Deaggregator::new().hash_key_range(HashKeyRange::FULL);
    let read = read_with(&full.salvage(true), &frame(&body.concat()));
    assert_eq!(read.outcome, Outcome::Dropped);
    assert!(read.user_records.is_empty());
}

fn numbered(sequence_number: &'static str, data: Vec<u8>) -> KinesisRecord {
    KinesisRecord::new("outer", data).with_sequence_number(sequence_number)
}

#[test]
fn resuming_skips_what_is_at_or_below_as_numbers() {
    let page = [
        numbered("9", frame(&three())),
        numbered("10", frame(&three())),
        numbered("11", b"plain".to_vec()),
        numbered("100", frame(&three())),
    ];
    let read_after = |position: &str| {
        let deaggregator = Deaggregator::new().after(position.parse().unwrap());
        let batch = deaggregator.deaggregate_batch(&page);
        let positions: Vec<_> = batch
            .user_records()
            .map(|(source, r)| {
                let sub = r.unwrap().sub_sequence_number();
                format!("{}:{sub}", source.sequence_number().unwrap())
            })
            .collect();
        positions.join(" ")
    };
    assert_eq!(read_after("10:1"), "10:2 11:0 100:0 100:1 100:2");
    assert_eq!(read_after("10:2"), "11:0 100:0 100:1 100:2");
    assert_eq!(read_after("10"), "11:0 100:0 100:1 100:2");
    assert_eq!(read_after("11:0"), "100:0 100:1 100:2");
    assert_eq!(
        read_after("9:0"),
        "9:1 9:2 10:0 10:1 10:2 11:0 100:0 100:1 100:2"
    );
    assert_eq!(read_after("0100"), "");
}

#[test]
fn resuming_judges_the_range_over_the_whole_aggregate() {
    let body = [
        field(1, b"a"),
        field(2, b"5"),
        field(2, b"50"),
        record(0, Some(1), b"0"),
        record(0, Some(0), b"1"),
    ];
    let page = [numbered("1", frame(&body.concat()))];
    let deaggregator = Deaggregator::new()
        .hash_key_range(range(0, 9))
        .after("1:0".parse().unwrap());
    let batch = deaggregator.deaggregate_batch(&page);
    assert_eq!(batch.records()[0].outcome(), Outcome::Dropped);
    assert_eq!(batch.losses()[0].lost(), 1..2); // 0 was had before
}

/// Nothing is lost then: all were had before.
#[test]
fn resuming_after_the_last_user_record_of_a_dropped_record_reports_no_loss() {
    let [by_partition_key, by_explicit_hash_key] = [None, Some(0)]
        .map(|hash_key| [field(1, b"a"), field(2, b"50"), record(0, hash_key, b"0")].concat());
    for body in [by_partition_key, by_explicit_hash_key] {
        let page = [numbered("1", frame(&body))];
        let deaggregator = Deaggregator::new()
            .hash_key_range(range(0, 9))
            .after("1:0".parse().unwrap());
        let batch = deaggregator.deaggregate_batch(&page);
        assert_eq!(batch.records()[0].outcome(), Outcome::Dropped);
        assert!(batch.losses().is_empty());
    }
}

#[test]
fn resuming_skips_a_loss_that_is_behind_it() {
    let body = [&three()[..], &record(9, None, b"3"), &record(0, None, b"4")].concat();
    let page = [numbered("1", frame(&body))];
    let losses = |deaggregator: Deaggregator, after: &str| {
        let deaggregator = deaggregator.after(after.parse().unwrap());
        deaggregator.deaggregate_batch(&page).losses().to_vec()
    };
    assert_eq!(losses(Deaggregator::new(), "1:0")[0].lost(), 3..5);
    assert_eq!(losses(Deaggregator::new(), "1:3")[0].lost(), 4..5);
    assert!(losses(Deaggregator::new(), "1:4").is_empty());
    assert!(losses(Deaggregator::new().salvage(true), "1:3").is_empty());
}

#[test]
fn a_record_without_a_sequence_number_is_never_skipped() {
    let page = [KinesisRecord::new("outer", "data")];
    let after = ExtendedSequenceNumber::end_of("99".parse().unwrap());
    let deaggregator = Deaggregator::new().after(after);
    assert_eq!(
        deaggregator.deaggregate_batch(&page).user_records().count(),
        1
    );
}

#[test]
fn a_batch_gives_the_very_results_of_one_at_a_time() {
    let page = [
        KinesisRecord::new("outer", "plain"),
        KinesisRecord::new("outer", frame(&three())),
        KinesisRecord::new("outer", frame(&unhex("0a01611a0508051a0178"))),
        KinesisRecord::new("outer", frame(b"\0")),
        KinesisRecord::new("outer", frame(&three())),
    ];
    let deaggregator = Deaggregator::new();
    let batch = deaggregator.deaggregate_batch(&page);
    for (position, (one, stored)) in batch.records().iter().zip(&page).enumerate() {
        let alone = deaggregator.deaggregate(stored);
        assert_eq!(one.outcome(), alone.outcome());
        let ours = one
            .user_records()
            .map(|r| format!("{r:?}"))
            .collect::<Vec<_>>();
        let theirs = alone
            .user_records()
            .map(|r| format!("{r:?}"))
            .collect::<Vec<_>>();
        // Only the loss knows where in the batch it is.
        let theirs: Vec<_> = theirs
            .into_iter()
            .map(|r| r.replace("record: 0, user", &format!("record: {position}, user")))
            .collect();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn owned_user_records_share_the_kinesis_records_buffer() {
    let body = [
        field(1, b"key"),
        field(1, b"\xFF"),
        record(0, None, b"data"),
        record(1, None, b""),
    ];
    let page = [KinesisRecord::new("outer", frame(&body.concat()))];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let user_records: Vec<_> = batch
        .owned_user_records()
        .map(|(_, r)| r.unwrap())
        .collect();
    let buffer = page[0].data().as_ptr_range();
    assert!(buffer.contains(&user_records[0].data().as_ptr()));
    assert!(buffer.contains(&user_records[0].partition_key().unwrap().as_ptr()));
    assert_eq!(user_records[1].partition_key(), Some("\u{fffd}"));
}

#[test]
fn nothing_that_is_printed_shows_data_or_keys() {
    let body = [
        field(1, b"SECRET"),
        field(2, b"SECRET"),
        record(0, None, b"SECRET"),
        record(0, Some(0), b"SECRET"),
    ];
    let data = frame(&body.concat());
    let page = [KinesisRecord::new("SECRET", data.clone())];
    let batch = Deaggregator::new().deaggregate_batch(&page);
    let read = deaggregate("SECRET", &data);
    let mut printed = format!("{batch:?} {read:?} {page:?}");
    for item in &read {
        printed += &format!("{item:?}");
        if let Err(loss) = item {
            printed += &loss.to_string();
        }
    }
    for (_, item) in batch.owned_user_records() {
        printed += &format!("{item:?}");
    }
    assert!(!printed.contains("SECRET"), "{printed}");
    assert!(
        !printed.contains(&format!("{:?}", b"SECRET").replace(['[', ']'], "")),
        "{printed}"
    );
    let digest = md5::digest(b"SECRET");
    assert!(
        !printed.contains(&u128::from_be_bytes(digest).to_string()),
        "{printed}"
    );
    assert_eq!(MAGIC_HEX, hex::encode(MAGIC));
}
