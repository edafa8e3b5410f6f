//! Finding a user record again, for reports.

use super::cursor::Cursor;
use super::index::{EXPLICIT_HASH_KEY_INDEX, PARTITION_KEY_INDEX, RECORDS};

/// Where the user record at `position` starts in `message` (at its tag), and the table indices
/// it names, in full. Reads the message again: for reports only.
pub(crate) fn locate(message: &[u8], position: usize) -> Option<Located> {
    let mut cursor = Cursor::new(message);
    let mut seen = 0_usize;
    while !cursor.is_empty() {
        let at = cursor;
        let tag = cursor.tag().ok()?;
        if tag != RECORDS {
            cursor.skip(tag, 0).ok()?;
            continue;
        }
        let mut record = cursor.message().ok()?;
        if seen < position {
            seen = seen.saturating_add(1);
            continue;
        }
        let mut located = Located {
            offset: message.len().saturating_sub(at.left()),
            partition_key_index: 0,
            explicit_hash_key_index: None,
        };
        while !record.is_empty() {
            match record.tag().ok()? {
                PARTITION_KEY_INDEX => located.partition_key_index = record.varint().ok()?,
                EXPLICIT_HASH_KEY_INDEX => {
                    located.explicit_hash_key_index = Some(record.varint().ok()?);
                }
                tag => record.skip(tag, 1).ok()?,
            }
        }
        return Some(located);
    }
    None
}

/// What [`locate`] finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) offset: usize,
    pub(crate) partition_key_index: u64,
    pub(crate) explicit_hash_key_index: Option<u64>,
}
