//! The user records of an aggregate, whatever their explicit hash keys are.
//!
//! The KCL loses them; AWS's Node.js and Python readers hand them out, and so must what replaces
//! those. An index that is beyond its table is still a loss: there is no key to hand out.

use kinesis_aggregation::wire::{Frame, Index, IndexedRecord, key_text};

use crate::output::{LOSS, Output, to_u32};

const PARTITION_KEY_INDEX: u32 = 1;
const EXPLICIT_HASH_KEY_INDEX: u32 = 2;

/// Adds the rows of `data`, a frame that was found to be good.
pub(crate) fn add(data: &[u8], output: &mut Output) {
    let Some(frame) = Frame::split(data) else {
        return;
    };
    let Ok(index) = Index::new(&frame) else {
        return;
    };
    let mut units = 0;
    let partition_keys = add_keys(data, index.partition_keys(), &mut units, output);
    let explicit_hash_keys = add_keys(data, index.explicit_hash_keys(), &mut units, output);
    for (record, sub_sequence_number) in index.records().iter().zip(0..) {
        let row = row(
            record,
            partition_keys,
            explicit_hash_keys,
            sub_sequence_number,
        );
        let row = row.unwrap_or_else(|kind| lose(kind, sub_sequence_number, output));
        output.rows.extend(row);
    }
}

/// Adds the entries of a table; how many they are.
fn add_keys(
    data: &[u8],
    keys: impl Iterator<Item = std::ops::Range<usize>>,
    units: &mut usize,
    output: &mut Output,
) -> u32 {
    let mut count: u32 = 0;
    for key in keys {
        let key = key_text(data.get(key).unwrap_or_default());
        *units = units.saturating_add(key.encode_utf16().count());
        output.text.push_str(&key);
        output.keys.push(to_u32(*units));
        count = count.saturating_add(1);
    }
    count
}

/// The row of a user record, or the kind of its loss.
fn row(
    record: &IndexedRecord,
    partition_keys: u32,
    explicit_hash_keys: u32,
    sub_sequence_number: u32,
) -> Result<[u32; 5], u32> {
    let partition_key = record.partition_key_index();
    if partition_key >= partition_keys {
        return Err(PARTITION_KEY_INDEX);
    }
    let explicit_hash_key = match record.explicit_hash_key_index() {
        None => 0,
        Some(index) if index >= explicit_hash_keys => return Err(EXPLICIT_HASH_KEY_INDEX),
        // They follow the partition keys, and 0 is taken.
        Some(index) => partition_keys.saturating_add(index).saturating_add(1),
    };
    let data = record.data();
    let start = to_u32(data.start);
    let end = to_u32(data.end);
    Ok([
        start,
        end,
        partition_key,
        explicit_hash_key,
        sub_sequence_number,
    ])
}

fn lose(kind: u32, sub_sequence_number: u32, output: &mut Output) -> [u32; 5] {
    let at = output.losses_len();
    let [start, end] = output.say("its key index is beyond the table");
    let lost = [sub_sequence_number, sub_sequence_number.saturating_add(1)];
    let [first, next] = lost;
    output
        .losses
        .extend([kind, 0, first, first, next, 0, start, end]);
    [at, 0, LOSS, 0, sub_sequence_number]
}
