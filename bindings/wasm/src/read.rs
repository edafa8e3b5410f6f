//! Kinesis records into rows of numbers.

use kinesis_aggregation::error::{Loss, LossKind};
use kinesis_aggregation::{
    Deaggregated, Deaggregator, Outcome, PlainReason, StoredRecord, UserRecordRef,
};

use crate::input::{Bad, Input};
use crate::output::{LOSS, Output, PLAIN, to_u32};
use crate::unjudged;

const SALVAGE: u32 = 1;
/// Judge nothing but the indices.
const UNJUDGED: u32 = 2;
const SALVAGE_DAMAGED: u32 = 4;

struct Stored<'a> {
    data: &'a [u8],
    sequence_number: &'a str,
}

impl StoredRecord for Stored<'_> {
    /// The host knows it: a plain record's row does not repeat it.
    fn partition_key(&self) -> Option<&str> {
        None
    }

    fn data(&self) -> &[u8] {
        self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        Some(self.sequence_number).filter(|text| !text.is_empty())
    }
}

pub(crate) fn read(mut input: Input<'_>, output: &mut Output) -> Result<(), Bad> {
    let flags = input.number()?;
    let deaggregator = deaggregator(flags, &mut input)?;
    let count = input.size()?;
    // Not reserved: a wrong count must not take memory.
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(Stored {
            data: input.bytes()?,
            sequence_number: input.text()?,
        });
    }
    let batch = deaggregator.deaggregate_batch(&records);
    let mut keys = Keys::default();
    for record in batch.records() {
        let lost = matches!(record.outcome(), Outcome::Dropped | Outcome::Cut);
        if lost && flags & UNJUDGED != 0 {
            unjudged::add(record.source().data, output);
        } else {
            add(record, &mut keys, output);
        }
        end_record(record.outcome(), output);
    }
    Ok(())
}

fn deaggregator(flags: u32, input: &mut Input<'_>) -> Result<Deaggregator, Bad> {
    let mut deaggregator = Deaggregator::new()
        .salvage(flags & SALVAGE != 0)
        .salvage_damaged(flags & SALVAGE_DAMAGED != 0);
    let range = input.text()?;
    if !range.is_empty() {
        let range = range.parse();
        let range = range.map_err(|error| Bad::Owned(format!("hash key range: {error}")))?;
        deaggregator = deaggregator.hash_key_range(range);
    }
    let after = input.text()?;
    if !after.is_empty() {
        let after = after.parse();
        let after =
            after.map_err(|error| Bad::Owned(format!("position to resume after: {error}")))?;
        deaggregator = deaggregator.after(after);
    }
    Ok(deaggregator)
}

fn add(record: &Deaggregated<&Stored<'_>>, keys: &mut Keys, output: &mut Output) {
    keys.start(output);
    let data = record.source().data;
    for user_record in record.user_records() {
        let row = match user_record {
            Ok(user_record) => row(data, &user_record, keys, output),
            Err(loss) => {
                let sub_sequence_number = low(loss.sub_sequence_number());
                let at = output.losses_len();
                add_loss(&loss, output);
                [at, 0, LOSS, 0, sub_sequence_number]
            }
        };
        output.rows.extend(row);
    }
}

/// Says where the Kinesis record's parts of the tables end.
fn end_record(of: Outcome, output: &mut Output) {
    let (code, offset) = outcome(of);
    let ends = [&output.rows, &output.keys].map(|table| to_u32(table.len()));
    let [rows, keys] = ends;
    let text = to_u32(output.text.len());
    output.records.extend([code, offset, rows, keys, text]);
}

fn row(
    data: &[u8],
    user_record: &UserRecordRef<'_>,
    keys: &mut Keys,
    output: &mut Output,
) -> [u32; 5] {
    let start = match user_record.data() {
        // It may be empty and elsewhere.
        [] => 0,
        part => part.as_ptr().addr().saturating_sub(data.as_ptr().addr()),
    };
    let end = start.saturating_add(user_record.data().len());
    let mut partition_key = PLAIN;
    let mut explicit_hash_key = 0;
    if user_record.is_aggregated() {
        partition_key = keys.place(user_record.partition_key().unwrap_or_default(), output);
        if let Some(key) = user_record.explicit_hash_key() {
            explicit_hash_key = keys.place(key, output).saturating_add(1);
        }
    }
    let sub_sequence_number = low(user_record.sub_sequence_number());
    [
        to_u32(start),
        to_u32(end),
        partition_key,
        explicit_hash_key,
        sub_sequence_number,
    ]
}

/// Tells keys apart by where they are in memory: the library decodes each used table entry once,
/// one after another into one text, so the user records that use an entry all give the same address.
///
/// A key that is not recognised is written again, which costs room and is not wrong.
#[derive(Default)]
struct Keys {
    /// The address of the Kinesis record's first key.
    base: Option<usize>,
    /// By the distance from there: the key's place + 1, or 0.
    places: Vec<u32>,
    /// The place of the empty key, which shares its address with another.
    empty: Option<u32>,
    /// The keys of the Kinesis records before, and the UTF-16 units of this one.
    before: usize,
    units: usize,
}

impl Keys {
    fn start(&mut self, output: &Output) {
        self.base = None;
        self.places.clear();
        self.empty = None;
        self.before = output.keys.len();
        self.units = 0;
    }

    /// The place of `key` among those of its Kinesis record.
    fn place(&mut self, key: &str, output: &mut Output) -> u32 {
        if key.is_empty() {
            let place = self.empty.unwrap_or_else(|| self.add(key, output));
            self.empty = Some(place);
            return place;
        }
        let address = key.as_ptr().addr();
        let distance = address.wrapping_sub(*self.base.get_or_insert(address));
        if let Some(&place) = self.places.get(distance)
            && place > 0
        {
            return place.saturating_sub(1);
        }
        let place = self.add(key, output);
        // No distance is longer than the keys before, unless the order of the keys is another.
        if distance <= self.units.saturating_mul(3) {
            if self.places.len() <= distance {
                self.places.resize(distance.saturating_add(1), 0);
            }
            if let Some(free) = self.places.get_mut(distance) {
                *free = place.saturating_add(1);
            }
        }
        place
    }

    fn add(&mut self, key: &str, output: &mut Output) -> u32 {
        let place = output.keys.len().saturating_sub(self.before);
        let units = if key.is_ascii() {
            key.len()
        } else {
            key.encode_utf16().count()
        };
        self.units = self.units.saturating_add(units);
        output.text.push_str(key);
        output.keys.push(to_u32(self.units));
        to_u32(place)
    }
}

fn add_loss(loss: &Loss, output: &mut Output) {
    let kind = match loss.kind() {
        LossKind::OutOfRange => 0,
        LossKind::PartitionKeyIndex { .. } => 1,
        LossKind::ExplicitHashKeyIndex { .. } => 2,
        LossKind::ExplicitHashKey { .. } => 3,
        LossKind::ExplicitHashKeyNumber { .. } => 4,
        LossKind::DigestMismatch => 5,
        LossKind::Malformed => 6,
        _ => u32::MAX,
    };
    let [start, end] = output.say(&loss.kind().to_string());
    let lost = loss.lost();
    output.losses.extend([
        kind,
        to_u32(loss.record_index()),
        low(loss.sub_sequence_number()),
        low(lost.start),
        low(lost.end),
        to_u32(loss.offset()),
        start,
        end,
    ]);
}

/// The outcome's number, and where the message is malformed.
fn outcome(outcome: Outcome) -> (u32, u32) {
    match outcome {
        Outcome::Plain(PlainReason::NotFramed) => (0, 0),
        Outcome::Plain(PlainReason::TooShort) => (1, 0),
        Outcome::Plain(PlainReason::DigestMismatch) => (2, 0),
        Outcome::Plain(PlainReason::Malformed { offset }) => (3, to_u32(offset)),
        Outcome::Aggregated => (4, 0),
        Outcome::Empty => (5, 0),
        Outcome::Dropped => (6, 0),
        Outcome::Cut => (7, 0),
        Outcome::Skipped => (8, 0),
        Outcome::Damaged(PlainReason::Malformed { offset }) => (9, to_u32(offset)),
        Outcome::Damaged(_) => (9, 0),
        _ => (u32::MAX, 0),
    }
}

fn low(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
