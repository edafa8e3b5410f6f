//! The hashes of partition keys, many at once.

use std::ops::Range;

use super::judge::nth;
use crate::md5::{self, Digest};
use crate::wire::Span;

/// So many keys at once: twice the lanes of AVX2, once those of AVX-512.
const WINDOW: usize = 32;

/// Longer keys are hashed alone. With that, a table whose entries are used in any order whatever
/// costs a bounded amount for each use, never its whole length.
const SHORT: usize = 119;

/// The digests of some entries of the table at hand.
///
/// The KPL's tables are in first-use order: when one entry is needed, those behind it will be.
#[derive(Default)]
pub(super) struct Hashes {
    entries: Range<usize>,
    digests: Vec<Digest>,
}

impl Hashes {
    /// Forgets the table.
    pub(super) fn clear(&mut self) {
        self.entries = 0..0;
    }

    /// The digest of the text of the entry at `entry` of `table`. `digest_many` computes several.
    pub(super) fn digest(
        &mut self,
        text: &str,
        entry: usize,
        message: &[u8],
        table: Option<&[Span]>,
        digest_many: impl FnOnce(&[&[u8]]) -> Vec<Digest>,
    ) -> Digest {
        // What counts is the decoded text, and only valid UTF-8 is its own.
        if text.len() > SHORT || nth(table, entry).of(message) != text.as_bytes() {
            return md5::digest(text.as_bytes());
        }
        if !self.entries.contains(&entry) {
            let behind = table
                .and_then(|table| table.get(entry..))
                .unwrap_or_default();
            let mut window = [&[][..]; WINDOW];
            let mut len = 0_usize;
            for (room, span) in window.iter_mut().zip(behind) {
                let key = span.of(message);
                if key.len() > SHORT {
                    break;
                }
                *room = key;
                len = len.saturating_add(1);
            }
            self.entries = entry..entry.saturating_add(len);
            self.digests = digest_many(window.get(..len).unwrap_or_default());
        }
        let at = entry.saturating_sub(self.entries.start);
        let known = self.digests.get(at).copied();
        known.unwrap_or_else(|| md5::digest(text.as_bytes()))
    }
}
