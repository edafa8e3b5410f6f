//! How events are processed: the settings, and the callbacks.

use std::fmt;
use std::pin::Pin;

use super::call;
use super::error::{AfterCut, Failure, Lost};
use super::record::EventRecord;
use super::resume::Resume;
use crate::deaggregate::Deaggregator;
use crate::error::LossKind;
use crate::hash_key::HashKeyRange;
use crate::md5::Level;
use crate::shard::ShardMap;

type OnDropped = Box<dyn Fn(&Lost<'_>) + Send + Sync>;
type OnCut = Box<dyn Fn(&Lost<'_>) -> AfterCut + Send + Sync>;
type OnCutAsync = Box<dyn for<'a> Fn(Lost<'a>) -> AfterCutFuture<'a> + Send + Sync>;
type OnFailure = Box<dyn Fn(&Failure<'_>) + Send + Sync>;

/// The future of a function given to [`Processor::on_cut_async`].
pub type AfterCutFuture<'a> = Pin<Box<dyn Future<Output = AfterCut> + Send + 'a>>;

/// Reads events, and says what happens to user records that cannot be processed.
///
/// Make one before the first invocation and keep it.
///
/// ```
/// use kinesis_aggregation::lambda::{AfterCut, Error, KinesisEvent, MemoryResume, Processor};
///
/// let processor = Processor::new()
///     .resume(MemoryResume::new())
///     .on_cut(|lost| {
///         eprintln!("{:?}: {}", lost.event_id(), lost.loss());
///         AfterCut::GoOn
///     });
///
/// let event = KinesisEvent::from_slice(br#"{"Records": []}"#)?;
/// let response = processor.read(&event).process(|user_record| {
///     println!("{:?}", user_record.idempotency_key());
///     Ok::<(), Error>(())
/// });
/// assert!(response.is_success());
/// # Ok::<(), kinesis_aggregation::lambda::EventError>(())
/// ```
#[derive(Default)]
pub struct Processor {
    deaggregator: Deaggregator,
    ranges: Ranges,
    on_dropped: Option<OnDropped>,
    on_cut: Cut,
    on_failure: Option<OnFailure>,
    resume: Option<Box<dyn Resume>>,
}

/// The hash key ranges to read by.
#[derive(Default)]
enum Ranges {
    #[default]
    None,
    One(HashKeyRange),
    OfShards(ShardMap),
}

#[derive(Default)]
enum Cut {
    #[default]
    Fails,
    Asks(OnCut),
    AsksAsync(OnCutAsync),
}

impl Processor {
    /// A processor without a hash key range, callbacks or memory: a cut aggregate fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a stream of one shard with this hash key range. An aggregate with a user record outside
    /// the range is dropped whole, as in the KCL, so that what a producer sent twice during a reshard
    /// is processed once. Do not use it on a stream with service-managed distribution, where a
    /// record's hash key says nothing about its shard.
    ///
    /// A function on a stream of several shards reads all of them: give it a
    /// [`shard_map`](Self::shard_map) instead.
    #[must_use]
    pub fn hash_key_range(mut self, range: HashKeyRange) -> Self {
        self.ranges = Ranges::One(range);
        self
    }

    /// Reads each event with the hash key range of the shard it is from, in place of one
    /// [`hash_key_range`](Self::hash_key_range) for all. An event from a shard that the map does not
    /// have, such as one made by a later split, is read without a range: nothing in it is dropped.
    ///
    /// Build the map from all shards that `ListShards` returns, including closed ones: Lambda reads
    /// those too.
    #[must_use]
    pub fn shard_map(mut self, shard_map: ShardMap) -> Self {
        self.ranges = Ranges::OfShards(shard_map);
        self
    }

    /// Whether to read on after a bad user record of an aggregate: [`Deaggregator::salvage`]. The
    /// aggregate is still cut: [`on_cut`](Self::on_cut) decides whether it fails.
    #[must_use]
    pub fn salvage(mut self, salvage: bool) -> Self {
        self.deaggregator = self.deaggregator.salvage(salvage);
        self
    }

    /// Whether to open damaged aggregates, which otherwise reach the handler as plain records:
    /// [`Deaggregator::salvage_damaged`]. [`is_damaged`](crate::UserRecordRef::is_damaged) tells the
    /// handler which user records are from one. A damaged aggregate counts as cut, however much of it
    /// can be read: [`on_cut`](Self::on_cut) decides whether it fails.
    #[must_use]
    pub fn salvage_damaged(mut self, salvage_damaged: bool) -> Self {
        self.deaggregator = self.deaggregator.salvage_damaged(salvage_damaged);
        self
    }

    /// Computes digests as [`Deaggregator::level`] says: for tests and benches.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.deaggregator = self.deaggregator.level(level);
        self
    }

    /// Remembers which user records are done, and leaves them out when Lambda sends their Kinesis
    /// record again. See [`Resume`] for what a handler promises with `Ok`.
    #[must_use]
    pub fn resume(mut self, resume: impl Resume + 'static) -> Self {
        self.resume = Some(Box::new(resume));
        self
    }

    /// Called for every aggregate that is dropped because one of its user records is outside the
    /// hash key range; when salvaging, for single user records too. This is not a failure: expect it
    /// after a reshard. Without a range nothing is dropped.
    #[must_use]
    pub fn on_dropped(mut self, f: impl Fn(&Lost<'_>) + Send + Sync + 'static) -> Self {
        self.on_dropped = Some(Box::new(f));
        self
    }

    /// Called for every cut aggregate, to decide whether its Kinesis record fails. `f` gets the whole
    /// Kinesis record, so it can store it elsewhere and go on; or it can count it, and fail. It is
    /// called after the handler had the user records before the bad one; for a wrong digest, before
    /// the first one. With a [`resume`](Self::resume), it is not called again for an aggregate where
    /// it went on.
    ///
    /// An aggregate is cut if a user record has a bad index, or an explicit hash key that is not a
    /// number from 0 to 2^128-1; or if it is damaged and was opened anyway
    /// ([`salvage_damaged`](Self::salvage_damaged)). This is so with a hash key range, too. There the
    /// KCL silently drops an aggregate with an explicit hash key such as `-123`, which old producers
    /// wrote and no shard owns. A reshard does not explain such a loss, so it is not counted as
    /// dropped here.
    ///
    /// Without this, a cut aggregate fails. It never succeeds: **an event source mapping that does
    /// not limit retries sends it again and again until it expires, and its shard is blocked until
    /// then.**
    #[must_use]
    pub fn on_cut(mut self, f: impl Fn(&Lost<'_>) -> AfterCut + Send + Sync + 'static) -> Self {
        self.on_cut = Cut::Asks(Box::new(f));
        self
    }

    /// [`on_cut`](Self::on_cut) with an asynchronous function, for example to send the Kinesis record
    /// to a queue. It replaces `on_cut`, and only the asynchronous forms of processing call it: in
    /// the others a cut aggregate fails.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{AfterCut, Processor};
    ///
    /// # async fn send_to_queue(_: &[u8]) -> Result<(), std::io::Error> { Ok(()) }
    /// let processor = Processor::new().on_cut_async(|lost| {
    ///     Box::pin(async move {
    ///         match send_to_queue(lost.data()).await {
    ///             Ok(()) => AfterCut::GoOn,
    ///             Err(_) => AfterCut::Fail,
    ///         }
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn on_cut_async<F>(mut self, f: F) -> Self
    where
        F: for<'a> Fn(Lost<'a>) -> AfterCutFuture<'a> + Send + Sync + 'static,
    {
        self.on_cut = Cut::AsksAsync(Box::new(f));
        self
    }

    /// Called with everything that makes a Kinesis record fail. Log it: the answer to Lambda does not
    /// say why.
    #[must_use]
    pub fn on_failure(mut self, f: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Box::new(f));
        self
    }

    pub(super) fn deaggregator(&self) -> &Deaggregator {
        &self.deaggregator
    }

    /// The range to read `records` with: given a shard map, the range of their shard, if they are
    /// all from one.
    pub(super) fn range_of<R: EventRecord>(&self, records: &[R]) -> Option<HashKeyRange> {
        match &self.ranges {
            Ranges::None => None,
            Ranges::One(range) => Some(*range),
            Ranges::OfShards(shard_map) => {
                let shard_id = records.first()?.shard_id()?;
                let is_of_it = |record: &R| record.shard_id() == Some(shard_id);
                let range = || shard_map.hash_key_range(shard_id);
                records.iter().all(is_of_it).then(range)?
            }
        }
    }

    pub(super) fn memory(&self) -> Option<&dyn Resume> {
        self.resume.as_deref()
    }

    /// Returns whether a loss is a drop, which is not a failure; if so, calls the callback.
    pub(super) fn is_dropped(&self, lost: &Lost<'_>) -> bool {
        let is_dropped = *lost.loss().kind() == LossKind::OutOfRange;
        if is_dropped && let Some(on_dropped) = &self.on_dropped {
            // Not even a panic makes it a failure.
            let _ = call::catch(|| on_dropped(lost));
        }
        is_dropped
    }

    /// Asks what to do after a cut.
    pub(super) fn after_cut(&self, lost: &Lost<'_>) -> AfterCut {
        let Cut::Asks(on_cut) = &self.on_cut else {
            return AfterCut::Fail;
        };
        call::catch(|| on_cut(lost)).unwrap_or(AfterCut::Fail)
    }

    /// [`Self::after_cut`] for the asynchronous forms.
    pub(super) async fn after_cut_async(&self, lost: Lost<'_>) -> AfterCut {
        let Cut::AsksAsync(on_cut) = &self.on_cut else {
            return self.after_cut(&lost);
        };
        let asked = call::catch_async(|| on_cut(lost));
        asked.await.unwrap_or(AfterCut::Fail)
    }

    pub(super) fn report(&self, failure: &Failure<'_>) {
        if let Some(on_failure) = &self.on_failure {
            // It fails already.
            let _ = call::catch(|| on_failure(failure));
        }
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor")
            .field("deaggregator", &self.deaggregator)
            .field("resume", &self.resume.is_some())
            .finish_non_exhaustive()
    }
}
