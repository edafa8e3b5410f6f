//! Kinesis records into user records, by the KCL's rules.

mod batch;
mod judge;
mod keys;
mod losses;
mod open;
mod opened;
mod outcome;
mod owned;
mod rules;
mod steps;
mod tables;

#[cfg(feature = "lambda")]
pub(crate) use batch::UserRecords;
pub use batch::{Batch, Deaggregated};
pub use outcome::{Outcome, PlainReason};

use crate::error::Loss;
use crate::hash_key::HashKeyRange;
use crate::md5::Level;
use crate::record::{KinesisRecordRef, StoredRecord};
use crate::sequence::ExtendedSequenceNumber;
use open::Stored;
use rules::Rules;

/// Reads one Kinesis record as the KCL does, from any shard.
///
/// See [`Deaggregator`] for hash key ranges, salvage, resuming, and whole batches.
///
/// ```
/// let data = b"plain";
/// for user_record in &kinesis_aggregation::deaggregate("key", data) {
///     let user_record = user_record?;
///     assert_eq!(user_record.partition_key(), Some("key"));
///     assert_eq!(user_record.data(), b"plain");
/// }
/// # Ok::<(), kinesis_aggregation::Loss>(())
/// ```
pub fn deaggregate<'a>(
    partition_key: impl Into<Option<&'a str>>,
    data: &'a [u8],
) -> Deaggregated<KinesisRecordRef<'a>> {
    Deaggregator::new().deaggregate(KinesisRecordRef::new(partition_key, data))
}

/// Checks that a KCL on a shard with this hash key range would deliver every user record of `data`,
/// the data of one Kinesis record, and returns the first loss if not.
///
/// Ask before putting an aggregate that somebody else made, or when looking for what got lost.
///
/// ```
/// use kinesis_aggregation::{Outcome, check_delivery, wire};
///
/// let indices = wire::RecordIndices { partition_key: 0, explicit_hash_key: None };
/// let frame = wire::encode(["key"], [""; 0], [(indices, b"data".as_slice())]);
/// assert_eq!(check_delivery(&frame, "0-340282366920938463463374607431768211455".parse()?), Ok(Outcome::Aggregated));
/// assert!(check_delivery(&frame, "0-99".parse()?).is_err());
/// # Ok::<(), kinesis_aggregation::error::HashKeyRangeError>(())
/// ```
///
/// # Errors
///
/// The first [`Loss`]: the KCL drops the whole Kinesis record, or the rest of it from the user
/// record that the loss names.
pub fn check_delivery(data: &[u8], range: HashKeyRange) -> Result<Outcome, Loss> {
    let deaggregator = Deaggregator::new().hash_key_range(range);
    let read = deaggregator.deaggregate(KinesisRecordRef::new(None, data));
    match read.losses().first() {
        Some(loss) => Err(loss.clone()),
        None => Ok(read.outcome()),
    }
}

/// Reads Kinesis records as the KCL does.
///
/// User records that the KCL loses are reported: a [`Loss`] comes out in their place.
///
/// ```
/// use kinesis_aggregation::{Deaggregator, KinesisRecord};
///
/// let page = [KinesisRecord::new("a", "one"), KinesisRecord::new("b", "two")];
/// let deaggregator = Deaggregator::new().hash_key_range("0-99".parse()?);
/// for (source, user_record) in &deaggregator.deaggregate_batch(&page) {
///     // A plain record is delivered wherever its hash key lies, as in the KCL.
///     assert_eq!(user_record?.partition_key(), source.partition_key());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Deaggregator {
    rules: Rules,
}

impl Deaggregator {
    /// For every hash key, without salvage, from the start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the shard's hash key range: an aggregate with a user record outside it is dropped whole,
    /// as in the KCL, and reported. Not for streams with service-managed distribution, where a
    /// record's hash key says nothing about its shard.
    ///
    /// Without a range nothing is dropped: an explicit hash key that is a number no shard owns (-1,
    /// 2^128) then cuts an aggregate, like one that is not a number. With a range, such a number
    /// drops it, as in the KCL. A KCL that does not know its shard's range uses 0 to 2^128 - 1.
    #[must_use]
    pub fn hash_key_range(mut self, range: HashKeyRange) -> Self {
        self.rules.hash_key_range = Some(range);
        self
    }

    /// Whether to go on after a user record with a bad index or explicit hash key, where the KCL
    /// stops. Each bad one is reported. If only its explicit hash key is bad, the user record comes
    /// out too, after its loss, with its key, its data, and the explicit hash key as written.
    ///
    /// Salvage does not touch the range: later user records outside it are reported and left out,
    /// and a Kinesis record whose first bad user record is outside it is dropped all the same.
    #[must_use]
    pub fn salvage(mut self, salvage: bool) -> Self {
        self.rules.salvage = salvage;
        self
    }

    /// Whether to open damaged aggregates, which the KCL passes on as plain records: those whose
    /// digest is wrong, those that are cut short, those whose message is malformed. All user records
    /// up to the first byte that cannot be read come out. Off by default.
    ///
    /// **Any byte of such a user record may be wrong**, its partition key's too: nothing proves
    /// otherwise. So each is [marked](crate::UserRecordRef::is_damaged), the outcome is
    /// [`Damaged`](Outcome::Damaged), and there is always a loss:
    ///
    /// | the message | the loss |
    /// |---|---|
    /// | can be read to its end | [`DigestMismatch`](crate::LossKind::DigestMismatch), before the first user record; nothing is missing |
    /// | cannot | [`Malformed`](crate::LossKind::Malformed), after the last one; how many are missing is unknown |
    ///
    /// A digest that begins as a field does (3 of 256 do) cannot be told from the end of a message that
    /// is cut short: then the loss is `Malformed`, though nothing may be missing.
    ///
    /// Do not turn this on or off while a checkpoint lies inside a damaged aggregate: without it, the
    /// same Kinesis record is one plain user record, and what comes after the checkpoint is not handed
    /// out.
    ///
    /// A Kinesis record without a single readable user record stays a plain one. Bad user records
    /// are treated as by [`salvage`](Self::salvage). One outside the hash key range is reported and
    /// left out, and does not drop the others: its key may be damaged.
    ///
    /// ```
    /// use kinesis_aggregation::{Deaggregator, KinesisRecordRef, Outcome, PlainReason, wire};
    ///
    /// let indices = wire::RecordIndices { partition_key: 0, explicit_hash_key: None };
    /// let records = [(indices, b"one".as_slice()), (indices, b"two".as_slice())];
    /// let data = wire::encode(["key"], [""; 0], records);
    /// let cut_short = &data[..data.len() - 17];
    ///
    /// let deaggregator = Deaggregator::new().salvage_damaged(true);
    /// let read = deaggregator.deaggregate(KinesisRecordRef::new("a", cut_short));
    /// assert_eq!(read.outcome(), Outcome::Damaged(PlainReason::DigestMismatch));
    /// for user_record in read.user_records().flatten() {
    ///     assert!(user_record.is_damaged());
    ///     assert_eq!(user_record.data(), b"one");
    /// }
    /// assert_eq!(read.losses()[0].lost(), 1..2);
    /// ```
    #[must_use]
    pub fn salvage_damaged(mut self, salvage_damaged: bool) -> Self {
        self.rules.salvage_damaged = salvage_damaged;
        self
    }

    /// Resumes after a checkpoint: user records at or below `position` are skipped, and their
    /// losses too. The aggregate is still judged as a whole. A Kinesis record without a sequence
    /// number is never skipped.
    #[must_use]
    pub fn after(mut self, position: ExtendedSequenceNumber) -> Self {
        self.rules.after = Some(position);
        self
    }

    /// Computes digests with the instructions of `level`, or with the best ones if this processor
    /// lacks it. For tests and benches: the results are the same on every level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.rules.level = Some(level);
        self
    }

    /// Reads one Kinesis record, given or borrowed.
    ///
    /// ```
    /// use kinesis_aggregation::{Deaggregator, KinesisRecordRef, Outcome};
    ///
    /// let record = KinesisRecordRef::new("key", b"data").with_sequence_number("42");
    /// let read = Deaggregator::new().after("41".parse()?).deaggregate(record);
    /// assert_eq!(read.user_records().len(), 1);
    /// let read = Deaggregator::new().after("42".parse()?).deaggregate(record);
    /// assert_eq!(read.outcome(), Outcome::Skipped);
    /// # Ok::<(), kinesis_aggregation::error::ParseSequenceNumberError>(())
    /// ```
    pub fn deaggregate<R: StoredRecord>(&self, record: R) -> Deaggregated<R> {
        let (judged, opened) = open::open_one(&self.rules, self.stored(&record));
        Deaggregated::new(record, judged, opened.into())
    }

    /// Reads a page of `GetRecords`, a Lambda event, or any other set of Kinesis records: with
    /// the very results of one at a time, but all digests at once, which is several times faster.
    pub fn deaggregate_batch<'a, R: StoredRecord>(&self, records: &'a [R]) -> Batch<'a, R> {
        let stored: Vec<_> = records.iter().map(|record| self.stored(record)).collect();
        let (judged, opened) = open::open(&self.rules, &stored);
        Batch::new(records, judged, opened)
    }

    /// The parts of a record that reading needs: its sequence number only to resume.
    fn stored<'a, R: StoredRecord>(&self, record: &'a R) -> Stored<'a> {
        let sequence_number = self.rules.after.as_ref().and(record.sequence_number());
        (record.data(), sequence_number)
    }
}
