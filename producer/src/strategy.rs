//! Whether the stream goes by keys or picks the shard itself, and how that becomes known.

use std::time::Duration;

use super::client::{RecordDistribution, StreamDescription};
use super::outcome::Time;
use super::shards::next_pause;

/// How often a stream is described without any evidence. A switch that evidence cannot show
/// (from service-managed back to keys) is seen after this long.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often to see whether describing is permitted by now.
const FORBIDDEN_INTERVAL: Duration = Duration::from_secs(600);
/// So many records in a row that land by their keys are no chance, with two shards or more.
const STREAK: u32 = 100;

#[derive(Debug, Default)]
pub(super) struct Strategy {
    current: RecordDistribution,
    /// Whether a description, or its refusal, has come.
    asked: bool,
    permitted: bool,
    /// When `current` came into force here.
    since: Time,
    describing: bool,
    /// Evidence came while a description was under way, which may be older.
    outdated: bool,
    /// Records that landed by their keys, in a row, while the stream is believed not to go by
    /// them.
    streak: u32,
    pause: Duration,
    next: Time,
    max_record_size: Option<usize>,
}

impl Strategy {
    pub(super) fn is_service_managed(&self) -> bool {
        self.current == RecordDistribution::ServiceManaged
    }

    /// Whether the first description is still to come: records wait for it as for a shard map.
    pub(super) fn is_unknown(&self) -> bool {
        !self.asked
    }

    /// The stream's own limit, if it could be read.
    pub(super) fn max_record_size(&self) -> Option<usize> {
        self.max_record_size
    }

    /// Whether to describe the stream now; that is then under way.
    pub(super) fn start_describing(&mut self, now: Time) -> bool {
        let start = !self.describing && now >= self.next;
        if start {
            self.describing = true;
            self.outdated = false;
        }
        start
    }

    pub(super) fn wake(&self) -> Option<Time> {
        (!self.describing).then_some(self.next)
    }

    /// Takes a description: `Ok(None)` is not permitted. Returns whether the strategy changed.
    pub(super) fn described(
        &mut self,
        now: Time,
        answer: Result<Option<StreamDescription>, ()>,
    ) -> bool {
        self.describing = false;
        self.asked = true;
        let interval = match answer {
            Ok(Some(description)) => {
                self.permitted = true;
                if description.max_record_size().is_some() {
                    self.max_record_size = description.max_record_size();
                }
                if self.outdated {
                    // It may be older than what was seen: ask again.
                    self.pause = next_pause(self.pause);
                    self.next = now + self.pause;
                    return false;
                }
                let changed = self.set(now, description.distribution());
                if !changed {
                    self.pause = Duration::ZERO;
                }
                self.next = now + INTERVAL;
                return changed;
            }
            Ok(None) => {
                self.permitted = false;
                FORBIDDEN_INTERVAL
            }
            Err(()) => {
                self.pause = next_pause(self.pause);
                self.pause
            }
        };
        self.next = now + interval;
        false
    }

    /// A record sent at `sent` landed outside the shard that its explicit hash key names. Returns
    /// whether the strategy changed.
    pub(super) fn landed_outside(&mut self, now: Time, sent: Time) -> bool {
        self.streak = 0;
        if sent < self.since {
            return false;
        }
        self.believe(now, RecordDistribution::ServiceManaged)
    }

    /// A record that is sent without an explicit hash key landed where its partition key says,
    /// on a stream of two open shards or more. Returns whether the strategy changed.
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
        if changed && (self.permitted || !self.asked) {
            self.outdated = self.describing;
            self.pause = if self.pause.is_zero() {
                // At once, the first time.
                Duration::from_nanos(1)
            } else {
                next_pause(self.pause)
            };
            self.next = self.next.min(now + self.pause);
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

    #[test]
    fn a_description_decides_and_evidence_asks_for_one() {
        let mut strategy = Strategy::default();
        assert!(strategy.is_unknown() && strategy.start_describing(at(0)));
        assert!(!strategy.start_describing(at(0)), "one at a time");
        assert!(!strategy.described(at(0), Ok(Some(KEYS))));
        assert_eq!(strategy.wake(), Some(at(60)));
        assert!(strategy.landed_outside(at(5), at(4)));
        assert!(strategy.is_service_managed());
        assert!(strategy.wake() < Some(at(6)));
        assert!(strategy.start_describing(at(6)));
        assert!(strategy.described(at(6), Ok(Some(KEYS))));
        assert!(!strategy.landed_outside(at(7), at(5)), "sent before");
    }

    #[test]
    fn an_answer_older_than_the_evidence_does_not_count() {
        let mut strategy = Strategy::default();
        strategy.start_describing(at(0));
        assert!(strategy.landed_outside(at(1), at(0)));
        assert!(!strategy.described(at(2), Ok(Some(KEYS))));
        assert!(strategy.is_service_managed());
        assert!(strategy.start_describing(at(3)));
        assert!(!strategy.described(at(3), Ok(Some(AUTO))));
    }

    #[test]
    fn without_permission_evidence_decides_alone() {
        let mut strategy = Strategy::default();
        strategy.start_describing(at(0));
        strategy.described(at(0), Ok(None));
        assert!(strategy.landed_outside(at(1), at(1)));
        for _ in 1..STREAK {
            assert!(!strategy.landed_by_key(at(2), at(2)));
        }
        assert!(strategy.landed_by_key(at(2), at(2)));
        assert!(!strategy.is_service_managed());
    }
}
