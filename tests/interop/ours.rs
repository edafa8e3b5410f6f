//! What this library makes of a case; and that all its ways of reading make the same of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use kinesis_aggregation::{
    Deaggregator, ExtendedSequenceNumber, HashKeyRange, KinesisRecord, KinesisRecordRef, Loss,
    LossKind, Outcome, OwnedUserRecord, StoredRecord, UserRecordRef,
};

use crate::peer::{Case, Item};

#[derive(Clone)]
pub(crate) struct Read {
    pub(crate) outcome: Outcome,
    pub(crate) items: Vec<Item>,
    pub(crate) losses: Vec<Loss>,
}

/// Reads as the KCL would; the error says that it panicked.
pub(crate) fn read(case: &Case) -> Result<Read, String> {
    let range = case.range.unwrap_or(HashKeyRange::FULL);
    let deaggregator = Deaggregator::new().hash_key_range(range);
    let read = || {
        let read = deaggregator.deaggregate(KinesisRecordRef::new(
            case.partition_key.as_deref(),
            &case.data,
        ));
        let (items, losses) = split(read.user_records().map(|r| r.map(borrowed)));
        Read {
            outcome: read.outcome(),
            items,
            losses,
        }
    };
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| "it panicked".to_owned())
}

fn split(all: impl Iterator<Item = Result<Item, Loss>>) -> (Vec<Item>, Vec<Loss>) {
    let (mut items, mut losses) = (Vec::new(), Vec::new());
    for item in all {
        match item {
            Ok(item) => items.push(item),
            Err(loss) => losses.push(loss),
        }
    }
    (items, losses)
}

fn borrowed(r: UserRecordRef<'_>) -> Item {
    Item {
        partition_key: r.partition_key().map(|key| key.as_bytes().to_vec()),
        explicit_hash_key: r.explicit_hash_key().map(|key| key.as_bytes().to_vec()),
        sub_sequence_number: r.sub_sequence_number(),
        aggregated: r.is_aggregated(),
        data: r.data().to_vec(),
    }
}

fn owned(r: &OwnedUserRecord) -> Item {
    borrowed(r.as_ref())
}

/// An item, or a loss without the place of its Kinesis record in the batch.
type Step = Result<Item, (u64, std::ops::Range<u64>, usize, LossKind)>;

fn step(item: Result<Item, Loss>) -> Step {
    item.map_err(|loss| {
        let kind = loss.kind().clone();
        (loss.sub_sequence_number(), loss.lost(), loss.offset(), kind)
    })
}

/// Reads `cases` one at a time, as a batch, and owned, all by the same rules (picked at random),
/// and says where the three do not agree.
pub(crate) fn agree(cases: &[&Case], rng: &mut Rng) -> Result<(), String> {
    let check = || agree_by(cases, rng);
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn agree_by(cases: &[&Case], rng: &mut Rng) -> Result<(), String> {
    let records: Vec<KinesisRecord> = cases
        .iter()
        .zip(98_u32..)
        .map(|(case, n)| {
            let record = match &case.partition_key {
                Some(key) => KinesisRecord::new(key.clone(), case.data.clone()),
                None => KinesisRecord::without_partition_key(case.data.clone()),
            };
            record.with_sequence_number(n.to_string())
        })
        .collect();
    let range = cases[rng.usize(0..cases.len())].range;
    let salvage = rng.bool();
    let whole = Deaggregator::new()
        .hash_key_range(range.unwrap_or(HashKeyRange::FULL))
        .salvage(salvage);
    let mut deaggregator = whole.clone();
    let after = (rng.u8(0..3) == 0).then(|| {
        let at = 97 + rng.usize(0..=cases.len());
        (at, rng.u64(0..6))
    });
    if let Some((at, sub)) = after {
        let sequence_number = at.to_string().parse().map_err(|_| "a sequence number")?;
        deaggregator = deaggregator.after(ExtendedSequenceNumber::new(sequence_number, sub));
    }

    let batch = deaggregator.deaggregate_batch(&records);
    let mut flat = batch.user_records();
    let mut flat_owned = batch.owned_user_records();
    for (n, (record, in_batch)) in records.iter().zip(batch.records()).enumerate() {
        let read = deaggregator.deaggregate(record);
        if read.outcome() != in_batch.outcome() {
            return Err(format!("record {n}: the outcomes differ"));
        }
        let alone: Vec<Step> = read.user_records().map(|r| step(r.map(borrowed))).collect();
        let batched = in_batch.user_records().map(|r| step(r.map(borrowed)));
        same(n, "batch", &alone, batched)?;
        let batched = in_batch
            .owned_user_records()
            .map(|r| step(r.map(|r| owned(&r))));
        same(n, "owned", &alone, batched)?;
        let next = flat
            .by_ref()
            .take(alone.len())
            .map(|(_, r)| step(r.map(borrowed)));
        same(n, "flat", &alone, next)?;
        let next = flat_owned.by_ref().take(alone.len());
        same(
            n,
            "flat owned",
            &alone,
            next.map(|(_, r)| step(r.map(|r| owned(&r)))),
        )?;

        let full = whole.deaggregate(record);
        let expected = full.user_records().filter_map(Result::ok).map(borrowed);
        let expected = expected.filter(|item| match after {
            Some((at, sub)) if at == 98 + n => item.sub_sequence_number > sub,
            Some((at, _)) => 98 + n > at,
            None => true,
        });
        let items = alone.iter().filter_map(|step| step.as_ref().ok());
        if !items.eq(expected.collect::<Vec<_>>().iter()) {
            return Err(format!(
                "record {n}: resuming skips more or less than it should"
            ));
        }
        counts(n, &full, salvage)?;
    }
    match (flat.next(), flat_owned.next()) {
        (None, None) => Ok(()),
        _ => Err("a flat list is too long".to_owned()),
    }
}

fn same(
    n: usize,
    way: &str,
    alone: &[Step],
    other: impl Iterator<Item = Step>,
) -> Result<(), String> {
    if alone.iter().cloned().eq(other) {
        Ok(())
    } else {
        Err(format!("record {n}: {way} and one at a time differ"))
    }
}

/// Each user record is delivered or lost, once; those below the first loss and those above it.
fn counts(
    n: usize,
    read: &kinesis_aggregation::Deaggregated<impl StoredRecord>,
    salvage: bool,
) -> Result<(), String> {
    let mut expected = 0;
    for item in read {
        let (at, end) = match item {
            Ok(r) => (r.sub_sequence_number(), r.sub_sequence_number() + 1),
            // Its user record comes next.
            Err(loss) if salvage && loss.lost().is_empty() => continue,
            Err(loss) => (loss.lost().start, loss.lost().end),
        };
        if at != expected || end <= at {
            return Err(format!(
                "record {n}: {at} comes where {expected} should (salvage {salvage})"
            ));
        }
        expected = end;
    }
    Ok(())
}
