//! Whether the stream goes by keys or picks the shard itself, and how that becomes known.

use std::time::{Duration, SystemTime};

use super::random::Random;
use super::shards::longer;
use crate::client::{RecordDistribution, StreamDescription};
use crate::outcome::Time;

/// How often a stream in use is described without any evidence, as the KPL does. A switch that
/// evidence cannot show (from service-managed back to keys) is seen after this long.
const INTERVAL: Duration = Duration::from_secs(300);
/// How often to see whether describing is permitted by now.
const FORBIDDEN_INTERVAL: Duration = Duration::from_secs(600);
/// The first description comes within this time: an account has 20 a second for all its producers,
/// and 200 of them may start together.
const SPREAD: Duration = Duration::from_secs(25);
/// The first pause after a description that failed or may be out of date.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Evidence may come often, as while a stream is deleted and created again: one producer still asks no
/// more than four times a second.
const SPACING: Duration = Duration::from_millis(250);
/// Of what comes by itself, so many percent more or less, so that producers do not come together.
const JITTER: u32 = 20;
/// So many records in a row that land by their keys are no chance, with two shards or more.
const STREAK: u32 = 100;
/// How long the stream is believed to be service-managed after the last landing that showed it.
/// Some records are refused there, so a wrong belief might never meet a landing that shows it.
const BELIEF: Duration = Duration::from_secs(60);
/// The same after the last description. It is longer than the time between two of them.
const DESCRIBED_BELIEF: Duration = Duration::from_secs(400);

#[derive(Debug)]
pub(super) struct Strategy {
    current: RecordDistribution,
    /// Whether records wait for the first description.
    is_awaited: bool,
    /// Whether a description, or its refusal, has come.
    asked: bool,
    permitted: bool,
    /// A description has come, or its refusal, ever.
    has_told: bool,
    /// When `current` came into force here.
    since: Time,
    /// Until when the stream is believed to be service-managed, unless something shows it again.
    believed_until: Time,
    describing: bool,
    /// Evidence came while a description was under way, which may be older.
    outdated: bool,
    /// Records that landed by their keys, in a row, while the stream is believed not to go by
    /// them.
    streak: u32,
    pause: Duration,
    /// When to describe the stream. Nothing before the first put.
    next: Option<Time>,
    /// When it was last described.
    asked_at: Option<Time>,
    max_record_size: Option<usize>,
    created: Option<SystemTime>,
}

/// What a description told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    /// User records may have to go elsewhere.
    pub(super) changed: bool,
    /// The stream was deleted, and created again under its name.
    pub(super) anew: bool,
}

impl Strategy {
    /// Nothing is known. In some modes, sending before the first description could not be mended:
    /// then records wait for it.
    pub(super) fn new(is_awaited: bool) -> Self {
        Self {
            current: RecordDistribution::ByKey,
            is_awaited,
            asked: false,
            permitted: false,
            has_told: false,
            since: Time::ZERO,
            believed_until: Time::MAX,
            describing: false,
            outdated: false,
            streak: 0,
            pause: Duration::ZERO,
            next: None,
            asked_at: None,
            max_record_size: None,
            created: None,
        }
    }

    pub(super) fn is_service_managed(&self) -> bool {
        self.current == RecordDistribution::ServiceManaged
    }

    /// Whether landings decide, because describing the stream is not permitted.
    pub(super) fn goes_by_landings(&self) -> bool {
        !self.permitted
    }

    /// Whether records wait for a description as for a shard map.
    pub(super) fn is_unknown(&self) -> bool {
        self.is_awaited && !self.asked
    }

    /// Whether there was an answer to a description, if only an error.
    pub(super) fn was_asked(&self) -> bool {
        self.asked
    }

    /// Whether there was ever a description, or the answer that it is not permitted.
    pub(super) fn has_told(&self) -> bool {
        self.has_told
    }

    /// The stream's own limit, if it could be read.
    pub(super) fn max_record_size(&self) -> Option<usize> {
        self.max_record_size
    }

    /// A user record was put, and none was under way.
    pub(super) fn used(&mut self, now: Time, random: &mut Random) {
        // What is only a little late comes now. After a long idle time all producers may be put to
        // work together again.
        if self.next.is_some_and(|next| now <= next + SPREAD) {
            return;
        }
        let later = random.below(SPREAD);
        self.next = Some(if self.is_unknown() { now } else { now + later });
    }

    /// Something is to be known now.
    pub(super) fn ask(&mut self, now: Time) {
        self.next = Some(self.next.map_or(now, |next| next.min(now)));
    }

    /// Whether to describe the stream now; that is then under way.
    pub(super) fn start_describing(&mut self, now: Time) -> bool {
        let start = self.wake().is_some_and(|next| next <= now);
        if start {
            self.describing = true;
            self.asked_at = Some(now);
            self.outdated = false;
        }
        start
    }

    /// When to describe it, if it is in use.
    pub(super) fn wake(&self) -> Option<Time> {
        let next = self.next.filter(|_| !self.describing)?;
        let spaced = self.asked_at.map(|asked| asked + SPACING);
        Some(next.max(spaced.unwrap_or_default()))
    }

    /// When a belief ends.
    pub(super) fn lapses(&self) -> Option<Time> {
        self.is_service_managed().then_some(self.believed_until)
    }

    /// Ends a belief that nothing has shown for long: the stream is taken to go by keys again, and
    /// the next landing, or description, decides. Returns whether it did.
    pub(super) fn lapse(&mut self, now: Time) -> bool {
        let lapses = self.lapses().is_some_and(|at| at <= now);
        if lapses {
            self.set(now, RecordDistribution::ByKey);
            self.asked = false;
            self.next = Some(now);
        }
        lapses
    }

    /// Takes a description: `Ok(None)` is not permitted.
    pub(super) fn described(
        &mut self,
        now: Time,
        answer: Result<Option<StreamDescription>, ()>,
        random: &mut Random,
    ) -> Described {
        self.describing = false;
        self.asked = true;
        self.has_told |= answer.is_ok();
        match answer {
            Ok(Some(description)) => return self.learn(now, &description, random),
            Ok(None) => {
                self.permitted = false;
                self.next = Some(now + random.around(FORBIDDEN_INTERVAL, JITTER));
            }
            Err(()) => self.pause_more(now, random),
        }
        Described::default()
    }

    fn pause_more(&mut self, now: Time, random: &mut Random) {
        self.pause = longer(self.pause, FIRST_PAUSE);
        self.next = Some(now + random.around(self.pause, JITTER));
    }

    fn learn(
        &mut self,
        now: Time,
        description: &StreamDescription,
        random: &mut Random,
    ) -> Described {
        self.permitted = true;
        let created = description.creation_time();
        if created.is_some() && created < self.created {
            // Of the stream that was deleted.
            self.pause_more(now, random);
            return Described::default();
        }
        let anew = self.created.is_some() && created > self.created;
        self.created = created.or(self.created);
        if description.max_record_size().is_some() {
            self.max_record_size = description.max_record_size();
        }
        if self.outdated && !anew {
            // It may be older than what was seen: ask again.
            self.pause_more(now, random);
            return Described::default();
        }
        let changed = self.set(now, description.distribution());
        self.believed_until = now + random.around(DESCRIBED_BELIEF, 2);
        if !changed {
            self.pause = Duration::ZERO;
        }
        self.next = Some(now + random.around(INTERVAL, JITTER));
        Described { changed, anew }
    }

    /// A record sent at `sent` landed outside the shard that its explicit hash key names. Returns
    /// whether the strategy changed.
    pub(super) fn landed_outside(&mut self, now: Time, sent: Time) -> bool {
        self.streak = 0;
        if sent < self.since {
            return false;
        }
        self.believed_until = self.believed_until.max(now + BELIEF);
        self.believe(now, RecordDistribution::ServiceManaged)
    }

    /// A record landed where its hash key says, on a stream of two open shards or more, although it
    /// need not. Returns whether the strategy changed.
    pub(super) fn landed_by_key(&mut self, now: Time, sent: Time) -> bool {
        if self.permitted || !self.is_service_managed() || sent < self.since {
            return false;
        }
        self.streak += 1;
        self.streak >= STREAK && self.believe(now, RecordDistribution::ByKey)
    }

    /// The stream refused records without a partition key. Returns whether the strategy changed.
    pub(super) fn refused_keyless(&mut self, now: Time, sent: Time) -> bool {
        sent >= self.since && self.believe(now, RecordDistribution::ByKey)
    }

    /// By evidence; a description is to confirm it.
    fn believe(&mut self, now: Time, distribution: RecordDistribution) -> bool {
        let changed = self.set(now, distribution);
        if changed {
            self.believed_until = now + BELIEF;
            if self.permitted || !self.asked {
                self.outdated = self.describing;
                // At once, the first time.
                let pause = self.pause;
                self.pause = longer(pause, FIRST_PAUSE);
                self.ask(now + pause);
            }
        }
        changed
    }

    fn set(&mut self, now: Time, distribution: RecordDistribution) -> bool {
        self.streak = 0;
        if self.current == distribution {
            return false;
        }
        self.current = distribution;
        self.since = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: StreamDescription = StreamDescription::new(RecordDistribution::ServiceManaged);
    const KEYS: StreamDescription = StreamDescription::new(RecordDistribution::ByKey);

    fn at(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    fn random() -> Random {
        Random::new(Some(1))
    }

    /// A stream of which records wait for the first description.
    fn awaited() -> Strategy {
        let mut strategy = Strategy::new(true);
        strategy.used(at(0), &mut random());
        strategy
    }

    #[test]
    fn evidence_makes_it_ask_four_times_a_second_at_most() {
        let (mut strategy, mut random) = (awaited(), random());
        let mut asked = 0;
        for milliseconds in 0..1000 {
            let now = Duration::from_millis(milliseconds);
            strategy.ask(now);
            if strategy.start_describing(now) {
                asked += 1;
                strategy.described(now, Ok(Some(AUTO)), &mut random);
            }
        }
        assert_eq!(asked, 4);
    }

    /// An account has 20 descriptions a second for all its producers.
    #[test]
    fn a_stream_that_cannot_be_described_is_asked_less_and_less_often() {
        let created = |seconds| SystemTime::UNIX_EPOCH + at(seconds);
        let deleted = KEYS.with_creation_time(created(10));
        for answer in [Err(()), Ok(Some(deleted))] {
            let (mut strategy, mut random) = (awaited(), random());
            let known = Ok(Some(KEYS.with_creation_time(created(20))));
            strategy.described(at(0), known, &mut random);
            strategy.ask(at(1));
            let mut asked = Vec::new();
            while asked.len() < 12 {
                let now = strategy.wake().expect("again");
                assert!(strategy.start_describing(now));
                strategy.described(now, answer, &mut random);
                asked.push(now);
            }
            assert!(asked[1] <= at(3), "soon at first: {asked:?}");
            assert!(asked[11] > at(60), "{asked:?}");
        }
    }

    #[test]
    fn a_description_decides_and_evidence_asks_for_one() {
        let (mut strategy, mut random) = (awaited(), random());
        assert!(strategy.is_unknown() && strategy.start_describing(at(0)));
        assert!(!strategy.start_describing(at(0)), "one at a time");
        let described = strategy.described(at(0), Ok(Some(KEYS)), &mut random);
        assert_eq!(described, Described::default());
        let next = strategy.wake().expect("again");
        assert!((at(240)..=at(360)).contains(&next), "{next:?}");
        assert!(strategy.landed_outside(at(5), at(4)));
        assert!(strategy.is_service_managed());
        assert!(strategy.wake() < Some(at(6)));
        assert!(strategy.start_describing(at(6)));
        let described = strategy.described(at(6), Ok(Some(KEYS)), &mut random);
        assert!(described.changed && !described.anew);
        assert!(!strategy.landed_outside(at(7), at(5)), "sent before");
    }

    #[test]
    fn an_answer_older_than_the_evidence_does_not_count() {
        let (mut strategy, mut random) = (awaited(), random());
        strategy.start_describing(at(0));
        assert!(strategy.landed_outside(at(1), at(0)));
        let described = strategy.described(at(2), Ok(Some(KEYS)), &mut random);
        assert!(!described.changed && strategy.is_service_managed());
        let next = strategy.wake().expect("again");
        assert!(next < at(5) && strategy.start_describing(next));
        assert!(
            !strategy
                .described(next, Ok(Some(AUTO)), &mut random)
                .changed
        );
    }

    #[test]
    fn without_permission_evidence_decides_alone() {
        let (mut strategy, mut random) = (awaited(), random());
        strategy.start_describing(at(0));
        strategy.described(at(0), Ok(None), &mut random);
        assert!(strategy.landed_outside(at(1), at(1)));
        for _ in 1..STREAK {
            assert!(!strategy.landed_by_key(at(2), at(2)));
        }
        assert!(strategy.landed_by_key(at(2), at(2)));
        assert!(!strategy.is_service_managed());
    }

    #[test]
    fn a_belief_that_nothing_shows_lapses() {
        for answer in [Ok(None), Ok(Some(AUTO))] {
            let (mut strategy, mut random) = (awaited(), random());
            strategy.start_describing(at(0));
            strategy.described(at(0), answer, &mut random);
            strategy.landed_outside(at(1), at(1));
            assert!(strategy.is_service_managed());
            let lapses = strategy.lapses().expect("it does");
            assert!(lapses <= at(410), "{lapses:?}");
            assert!(!strategy.lapse(lapses - Duration::from_nanos(1)));
            assert!(strategy.lapse(lapses) && !strategy.is_service_managed());
            assert!(strategy.is_unknown() && strategy.start_describing(lapses));
        }
    }

    #[test]
    fn a_later_description_of_the_same_stream_counts() {
        let (mut strategy, mut random) = (awaited(), random());
        let time = SystemTime::UNIX_EPOCH;
        for description in [KEYS, AUTO.with_max_record_size(7)] {
            let description = description.with_creation_time(time);
            strategy.described(at(0), Ok(Some(description)), &mut random);
        }
        assert!(strategy.is_service_managed());
        assert_eq!(strategy.max_record_size(), Some(7));
    }

    #[test]
    fn another_creation_time_tells_of_a_stream_made_anew() {
        let (mut strategy, mut random) = (awaited(), random());
        let created = |seconds| {
            let time = SystemTime::UNIX_EPOCH + at(seconds);
            Ok(Some(KEYS.with_creation_time(time)))
        };
        for (seconds, anew) in [
            (10, false),
            (10, false),
            (20, true),
            (10, false),
            (20, false),
        ] {
            let described = strategy.described(at(0), created(seconds), &mut random);
            assert_eq!(described.anew, anew, "{seconds}");
        }
    }
}
