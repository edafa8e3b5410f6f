//! Finding user records again, for reports.

use super::cursor::Cursor;
use super::frame::Frame;
use super::schema::{aggregated_record, record};

/// Finds user records of one frame again, by positions that never go down: it reads the message
/// once, however many it is asked for. For reports only.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Locator {
    /// How far the message is read: up to the user record `position`, or to what is before it.
    read: usize,
    position: usize,
}

impl Locator {
    /// Where the user record at `position` starts in the Kinesis record's data (at its tag), and
    /// the table indices it names, in full.
    pub(crate) fn find(&mut self, frame: &Frame<'_>, position: usize) -> Option<Located> {
        let message = frame.message();
        let mut cursor = Cursor::new(message.get(self.read..)?);
        while !cursor.is_empty() {
            let at = cursor;
            let tag = cursor.tag().ok()?;
            if tag != aggregated_record::RECORDS {
                cursor.skip(tag, 0).ok()?;
                continue;
            }
            let record = cursor.message().ok()?;
            if self.position < position {
                self.position = self.position.saturating_add(1);
                self.read = message.len().saturating_sub(cursor.left());
                continue;
            }
            let offset = frame.data().len().saturating_sub(at.left());
            return Located::of(offset, record);
        }
        None
    }
}

/// The result of [`Locator::find`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) offset: usize,
    pub(crate) partition_key_index: u64,
    pub(crate) explicit_hash_key_index: Option<u64>,
}

impl Located {
    fn of(offset: usize, mut record: Cursor<'_>) -> Option<Self> {
        let mut located = Self {
            offset,
            ..Self::default()
        };
        while !record.is_empty() {
            match record.tag().ok()? {
                record::PARTITION_KEY_INDEX => {
                    located.partition_key_index = record.varint().ok()?;
                }
                record::EXPLICIT_HASH_KEY_INDEX => {
                    located.explicit_hash_key_index = Some(record.varint().ok()?);
                }
                tag => record.skip(tag, 1).ok()?,
            }
        }
        Some(located)
    }
}
