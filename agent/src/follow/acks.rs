//! The records of one file that were read and are not yet acknowledged, and so the position that may be saved.
//!
//! ```text
//!          position                       read
//!              v                            v
//!   ...........[ 3 open ][ 4 done ][ 5 open ]          acknowledged in any order
//!   \_ before _/\_______ chunks, kept _____/
//! ```
//!
//! The position is the end of the last record before the first open one: never the highest
//! acknowledged. The bytes before it are kept (up to [`MARK`] of them), because the mark of a
//! position that is saved is computed from what was read, not from what the file holds later.

use std::collections::VecDeque;

use bytes::Bytes;

use super::mark::{MARK, Mark};

/// One record, or bytes that are skipped, up to `end`.
struct Span {
    end: u64,
    done: bool,
}

#[derive(Default)]
pub(super) struct Acks {
    position: u64,
    /// The serial number of the first span.
    first: u64,
    spans: VecDeque<Span>,
    /// The last bytes before `kept_from`, at most [`MARK`].
    before: Vec<u8>,
    kept_from: u64,
    chunks: VecDeque<Bytes>,
    /// The bytes of `chunks`, and what the spans weigh.
    held: usize,
}

/// Bytes of memory that a span takes besides its line.
pub(super) const SPAN_WEIGHT: usize = size_of::<Span>();

impl Acks {
    /// Begins at a position, after these bytes (those before it, as far as they are known).
    pub(super) fn begin(position: u64, before: Vec<u8>) -> Self {
        Self {
            position,
            before,
            kept_from: position,
            ..Self::default()
        }
    }

    /// Takes the next bytes of the file.
    pub(super) fn keep(&mut self, chunk: Bytes) {
        self.held = self.held.saturating_add(chunk.len());
        self.chunks.push_back(chunk);
    }

    /// Adds a record that ends at `end`; its serial number.
    pub(super) fn open(&mut self, end: u64) -> u64 {
        let serial = self.first.saturating_add(self.spans.len() as u64);
        self.spans.push_back(Span { end, done: false });
        self.held = self.held.saturating_add(SPAN_WEIGHT);
        serial
    }

    /// Adds bytes that are skipped: done as soon as all before them is.
    pub(super) fn skip(&mut self, end: u64) {
        let serial = self.open(end);
        self.done(serial);
    }

    /// Notes that a record is done. Numbers that are not open are ignored.
    pub(super) fn done(&mut self, serial: u64) {
        let index = serial
            .checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(span) = index.and_then(|index| self.spans.get_mut(index)) {
            span.done = true;
        }
        while let Some(span) = self.spans.pop_front_if(|span| span.done) {
            self.position = span.end;
            self.first = self.first.saturating_add(1);
            self.held = self.held.saturating_sub(SPAN_WEIGHT);
        }
        self.forget();
    }

    /// Forgets the chunks before the position, but for the last bytes.
    fn forget(&mut self) {
        while let Some(chunk) = self.chunks.front() {
            let end = self.kept_from.saturating_add(chunk.len() as u64);
            if end > self.position {
                break;
            }
            append(&mut self.before, chunk);
            self.held = self.held.saturating_sub(chunk.len());
            self.kept_from = end;
            self.chunks.pop_front();
        }
        let passed = usize::try_from(self.position.saturating_sub(self.kept_from)).unwrap_or(0);
        if self.spans.is_empty()
            && passed > 0
            && let Some(chunk) = self.chunks.front_mut()
        {
            // The rest is the beginning of a record. It is copied, so that the whole chunk need not be kept.
            let rest = chunk.get(passed..).unwrap_or_default();
            let rest = Bytes::copy_from_slice(rest);
            append(&mut self.before, chunk.get(..passed).unwrap_or_default());
            self.kept_from = self.position;
            self.held = self.held.saturating_sub(passed);
            *chunk = rest;
        }
    }

    /// The lowest byte that is not acknowledged.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The mark of the position.
    pub(super) fn mark(&self) -> Mark {
        let mut rest = usize::try_from(self.position.saturating_sub(self.kept_from)).unwrap_or(0);
        if rest == 0 {
            return Mark::of(&self.before);
        }
        let mut bytes = self.before.clone();
        for chunk in &self.chunks {
            let taken = chunk.get(..rest).unwrap_or(chunk);
            append(&mut bytes, taken);
            rest -= taken.len();
        }
        Mark::of(&bytes)
    }

    /// Whether nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The memory that what is open keeps, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// Appends, and keeps only the last [`MARK`] bytes.
pub(super) fn append(before: &mut Vec<u8>, bytes: &[u8]) {
    let new = bytes
        .get(bytes.len().saturating_sub(MARK)..)
        .unwrap_or(bytes);
    let excess = (before.len() + new.len()).saturating_sub(MARK);
    before.drain(..excess.min(before.len()));
    before.extend_from_slice(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_the_lowest_open_byte_in_whatever_order_answers_come() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..200 {
            let mut text = Vec::new();
            let mut acks = Acks::begin(0, Vec::new());
            let mut open = Vec::new();
            while text.len() < 5000 {
                let line = vec![random.u8(..); random.usize(1..300)];
                text.extend_from_slice(&line);
                acks.keep(Bytes::from(line));
                open.push((acks.open(text.len() as u64), text.len()));
            }
            let mut starts: Vec<_> = [0].into_iter().chain(open.iter().map(|o| o.1)).collect();
            starts.pop();
            let mut left: Vec<usize> = (0..open.len()).collect();
            while !left.is_empty() {
                let index = left.swap_remove(random.usize(..left.len()));
                acks.done(open[index].0);
                let lowest = left.iter().map(|&index| starts[index]).min();
                let lowest = lowest.unwrap_or(text.len());
                assert_eq!(acks.position(), lowest as u64, "round {round}");
                let from = lowest.saturating_sub(MARK);
                assert_eq!(acks.mark(), Mark::of(&text[from..lowest]));
            }
            assert!(acks.is_empty());
            assert_eq!(acks.held(), 0);
        }
    }
}
