//! What Node and Python write, read by this library: the user records that were put, but for the
//! two writers' known faults.

use std::collections::HashSet;

use kinesis_aggregation::deaggregate;

use crate::compare::Verdict;
use crate::faults::Reader;
use crate::peer::{Answer, Item, Status};
use crate::wire::frame;
use crate::writing::Put;

pub(crate) const NODE_ORDER: &str = "writes its key tables in a JavaScript object's order, but the indices in the order of use: other keys";
pub(crate) const PYTHON_LAST_20: &str =
    "loses a user record that fits its maximum alone, but not with the frame's 20 bytes";
const PYTHON_TOO_BIG: &str = "raises at a user record larger than its maximum";

/// Python's maximum unless it is told another.
const MIB: usize = 1 << 20;

pub(crate) fn compare(writer: Reader, put: &Put, theirs: &Answer) -> Verdict {
    let max = match put.max_size {
        0 => MIB,
        max => usize::try_from(max).unwrap(),
    };
    let mut put_records: Vec<&Item> = put.user_records.iter().collect();
    let mut explained = None;
    if writer == Reader::Python {
        if theirs.status == Status::Threw {
            let too_big = put_records.iter().any(|r| alone(r) + 2 > max);
            return if too_big && theirs.text.starts_with("ValueError: Input record") {
                Verdict::Explained(PYTHON_TOO_BIG)
            } else {
                Verdict::Unexplained(format!("it threw: {}", theirs.text))
            };
        }
        let count = put_records.len();
        put_records.retain(|r| alone(r) + 20 <= max);
        if put_records.len() < count {
            explained = Some(PYTHON_LAST_20);
        }
    }
    if theirs.status != Status::Returned {
        return Verdict::Unexplained(format!("it failed: {}", theirs.text));
    }
    let mut left = put_records.as_slice();
    for kinesis_record in &theirs.items {
        if explained.is_some() && kinesis_record.data == frame(b"") {
            continue;
        }
        let read = deaggregate("outer", &kinesis_record.data);
        let read: Result<Vec<_>, _> = read.user_records().collect();
        let Ok(read) = read else {
            return Verdict::Unexplained("we lose user records of it".to_owned());
        };
        let Some((members, rest)) = left.split_at_checked(read.len()) else {
            return Verdict::Unexplained("more user records than were put".to_owned());
        };
        left = rest;
        let read: Vec<_> = read
            .iter()
            .map(|r| (r.partition_key(), r.explicit_hash_key(), r.data()))
            .collect();
        let as_put: Vec<_> = members
            .iter()
            .map(|r| {
                (
                    text(&r.partition_key),
                    text(&r.explicit_hash_key),
                    &r.data[..],
                )
            })
            .collect();
        if read == as_put {
            continue;
        }
        let keys = reordered(members.iter().map(|r| text(&r.partition_key)));
        let hash_keys = reordered(members.iter().map(|r| text(&r.explicit_hash_key)));
        let by_object = keys.iter().zip(&hash_keys).zip(members);
        let by_object: Vec<_> = by_object.map(|((k, h), r)| (*k, *h, &r.data[..])).collect();
        if writer == Reader::Node && read == by_object {
            explained = Some(NODE_ORDER);
            continue;
        }
        return Verdict::Unexplained("what we read is not what was put".to_owned());
    }
    match (left, explained) {
        ([], None) => Verdict::Same,
        ([], Some(name)) => Verdict::Explained(name),
        _ => Verdict::Unexplained(format!("{} user records are missing", left.len())),
    }
}

fn text(key: &Option<Vec<u8>>) -> Option<&str> {
    key.as_deref().and_then(|key| str::from_utf8(key).ok())
}

/// The size of a user record as the first of an aggregate, without the frame.
fn alone(r: &Item) -> usize {
    let field = |len: usize| 1 + varint_len(len) + len;
    let key = field(r.partition_key.as_deref().map_or(0, <[u8]>::len));
    let hash_key = r.explicit_hash_key.as_deref();
    let hash_key_index = if hash_key.is_some() { 2 } else { 0 };
    key + hash_key.map_or(0, |key| field(key.len()))
        + field(2 + hash_key_index + field(r.data.len()))
}

fn varint_len(n: usize) -> usize {
    crate::wire::varint(u64::try_from(n).unwrap()).len()
}

/// The keys that come out where the table has a JavaScript object's order: integer-like ones
/// first, by their numbers.
fn reordered<'a>(keys: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<&'a str>> {
    let keys: Vec<_> = keys.collect();
    let mut seen = HashSet::new();
    let by_use: Vec<&str> = keys
        .iter()
        .flatten()
        .copied()
        .filter(|key| seen.insert(*key))
        .collect();
    let mut table = by_use.clone();
    // Stable: the others keep the order of their coming.
    table.sort_by_key(|key| array_index(key).map_or(u64::MAX, u64::from));
    let place = |key: &str| by_use.iter().position(|other| *other == key);
    keys.iter()
        .map(|key| key.and_then(|key| Some(table[place(key)?])))
        .collect()
}

/// What JavaScript takes for an array index: canonical, below 2^32-1.
fn array_index(key: &str) -> Option<u32> {
    let index: u32 = key.parse().ok()?;
    (index < u32::MAX && index.to_string() == key).then_some(index)
}
