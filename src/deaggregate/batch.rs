//! What reading gives: per Kinesis record, and flat.

use std::{fmt, slice};

use super::judge::{Judged, Opened, to_u64, to_usize};
use super::outcome::Outcome;
use super::owned::{BatchOwnedUserRecords, OwnedUserRecords};
use crate::error::Loss;
use crate::record::{StoredRecord, UserRecordRef};
use crate::wire::{IndexedRecord, MAGIC};

/// One Kinesis record, read. Iterate over a reference to it for the user records.
pub struct Deaggregated<'a> {
    partition_key: Option<&'a str>,
    data: &'a [u8],
    opened: Opened,
}

impl<'a> Deaggregated<'a> {
    pub(super) fn new(partition_key: Option<&'a str>, data: &'a [u8], opened: Opened) -> Self {
        Self {
            partition_key,
            data,
            opened,
        }
    }

    /// What became of the Kinesis record.
    pub fn outcome(&self) -> Outcome {
        let judged = self.opened.records.first();
        judged.map_or(Outcome::Skipped, |judged| judged.outcome)
    }

    /// The user records and losses, in order.
    pub fn user_records(&self) -> UserRecords<'_> {
        let judged = self.opened.records.first();
        UserRecords::new(self.partition_key, self.data, &self.opened, judged)
    }
}

impl<'b> IntoIterator for &'b Deaggregated<'_> {
    type Item = Result<UserRecordRef<'b>, Loss>;
    type IntoIter = UserRecords<'b>;

    fn into_iter(self) -> Self::IntoIter {
        self.user_records()
    }
}

/// A batch of Kinesis records, read. Iterate over a reference to it for all user records, each
/// with the Kinesis record it came in.
#[derive(Debug)]
pub struct Batch<'a, R> {
    records: &'a [R],
    opened: Opened,
}

impl<'a, R: StoredRecord> Batch<'a, R> {
    pub(super) fn new(records: &'a [R], opened: Opened) -> Self {
        Self { records, opened }
    }

    /// The Kinesis records, in the input's order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = BatchRecord<'_, R>> {
        self.records
            .iter()
            .zip(&self.opened.records)
            .map(|(source, judged)| BatchRecord {
                source,
                judged,
                opened: &self.opened,
            })
    }

    /// All user records and losses, in order, each with its Kinesis record.
    pub fn user_records(&self) -> BatchUserRecords<'_, R> {
        BatchUserRecords {
            records: self.records.iter().zip(&self.opened.records),
            opened: &self.opened,
            current: None,
        }
    }

    /// All user records and losses, in order, each with its Kinesis record; the user records own
    /// what they hold, and share the Kinesis record's buffer if `R` [can](StoredRecord::share).
    pub fn owned_user_records(&self) -> BatchOwnedUserRecords<'_, R> {
        BatchOwnedUserRecords::new(self.records.iter().zip(&self.opened.records), &self.opened)
    }

    /// What is lost, in order; empty if nothing is.
    pub fn losses(&self) -> &[Loss] {
        self.opened.all_losses()
    }
}

impl<'b, R: StoredRecord> IntoIterator for &'b Batch<'_, R> {
    type Item = (&'b R, Result<UserRecordRef<'b>, Loss>);
    type IntoIter = BatchUserRecords<'b, R>;

    fn into_iter(self) -> Self::IntoIter {
        self.user_records()
    }
}

/// One Kinesis record of a [`Batch`].
#[derive(Debug)]
pub struct BatchRecord<'b, R> {
    source: &'b R,
    judged: &'b Judged,
    opened: &'b Opened,
}

impl<'b, R: StoredRecord> BatchRecord<'b, R> {
    /// The record as it was given.
    pub fn source(&self) -> &'b R {
        self.source
    }

    /// What became of it.
    pub fn outcome(&self) -> Outcome {
        self.judged.outcome
    }

    /// Its user records and losses, in order.
    pub fn user_records(&self) -> UserRecords<'b> {
        UserRecords::of(self.source, self.opened, self.judged)
    }

    /// Its user records and losses, in order; the user records own what they hold.
    pub fn owned_user_records(&self) -> OwnedUserRecords<'b, R> {
        OwnedUserRecords::new(self.source, self.opened, self.judged)
    }

    /// What is lost of it, in order.
    pub fn losses(&self) -> &'b [Loss] {
        self.opened.losses(self.judged)
    }
}

/// The user records of one Kinesis record: see [`Deaggregated::user_records`].
#[derive(Clone)]
pub struct UserRecords<'b> {
    partition_key: Option<&'b str>,
    data: &'b [u8],
    opened: &'b Opened,
    /// None once all is out.
    judged: Option<&'b Judged>,
    steps: Steps<'b>,
}

impl<'b> UserRecords<'b> {
    fn new(
        partition_key: Option<&'b str>,
        data: &'b [u8],
        opened: &'b Opened,
        judged: Option<&'b Judged>,
    ) -> Self {
        Self {
            partition_key,
            data,
            opened,
            judged,
            steps: judged
                .map(|judged| Steps::new(opened, judged))
                .unwrap_or_default(),
        }
    }

    fn of<R: StoredRecord>(source: &'b R, opened: &'b Opened, judged: &'b Judged) -> Self {
        Self::new(source.partition_key(), source.data(), opened, Some(judged))
    }

    fn user_record(&self, position: usize, entry: Option<&IndexedRecord>) -> UserRecordRef<'b> {
        let (Some(entry), Some(judged)) = (entry, self.judged) else {
            return UserRecordRef {
                partition_key: self.partition_key,
                explicit_hash_key: None,
                hash_key: None,
                data: self.data,
                sub_sequence_number: 0,
                aggregated: false,
            };
        };
        let keys = &self.opened.keys;
        let places = Places::new(judged, entry);
        UserRecordRef {
            partition_key: Some(keys.text(places.partition_key)),
            explicit_hash_key: places.explicit_hash_key.map(|id| keys.text(id)),
            hash_key: keys.known(places.hash_key()),
            data: entry
                .data
                .of(self.data.get(MAGIC.len()..).unwrap_or_default()),
            sub_sequence_number: to_u64(position),
            aggregated: true,
        }
    }
}

impl<'b> Iterator for UserRecords<'b> {
    type Item = Result<UserRecordRef<'b>, Loss>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.steps.next()? {
            Step::UserRecord(position, entry) => Ok(self.user_record(position, entry)),
            Step::Loss(loss) => Err(loss.clone()),
        })
    }
}

/// Lengths only.
impl fmt::Debug for Deaggregated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deaggregated")
            .field("outcome", &self.outcome())
            .field("data_len", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Positions only.
impl fmt::Debug for UserRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecords")
            .field("next", &self.steps.next)
            .field("end", &self.steps.end)
            .finish_non_exhaustive()
    }
}

/// Where the keys of a user record are among the keys of a batch.
pub(super) struct Places {
    pub(super) partition_key: usize,
    pub(super) explicit_hash_key: Option<usize>,
}

impl Places {
    pub(super) fn new(judged: &Judged, entry: &IndexedRecord) -> Self {
        let place = |key: u32| judged.keys.start.saturating_add(to_usize(key));
        Self {
            partition_key: place(entry.partition_key),
            explicit_hash_key: entry.explicit_hash_key_index().map(place),
        }
    }

    /// The key that decides the shard.
    pub(super) fn hash_key(&self) -> usize {
        self.explicit_hash_key.unwrap_or(self.partition_key)
    }
}

/// What comes out of a Kinesis record, one after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps<'b> {
    /// None for a plain record.
    entries: Option<&'b [IndexedRecord]>,
    losses: slice::Iter<'b, Loss>,
    next: usize,
    end: usize,
}

pub(super) enum Step<'b> {
    /// A user record, with its sub-sequence number and, unless it is a plain record, its entry.
    UserRecord(usize, Option<&'b IndexedRecord>),
    Loss(&'b Loss),
}

impl<'b> Steps<'b> {
    pub(super) fn new(opened: &'b Opened, judged: &Judged) -> Self {
        let plain = matches!(judged.outcome, Outcome::Plain(_));
        Self {
            entries: (!plain).then(|| opened.entries(judged)),
            losses: opened.losses(judged).iter(),
            next: judged.delivered.start,
            end: judged.delivered.end,
        }
    }
}

impl<'b> Iterator for Steps<'b> {
    type Item = Step<'b>;

    #[inline]
    fn next(&mut self) -> Option<Step<'b>> {
        let position = self.next;
        let delivers = position < self.end;
        // A loss stands where its user record would; one without a place among what comes out,
        // behind it all.
        if let Some(loss) = self.losses.as_slice().first()
            && (!delivers || loss.user_record == to_u64(position))
        {
            self.losses.next();
            self.next = position.saturating_add(usize::from(delivers));
            return Some(Step::Loss(loss));
        }
        if !delivers {
            return None;
        }
        self.next = position.saturating_add(1);
        let entry = self.entries.map(|entries| entries.get(position));
        match entry {
            None => Some(Step::UserRecord(position, None)),
            Some(entry) => Some(Step::UserRecord(position, Some(entry?))),
        }
    }
}

/// The user records of a batch: see [`Batch::user_records`].
#[derive(Debug)]
pub struct BatchUserRecords<'b, R> {
    records: std::iter::Zip<slice::Iter<'b, R>, slice::Iter<'b, Judged>>,
    opened: &'b Opened,
    current: Option<(&'b R, UserRecords<'b>)>,
}

impl<'b, R: StoredRecord> Iterator for BatchUserRecords<'b, R> {
    type Item = (&'b R, Result<UserRecordRef<'b>, Loss>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((source, user_records)) = &mut self.current
                && let Some(user_record) = user_records.next()
            {
                return Some((source, user_record));
            }
            let (source, judged) = self.records.next()?;
            self.current = Some((source, UserRecords::of(source, self.opened, judged)));
        }
    }
}
