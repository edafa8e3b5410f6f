//! The result of reading: Kinesis records, each with its user records.

use std::iter::FusedIterator;
use std::sync::Arc;
use std::{fmt, slice};

use super::keys::KeysOf;
use super::opened::{Entry, Judged, Opened, to_u64};
use super::outcome::Outcome;
use super::owned::OwnedUserRecords;
use super::steps::{Step, Steps};
use crate::error::Loss;
use crate::record::{OwnedUserRecord, StoredRecord, UserRecordRef};

/// One Kinesis record, read: alone, or as one of a [`Batch`]. Iterate over a reference to it for
/// its user records.
///
/// ```
/// use kinesis_aggregation::{Outcome, PlainReason, deaggregate};
///
/// let read = deaggregate("key", b"data");
/// assert_eq!(read.outcome(), Outcome::Plain(PlainReason::NotFramed));
/// for user_record in &read {
///     assert_eq!(user_record?.data(), b"data");
/// }
/// # Ok::<(), kinesis_aggregation::Loss>(())
/// ```
pub struct Deaggregated<R> {
    source: R,
    judged: Judged,
    /// The content of the whole batch; one record alone is a batch of one.
    opened: Arc<Opened>,
}

impl<R: StoredRecord> Deaggregated<R> {
    pub(super) fn new(source: R, judged: Judged, opened: Arc<Opened>) -> Self {
        Self {
            source,
            judged,
            opened,
        }
    }

    /// The Kinesis record as it was given.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Returns the result of reading it.
    pub fn outcome(&self) -> Outcome {
        self.judged.outcome
    }

    /// Its user records and losses, in order.
    pub fn user_records(&self) -> impl ExactSizeIterator<Item = Result<UserRecordRef<'_>, Loss>> {
        self.into_iter()
    }

    /// Its user records and losses, in order. These user records own what they hold, and share the
    /// Kinesis record's buffer if `R` [can](StoredRecord::share).
    pub fn owned_user_records(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<OwnedUserRecord, Loss>> {
        OwnedUserRecords::from(self)
    }

    /// Returns its losses, in order; empty if nothing is lost.
    pub fn losses(&self) -> &[Loss] {
        self.opened.losses(&self.judged)
    }
}

impl<'b, R: StoredRecord> IntoIterator for &'b Deaggregated<R> {
    type Item = Result<UserRecordRef<'b>, Loss>;
    type IntoIter = UserRecords<'b>;

    fn into_iter(self) -> UserRecords<'b> {
        self.into()
    }
}

impl<'b, R: StoredRecord> From<&'b Deaggregated<R>> for UserRecords<'b> {
    fn from(read: &'b Deaggregated<R>) -> Self {
        Self {
            partition_key: read.source.partition_key(),
            sequence_number: read.source.sequence_number(),
            data: read.source.data(),
            damaged: read.judged.is_damaged(),
            keys: read.opened.keys(&read.judged),
            steps: Steps::new(&read.opened, &read.judged),
        }
    }
}

impl<'b, R: StoredRecord> From<&'b Deaggregated<R>> for OwnedUserRecords<'b, R> {
    fn from(read: &'b Deaggregated<R>) -> Self {
        Self::new(&read.source, &read.opened, &read.judged)
    }
}

/// Lengths only.
impl<R: StoredRecord> fmt::Debug for Deaggregated<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deaggregated")
            .field("outcome", &self.outcome())
            .field("data_len", &self.source.data().len())
            .finish_non_exhaustive()
    }
}

/// A batch of Kinesis records, read. Iterate over a reference to it for all user records, each
/// with the Kinesis record it came in.
pub struct Batch<'a, R> {
    records: Vec<Deaggregated<&'a R>>,
    opened: Arc<Opened>,
}

impl<'a, R: StoredRecord> Batch<'a, R> {
    pub(super) fn new(sources: &'a [R], judged: Vec<Judged>, opened: Opened) -> Self {
        let opened = Arc::new(opened);
        let records = sources
            .iter()
            .zip(judged)
            .map(|(source, judged)| Deaggregated::new(source, judged, Arc::clone(&opened)))
            .collect();
        Self { records, opened }
    }

    /// The Kinesis records, in the input's order.
    pub fn records(&self) -> &[Deaggregated<&'a R>] {
        &self.records
    }

    /// All user records and losses, in order, each with its Kinesis record.
    pub fn user_records(
        &self,
    ) -> impl ExactSizeIterator<Item = (&R, Result<UserRecordRef<'_>, Loss>)> {
        self.into_iter()
    }

    /// All user records and losses, in order, each with its Kinesis record. These user records own
    /// what they hold, and share the Kinesis record's buffer if `R` [can](StoredRecord::share).
    pub fn owned_user_records(
        &self,
    ) -> impl ExactSizeIterator<Item = (&R, Result<OwnedUserRecord, Loss>)> {
        Flat::<R, OwnedUserRecords<'_, &R>>::new(&self.records)
    }

    /// Returns all losses, in order; empty if nothing is lost.
    pub fn losses(&self) -> &[Loss] {
        &self.opened.losses
    }
}

impl<'b, R: StoredRecord> IntoIterator for &'b Batch<'_, R> {
    type Item = (&'b R, Result<UserRecordRef<'b>, Loss>);
    type IntoIter = Flat<'b, R, UserRecords<'b>>;

    fn into_iter(self) -> Self::IntoIter {
        Flat::new(&self.records)
    }
}

/// Counts only.
impl<R> fmt::Debug for Batch<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("records", &self.records.len())
            .field("losses", &self.opened.losses.len())
            .finish_non_exhaustive()
    }
}

/// The user records of one Kinesis record: see [`Deaggregated::user_records`].
pub struct UserRecords<'b> {
    partition_key: Option<&'b str>,
    sequence_number: Option<&'b str>,
    data: &'b [u8],
    damaged: bool,
    keys: KeysOf<'b>,
    steps: Steps<'b>,
}

impl<'b> UserRecords<'b> {
    #[inline(always)]
    fn user_record(&self, position: usize, entry: &Entry) -> UserRecordRef<'b> {
        let (partition_key, mut hash_key) = self.keys.get(entry.partition_key);
        let mut explicit_hash_key = None;
        if let Some(id) = entry.explicit_hash_key() {
            let (text, number) = self.keys.get(id);
            (explicit_hash_key, hash_key) = (Some(text), number);
        }
        UserRecordRef {
            partition_key: Some(partition_key),
            explicit_hash_key,
            hash_key,
            data: entry.data.of(self.data),
            sequence_number: self.sequence_number,
            sub_sequence_number: to_u64(position),
            aggregated: true,
            damaged: self.damaged,
        }
    }

    fn plain(&self) -> UserRecordRef<'b> {
        UserRecordRef {
            partition_key: self.partition_key,
            explicit_hash_key: None,
            hash_key: None,
            data: self.data,
            sequence_number: self.sequence_number,
            sub_sequence_number: 0,
            aggregated: false,
            damaged: false,
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

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.steps.size_hint()
    }
}

impl ExactSizeIterator for UserRecords<'_> {}
impl FusedIterator for UserRecords<'_> {}

/// The user records of a batch, each with its Kinesis record; `I` has those of one.
pub struct Flat<'b, R, I> {
    records: slice::Iter<'b, Deaggregated<&'b R>>,
    current: Option<(&'b R, I)>,
}

impl<'b, R, I> Flat<'b, R, I> {
    fn new(records: &'b [Deaggregated<&'b R>]) -> Self {
        Self {
            records: records.iter(),
            current: None,
        }
    }
}

impl<'b, R, I, T> Iterator for Flat<'b, R, I>
where
    I: ExactSizeIterator<Item = T> + From<&'b Deaggregated<&'b R>>,
{
    type Item = (&'b R, T);

    // Inlined, what the caller does not look at is not even made.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((source, user_records)) = &mut self.current
                && let Some(user_record) = user_records.next()
            {
                return Some((source, user_record));
            }
            let read = self.records.next()?;
            self.current = Some((read.source, read.into()));
        }
    }

    /// Exact; takes a step for each Kinesis record that is left.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let current = self.current.as_ref().map_or(0, |(_, i)| i.len());
        let rest = self.records.as_slice().iter();
        let rest = rest.map(|read| Steps::new(&read.opened, &read.judged).len());
        let left = rest.fold(current, usize::saturating_add);
        (left, Some(left))
    }
}

impl<'b, R, I: ExactSizeIterator + From<&'b Deaggregated<&'b R>>> ExactSizeIterator
    for Flat<'b, R, I>
{
}
