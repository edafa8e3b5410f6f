//! Opening aggregates that are damaged, which the KCL passes on as plain records.

use std::collections::BTreeSet;

use kinesis_aggregation::wire::{self, Frame, Index, RecordIndices};
use kinesis_aggregation::{
    Deaggregator, HashKeyRange, KinesisRecordRef, LossKind, Outcome, PlainReason,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample;

use crate::support::{Read, field, frame, range, read, read_with, record, unhex};

fn salvage() -> Deaggregator {
    Deaggregator::new().salvage_damaged(true)
}

/// What the KPL would write, of these user records with one key.
fn aggregate(data: &[&str]) -> Vec<u8> {
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let records = data.iter().map(|data| (indices, data.as_bytes()));
    wire::encode(["key"], [""; 0], records)
}

/// Where each user record of a good one ends.
fn ends(data: &[u8]) -> Vec<usize> {
    let index = Index::new(&Frame::split(data).unwrap()).unwrap();
    let records = index.records().iter();
    records.map(|record| record.data().end).collect()
}

/// Kind, sub-sequence number, offset, and how many are lost.
fn losses(read: &Read) -> Vec<(LossKind, u64, usize, u64)> {
    let losses = read.losses.iter();
    losses
        .map(|loss| {
            let lost = loss.lost();
            let count = lost.end - lost.start;
            (
                loss.kind().clone(),
                loss.sub_sequence_number(),
                loss.offset(),
                count,
            )
        })
        .collect()
}

const MISMATCH: Outcome = Outcome::Damaged(PlainReason::DigestMismatch);

#[test]
fn a_wrong_digest_around_a_good_message_loses_nothing_and_is_told() {
    let mut data = aggregate(&["one", "two", "three"]);
    *data.last_mut().unwrap() ^= 1;
    assert_eq!(
        read(&data).outcome,
        Outcome::Plain(PlainReason::DigestMismatch)
    );
    // Bad user records are another kind of salvage.
    assert_eq!(
        read_with(&Deaggregator::new().salvage(true), &data).outcome,
        Outcome::Plain(PlainReason::DigestMismatch)
    );
    let opened = read_with(&salvage(), &data);
    assert_eq!(opened.outcome, MISMATCH);
    assert_eq!(opened.data(), ["one", "two", "three"]);
    assert_eq!(losses(&opened), [(LossKind::DigestMismatch, 0, 9, 0)]);
}

#[test]
fn each_user_record_is_marked_and_no_other() {
    let good = aggregate(&["one"]);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let page = [&good[..], &bad, b"plain"].map(|data| KinesisRecordRef::new("k", data));
    let batch = salvage().deaggregate_batch(&page);
    let marked: Vec<_> = batch
        .user_records()
        .filter_map(|(_, item)| Some(item.ok()?.is_damaged()))
        .collect();
    assert_eq!(marked, [false, true, false]);
    let owned = batch.owned_user_records();
    let owned: Vec<_> = owned
        .filter_map(|(_, item)| Some(item.ok()?.is_damaged()))
        .collect();
    assert_eq!(owned, marked);
    // The loss comes before them.
    let of_bad: Vec<_> = batch.records()[1].user_records().collect();
    assert!(matches!(&of_bad[..], [Err(_), Ok(_)]));
}

/// The digest is right, so the message is all there, and its last record claims more than that: what
/// it claims would be bytes of the digest.
#[test]
fn a_right_digest_is_not_read_as_the_data_of_a_user_record() {
    let message = [
        field(1, b"key"),
        record(0, None, b"one"),
        record(0, None, b"too long"),
    ]
    .concat();
    for missing in 1..=8 {
        let data = frame(&message[..message.len() - missing]);
        let opened = read_with(&salvage(), &data);
        assert_eq!(opened.data(), ["one"], "{missing}");
        assert!(
            matches!(
                opened.outcome,
                Outcome::Damaged(PlainReason::Malformed { .. })
            ),
            "{missing}"
        );
    }
}

/// The last bytes of what was cut short are no digest: they are the message's own.
#[test]
fn what_is_cut_short_anywhere_gives_all_user_records_before_the_cut() {
    let whole = aggregate(&["one", "two", "three", ""]);
    let ends = ends(&whole);
    for len in 0..whole.len() {
        let cut = &whole[..len];
        let read = read_with(&salvage(), cut);
        let expected = ends.iter().filter(|end| **end <= len).count();
        if expected == 0 {
            assert!(matches!(read.outcome, Outcome::Plain(_)), "{len}");
            assert_eq!(read.user_records[0].2, cut);
            continue;
        }
        assert!(matches!(read.outcome, Outcome::Damaged(_)), "{len}");
        assert_eq!(
            read.data()[..expected],
            ["one", "two", "three", ""][..expected],
            "{len}"
        );
        // Up to the digest, not a byte is taken for a user record.
        if len <= whole.len() - 16 {
            assert_eq!(read.user_records.len(), expected, "{len}");
        }
        assert_eq!(read.losses.len(), 1, "{len}");
    }
}

#[test]
fn a_malformed_message_with_a_right_digest_is_opened_up_to_the_bad_byte() {
    let body = [
        field(1, b"a"),
        record(0, None, b"one"),
        unhex("1a 02 08 00"), // a user record without data
        record(0, None, b"two"),
    ];
    let data = frame(&body.concat());
    let offset = 4 + 3 + 9 + 2;
    let reason = PlainReason::Malformed { offset };
    assert_eq!(read(&data).outcome, Outcome::Plain(reason));
    let opened = read_with(&salvage(), &data);
    assert_eq!(opened.outcome, Outcome::Damaged(reason));
    assert_eq!(opened.data(), ["one"]);
    assert_eq!(losses(&opened), [(LossKind::Malformed, 1, offset, 1)]);
}

#[test]
fn a_trailing_byte_costs_no_user_record() {
    for garbage in ["\n", "\r\n", "\0\0\0"] {
        let mut data = aggregate(&["one", "two"]);
        data.extend(garbage.bytes());
        let opened = read_with(&salvage(), &data);
        assert_eq!(opened.data(), ["one", "two"]);
        assert_eq!(opened.losses.len(), 1);
    }
}

#[test]
fn what_has_no_user_record_to_give_stays_plain() {
    for hex in ["f3899ac2", "f3899ac200", "f3899ac20a016b", "6b", ""] {
        let data = unhex(hex);
        let opened = read_with(&salvage(), &data);
        assert_eq!(opened, read(&data), "{hex}");
        assert_eq!(opened.user_records.len(), 1);
    }
}

#[test]
fn bad_user_records_and_those_out_of_range_are_reported_one_by_one() {
    let body = [
        field(1, b"a"),
        field(2, b"undefined"),
        field(2, b"5"),
        record(0, Some(1), b"in range"),
        record(0, None, b"outside"),
        record(9, None, b"bad index"),
        record(0, Some(0), b"salvaged"),
        record(0, Some(1), b"in range"),
    ];
    let mut data = frame(&body.concat());
    *data.last_mut().unwrap() ^= 1;
    let opened = read_with(&salvage().hash_key_range(range(0, 9)), &data);
    assert_eq!(opened.outcome, MISMATCH);
    assert_eq!(opened.data(), ["in range", "salvaged", "in range"]);
    let told: Vec<_> = losses(&opened)
        .into_iter()
        .map(|(_, sub, _, lost)| (sub, lost))
        .collect();
    assert_eq!(told, [(0, 0), (1, 1), (2, 1), (3, 0)]);
    // Even if the first one is outside.
    let range = range(6, 9);
    let opened = read_with(&salvage().hash_key_range(range), &data);
    assert_eq!(
        (opened.outcome, opened.data()),
        (MISMATCH, vec!["salvaged"])
    );
}

#[test]
fn resuming_inside_a_damaged_aggregate_leaves_out_what_was_had() {
    let data = aggregate(&["one", "two", "three"]);
    let (cut, mut flipped) = (&data[..data.len() - 17], data.clone());
    *flipped.last_mut().unwrap() ^= 1;
    for (data, after, expected, told) in [
        (&flipped[..], "7:0", 2, Some(1)),
        (&flipped, "7:2", 0, None),
        (cut, "7:0", 1, Some(2)),
        (cut, "7:1", 0, Some(2)),
        (cut, "7:2", 0, None),
    ] {
        let record = KinesisRecordRef::new("k", data).with_sequence_number("7");
        let read = salvage().after(after.parse().unwrap()).deaggregate(record);
        let user_records = read.user_records();
        assert_eq!(user_records.len(), user_records.count());
        assert_eq!(read.user_records().flatten().count(), expected, "{after}");
        let loss = read.losses().first();
        assert_eq!(loss.map(|loss| loss.sub_sequence_number()), told, "{after}");
    }
}

/// A KCL drops a whole aggregate for such a number. Where others of it come out, that one does not.
#[test]
fn with_a_range_a_user_record_whose_number_no_shard_owns_never_comes_out() {
    let table = [field(1, b"key"), field(2, b"-1")].concat();
    let one = record(0, None, b"one");
    let minus_one = record(0, Some(0), b"minus one");
    let mut damaged = frame(&[&table[..], &one, &minus_one].concat());
    *damaged.last_mut().unwrap() ^= 1;
    // Here the index beyond the table comes first, so that a KCL delivers what is before it.
    let beyond = record(7, None, b"beyond");
    let cut = frame(&[&table[..], &one, &beyond, &minus_one].concat());
    for (deaggregator, data) in [
        (salvage(), &damaged),
        (Deaggregator::new().salvage(true), &cut),
    ] {
        let opened = read_with(&deaggregator.hash_key_range(HashKeyRange::FULL), data);
        assert_eq!(opened.data(), ["one"]);
        let last = opened.losses.last().unwrap();
        assert_eq!(*last.kind(), LossKind::ExplicitHashKeyNumber { len: 2 });
        assert_eq!(last.lost().count(), 1);
    }
}

#[test]
fn a_loss_of_a_damaged_one_says_what_it_means_and_shows_nothing() {
    let data = aggregate(&["secret", "secret"]);
    let mut flipped = data.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let of = |data: &[u8]| read_with(&salvage(), data).losses[0].to_string();
    assert_eq!(
        of(&flipped),
        "user record 0 of Kinesis record 0, at byte 9: the digest over it and the others is wrong, \
         so any byte may be"
    );
    assert_eq!(
        of(&data[..data.len() - 20]),
        "user record 1 of Kinesis record 0, at byte 22: the message is cut short or malformed there"
    );
}

proptest! {
    /// Never fewer than without it, and what is intact is read as ever.
    #[test]
    fn an_intact_record_is_read_as_without_it(data in vec("[a-z]{0,5}", 1..5), plain: Vec<u8>) {
        let data: Vec<_> = data.iter().map(String::as_str).collect();
        for data in [aggregate(&data), plain] {
            prop_assert_eq!(read_with(&salvage(), &data), read(&data));
        }
    }

    /// One byte of it is another one, or it is cut: nothing panics, all is marked, there is always
    /// exactly one loss about the damage, every user record is there once or lost, and those before
    /// the damage are there as they were.
    #[test]
    fn whatever_the_damage_what_is_before_it_comes_out(
        data in vec("[a-z]{0,40}", 1..8),
        at: sample::Index,
        byte: u8,
        cuts: bool,
        salvages: bool,
        after in prop::option::of(0..6_u64),
    ) {
        let data: Vec<_> = data.iter().map(String::as_str).collect();
        let mut bytes = aggregate(&data);
        let ends = ends(&bytes);
        let at = 4 + at.index(bytes.len() - 4);
        if cuts {
            bytes.truncate(at);
        } else {
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
        }
        let before = ends.iter().filter(|end| **end <= at).count();
        let mut deaggregator = salvage().salvage(salvages);
        if let Some(after) = after {
            deaggregator = deaggregator.after(format!("7:{after}").parse().unwrap());
        }
        let source = KinesisRecordRef::new("k", &bytes).with_sequence_number("7");
        let read = deaggregator.deaggregate(source);
        let first = after.map_or(0, |after| after + 1);
        if let Outcome::Plain(_) = read.outcome() {
            prop_assert_eq!(before, 0);
            return Ok(());
        }
        prop_assert!(matches!(read.outcome(), Outcome::Damaged(_)));
        let mut seen = BTreeSet::new();
        for item in read.user_records() {
            match item {
                Ok(user_record) => {
                    let sub = user_record.sub_sequence_number();
                    prop_assert!(user_record.is_damaged() && sub >= first && seen.insert(sub));
                    let place = usize::try_from(sub).unwrap();
                    // The key is before them all: if it is damaged, it may be another one.
                    if place < before {
                        prop_assert_eq!(user_record.data(), data[place].as_bytes());
                    }
                }
                Err(loss) => {
                    prop_assert!(loss.offset() >= 4 && loss.offset() <= bytes.len());
                    for sub in loss.lost() {
                        prop_assert!(seen.insert(sub));
                    }
                }
            }
        }
        let about_damage = |kind: &LossKind| {
            matches!(kind, LossKind::DigestMismatch | LossKind::Malformed)
        };
        let told = read.losses().iter().filter(|loss| about_damage(loss.kind())).count();
        prop_assert!(told == 1 || told == 0 && seen.is_empty());
        let expected: BTreeSet<u64> = (first..seen.last().map_or(0, |last| last + 1)).collect();
        prop_assert_eq!(&seen, &expected);
        prop_assert_eq!(read.owned_user_records().count(), read.user_records().count());
        prop_assert_eq!(read.user_records().len(), read.user_records().count());
    }

    #[test]
    fn any_bytes_after_the_magic_do_not_panic(body in vec(any::<u8>(), 0..200)) {
        let data = [&wire::MAGIC[..], &body].concat();
        let read = read_with(&salvage(), &data);
        prop_assert!(!read.user_records.is_empty() || !read.losses.is_empty());
    }
}
