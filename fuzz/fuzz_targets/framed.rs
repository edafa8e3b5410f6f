//! The fuzzer's bytes inside a right magic and digest, so that they get past the gate; the first
//! ones are the reader's settings. Every user record is delivered or lost, each once.
#![no_main]

use kinesis_aggregation::wire::{self, Frame, Index};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome};

libfuzzer_sys::fuzz_target!(|input: (u8, u8, &[u8])| {
    let (settings, after, body) = input;
    let data = wire::seal_message(body);
    let end = HashKey::new(u128::from(settings >> 2) << 122 | u128::MAX >> 6);
    let range = HashKeyRange::new(HashKey::MIN, end).unwrap();
    let mut deaggregator = Deaggregator::new()
        .salvage(settings & 1 == 1)
        .hash_key_range(range);
    let resumes = settings & 2 == 2;
    if resumes {
        deaggregator = deaggregator.after(format!("1:{after}").parse().unwrap());
    }
    let page = [KinesisRecord::new("outer", data).with_sequence_number("1")];
    let batch = deaggregator.deaggregate_batch(&page);
    let outcome = batch.records()[0].outcome();

    let mut seen = Vec::new();
    for (_, item) in &batch {
        match item {
            Ok(user_record) => {
                // Salvage hands out what only has a bad explicit hash key, without a text if the
                // index is beyond the table.
                let salvages = settings & 1 == 1;
                if user_record.is_aggregated() && !salvages {
                    assert!(range.contains(user_record.hash_key().unwrap()));
                }
                seen.push(user_record.sub_sequence_number());
            }
            Err(loss) => {
                assert!(loss.offset() < page[0].data().len());
                seen.extend(loss.lost());
            }
        }
    }
    let first = if resumes { u64::from(after) + 1 } else { 0 };
    let count = match outcome {
        Outcome::Plain(_) => 1,
        _ => {
            let frame = Frame::split(page[0].data()).unwrap();
            Index::new(&frame).unwrap().records().len() as u64
        }
    };
    assert_eq!(seen, (first..count).collect::<Vec<_>>());
    assert_eq!(
        batch.owned_user_records().count(),
        batch.user_records().count()
    );
});
