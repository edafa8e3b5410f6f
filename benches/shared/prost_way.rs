//! The careful reader and writer that one would build from prost and md-5.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use kinesis_aggregation::proto::{AggregatedRecord, Record};
use kinesis_aggregation::wire::{FRAME_OVERHEAD, MAGIC};
use kinesis_aggregation::{HashKeyRange, UserRecord};
use md5::{Digest, Md5};
use prost::Message;

/// The message of a frame whose digest is right.
fn verified(data: &Bytes) -> Option<AggregatedRecord> {
    if data.len() <= FRAME_OVERHEAD || !data.starts_with(&MAGIC) {
        return None;
    }
    let message = data.slice(MAGIC.len()..data.len() - 16);
    if Md5::digest(&message)[..] != data[data.len() - 16..] {
        return None;
    }
    AggregatedRecord::decode(message).ok()
}

/// Verifies, decodes, hashes each user record's key for the range, and hands the user records out.
pub(crate) fn read(data: &Bytes, range: HashKeyRange) -> usize {
    let Some(aggregate) = verified(data) else {
        return 0;
    };
    for record in &aggregate.records {
        let hash_key = match record.explicit_hash_key_index {
            Some(index) => aggregate.explicit_hash_key_table[index as usize]
                .parse::<u128>()
                .expect("a number"),
            None => {
                let key = &aggregate.partition_key_table[record.partition_key_index as usize];
                u128::from_be_bytes(Md5::digest(key).into())
            }
        };
        if !range.contains(hash_key.into()) {
            return 0;
        }
    }
    hand_out(&aggregate)
}

/// Verifies, decodes and hands the user records out, whatever their hash keys.
pub(crate) fn read_unfiltered(data: &Bytes) -> usize {
    verified(data).map_or(0, |aggregate| hand_out(&aggregate))
}

fn hand_out(aggregate: &AggregatedRecord) -> usize {
    for record in &aggregate.records {
        let key = &aggregate.partition_key_table[record.partition_key_index as usize];
        black_box((key.as_str(), record.data.as_ref()));
    }
    aggregate.records.len()
}

/// A user record as its readers usually get it.
pub(crate) struct Owned {
    /// Its partition key.
    pub(crate) partition_key: String,
    /// Its explicit hash key.
    pub(crate) explicit_hash_key: Option<String>,
    /// Its data.
    pub(crate) data: Bytes,
}

/// Decodes into owned user records, nothing verified.
pub(crate) fn decode_owned(message: Bytes) -> Vec<Owned> {
    let aggregate = AggregatedRecord::decode(message).expect("a message");
    let entry = |table: &[String], index: u64| table[index as usize].clone();
    aggregate
        .records
        .into_iter()
        .map(|record| Owned {
            partition_key: entry(&aggregate.partition_key_table, record.partition_key_index),
            explicit_hash_key: record
                .explicit_hash_key_index
                .map(|index| entry(&aggregate.explicit_hash_key_table, index)),
            data: record.data,
        })
        .collect()
}

/// Decodes, nothing else.
pub(crate) fn decode_bare(message: Bytes) -> AggregatedRecord {
    AggregatedRecord::decode(message).expect("a message")
}

/// Writes aggregates of at most `max_size` bytes, by the size that prost would compute.
#[derive(Default)]
pub(crate) struct Writer {
    aggregate: AggregatedRecord,
    partition_keys: HashMap<String, u64>,
    explicit_hash_keys: HashMap<String, u64>,
    size: usize,
}

impl Writer {
    /// Adds a user record; what it closes comes back.
    pub(crate) fn push(&mut self, record: &UserRecord, max_size: usize) -> Option<Vec<u8>> {
        let key = record.partition_key().expect("a key");
        let hash_key = record.explicit_hash_key().map(|key| key.to_string());
        // The KPL's own estimate: five bytes a record, three a new key.
        let mut size = record.data().len() + 5;
        if !self.partition_keys.contains_key(key) {
            size += key.len() + 3;
        }
        if let Some(hash_key) = &hash_key
            && !self.explicit_hash_keys.contains_key(hash_key)
        {
            size += hash_key.len() + 3;
        }
        let closed = (self.size + size + FRAME_OVERHEAD > max_size)
            .then(|| self.flush())
            .flatten();
        self.size += size;
        let table = &mut self.aggregate.partition_key_table;
        let partition_key_index = index(&mut self.partition_keys, table, key);
        let table = &mut self.aggregate.explicit_hash_key_table;
        let explicit_hash_key_index =
            hash_key.map(|key| index(&mut self.explicit_hash_keys, table, &key));
        self.aggregate.records.push(Record {
            partition_key_index,
            explicit_hash_key_index,
            data: record.data().clone(),
            tags: Vec::new(),
        });
        closed
    }

    /// Closes what is there.
    pub(crate) fn flush(&mut self) -> Option<Vec<u8>> {
        let this = std::mem::take(self);
        if this.aggregate.records.is_empty() {
            return None;
        }
        let mut frame = Vec::with_capacity(FRAME_OVERHEAD + this.aggregate.encoded_len());
        frame.extend_from_slice(&MAGIC);
        this.aggregate.encode(&mut frame).expect("room");
        let digest = Md5::digest(&frame[MAGIC.len()..]);
        frame.extend_from_slice(&digest);
        Some(frame)
    }
}

fn index(positions: &mut HashMap<String, u64>, table: &mut Vec<String>, key: &str) -> u64 {
    if let Some(position) = positions.get(key) {
        return *position;
    }
    let position = table.len() as u64;
    positions.insert(key.to_owned(), position);
    table.push(key.to_owned());
    position
}
