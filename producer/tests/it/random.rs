//! Random numbers that a seed repeats, or choices that a fuzzer makes.

use std::collections::VecDeque;
use std::time::Duration;

pub(super) struct Random {
    /// The fuzzer's, as long as they last.
    choices: VecDeque<u8>,
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            choices: Vec::new().into(),
            state: seed,
        }
    }

    /// The fuzz target's: `choices` first, then always the same.
    #[allow(
        dead_code,
        reason = "only the fuzz target, which has this file too, calls it"
    )]
    pub(super) fn of_choices(choices: &[u8]) -> Self {
        Self {
            choices: choices.to_vec().into(),
            state: 0,
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Up to `below`, which is not in it. Of a fuzzer's choices it takes no more bytes than that
    /// needs, so that each of them matters.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        let below = below.max(1);
        if self.choices.is_empty() {
            return self.next() % below;
        }
        let bytes = (below - 1).checked_ilog2().map_or(0, |bits| bits / 8 + 1);
        let chosen = (0..bytes).map_while(|_| self.choices.pop_front());
        chosen.fold(0, |number, byte| number << 8 | u64::from(byte)) % below
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in so many of a thousand cases.
    pub(super) fn chance(&mut self, of_a_thousand: u64) -> bool {
        self.below(1000) < of_a_thousand
    }

    pub(super) fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// In microseconds.
    pub(super) fn duration(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low, high))
    }
}
