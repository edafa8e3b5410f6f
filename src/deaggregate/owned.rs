//! Reading into user records that own what they hold.

use bytestring::ByteString;

use super::keys::KeyId;
use super::opened::{Entry, Judged, Opened, to_u64};
use super::steps::{Step, Steps};
use crate::error::Loss;
use crate::record::{OwnedUserRecord, StoredRecord};
use crate::sequence::SequenceNumber;

/// The owned user records of one Kinesis record.
pub(super) struct OwnedUserRecords<'b, R> {
    source: &'b R,
    sequence_number: Option<SequenceNumber>,
    opened: &'b Opened,
    judged: &'b Judged,
    steps: Steps<'b>,
    /// The keys made so far: at most one allocation for each.
    keys: Vec<Option<ByteString>>,
}

impl<'b, R: StoredRecord> OwnedUserRecords<'b, R> {
    pub(super) fn new(source: &'b R, opened: &'b Opened, judged: &'b Judged) -> Self {
        Self {
            source,
            sequence_number: source.sequence_number().and_then(|text| text.parse().ok()),
            opened,
            judged,
            steps: Steps::new(opened, judged),
            keys: vec![None; judged.keys.len()],
        }
    }

    fn user_record(&mut self, position: usize, entry: &Entry) -> OwnedUserRecord {
        let keys = self.opened.keys(self.judged);
        let explicit_hash_key = entry.explicit_hash_key();
        let (_, hash_key) = keys.get(explicit_hash_key.unwrap_or(entry.partition_key));
        OwnedUserRecord {
            partition_key: Some(self.key(entry.partition_key)),
            explicit_hash_key: explicit_hash_key.map(|id| self.key(id)),
            hash_key: hash_key.copied(),
            data: self.source.share(entry.data.range()),
            sequence_number: self.sequence_number.clone(),
            sub_sequence_number: to_u64(position),
            aggregated: true,
            damaged: self.judged.is_damaged(),
        }
    }

    fn plain(&self) -> OwnedUserRecord {
        OwnedUserRecord {
            partition_key: self.source.partition_key().map(ByteString::from),
            explicit_hash_key: None,
            hash_key: None,
            data: self.source.share(0..self.source.data().len()),
            sequence_number: self.sequence_number.clone(),
            sub_sequence_number: 0,
            aggregated: false,
            damaged: false,
        }
    }

    /// A key: a part of the Kinesis record's buffer unless decoding changed it.
    fn key(&mut self, id: KeyId) -> ByteString {
        if let Some(Some(key)) = self.keys.get(id.place()) {
            return key.clone();
        }
        let keys = self.opened.keys(self.judged);
        let key = ByteString::try_from(self.source.share(keys.source(id).range()))
            .unwrap_or_else(|_| ByteString::from(keys.get(id).0));
        if let Some(room) = self.keys.get_mut(id.place()) {
            *room = Some(key.clone());
        }
        key
    }
}

impl<R: StoredRecord> Iterator for OwnedUserRecords<'_, R> {
    type Item = Result<OwnedUserRecord, Loss>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.steps.next()? {
            Step::UserRecord(position, entry) => Ok(self.user_record(position, entry)),
            Step::Plain => Ok(self.plain()),
            Step::Loss(loss) => Err(loss.clone()),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.steps.size_hint()
    }
}

impl<R: StoredRecord> ExactSizeIterator for OwnedUserRecords<'_, R> {}
