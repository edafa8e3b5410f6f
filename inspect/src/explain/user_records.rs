//! The user records of an aggregate, the undeliverable ones too.

use bytestring::ByteString;
use kinesis_aggregation::error::ParseHashKeyError;
use kinesis_aggregation::wire::IndexedRecord;
use kinesis_aggregation::{HashKey, ShardMap};
use serde::{Serialize, Serializer};

use super::preview::preview;
use super::tables::Tables;

/// A user record of an aggregate.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserRecord<'a> {
    /// Its position in the aggregate.
    pub sub_sequence_number: usize,
    /// The entry of the partition key table that it names.
    pub partition_key_index: u32,
    /// `None` if the table has no such entry.
    pub partition_key: Option<ByteString>,
    /// The entry of the explicit hash key table that it names.
    pub explicit_hash_key_index: Option<u32>,
    /// Its text in the table.
    pub explicit_hash_key: Option<ByteString>,
    /// The effective hash key; in JSON a string of decimal digits. `None` if it has no valid one.
    #[serde(serialize_with = "decimal")]
    pub hash_key: Option<HashKey>,
    /// The open shard that owns its hash key.
    pub predicted_shard: Option<&'a str>,
    /// Why it is bad on any shard.
    pub fault: Option<&'static str>,
    /// Where its data starts, in bytes from the start of the Kinesis record's data.
    pub data_offset: usize,
    /// Bytes of data.
    pub data_length: usize,
    /// The start of the data, for a person.
    pub data_preview: String,
}

fn decimal<S: Serializer>(
    hash_key: &Option<HashKey>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match hash_key {
        Some(hash_key) => serializer.collect_str(hash_key),
        None => serializer.serialize_none(),
    }
}

/// Looks up the user records of a Kinesis record in its tables. Each table entry is hashed or parsed
/// once.
pub(super) fn user_records<'a>(
    stored: &[u8],
    records: &[IndexedRecord],
    tables: &Tables,
    shard_map: Option<&'a ShardMap>,
) -> Vec<UserRecord<'a>> {
    let hashes: Vec<_> = tables
        .partition_keys
        .iter()
        .map(|key| HashKey::of_partition_key(key))
        .collect();
    let numbers: Vec<_> = tables
        .explicit_hash_keys
        .iter()
        .map(|key| number(key))
        .collect();
    let keys = Keys {
        hashes,
        numbers,
        tables,
    };
    let records = records.iter().enumerate();
    records
        .map(|(position, record)| keys.user_record(position, record, stored, shard_map))
        .collect()
}

/// The tables, and the numbers that their entries stand for.
struct Keys<'t> {
    hashes: Vec<HashKey>,
    numbers: Vec<Result<HashKey, ParseHashKeyError>>,
    tables: &'t Tables,
}

impl Keys<'_> {
    fn user_record<'a>(
        &self,
        position: usize,
        record: &IndexedRecord,
        stored: &[u8],
        shard_map: Option<&'a ShardMap>,
    ) -> UserRecord<'a> {
        let partition_key_index = record.partition_key_index();
        let explicit_hash_key_index = record.explicit_hash_key_index();
        let effective = self.effective(partition_key_index, explicit_hash_key_index);
        let hash_key = effective.ok();
        let predicted = hash_key
            .zip(shard_map)
            .map(|(key, map)| map.predict(key).id());
        let data = stored.get(record.data()).unwrap_or_default();
        UserRecord {
            sub_sequence_number: position,
            partition_key_index,
            partition_key: get(&self.tables.partition_keys, partition_key_index).cloned(),
            explicit_hash_key_index,
            explicit_hash_key: explicit_hash_key_index
                .and_then(|index| get(&self.tables.explicit_hash_keys, index))
                .cloned(),
            hash_key,
            predicted_shard: predicted,
            fault: effective.err(),
            data_offset: record.data().start,
            data_length: data.len(),
            data_preview: preview(data),
        }
    }

    /// The effective hash key, or why the KCL cannot compute it. The KCL looks up the partition key first,
    /// then the explicit hash key, and reads that as a number last: a user record with several faults
    /// has the first of them.
    fn effective(
        &self,
        partition_key: u32,
        explicit_hash_key: Option<u32>,
    ) -> Result<HashKey, &'static str> {
        let hash = get(&self.hashes, partition_key)
            .ok_or("its partition key index is beyond the table")?;
        let Some(index) = explicit_hash_key else {
            return Ok(*hash);
        };
        let number =
            get(&self.numbers, index).ok_or("its explicit hash key index is beyond the table")?;
        number.map_err(|error| match error {
            ParseHashKeyError::NotANumber => "its explicit hash key is not an integer",
            ParseHashKeyError::OutOfRange => "its explicit hash key is not in 0 to 2^128-1",
        })
    }
}

fn get<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}

/// Reads an explicit hash key as the KCL does. It hands the text as it is to Java's `BigInteger`, which
/// refuses blanks around the number; [`HashKey::from_str`](std::str::FromStr) ignores them.
fn number(key: &str) -> Result<HashKey, ParseHashKeyError> {
    if key.trim() == key {
        key.parse()
    } else {
        Err(ParseHashKeyError::NotANumber)
    }
}
