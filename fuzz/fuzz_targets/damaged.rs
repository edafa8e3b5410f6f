//! The fuzzer's bytes after the magic, with no digest or any: damaged aggregates are opened as far as
//! they can be read, and every user record is delivered or lost, each once. The first byte has the
//! reader's settings.
#![no_main]

use kinesis_aggregation::wire::{Frame, Index, MAGIC};
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecord, Outcome};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((settings, bytes)) = input.split_first() else {
        return;
    };
    let data = [&MAGIC, bytes].concat();
    let mut deaggregator = Deaggregator::new().salvage_damaged(true);
    if settings & 1 == 1 {
        let range = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX / 2)).unwrap();
        deaggregator = deaggregator.hash_key_range(range);
    }
    let first = u64::from(settings >> 2);
    let resumes = first > 0;
    if resumes {
        deaggregator = deaggregator.after(format!("1:{}", first - 1).parse().unwrap());
    }
    let mut index = Index::default();
    if let Some(frame) = Frame::split(&data) {
        // What was read before the error is what counts.
        let _ = index.refill_up_to_error(&frame);
    }
    let readable = index.records().len() as u64;
    let page = [KinesisRecord::new("outer", data).with_sequence_number("1")];
    let batch = deaggregator.deaggregate_batch(&page);
    let damaged = matches!(batch.records()[0].outcome(), Outcome::Damaged(_));

    let mut seen = Vec::new();
    for (_, item) in &batch {
        match item {
            Ok(user_record) => {
                assert_eq!(user_record.is_damaged(), damaged);
                seen.push(user_record.sub_sequence_number());
            }
            Err(loss) => {
                assert!(loss.offset() <= page[0].data().len());
                seen.extend(loss.lost());
            }
        }
    }
    let end = seen.last().map_or(first, |last| last + 1);
    assert_eq!(seen, (first..end).collect::<Vec<_>>());
    // What can be read comes out, wherever the message breaks; more, if it was cut short.
    assert!(!damaged || end >= readable);
    // Damage never goes without a word, unless it was had before.
    assert!(!damaged || seen.is_empty() || !batch.losses().is_empty());
    assert_eq!(
        batch.owned_user_records().count(),
        batch.user_records().count()
    );
    assert_eq!(batch.user_records().len(), batch.user_records().count());
});
