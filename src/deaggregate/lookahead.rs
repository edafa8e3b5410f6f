//! The digests of partition keys, many at once.

use std::ops::Range;

use super::rules::Rules;
use crate::md5::{self, Digest};
use crate::wire::{Span, TableIndex};

/// So many keys at once: twice the lanes of AVX2, once those of AVX-512.
const WINDOW: usize = 32;

/// Longer keys are hashed alone. With that, a table whose entries are used in any order whatever
/// costs a bounded amount for each use, never its whole length.
///
/// A message of up to 119 bytes is two blocks of MD5 with its padding (a byte and a length of
/// eight bytes): 119 + 9 = 128.
const SHORT: usize = 119;

/// The digests of some entries of the partition key table at hand.
///
/// The KPL's tables are in first-use order: when one entry is needed, those after it will be.
#[derive(Default)]
pub(super) struct Lookahead {
    entries: Range<usize>,
    digests: Vec<Digest>,
}

impl Lookahead {
    /// Forgets the table.
    pub(super) fn clear(&mut self) {
        self.entries = 0..0;
    }

    /// The digest of `text`, which is the decoded entry `index` of `table`.
    pub(super) fn digest(
        &mut self,
        text: &str,
        index: TableIndex,
        (data, table): (&[u8], &[Span]),
        rules: &Rules,
    ) -> Digest {
        let ahead = table.get(index.get()..).unwrap_or_default();
        // What counts is the decoded text, and only valid UTF-8 is its own.
        let is_its_own = ahead.first().map(|span| span.of(data)) == Some(text.as_bytes());
        if text.len() > SHORT || !is_its_own {
            return md5::digest(text.as_bytes());
        }
        if !self.entries.contains(&index.get()) {
            let mut window = [&[][..]; WINDOW];
            let mut len = 0_usize;
            for (room, span) in window.iter_mut().zip(ahead) {
                let key = span.of(data);
                if key.len() > SHORT {
                    break;
                }
                *room = key;
                len = len.saturating_add(1);
            }
            self.entries = index.get()..index.get().saturating_add(len);
            self.digests = rules.digests(window.get(..len).unwrap_or_default());
        }
        let at = index.get().saturating_sub(self.entries.start);
        let known = self.digests.get(at).copied();
        known.unwrap_or_else(|| md5::digest(text.as_bytes()))
    }
}
