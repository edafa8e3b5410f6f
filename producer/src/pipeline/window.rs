//! How many requests may be under way, by how the stream answers.

use std::time::Duration;

use crate::outcome::Time;

/// So many at first: where the link is thin, each one more makes the others slower, until none is
/// answered in time.
const FIRST: usize = 2;
/// Data under way in requests, in bytes: what a transport encodes of it is in memory a second time.
/// A request may start as long as it stays below, and if no other is under way.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// A request is not made smaller than this, in bytes.
const SMALLEST_REQUEST: usize = 64 * 1024;

pub(super) struct Window {
    open: usize,
    most: usize,
    timeout: Duration,
    /// When it last shrank: what was sent before tells nothing of the time after.
    shrunk: Time,
    bytes: usize,
    /// How much less than the settings allow a request holds: half of it, half of that ...
    halvings: u32,
}

impl Window {
    /// At most `most` requests, each of which is given up after `timeout`.
    pub(super) fn new(most: usize, timeout: Duration) -> Self {
        Self {
            open: FIRST.min(most),
            most,
            timeout,
            shrunk: Time::ZERO,
            bytes: 0,
            halvings: 0,
        }
    }

    /// How many requests may be under way.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Whether a request of so many bytes may start while so many are under way.
    pub(super) fn admits(&self, under_way: usize, bytes: usize) -> bool {
        under_way == 0 || (under_way < self.open && self.bytes.saturating_add(bytes) <= MOST_BYTES)
    }

    /// How much a request may hold, where the settings allow `most` bytes.
    pub(super) fn request_size(&self, most: usize) -> usize {
        (most >> self.halvings.min(usize::BITS - 1)).max(SMALLEST_REQUEST.min(most))
    }

    /// A request of so many bytes starts.
    pub(super) fn started(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A request of so many bytes is over.
    pub(super) fn ended(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// An answer came: one more request may be under way, unless it took so long that the next ones
    /// might not be answered in time.
    pub(super) fn answered(&mut self, took: Duration) {
        if took < self.timeout / 4 {
            self.open = (self.open + 1).min(self.most);
            self.halvings = self.halvings.saturating_sub(1);
        } else if took > self.timeout / 2 {
            self.open = (self.open - 1).max(1);
        }
    }

    /// No answer came in time to what was sent then: half as many may be under way.
    pub(super) fn timed_out(&mut self, sent: Time, now: Time) {
        if sent < self.shrunk {
            return;
        }
        self.shrunk = now;
        if self.open == 1 {
            self.halvings = (self.halvings + 1).min(16);
        }
        self.open = (self.open / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(6);

    #[test]
    fn it_grows_with_each_answer_and_halves_once_for_what_was_lost_together() {
        let at = Time::from_secs;
        let mut window = Window::new(24, TIMEOUT);
        assert_eq!(window.open(), 2);
        for _ in 0..40 {
            window.answered(Duration::from_millis(20));
        }
        assert_eq!(window.open(), 24);
        for _ in 0..24 {
            window.timed_out(at(1), at(7));
        }
        assert_eq!(window.open(), 12);
        window.timed_out(at(7), at(13));
        assert_eq!(window.open(), 6);
        window.answered(Duration::from_secs(2));
        assert_eq!(window.open(), 6, "slow, but in time");
        window.answered(Duration::from_secs(4));
        assert_eq!(window.open(), 5, "nearly too slow");
    }

    #[test]
    fn where_one_request_is_too_much_requests_are_made_smaller() {
        let mut window = Window::new(1, TIMEOUT);
        assert_eq!(window.request_size(1 << 20), 1 << 20);
        for second in 0..20 {
            window.timed_out(Time::from_secs(second), Time::from_secs(second));
        }
        assert_eq!(window.request_size(1 << 20), SMALLEST_REQUEST);
        assert_eq!(window.request_size(100), 100);
        for _ in 0..16 {
            window.answered(Duration::ZERO);
        }
        assert_eq!(window.request_size(1 << 20), 1 << 20);
    }

    #[test]
    fn bytes_under_way_are_bounded_but_for_one_request() {
        let mut window = Window::new(24, TIMEOUT);
        assert!(window.admits(0, 2 * MOST_BYTES));
        window.started(MOST_BYTES);
        assert!(!window.admits(1, 1));
        window.ended(MOST_BYTES);
        assert!(window.admits(1, 1) && !window.admits(2, 1));
    }
}
