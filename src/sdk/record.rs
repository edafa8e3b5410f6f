//! The SDK's record types, sharing their memory.

use std::ops::Range;

use aws_sdk_kinesis::error::BuildError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Record};
use bytes::Bytes;

use crate::error::ParseHashKeyError;
use crate::record::{KinesisRecord, StoredRecord, share_bytes};

impl StoredRecord for Record {
    fn partition_key(&self) -> Option<&str> {
        self.partition_key()
    }

    fn data(&self) -> &[u8] {
        self.data.as_ref()
    }

    fn sequence_number(&self) -> Option<&str> {
        Some(self.sequence_number())
    }

    fn share(&self, range: Range<usize>) -> Bytes {
        share_bytes(&self.data.clone().into_bytes(), range)
    }
}

/// The record that was fetched, its data shared.
impl From<Record> for KinesisRecord {
    fn from(record: Record) -> Self {
        Self::with_optional_key(
            record.partition_key.map(Into::into),
            record.data.into_bytes(),
        )
        .with_sequence_number(record.sequence_number)
    }
}

/// The entry that puts the record, its data shared.
///
/// # Errors
///
/// None in practice: the SDK's builder fails only without data.
impl TryFrom<KinesisRecord> for PutRecordsRequestEntry {
    type Error = BuildError;

    fn try_from(record: KinesisRecord) -> Result<Self, BuildError> {
        Self::builder()
            .set_partition_key(record.partition_key.map(String::from))
            .set_explicit_hash_key(record.explicit_hash_key.map(|key| key.to_string()))
            .data(Blob::from_maybe_shared(record.data))
            .build()
    }
}

/// The record that the entry puts, its data shared.
///
/// # Errors
///
/// Every [`ParseHashKeyError`], of the entry's explicit hash key.
impl TryFrom<PutRecordsRequestEntry> for KinesisRecord {
    type Error = ParseHashKeyError;

    fn try_from(entry: PutRecordsRequestEntry) -> Result<Self, ParseHashKeyError> {
        let hash_key = entry.explicit_hash_key().map(str::parse).transpose()?;
        let mut record =
            Self::with_optional_key(entry.partition_key.map(Into::into), entry.data.into_bytes());
        record.explicit_hash_key = hash_key;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aggregator, Deaggregator, HashKey, UserRecord};

    fn aggregate() -> KinesisRecord {
        let mut aggregator = Aggregator::builder().build().unwrap();
        for data in ["one", "two"] {
            assert_eq!(aggregator.push(UserRecord::new("key", data)).unwrap(), None);
        }
        aggregator.flush().unwrap()
    }

    fn fetched(data: Bytes, partition_key: Option<&str>) -> Record {
        Record::builder()
            .sequence_number("17")
            .data(Blob::from_maybe_shared(data))
            .set_partition_key(partition_key.map(str::to_owned))
            .build()
            .unwrap()
    }

    #[test]
    fn user_records_share_the_blob() {
        let data = aggregate().data().clone();
        let records = [fetched(data.clone(), Some("a"))];
        let batch = Deaggregator::new().deaggregate_batch(&records);
        let read: Vec<_> = batch.owned_user_records().collect();
        assert_eq!(read.len(), 2);
        for (record, user_record) in read {
            assert_eq!(record.sequence_number(), "17");
            let shared = user_record.unwrap().data().as_ptr_range();
            let whole = data.as_ptr_range();
            assert!(whole.start <= shared.start && shared.end <= whole.end);
        }
    }

    #[test]
    fn a_range_outside_the_data_shares_nothing() {
        let record = fetched(Bytes::from_static(b"abc"), None);
        assert_eq!(record.share(1..3), "bc");
        assert_eq!(record.share(1..4), "");
        assert_eq!(StoredRecord::partition_key(&record), None);
    }

    #[test]
    fn entries_go_and_come_back_in_the_same_memory() {
        let record = aggregate();
        let entry = PutRecordsRequestEntry::try_from(record.clone()).unwrap();
        assert_eq!(entry.partition_key(), Some("a"));
        let hash_key = HashKey::of_partition_key("key").to_string();
        assert_eq!(entry.explicit_hash_key(), Some(hash_key.as_str()));
        assert_eq!(entry.data().as_ref().as_ptr(), record.data().as_ptr());
        let back = KinesisRecord::try_from(entry).unwrap();
        assert_eq!(back.explicit_hash_key(), record.explicit_hash_key());
        assert_eq!(back.data().as_ptr(), record.data().as_ptr());
    }

    #[test]
    fn an_entry_without_a_partition_key_stays_without() {
        let record = KinesisRecord::without_partition_key("data");
        let entry = PutRecordsRequestEntry::try_from(record.clone()).unwrap();
        assert_eq!(
            (entry.partition_key(), entry.explicit_hash_key()),
            (None, None)
        );
        assert_eq!(KinesisRecord::try_from(entry), Ok(record));
    }

    #[test]
    fn a_bad_explicit_hash_key_is_refused() {
        let entry = PutRecordsRequestEntry::builder()
            .explicit_hash_key("0x10")
            .data(Blob::new("data"))
            .build()
            .unwrap();
        assert_eq!(
            KinesisRecord::try_from(entry),
            Err(ParseHashKeyError::NotANumber)
        );
    }

    #[test]
    fn what_was_fetched_keeps_key_and_place() {
        let record = KinesisRecord::from(fetched(Bytes::from_static(b"abc"), Some("key")));
        assert_eq!(record.partition_key(), Some("key"));
        assert_eq!(record.sequence_number(), Some("17"));
        assert_eq!(record.data(), "abc");
    }
}
