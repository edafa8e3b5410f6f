//! How much may wait, by how fast it goes: what is accepted beyond that would only expire.

use std::time::Duration;

use crate::outcome::Time;

/// For so long after something could not go, what goes is all that can.
const RECENT: Duration = Duration::from_secs(2);
/// So much may always wait, in bytes of room.
const LEAST: usize = 256 * 1024;

/// Counts what goes, in bytes of room, second by second.
pub(super) struct Admission {
    ttl: Duration,
    second: Time,
    gone: usize,
    /// In the seconds before, on average, for each second.
    rate: usize,
    /// When something could not go, because it was too much.
    limited: Option<Time>,
}

impl Admission {
    pub(super) fn new(ttl: Duration, now: Time) -> Self {
        Self {
            ttl,
            second: now,
            gone: 0,
            rate: 0,
            limited: None,
        }
    }

    /// So much went.
    pub(super) fn went(&mut self, now: Time, room: usize) {
        let elapsed = now.saturating_sub(self.second);
        if elapsed >= Duration::from_secs(1) {
            let milliseconds = usize::try_from(elapsed.as_millis()).unwrap_or(usize::MAX);
            let rate = self.gone.saturating_mul(1000) / milliseconds;
            self.rate = if self.rate == 0 {
                rate
            } else {
                self.rate / 2 + rate / 2
            };
            (self.second, self.gone) = (now, 0);
        }
        self.gone = self.gone.saturating_add(room);
    }

    /// So much did not go after all: it was too much.
    pub(super) fn came_back(&mut self, now: Time, room: usize) {
        self.gone = self.gone.saturating_sub(room);
        self.limited = Some(now);
    }

    /// How much may wait: what goes in half the time to live, so that there is time to try again.
    /// No end of it as long as all goes that wants to.
    pub(super) fn most(&self, now: Time) -> usize {
        if self.limited.is_none_or(|limited| now > limited + RECENT) {
            return usize::MAX;
        }
        let rate = self.rate.max(self.gone);
        let milliseconds = usize::try_from(self.ttl.as_millis() / 2).unwrap_or(usize::MAX);
        (rate.saturating_mul(milliseconds) / 1000).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_half_the_time_to_live_may_wait_where_more_wants_to_go_than_can() {
        let ttl = Duration::from_secs(30);
        let mut admission = Admission::new(ttl, Time::ZERO);
        for tenth in 0..50 {
            let now = Duration::from_millis(tenth * 100);
            admission.went(now, 100_000);
            assert_eq!(admission.most(now), usize::MAX, "all goes");
        }
        let now = Duration::from_secs(5);
        admission.came_back(now, 0);
        let most = admission.most(now);
        assert!((14_000_000..=15_000_000).contains(&most), "{most}");
        assert_eq!(admission.most(now + Duration::from_secs(3)), usize::MAX);
    }

    #[test]
    fn the_rate_is_of_one_second_and_half_of_it_of_the_time_before() {
        let at = Duration::from_secs;
        let mut admission = Admission::new(at(30), at(0));
        admission.went(at(0), 3_000_000);
        admission.went(at(2), 1_000_000);
        admission.came_back(at(2), 0);
        assert_eq!(admission.most(at(2)), 15 * 1_500_000);
        admission.went(at(3), 0);
        assert_eq!(admission.most(at(4)), 15 * 1_250_000);
        assert_eq!(admission.most(at(4) + Duration::from_nanos(1)), usize::MAX);
    }
}
