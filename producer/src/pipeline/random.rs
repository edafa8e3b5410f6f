//! Random choices that a seed repeats.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bytestring::ByteString;

/// The pause before the second try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// `SplitMix64`: it needs to spread, not to be secret.
pub(super) struct Random(u64);

impl Random {
    /// From `seed`, or from the system's entropy.
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().hash_one(())))
    }

    /// Another source, whose numbers have nothing to do with this one's.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A partition key for user records without one.
    pub(super) fn key(&mut self) -> ByteString {
        ByteString::from(format!("{:016x}", self.next()))
    }

    /// `duration`, give or take so many percent of it.
    pub(super) fn around(&mut self, duration: Duration, percent: u32) -> Duration {
        // In thousandths of `duration`.
        let width = u64::from(percent) * 20 + 1;
        let offset = u32::try_from(self.next() % width).unwrap_or_default();
        duration * (1000 + offset - percent * 10) / 1000
    }

    /// Less than `duration`.
    pub(super) fn below(&mut self, duration: Duration) -> Duration {
        let part = u32::try_from(self.next() % 1000).unwrap_or_default();
        duration * part / 1000
    }

    /// The pause after so many tries: twice as long every time, and a random part of it, so that
    /// not all come at once.
    pub(super) fn pause(&mut self, tries: u32) -> Duration {
        let factor = 1_u32 << tries.saturating_sub(1).min(16);
        self.around((FIRST_PAUSE * factor).min(LONGEST_PAUSE), 25)
    }
}
