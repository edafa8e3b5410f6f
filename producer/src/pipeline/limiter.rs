//! How fast records may go to one shard.

use std::time::Duration;

use crate::outcome::Time;

/// What a shard takes, in records a second.
pub const SHARD_RECORDS_PER_SECOND: u32 = 1000;
/// What a shard takes, in bytes a second.
pub const SHARD_BYTES_PER_SECOND: u32 = 1024 * 1024;

/// Two token buckets of one second each, for records and for bytes. `None` is no limit.
pub(super) struct Limiter(Option<[Bucket; 2]>);

struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Time,
}

impl Bucket {
    fn new(per_second: f64, now: Time) -> Self {
        Self {
            per_second,
            tokens: per_second,
            filled: now,
        }
    }

    fn fill(&mut self, now: Time) {
        let seconds = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + seconds * self.per_second).min(self.per_second);
        self.filled = now.max(self.filled);
    }

    /// How long until `want` are here. Wanting more than the bucket holds waits for a full one,
    /// and the bucket goes into debt: a record of 10 MiB passes too, at the right rate.
    fn wait(&self, want: f64) -> Duration {
        let missing = want.min(self.per_second) - self.tokens;
        // A part of a token that rounding lost must not keep anyone waiting.
        if missing <= 1e-6 {
            Duration::ZERO
        } else {
            // Upwards, so that at that time it is there.
            Duration::from_secs_f64(missing / self.per_second) + Duration::from_nanos(1000)
        }
    }
}

impl Limiter {
    pub(super) fn new(rate_limit_percent: Option<u32>, now: Time) -> Self {
        let buckets = |percent: u32| {
            let share = f64::from(percent) / 100.0;
            [SHARD_RECORDS_PER_SECOND, SHARD_BYTES_PER_SECOND]
                .map(|all| Bucket::new(f64::from(all) * share, now))
        };
        Self(rate_limit_percent.map(buckets))
    }

    /// Lets a record of `size` bytes pass.
    ///
    /// # Errors
    ///
    /// When to ask again.
    pub(super) fn pass(&mut self, now: Time, size: usize) -> Result<(), Time> {
        let Some([records, bytes]) = &mut self.0 else {
            return Ok(());
        };
        records.fill(now);
        bytes.fill(now);
        // No record has more than 2^32 bytes.
        let size = f64::from(u32::try_from(size).unwrap_or(u32::MAX));
        let wait = records.wait(1.0).max(bytes.wait(size));
        if wait > Duration::ZERO {
            return Err(now + wait);
        }
        records.tokens -= 1.0;
        bytes.tokens -= size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_second_at_once_and_then_the_rate() {
        let mut limiter = Limiter::new(Some(150), Time::ZERO);
        let burst = (0..)
            .take_while(|_| limiter.pass(Time::ZERO, 1).is_ok())
            .count();
        assert_eq!(burst, 1500);
        let mut now = Time::ZERO;
        for _ in 0..3000 {
            if let Err(at) = limiter.pass(now, 1) {
                assert!(at > now);
                now = at;
                limiter.pass(now, 1).expect("at the time it named");
            }
        }
        assert!((now.as_secs_f64() - 2.0).abs() < 0.01, "{now:?}");
    }

    #[test]
    fn a_record_larger_than_the_bucket_passes_and_is_paid_for() {
        let mut limiter = Limiter::new(Some(100), Time::ZERO);
        limiter.pass(Time::ZERO, 10 * 1024 * 1024).expect("full");
        let at = limiter.pass(Time::ZERO, 1).expect_err("in debt");
        assert!((at.as_secs_f64() - 9.0).abs() < 0.01, "{at:?}");
    }

    #[test]
    fn without_a_limit_all_pass() {
        let mut limiter = Limiter::new(None, Time::ZERO);
        assert!((0..100_000).all(|_| limiter.pass(Time::ZERO, 1_000_000).is_ok()));
    }
}
