//! The bindings of this library to other languages: they must say the very same.

use kinesis_aggregation::{Aggregator, UserRecord};

use crate::compare::Verdict;
use crate::ours::Read;
use crate::peer::{Answer, Item, Status};
use crate::writing::Put;

/// A binding has read what we read: the same user records, and the same losses in as many lines.
pub(crate) fn read(ours: &Read, theirs: &Answer) -> Verdict {
    let losses = ours.losses.iter().map(ToString::to_string);
    same(&ours.items, losses.collect(), theirs)
}

/// A binding has written what we write, all shards mixed, and refused the same.
pub(crate) fn write(put: &Put, theirs: &Answer) -> Verdict {
    let mut builder = Aggregator::builder().mixing_shards();
    if put.max_size > 0 {
        builder = builder.max_size(put.max_size as usize);
    }
    let mut aggregator = match builder.build() {
        Ok(aggregator) => aggregator,
        Err(error) => return Verdict::Unexplained(format!("the settings are refused: {error}")),
    };
    let (mut closed, mut refused) = (Vec::new(), Vec::new());
    for (index, item) in put.user_records.iter().enumerate() {
        match user_record(item).and_then(|record| {
            aggregator
                .push(record)
                .map_err(|error| error.kind().to_string())
        }) {
            Ok(before) => closed.extend(before),
            Err(why) => refused.push(format!("{index}: {why}")),
        }
    }
    closed.extend(aggregator.flush());
    let closed: Vec<_> = closed
        .iter()
        .map(|record| Item {
            partition_key: record.partition_key().map(|key| key.as_bytes().to_vec()),
            explicit_hash_key: record
                .explicit_hash_key()
                .map(|key| key.to_string().into_bytes()),
            sub_sequence_number: 0,
            aggregated: false,
            data: record.data().to_vec(),
        })
        .collect();
    same(&closed, refused, theirs)
}

fn user_record(item: &Item) -> Result<UserRecord, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let key = text(item.partition_key.as_deref().unwrap_or_default());
    let record = UserRecord::new(key, item.data.clone());
    match &item.explicit_hash_key {
        None => Ok(record),
        Some(hash_key) => match text(hash_key).parse() {
            Ok(hash_key) => Ok(record.with_explicit_hash_key(hash_key)),
            Err(error) => Err(format!("its explicit hash key is {error}")),
        },
    }
}

fn same(items: &[Item], said: Vec<String>, theirs: &Answer) -> Verdict {
    let status = match said.is_empty() {
        true => Status::Returned,
        false => Status::Logged,
    };
    if theirs.status != status {
        let (got, text) = (theirs.status, &theirs.text);
        return Verdict::Unexplained(format!("status {got:?}, expected {status:?}: {text}"));
    }
    if theirs.text != said.join("\n") {
        return Verdict::Unexplained(format!("it says: {}", theirs.text));
    }
    if theirs.items != items {
        let (got, expected) = (theirs.items.len(), items.len());
        return Verdict::Unexplained(format!("{got} items, expected these {expected}"));
    }
    Verdict::Same
}
