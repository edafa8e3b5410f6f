//! Hash key ranges that cut through what they are for.

use fastrand::Rng;
use kinesis_aggregation::{Deaggregator, HashKey, HashKeyRange, KinesisRecordRef};

pub(crate) fn any_range(rng: &mut Rng, data: &[u8]) -> Option<HashKeyRange> {
    match rng.u8(0..10) {
        0 | 1 => None,
        2..=4 => Some(HashKeyRange::FULL),
        _ => Some(cut(rng, data)),
    }
}

/// A range whose ends are the aggregate's own hash keys, or one beside.
fn cut(rng: &mut Rng, data: &[u8]) -> HashKeyRange {
    let read = Deaggregator::new().salvage(true);
    let read = read.deaggregate(KinesisRecordRef::new(None, data));
    let mut keys: Vec<u128> = read
        .user_records()
        .filter_map(|r| Some(r.ok()?.hash_key()?.get()))
        .collect();
    keys.extend([0, u128::MAX, rng.u128(..)]);
    keys.sort_unstable();
    // Half of them around all of it: all delivered, or the first or the last one just not.
    let (low, high) = if rng.bool() && keys.len() > 3 {
        let outer = usize::from(rng.bool());
        (keys[outer], keys[keys.len() - 1 - usize::from(rng.bool())])
    } else {
        let mut pick = || keys[rng.usize(0..keys.len())];
        let (a, b) = (pick(), pick());
        (a.min(b), a.max(b))
    };
    let mut beside = |key: u128| match rng.u8(0..4) {
        0 => key.saturating_add(1),
        1 => key.saturating_sub(1),
        _ => key,
    };
    let (low, high) = (beside(low), beside(high));
    let range = HashKeyRange::new(HashKey::new(low), HashKey::new(high));
    range.unwrap_or(HashKeyRange::FULL)
}
