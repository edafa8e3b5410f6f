//! Shared by the tests.

use kinesis_aggregation::wire::MAGIC;
use kinesis_aggregation::{
    Deaggregator, HashKey, HashKeyRange, KinesisRecordRef, Loss, Outcome, md5,
};

/// The body with the magic and a right digest around it.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&MAGIC[..], body, &md5::digest(body)].concat()
}

/// The bytes of a text of hex digits; blanks are for people.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

pub(crate) fn range(start: u128, end: u128) -> HashKeyRange {
    HashKeyRange::new(HashKey::new(start), HashKey::new(end)).unwrap()
}

/// A protobuf varint of the least length.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A length-delimited field.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let len = varint(bytes.len().try_into().unwrap());
    [&[number << 3 | 2], len.as_slice(), bytes].concat()
}

/// A `Record` as a field of the aggregate.
pub(crate) fn record(key: u64, hash_key: Option<u64>, data: &[u8]) -> Vec<u8> {
    let mut body = [vec![0x08], varint(key)].concat();
    if let Some(hash_key) = hash_key {
        body.extend([vec![0x10], varint(hash_key)].concat());
    }
    body.extend(field(3, data));
    field(3, &body)
}

/// Partition key, explicit hash key, data, sub-sequence number.
pub(crate) type ReadRecord = (Option<String>, Option<String>, Vec<u8>, u64);

/// What reading gave, in a form that tests compare.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) outcome: Outcome,
    pub(crate) user_records: Vec<ReadRecord>,
    pub(crate) losses: Vec<Loss>,
}

impl Read {
    /// The data alone, as text.
    pub(crate) fn data(&self) -> Vec<&str> {
        let data = self.user_records.iter().map(|(_, _, data, _)| data);
        data.map(|data| str::from_utf8(data).unwrap()).collect()
    }
}

/// Reads one Kinesis record with the partition key `outer`.
pub(crate) fn read_with(deaggregator: &Deaggregator, data: &[u8]) -> Read {
    let read = deaggregator.deaggregate(KinesisRecordRef::new("outer", data));
    let mut user_records = Vec::new();
    let mut losses = Vec::new();
    for item in &read {
        match item {
            Ok(r) => user_records.push((
                r.partition_key().map(str::to_owned),
                r.explicit_hash_key().map(str::to_owned),
                r.data().to_vec(),
                r.sub_sequence_number(),
            )),
            Err(loss) => losses.push(loss),
        }
    }
    Read {
        outcome: read.outcome(),
        user_records,
        losses,
    }
}

pub(crate) fn read(data: &[u8]) -> Read {
    read_with(&Deaggregator::new(), data)
}

/// Reads the body of an aggregate.
pub(crate) fn read_body(body: &[u8]) -> Read {
    read(&frame(body))
}
