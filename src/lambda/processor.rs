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
    /// For every hash key. A cut aggregate fails. Nothing is remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a stream of one shard with this hash key range. An aggregate with a user record outside
    /// it is dropped whole, as in the KCL, so that what a producer sent twice through a reshard is
    /// processed once. Not for streams with service-managed distribution, where a record's hash key
    /// says nothing about its shard.
    ///
    /// A function on a stream of several shards sees all of them: give it a
    /// [`shard_map`](Self::shard_map) instead.
    #[must_use]
    pub fn hash_key_range(mut self, range: HashKeyRange) -> Self {
        self.ranges = Ranges::One(range);
        self
    }

    /// For a stream of these shards, in place of one [`hash_key_range`](Self::hash_key_range): each
    /// event is read with the range of the shard it is from. An event from a shard that the map does
    /// not know, such as one made by a split since, is read without a range, so nothing of it is
    /// dropped.
    ///
    /// Build the map from `ListShards`, closed shards included: they are read too.
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
    /// [`Deaggregator::salvage_damaged`]. The handler tells their user records by
    /// [`is_damaged`](crate::UserRecordRef::is_damaged). A damaged aggregate is cut, however much of
    /// it can be read: [`on_cut`](Self::on_cut) decides whether it fails.
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

    /// Remembers which user records are done of Kinesis records that Lambda sends again, and leaves
    /// them out then. See [`Resume`] for what a handler promises with `Ok`.
    #[must_use]
    pub fn resume(mut self, resume: impl Resume + 'static) -> Self {
        self.resume = Some(Box::new(resume));
        self
    }

    /// Is told of every aggregate that is dropped because a user record of it is outside the hash
    /// key range; when salvaging, of user records too. This is not a failure: expect it after a
    /// reshard. Without a range nothing is dropped.
    #[must_use]
    pub fn on_dropped(mut self, f: impl Fn(&Lost<'_>) + Send + Sync + 'static) -> Self {
        self.on_dropped = Some(Box::new(f));
        self
    }

    /// Is told of every cut aggregate, and decides whether the Kinesis record fails. Put it aside, as
    /// the whole Kinesis record is there, and go on; or count it, and fail. It is called after the user
    /// records before the bad one; for a wrong digest, before the first one. With a
    /// [`resume`](Self::resume), one that went on is not told again when its Kinesis record comes again.
    ///
    /// A cut aggregate has a user record with a bad index, or with an explicit hash key that is not
    /// a number of 0 to 2^128-1; or it is damaged and was opened all the same
    /// ([`salvage_damaged`](Self::salvage_damaged)). That holds with a hash key range too: what the KCL
    /// then drops for a number that no shard owns (`-123`, from old writers) is not expected after a
    /// reshard, and must not be dropped in silence.
    ///
    /// Without this, a cut aggregate fails. It will never succeed: **an event source mapping
    /// without limits for its retries then comes back to it until it expires, and blocks its shard
    /// until then.**
    #[must_use]
    pub fn on_cut(mut self, f: impl Fn(&Lost<'_>) -> AfterCut + Send + Sync + 'static) -> Self {
        self.on_cut = Cut::Asks(Box::new(f));
        self
    }

    /// [`on_cut`](Self::on_cut) with an asynchronous function, to put the Kinesis record aside where
    /// only a client can reach. It takes the place of `on_cut`, and only the asynchronous forms of
    /// processing call it: in the others a cut aggregate fails.
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

    /// Is told of everything that makes a Kinesis record fail. Log it: the answer to Lambda has no
    /// place for reasons.
    #[must_use]
    pub fn on_failure(mut self, f: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Box::new(f));
        self
    }

    pub(super) fn deaggregator(&self) -> &Deaggregator {
        &self.deaggregator
    }

    /// The range to read `records` by. With a map of the shards: that of the one shard that they
    /// all are from.
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

    /// Whether a loss is a drop, which is not a failure; if so, the callback is told.
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

    /// [`Self::after_cut`], where it can wait.
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
