//! What an answer means: for each Kinesis record of the request whether it is stored, and for one
//! that is, whether a KCL delivers it.

use super::item::{Form, Item, Pending, failed_together};
use super::shards::LONGEST_PAUSE;
use super::spans::Span;
use super::stream::{Stream, WithoutRanges};
use crate::attempt_error::AttemptError;
use crate::client::{ClientError, ClientErrorKind, RecordError, Stored};
use crate::metrics::Meter;
use crate::outcome::{FailureKind, Landed, Time};
use crate::tries::Attempt;
use kinesis_aggregation::HashKeyRange;

/// How long a Kinesis record that landed may stay undecided: ten lists of the shards have failed by then,
/// or were refused, and order may keep others waiting for it.
const LONGEST_DOUBT: Time = LONGEST_PAUSE.saturating_mul(10);

/// An answer to `PutRecords`.
pub(super) type Answer = Result<Vec<Result<Stored, RecordError>>, ClientError>;

/// What an answer means for one Kinesis record.
pub(super) type Fate = Result<Stored, Failure>;

/// Why a Kinesis record was not stored, as far as is known.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) kind: ClientErrorKind,
    pub(super) error: AttemptError,
}

impl Failure {
    /// Why a user record fails, if sending it again is no use.
    pub(super) fn of_request(&self) -> FailureKind {
        FailureKind::Request {
            code: self.error.code().into(),
        }
    }

    /// Whether the stream may hold the record all the same.
    pub(super) fn is_maybe_stored(&self) -> bool {
        self.kind == ClientErrorKind::Retry { maybe_stored: true }
    }
}

/// The fates of the `count` Kinesis records of a request, in their order. What failed is counted:
/// each record, or the request as a whole.
pub(super) fn fates(answer: Answer, count: usize, meter: &mut Meter) -> Vec<Fate> {
    let whole = match answer {
        Ok(results) if results.len() == count => {
            let mut refused = |error: RecordError| {
                meter.error(error.code());
                refused(error)
            };
            let fate = |result: Result<_, _>| result.map_err(&mut refused);
            return results.into_iter().map(fate).collect();
        }
        // Nobody can tell which result is whose.
        Ok(_) => Failure {
            kind: ClientErrorKind::Retry { maybe_stored: true },
            error: AttemptError::named("ResultCountMismatch"),
        },
        Err(error) => Failure {
            kind: error.kind(),
            error: AttemptError::from(error),
        },
    };
    meter.error(whole.error.code());
    vec![Err(whole); count]
}

/// Classifies the failure of one record of a request.
fn refused(error: RecordError) -> Failure {
    let kind = if error.is_throttled() {
        ClientErrorKind::Throttled
    } else {
        ClientErrorKind::Retry {
            maybe_stored: false,
        }
    };
    Failure {
        kind,
        error: AttemptError::from(error),
    }
}

/// Notes the tries that failed. Those of a request that failed as a whole share what is kept of it.
pub(super) fn note_tries<T>(now: Time, items: &mut [Item<T>], fates: &[Fate], is_whole: bool) {
    let together = if is_whole { items.len().max(1) } else { 1 };
    for (items, fates) in items.chunks_mut(together).zip(fates.chunks(together)) {
        if let (Some(item), Some(Err(failure))) = (items.first(), fates.first()) {
            let attempt = item.attempt(now, Some(&failure.error));
            let members = items.iter_mut().flat_map(Item::members_mut);
            failed_together(members, &attempt, failure.is_maybe_stored());
        }
    }
}

/// Whether no answer came to a request, so that perhaps there was too much under way.
pub(super) fn is_lost(error: &ClientError) -> bool {
    error.kind() == ClientErrorKind::Retry { maybe_stored: true }
}

/// A Kinesis record that the stream stored.
pub(super) struct Landing<T> {
    members: Vec<Pending<T>>,
    /// Their places in the Kinesis record, once some of its user records have been taken out.
    places: Option<Vec<u64>>,
    /// The first and the last hash key of an aggregate that is to be judged; `None` for what is
    /// delivered wherever it landed.
    judged_by: Option<Span>,
    landed: Landed,
    /// The hash keys that wait for it while it is not resolved, in ordered mode.
    pub(super) span: Option<Span>,
}

/// What became of a Kinesis record that the stream stored.
pub(super) enum Verdict<T> {
    /// With their places in the Kinesis record; `None` means 0, 1, 2, …
    Delivered(Vec<Pending<T>>, Option<Vec<u64>>, Landed),
    /// The KCL drops the aggregate, or it will never be known whether it does. The try failed, for
    /// all its user records.
    Dropped(Vec<Pending<T>>, Attempt),
    /// The range of its shard is not known yet.
    Undecided(Landing<T>),
}

impl<T> Landing<T> {
    pub(super) fn new(now: Time, item: Item<T>, stored: Stored) -> Self {
        let is_judged = item.form == Form::Framed && !item.is_bare();
        let ends = |cover: HashKeyRange| (cover.start(), cover.end());
        Self {
            judged_by: item.cover.map(ends).filter(|_| is_judged),
            span: item.place.span(),
            landed: Landed {
                attempt: item.attempt(now, None),
                stored,
            },
            members: item.into_members(),
            places: None,
        }
    }

    /// The KCL drops a whole aggregate if one of its user records is outside the range of the
    /// shard where it was stored. So that range, once it is known, decides for all of them: each
    /// one delivered, or each one sent again.
    ///
    /// A raw record is delivered wherever it landed: it needs no range, and no list. One hash key alone
    /// is in the range of the shard that it led to, whatever that range is, if the stream goes by keys;
    /// if not, nobody can say that the KCL does not drop it.
    ///
    /// An aggregate of several hash keys was built by a list of shards. Where listing is not permitted
    /// any more and the list does not tell of its shard, to call it delivered might lose it, and to send
    /// it again might bring it twice to a KCL. So it stays undecided until the permission is back, or
    /// [`LONGEST_DOUBT`] or `record_ttl` over: then it fails as perhaps stored. There are few of these: no
    /// more are built.
    pub(super) fn judge(self, stream: &mut Stream) -> Verdict<T> {
        let Some((first, last)) = self.judged_by else {
            return self.delivered();
        };
        let (shard_id, answered) = (self.landed.stored.shard_id(), self.landed.attempt.ended);
        let wrong = match stream.range(shard_id, answered) {
            Some(range) if range.contains(first) && range.contains(last) => {
                return self.delivered();
            }
            Some(_) => "WrongShard",
            None => match stream.without_ranges() {
                WithoutRanges::ByHashKey if first == last => return self.delivered(),
                WithoutRanges::Anywhere => "UnknownShard",
                WithoutRanges::ByHashKey | WithoutRanges::NotYet => {
                    return Verdict::Undecided(self);
                }
            },
        };
        let attempt = Attempt {
            error: Some(AttemptError::named(wrong)),
            ..self.landed.attempt
        };
        Verdict::Dropped(self.members, attempt)
    }

    fn delivered(self) -> Verdict<T> {
        Verdict::Delivered(self.members, self.places, self.landed)
    }

    /// When nobody waits any longer for the range of its shard.
    fn lapses(&self) -> Time {
        self.landed.attempt.ended.saturating_add(LONGEST_DOUBT)
    }

    /// Takes out what was accepted before `cutoff`, or all if it was undecided for too long, with the try
    /// that failed then. The rest of its aggregate may still be judged.
    pub(super) fn take_expired(&mut self, now: Time, cutoff: Time) -> (Vec<Pending<T>>, Attempt) {
        let has_lapsed = self.lapses() <= now;
        let places = self.places.take().into_iter().flatten().chain(0..);
        let (mut expired, mut left) = (Vec::new(), (Vec::new(), Vec::new()));
        for (place, pending) in places.zip(std::mem::take(&mut self.members)) {
            if has_lapsed || pending.is_from_before(cutoff) {
                expired.push(pending);
            } else {
                left.0.push(place);
                left.1.push(pending);
            }
        }
        (self.places, self.members) = (Some(left.0), left.1);
        let attempt = Attempt {
            error: Some(AttemptError::named("UnknownShard")),
            ..self.landed.attempt.clone()
        };
        (expired, attempt)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Pending<T>> {
        self.members.iter()
    }

    pub(super) fn into_members(self) -> impl Iterator<Item = Pending<T>> {
        self.members.into_iter()
    }
}

/// Kinesis records that were stored in a shard whose range is not known: a KCL may drop them.
pub(super) struct Undecided<T> {
    landings: Vec<Landing<T>>,
    /// Nothing here was accepted before.
    oldest: Time,
    /// None of it lapses before.
    lapses: Time,
}

impl<T> Default for Undecided<T> {
    fn default() -> Self {
        Self {
            landings: Vec::new(),
            oldest: Time::MAX,
            lapses: Time::MAX,
        }
    }
}

impl<T> Undecided<T> {
    pub(super) fn push(&mut self, landing: Landing<T>) {
        let oldest = landing.members().map(|pending| pending.accepted).min();
        self.oldest = self.oldest.min(oldest.unwrap_or(Time::MAX));
        self.lapses = self.lapses.min(landing.lapses());
        self.landings.push(landing);
    }

    pub(super) fn take_all(&mut self) -> Vec<Landing<T>> {
        std::mem::take(self).landings
    }

    pub(super) fn oldest(&self) -> Time {
        self.oldest
    }

    /// When the first of it may have been undecided for too long.
    pub(super) fn lapses(&self) -> Time {
        self.lapses
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Pending<T>> {
        self.landings.iter().flat_map(Landing::members)
    }
}
