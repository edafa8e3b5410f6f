//! User records into Kinesis records.

use bytes::Bytes;
use bytestring::ByteString;
use indexmap::IndexSet;
use kinesis_aggregation::wire::{self, RecordIndices};
use kinesis_aggregation::{
    AggregateError, Aggregator, AggregatorBuilder, KinesisRecord, OuterKey, Shard, ShardMap,
    ShardedAggregator, UserRecord,
};

use crate::input::{Bad, Input};
use crate::output::{Output, to_u32};
use crate::packer::Packer;

const MIXING_SHARDS: u32 = 1;
const BY_SHARD_MAP: u32 = 2;
const OUTER_KEY_FIRST: u32 = 4;
const OUTER_KEY_GIVEN: u32 = 8;

/// The KPL's value.
const DEFAULT: u32 = u32::MAX;

/// Handles below are statuses.
const FIRST_HANDLE: u32 = 2;

/// The aggregators of a host, by their handles.
#[derive(Default)]
pub(crate) struct Aggregators(Vec<Option<Packer>>);

impl Aggregators {
    pub(crate) fn open(&mut self, input: Input<'_>) -> Result<u32, Bad> {
        let packer = packer(input)?;
        let free = self.0.iter().position(Option::is_none);
        let place = free.unwrap_or(self.0.len());
        match self.0.get_mut(place) {
            Some(slot) => *slot = Some(packer),
            None => self.0.push(Some(packer)),
        }
        Ok(to_u32(place).saturating_add(FIRST_HANDLE))
    }

    fn get_mut(&mut self, handle: u32) -> Option<&mut Option<Packer>> {
        let place = handle.checked_sub(FIRST_HANDLE)?;
        self.0.get_mut(usize::try_from(place).ok()?)
    }

    pub(crate) fn close(&mut self, handle: u32) {
        if let Some(slot) = self.get_mut(handle) {
            *slot = None;
        }
    }

    pub(crate) fn buffered(&self, handle: u32) -> (usize, usize) {
        let place = handle.checked_sub(FIRST_HANDLE);
        let place = place.and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.0.get(place)) {
            Some(Some(it)) => (it.len(), it.encoded_len()),
            _ => (0, 0),
        }
    }

    /// With `flush`, nothing of the request is held when this returns.
    pub(crate) fn push(
        &mut self,
        handle: u32,
        request: &Bytes,
        flush: bool,
        output: &mut Output,
    ) -> Result<(), Bad> {
        let aggregator = self.get_mut(handle).and_then(Option::as_mut);
        let aggregator = aggregator.ok_or("the aggregator is closed")?;
        // What stays here must not keep the whole request.
        let own = |part: Bytes| {
            if flush {
                part
            } else {
                Bytes::copy_from_slice(&part)
            }
        };
        let records = user_records(request, own, output)?;
        if flush {
            let all = records.iter().map(|(_, record)| record.clone());
            let (closed, refused) = aggregator.aggregate_batch(all);
            add_refused(&records, refused, output);
            let size = closed.iter().map(|record| record.data().len()).sum();
            output.bytes.reserve(size);
            closed.iter().for_each(|record| add(record, output));
        } else {
            for (at, record) in records {
                match aggregator.push(record) {
                    Ok(closed) => closed.iter().for_each(|record| add(record, output)),
                    Err(error) => refuse(at, error.kind(), output),
                }
            }
        }
        Ok(())
    }
}

fn packer(mut input: Input<'_>) -> Result<Packer, Bad> {
    let flags = input.number()?;
    let mut builder = Aggregator::builder();
    let set: [fn(AggregatorBuilder, usize) -> AggregatorBuilder; 3] = [
        AggregatorBuilder::max_size,
        AggregatorBuilder::max_count,
        AggregatorBuilder::max_record_size,
    ];
    for set in set {
        let number = input.number()?;
        if number != DEFAULT {
            builder = set(builder, usize::try_from(number).unwrap_or(usize::MAX));
        }
    }
    let outer_key = input.text()?;
    if flags & OUTER_KEY_FIRST != 0 {
        builder = builder.outer_key(OuterKey::First);
    } else if flags & OUTER_KEY_GIVEN != 0 {
        builder = builder.outer_key(OuterKey::Fixed(outer_key.into()));
    }
    let bad = |error: &dyn std::error::Error| Bad::Owned(error.to_string());
    if flags & MIXING_SHARDS != 0 {
        let aggregator = builder.mixing_shards().build();
        return match aggregator {
            Ok(aggregator) => Ok(Packer::Mixing(aggregator.into())),
            Err(error) => Err(bad(&error)),
        };
    }
    let aggregator = if flags & BY_SHARD_MAP != 0 {
        let shards = ShardMap::new(shards(&mut input)?).map_err(|error| bad(&error))?;
        ShardedAggregator::new(shards, builder)
    } else {
        ShardedAggregator::per_hash_key(builder)
    };
    match aggregator {
        Ok(aggregator) => Ok(Packer::Sharded(aggregator.into())),
        Err(error) => Err(bad(&error)),
    }
}

/// How many, then for each its id, its hash key range and 1 if it is closed.
fn shards(input: &mut Input<'_>) -> Result<Vec<Shard>, Bad> {
    let count = input.size()?;
    let mut shards = Vec::new();
    for _ in 0..count {
        let id = input.text()?;
        let range = input.text()?.parse();
        let range = range.map_err(|error| Bad::Owned(format!("shard {id}: {error}")))?;
        let shard = if input.number()? == 0 {
            Shard::open
        } else {
            Shard::closed
        };
        shards.push(shard(id, range));
    }
    Ok(shards)
}

/// The user records, each with its position; those whose explicit hash key is not a hash key are refused.
fn user_records(
    request: &Bytes,
    own: impl Fn(Bytes) -> Bytes,
    output: &mut Output,
) -> Result<Vec<(usize, UserRecord)>, Bad> {
    let mut input = Input::new(request);
    let count = input.size()?;
    let mut records = Vec::new();
    for at in 0..count {
        let partition_key = own(request.slice_ref(input.bytes()?));
        let partition_key =
            ByteString::try_from(partition_key).map_err(|_| "a text is not UTF-8")?;
        let hash_key = input.text()?;
        let data = own(request.slice_ref(input.bytes()?));
        let record = UserRecord::new(partition_key, data);
        if hash_key.is_empty() {
            records.push((at, record));
            continue;
        }
        match hash_key.parse() {
            Ok(hash_key) => records.push((at, record.with_explicit_hash_key(hash_key))),
            Err(error) => refuse(at, format_args!("its explicit hash key is {error}"), output),
        }
    }
    Ok(records)
}

/// One frame of all user records, with their explicit hash keys as they are.
pub(crate) fn encode(mut input: Input<'_>, output: &mut Output) -> Result<(), Bad> {
    let count = input.size()?;
    let (mut partition_keys, mut hash_keys) = (IndexSet::new(), IndexSet::new());
    let mut records = Vec::new();
    for _ in 0..count {
        let partition_key = index(&mut partition_keys, input.text()?);
        let hash_key = input.text()?;
        let explicit_hash_key = (!hash_key.is_empty()).then(|| index(&mut hash_keys, hash_key));
        let indices = RecordIndices {
            partition_key,
            explicit_hash_key,
        };
        records.push((indices, input.bytes()?));
    }
    output.bytes = wire::encode(partition_keys, hash_keys, records);
    Ok(())
}

/// The position of `key` in a table, to which it is added if it is new.
fn index<'a>(table: &mut IndexSet<&'a str>, key: &'a str) -> u32 {
    let (index, _) = table.insert_full(key);
    to_u32(index)
}

/// Finds out which were refused: they come back in order, and whether one is refused depends on
/// nothing but itself, so the next that looks the same is it.
fn add_refused(all: &[(usize, UserRecord)], refused: Vec<AggregateError>, output: &mut Output) {
    let mut rest = all.iter();
    for error in refused {
        let kind = error.kind();
        let record = error.into_record();
        if let Some((at, _)) = rest.find(|(_, candidate)| *candidate == record) {
            refuse(*at, kind, output);
        }
    }
}

fn refuse(at: usize, why: impl std::fmt::Display, output: &mut Output) {
    let start = to_u32(output.text.len());
    output.text.push_str(&why.to_string());
    let end = to_u32(output.text.len());
    output.losses.extend([to_u32(at), start, end]);
}

fn add(record: &KinesisRecord, output: &mut Output) {
    let key_start = to_u32(output.text.len());
    output
        .text
        .push_str(record.partition_key().unwrap_or_default());
    let key_end = to_u32(output.text.len());
    if let Some(hash_key) = record.explicit_hash_key() {
        output.text.push_str(&hash_key.to_string());
    }
    let hash_key_end = to_u32(output.text.len());
    output.bytes.extend_from_slice(record.data());
    let data_end = to_u32(output.bytes.len());
    let count = to_u32(record.user_record_count().unwrap_or_default());
    let numbers = [key_start, key_end, hash_key_end, data_end, count];
    output.records.extend(numbers);
}
