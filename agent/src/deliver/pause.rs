//! How long to wait before what failed is tried again.

use std::time::Duration;

/// The agent's back-off: twice as long each time, and never longer than the longest.
pub(super) struct Pause {
    initial: Duration,
    max: Duration,
    failures: u32,
}

impl Pause {
    pub(super) fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max,
            failures: 0,
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// After one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.initial.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pause = Pause::new(Duration::from_millis(100), Duration::from_secs(10));
        let mut pauses: Vec<u128> = (0..9).map(|_| pause.next().as_millis()).collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        pause.succeeded();
        pauses = vec![pause.next().as_millis()];
        assert_eq!(pauses, [100]);
        pause.failures = u32::MAX;
        assert_eq!(pause.next(), Duration::from_secs(10));
    }
}
