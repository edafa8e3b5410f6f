//! How an event is processed.

use std::fmt;

use super::error::{AfterCut, Failure, Lost};
use super::record::EventRecord;
use super::resume::Resume;
use super::unwind;
use crate::deaggregate::Deaggregator;
use crate::error::{Loss, LossKind};
use crate::hash_key::HashKeyRange;
use crate::md5::Level;

type OnDropped = Box<dyn Fn(&Lost<'_>) + Send + Sync>;
type OnCut = Box<dyn Fn(&Lost<'_>) -> AfterCut + Send + Sync>;
type OnFailure = Box<dyn Fn(&Failure<'_>) + Send + Sync>;

/// Reads events, and says what becomes of user records that cannot be processed.
///
/// Make one before the first invocation and keep it.
///
/// ```
/// use kinesis_aggregation::lambda::{AfterCut, KinesisEvent, MemoryResume, Processor};
///
/// let processor = Processor::new()
///     .with_resume(MemoryResume::new())
///     .on_cut(|lost| {
///         eprintln!("{:?}: {}", lost.event_id(), lost.loss());
///         AfterCut::GoOn
///     });
///
/// let event = KinesisEvent::from_slice(br#"{"Records": []}"#)?;
/// let response = processor.read(&event).process(|user_record| {
///     println!("{:?}", user_record.idempotency_key());
///     Ok(())
/// });
/// assert!(response.is_success());
/// # Ok::<(), kinesis_aggregation::lambda::EventError>(())
/// ```
#[derive(Default)]
pub struct Processor {
    deaggregator: Deaggregator,
    on_dropped: Option<OnDropped>,
    on_cut: Option<OnCut>,
    on_failure: Option<OnFailure>,
    resume: Option<Box<dyn Resume>>,
}

impl Processor {
    /// For every hash key; a cut aggregate fails; nothing is remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// For one shard's hash key range: an aggregate with a user record outside it is dropped
    /// whole, as the KCL does, so that what a producer sent twice through a reshard is processed
    /// once. Not for streams with service-managed distribution, where a record's hash key says
    /// nothing about its shard.
    ///
    /// A function is not told the range of its shard, and may see any shard: where there are
    /// several, see [`read_in_range`](Self::read_in_range).
    #[must_use]
    pub fn with_hash_key_range(mut self, range: HashKeyRange) -> Self {
        self.deaggregator = self.deaggregator.hash_key_range(range);
        self
    }

    /// Whether to go on behind a bad user record of an aggregate, as
    /// [`Deaggregator::salvage`]. The aggregate is cut all the same: what follows its
    /// readable user records is [`on_cut`](Self::on_cut)'s to say.
    #[must_use]
    pub fn with_salvage(mut self, salvage: bool) -> Self {
        self.deaggregator = self.deaggregator.salvage(salvage);
        self
    }

    /// As [`Deaggregator::level`]. For tests and benches.
    #[doc(hidden)]
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.deaggregator = self.deaggregator.level(level);
        self
    }

    /// Remembers which user records were done of the Kinesis records that come again, and leaves
    /// them out then.
    #[must_use]
    pub fn with_resume(mut self, resume: impl Resume + 'static) -> Self {
        self.resume = Some(Box::new(resume));
        self
    }

    /// Is told of every aggregate that is dropped, or user record when salvaging, because it is
    /// out of the hash key range. That is no failure: after a reshard it is to be expected.
    #[must_use]
    pub fn on_dropped(mut self, f: impl Fn(&Lost<'_>) + Send + Sync + 'static) -> Self {
        self.on_dropped = Some(Box::new(f));
        self
    }

    /// Is told of every cut aggregate, behind its readable user records, and says whether it
    /// fails. Put it aside, as the whole Kinesis record is there to be had, and go on; or count
    /// it, and fail.
    ///
    /// Without this, a cut aggregate fails. It will never succeed: **an event source mapping
    /// without limits for its retries then comes back to it until it expires, and its shard is
    /// blocked until then.**
    #[must_use]
    pub fn on_cut(mut self, f: impl Fn(&Lost<'_>) -> AfterCut + Send + Sync + 'static) -> Self {
        self.on_cut = Some(Box::new(f));
        self
    }

    /// Is told of everything that makes a Kinesis record fail: to log it, since the answer to
    /// Lambda has no room for reasons.
    #[must_use]
    pub fn on_failure(mut self, f: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Box::new(f));
        self
    }

    pub(super) fn deaggregator(&self) -> &Deaggregator {
        &self.deaggregator
    }

    pub(super) fn resume(&self) -> Option<&dyn Resume> {
        self.resume.as_deref()
    }

    /// Hands a loss to whom it concerns.
    pub(super) fn judge<R: EventRecord>(&self, loss: &Loss, source: &R) -> AfterCut {
        let lost = Lost::new(loss, source);
        if *loss.kind() == LossKind::OutOfRange {
            if let Some(on_dropped) = &self.on_dropped {
                // Never a failure, not even so.
                let _ = unwind::catch(|| on_dropped(&lost));
            }
            return AfterCut::GoOn;
        }
        match &self.on_cut {
            None => AfterCut::Fail,
            Some(on_cut) => unwind::catch(|| on_cut(&lost)).unwrap_or(AfterCut::Fail),
        }
    }

    pub(super) fn report(&self, failure: &Failure<'_>) {
        if let Some(on_failure) = &self.on_failure {
            // It fails already.
            let _ = unwind::catch(|| on_failure(failure));
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
