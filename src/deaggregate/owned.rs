//! Reading into user records that own what they hold.

use std::{fmt, iter, slice};

use bytestring::ByteString;

use super::batch::{Places, Step, Steps};
use super::judge::{Judged, Opened, to_u64};
use crate::error::Loss;
use crate::record::{OwnedUserRecord, StoredRecord};
use crate::wire::{IndexedRecord, MAGIC, Span};

/// The owned user records of one Kinesis record: see
/// [`BatchRecord::owned_user_records`](super::BatchRecord::owned_user_records).
pub struct OwnedUserRecords<'b, R> {
    source: &'b R,
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
            opened,
            judged,
            steps: Steps::new(opened, judged),
            keys: vec![None; judged.keys.len()],
        }
    }

    fn user_record(&mut self, position: usize, entry: Option<&IndexedRecord>) -> OwnedUserRecord {
        let Some(entry) = entry else {
            return OwnedUserRecord {
                partition_key: self.source.partition_key().map(ByteString::from),
                explicit_hash_key: None,
                hash_key: None,
                data: self.source.share(0..self.source.data().len()),
                sub_sequence_number: 0,
                aggregated: false,
            };
        };
        let places = Places::new(self.judged, entry);
        OwnedUserRecord {
            partition_key: Some(self.key(places.partition_key)),
            explicit_hash_key: places.explicit_hash_key.map(|id| self.key(id)),
            hash_key: self.opened.keys.known(places.hash_key()),
            data: self.share(entry.data),
            sub_sequence_number: to_u64(position),
            aggregated: true,
        }
    }

    /// The key at `id` of the batch: a part of the Kinesis record's buffer unless decoding
    /// changed it.
    fn key(&mut self, id: usize) -> ByteString {
        let made = id.saturating_sub(self.judged.keys.start);
        if let Some(Some(key)) = self.keys.get(made) {
            return key.clone();
        }
        let keys = &self.opened.keys;
        let key = ByteString::try_from(self.share(keys.source(id)))
            .unwrap_or_else(|_| ByteString::from(keys.text(id)));
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
            Step::Loss(loss) => Err(loss.clone()),
        })
    }
}

impl<R> fmt::Debug for OwnedUserRecords<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedUserRecords").finish_non_exhaustive()
    }
}

type Records<'b, R> = iter::Zip<slice::Iter<'b, R>, slice::Iter<'b, Judged>>;

/// The owned user records of a batch: see
/// [`Batch::owned_user_records`](super::Batch::owned_user_records).
#[derive(Debug)]
pub struct BatchOwnedUserRecords<'b, R> {
    records: Records<'b, R>,
    opened: &'b Opened,
    current: Option<OwnedUserRecords<'b, R>>,
}

impl<'b, R: StoredRecord> BatchOwnedUserRecords<'b, R> {
    pub(super) fn new(records: Records<'b, R>, opened: &'b Opened) -> Self {
        Self {
            records,
            opened,
            current: None,
        }
    }
}

impl<'b, R: StoredRecord> Iterator for BatchOwnedUserRecords<'b, R> {
    type Item = (&'b R, Result<OwnedUserRecord, Loss>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(user_records) = &mut self.current
                && let Some(user_record) = user_records.next()
            {
                return Some((user_records.source, user_record));
            }
            let (source, judged) = self.records.next()?;
            self.current = Some(OwnedUserRecords::new(source, self.opened, judged));
        }
    }
}
