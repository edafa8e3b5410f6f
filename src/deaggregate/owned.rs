//! Reading into user records that own what they hold.

use bytestring::ByteString;

use super::judge::{Judged, Opened, to_u64, to_usize};
use super::steps::{Step, Steps};
use crate::error::Loss;
use crate::record::{OwnedUserRecord, StoredRecord};
use crate::sequence::SequenceNumber;
use crate::wire::{IndexedRecord, MAGIC, Span};

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

    fn user_record(&mut self, position: usize, entry: &IndexedRecord) -> OwnedUserRecord {
        let keys = self.opened.keys(self.judged);
        let hash_key_place = entry.explicit_hash_key_index();
        let (_, hash_key) = keys.get(hash_key_place.unwrap_or(entry.partition_key));
        OwnedUserRecord {
            partition_key: Some(self.key(entry.partition_key)),
            explicit_hash_key: hash_key_place.map(|place| self.key(place)),
            hash_key: hash_key.copied(),
            data: self.share(entry.data),
            sequence_number: self.sequence_number.clone(),
            sub_sequence_number: to_u64(position),
            aggregated: true,
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
        }
    }

    /// The key at this place: a part of the Kinesis record's buffer unless decoding changed it.
    fn key(&mut self, place: u32) -> ByteString {
        let made = to_usize(place);
        if let Some(Some(key)) = self.keys.get(made) {
            return key.clone();
        }
        let keys = self.opened.keys(self.judged);
        let key = ByteString::try_from(self.share(keys.source(place)))
            .unwrap_or_else(|_| ByteString::from(keys.get(place).0));
        if let Some(room) = self.keys.get_mut(made) {
            *room = Some(key.clone());
        }
        key
    }

    fn share(&self, span: Span) -> bytes::Bytes {
        let range = span.range();
        let in_data = |at: usize| at.saturating_add(MAGIC.len());
        self.source.share(in_data(range.start)..in_data(range.end))
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
