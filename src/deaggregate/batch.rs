//! What reading gives: per Kinesis record, and flat.

use std::{fmt, slice};

use super::judge::{Judged, Opened, to_u64};
use super::keys::KeysOf;
use super::outcome::Outcome;
use super::owned::{BatchOwnedUserRecords, OwnedUserRecords};
use super::steps::{Step, Steps};
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
        judged
            .map(|judged| UserRecords::new(self.partition_key, self.data, &self.opened, judged))
            .unwrap_or_default()
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
            source: None,
            current: UserRecords::default(),
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
#[derive(Clone, Default)]
pub struct UserRecords<'b> {
    partition_key: Option<&'b str>,
    data: &'b [u8],
    /// The data behind the magic.
    message: &'b [u8],
    keys: KeysOf<'b>,
    steps: Steps<'b>,
}

impl<'b> UserRecords<'b> {
    fn new(
        partition_key: Option<&'b str>,
        data: &'b [u8],
        opened: &'b Opened,
        judged: &Judged,
    ) -> Self {
        Self {
            partition_key,
            data,
            message: data.get(MAGIC.len()..).unwrap_or_default(),
            keys: opened.keys(judged),
            steps: Steps::new(opened, judged),
        }
    }

    fn of<R: StoredRecord>(source: &'b R, opened: &'b Opened, judged: &Judged) -> Self {
        Self::new(source.partition_key(), source.data(), opened, judged)
    }

    #[inline(always)]
    fn user_record(&self, position: usize, entry: &IndexedRecord) -> UserRecordRef<'b> {
        let (partition_key, mut hash_key) = self.keys.get(entry.partition_key);
        let mut explicit_hash_key = None;
        if let Some(place) = entry.explicit_hash_key_index() {
            let (text, number) = self.keys.get(place);
            (explicit_hash_key, hash_key) = (Some(text), number);
        }
        UserRecordRef {
            partition_key: Some(partition_key),
            explicit_hash_key,
            hash_key,
            data: entry.data.of(self.message),
            sub_sequence_number: to_u64(position),
            aggregated: true,
        }
    }

    fn plain(&self) -> UserRecordRef<'b> {
        UserRecordRef {
            partition_key: self.partition_key,
            explicit_hash_key: None,
            hash_key: None,
            data: self.data,
            sub_sequence_number: 0,
            aggregated: false,
        }
    }
}

impl<'b> Iterator for UserRecords<'b> {
    type Item = Result<UserRecordRef<'b>, Loss>;

    // Inlined, what the caller does not look at is not even made.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.steps.next()? {
            Step::UserRecord(position, entry) => Ok(self.user_record(position, entry)),
            Step::Plain => Ok(self.plain()),
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
            .field("left", &self.steps.left())
            .finish_non_exhaustive()
    }
}

/// The user records of a batch: see [`Batch::user_records`].
#[derive(Debug)]
pub struct BatchUserRecords<'b, R> {
    records: std::iter::Zip<slice::Iter<'b, R>, slice::Iter<'b, Judged>>,
    opened: &'b Opened,
    source: Option<&'b R>,
    /// Those of `source`.
    current: UserRecords<'b>,
}

impl<'b, R: StoredRecord> Iterator for BatchUserRecords<'b, R> {
    type Item = (&'b R, Result<UserRecordRef<'b>, Loss>);

    // Inlined, what the caller does not look at is not even made.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(source) = self.source
                && let Some(user_record) = self.current.next()
            {
                return Some((source, user_record));
            }
            let (source, judged) = self.records.next()?;
            self.source = Some(source);
            self.current = UserRecords::of(source, self.opened, judged);
        }
    }
}
