//! Kinesis records whose digests are still to come, so that many can be computed together.

use std::borrow::BorrowMut;
use std::fmt;

use bytes::Bytes;

use crate::record::{KinesisRecord, UserRecord};
use crate::wire;

/// A Kinesis record but for its digest.
pub(crate) enum Unsealed {
    /// One user record without a frame: nothing is missing.
    Raw(KinesisRecord),
    /// An aggregate: `record` has no data yet, `frame` no digest.
    Framed {
        record: KinesisRecord,
        frame: Vec<u8>,
    },
}

impl Unsealed {
    /// Computes the digest.
    pub(crate) fn seal(mut self) -> KinesisRecord {
        if let Some(frame) = self.frame_mut() {
            wire::seal(frame);
        }
        self.finish()
    }

    /// Computes the digests of many together, which is several times faster.
    pub(crate) fn seal_all(mut all: Vec<Self>) -> Vec<KinesisRecord> {
        wire::seal_many(all.iter_mut().filter_map(Self::frame_mut));
        all.into_iter().map(Self::finish).collect()
    }

    fn frame_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Raw(_) => None,
            Self::Framed { frame, .. } => Some(frame),
        }
    }

    fn finish(self) -> KinesisRecord {
        match self {
            Self::Raw(record) => record,
            Self::Framed { record, frame } => KinesisRecord {
                data: Bytes::from(frame),
                ..record
            },
        }
    }
}

/// A Kinesis record but for its digest, with the user records in it: what
/// [`Buffer::close`](super::Buffer::close) returns.
pub struct Closed<R> {
    record: Unsealed,
    members: Vec<R>,
    /// Where the data of each member ends in the frame; empty without a frame.
    data_ends: Vec<usize>,
}

impl<R> Closed<R> {
    pub(super) fn new(record: Unsealed, members: Vec<R>, data_ends: Vec<usize>) -> Self {
        Self {
            record,
            members,
            data_ends,
        }
    }

    /// Returns whether it is an aggregate, if only of one user record; otherwise it is a user
    /// record that travels raw.
    pub fn is_framed(&self) -> bool {
        matches!(self.record, Unsealed::Framed { .. })
    }
}

impl<R: BorrowMut<UserRecord>> Closed<R> {
    /// Computes the digests of many together, which is several times faster than one by one, and
    /// returns each Kinesis record with the user records in it, in the same order.
    ///
    /// The data of the user records become slices of the Kinesis record's: it is in memory once.
    ///
    /// ```
    /// use kinesis_aggregation::packing::{Buffer, Closed};
    /// use kinesis_aggregation::{Aggregator, UserRecord};
    ///
    /// let settings = Aggregator::builder().into_settings()?;
    /// let mut buffer = Buffer::default();
    /// buffer.push(UserRecord::new("key", "one"), None);
    /// buffer.push(UserRecord::new("key", "two"), None);
    ///
    /// let closed = buffer.close(&settings).expect("two user records");
    /// assert!(closed.is_framed());
    /// for (kinesis_record, user_records) in Closed::seal_all(vec![closed]) {
    ///     assert_eq!(kinesis_record.partition_key(), Some("a"));
    ///     assert_eq!(user_records[1].data(), "two");
    /// }
    /// # Ok::<(), kinesis_aggregation::error::AggregatorConfigError>(())
    /// ```
    pub fn seal_all(mut all: Vec<Self>) -> Vec<(KinesisRecord, Vec<R>)> {
        wire::seal_many(all.iter_mut().filter_map(|one| one.record.frame_mut()));
        all.into_iter().map(Self::finish).collect()
    }

    fn finish(self) -> (KinesisRecord, Vec<R>) {
        let record = self.record.finish();
        let mut members = self.members;
        for (member, end) in members.iter_mut().zip(self.data_ends) {
            member.borrow_mut().share_data(record.data(), end);
        }
        (record, members)
    }
}

/// Lengths only.
impl<R> fmt::Debug for Closed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed")
            .field("is_framed", &self.is_framed())
            .field("len", &self.members.len())
            .finish_non_exhaustive()
    }
}
