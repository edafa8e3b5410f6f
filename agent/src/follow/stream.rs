//! One file's content, followed: from its first byte to its last, whatever its name is meanwhile.
//!
//! A file that is truncated and written anew is another content, and so another stream, although
//! it is the same file to the system.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::acks::{Acks, append};
use super::mark::{MARK, Mark};
use super::print::Print;
use super::source::Source;
use crate::fs::{FileId, Meta, OpenFile};
use crate::record::{Piece, RecordRules, Splitter};

/// A file is checked once more so long after its last change: a second change within one tick
/// of the file system's clock does not show.
const SETTLES: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Open, but it is not known yet whether it is a copy. Nothing has been read of it.
    Fresh,
    /// So far the beginning of another stream, compared up to a position: the copy that will
    /// be cut off, most likely. Nothing has been read of it.
    Shadow { of: u64, compared: u64 },
    /// Read.
    Active,
    /// The content is not where it was: searched for.
    Missing { since: Duration },
    /// Read to its end and acknowledged or given up; known, so that it is not read again.
    Done,
    /// Not ours to send: it was there before the first start, or is read elsewhere.
    Ignored,
}

pub(super) struct Stream<F: OpenFile> {
    pub(super) path: PathBuf,
    /// The path under which it was seen first.
    pub(super) first_path: PathBuf,
    /// `None` once the file has another content, or none.
    pub(super) id: Option<FileId>,
    pub(super) source: Option<Source<F>>,
    pub(super) state: State,
    pub(super) head: Print,
    /// The next byte to read.
    pub(super) read: u64,
    /// The last bytes before `read`.
    pub(super) before: Print,
    /// The length and time of change at the last look.
    pub(super) len: u64,
    pub(super) modified: i128,
    /// When it last changed, or lost its name.
    pub(super) changed: Duration,
    is_settled: bool,
    /// Whether the last listing has it under a name that the flow follows.
    pub(super) is_listed: bool,
    /// Whether the last listing has it under any name.
    pub(super) is_there: bool,
    /// Whether it has moved from its first name, or is a copy: nobody will write to it for long.
    pub(super) is_rotated: bool,
    pub(super) acks: Acks,
    pub(super) splitter: Splitter,
    /// The stream that it is a copy of, and begins after.
    pub(super) follows: Option<u64>,
    /// Whether a copy goes on after it, and is where it would be read again.
    pub(super) is_followed_by_copy: bool,
    /// Up to where records have been given out.
    pub(super) given: u64,
    /// Whether a packed file was unpacked to its end.
    ended: bool,
    rules: Arc<RecordRules>,
}

/// The result of a look at a file.
pub(super) enum Look {
    Nothing,
    Data(Bytes),
    /// Its content is no longer the content that was read.
    Replaced,
}

impl<F: OpenFile> Stream<F> {
    /// A file that was just opened.
    pub(super) fn fresh(
        path: PathBuf,
        source: Source<F>,
        meta: Meta,
        rules: &Arc<RecordRules>,
    ) -> Self {
        let mut stream = Self::closed(path, rules);
        stream.id = Some(meta.id);
        stream.source = Some(source);
        stream.state = State::Fresh;
        stream.len = meta.len;
        stream.modified = meta.modified;
        stream.is_listed = true;
        stream.is_there = true;
        stream
    }

    /// A file that is not open, and nothing known of it.
    pub(super) fn closed(path: PathBuf, rules: &Arc<RecordRules>) -> Self {
        Self {
            first_path: path.clone(),
            path,
            id: None,
            source: None,
            state: State::Done,
            head: Print::default(),
            read: 0,
            before: Print::default(),
            len: 0,
            modified: 0,
            changed: Duration::ZERO,
            is_settled: false,
            is_listed: false,
            is_there: false,
            is_rotated: false,
            acks: Acks::default(),
            splitter: Splitter::new(Arc::clone(rules), 0),
            follows: None,
            is_followed_by_copy: false,
            given: 0,
            ended: false,
            rules: Arc::clone(rules),
        }
    }

    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    pub(super) fn first_name(&self) -> &OsStr {
        self.first_path.file_name().unwrap_or_default()
    }

    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Whether it is still to be decided what becomes of it.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.state, State::Fresh | State::Shadow { .. })
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self.state, State::Missing { .. })
    }

    /// Begins to read at a position: what is before it counts as delivered.
    pub(super) fn start(&mut self, position: u64, now: Duration) -> io::Result<()> {
        let mut head = vec![0; MARK];
        let read = self.read_at(0, &mut head)?;
        head.truncate(read);
        let from = position.saturating_sub(MARK as u64);
        let mut before = vec![0; usize::try_from(position.saturating_sub(from)).unwrap_or(0)];
        let read = self.read_at(from, &mut before)?;
        if read < before.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.head = Print::Bytes(head);
        self.begin_at(position, Print::Bytes(before.clone()));
        self.acks = Acks::begin(position, before);
        self.state = State::Active;
        self.touch(now);
        Ok(())
    }

    /// The next byte to read is this one.
    pub(super) fn begin_at(&mut self, position: u64, before: Print) {
        self.acks = Acks::begin(position, Vec::new());
        self.before = before;
        self.splitter = Splitter::new(Arc::clone(&self.rules), position);
        self.read = position;
        self.given = position;
    }

    /// Goes on where it was, from another open file with the same content.
    pub(super) fn resume(
        &mut self,
        source: Source<F>,
        meta: Meta,
        path: PathBuf,
        now: Duration,
    ) -> io::Result<()> {
        self.source = Some(source);
        self.id = Some(meta.id);
        let from = self.read.saturating_sub(MARK as u64);
        let mut before = vec![0; usize::try_from(self.read.saturating_sub(from)).unwrap_or(0)];
        let mut head = vec![0; self.head.len()];
        let read = self.read_at(0, &mut head)?;
        // A copy may have less than the head.
        head.truncate(read);
        self.read_at(from, &mut before)?;
        self.head = Print::Bytes(head);
        if matches!(self.before, Print::Mark(_)) {
            self.acks = Acks::begin(self.read, before.clone());
        }
        self.before = Print::Bytes(before);
        self.is_rotated |= path != self.path;
        self.path = path;
        if self.source.as_ref().is_some_and(Source::is_packed) {
            self.is_rotated = true;
            self.ended = false;
        } else {
            self.len = meta.len;
        }
        self.modified = meta.modified;
        self.state = State::Active;
        self.touch(now);
        Ok(())
    }

    /// Goes on in the other stream's file, which begins with the same content, and leaves it its
    /// own.
    pub(super) fn swap_files(&mut self, other: &mut Self, now: Duration) {
        std::mem::swap(&mut self.source, &mut other.source);
        std::mem::swap(&mut self.id, &mut other.id);
        std::mem::swap(&mut self.path, &mut other.path);
        std::mem::swap(&mut self.first_path, &mut other.first_path);
        std::mem::swap(&mut self.len, &mut other.len);
        std::mem::swap(&mut self.modified, &mut other.modified);
        std::mem::swap(&mut self.is_listed, &mut other.is_listed);
        std::mem::swap(&mut self.is_rotated, &mut other.is_rotated);
        other.state = State::Fresh;
        self.touch(now);
        other.touch(now);
    }

    /// It changed, or something did to it.
    pub(super) fn touch(&mut self, now: Duration) {
        self.changed = now;
        self.is_settled = false;
    }

    pub(super) fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Some(source) => source.read_at(position, buffer),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether the open file still begins as it did. The bytes before the position do not say so:
    /// they may be the same in two contents, for example where both have a long row of dots there.
    fn has_its_head(&mut self) -> io::Result<bool> {
        let mut head = vec![0; self.head.len()];
        let read = self.read_at(0, &mut head)?;
        Ok(read == head.len() && self.head.matches(&head))
    }

    /// Whether the open file still holds what was read of it.
    pub(super) fn is_intact(&mut self) -> io::Result<bool> {
        if !self.has_its_head()? {
            return Ok(false);
        }
        let mut before = vec![0; self.before.len()];
        let from = self.read.saturating_sub(before.len() as u64);
        let read = self.read_at(from, &mut before)?;
        Ok(read == before.len() && self.before.matches(&before))
    }

    /// Reads up to `max` bytes more. The bytes before them are read along and compared, so that
    /// a file that was truncated and has grown past our position is noticed.
    pub(super) fn look(
        &mut self,
        max: usize,
        now: Duration,
        scratch: &mut Vec<u8>,
    ) -> io::Result<Look> {
        let Some(source) = &self.source else {
            return Ok(Look::Nothing);
        };
        let meta = source.meta()?;
        let is_same = meta.len == self.len && meta.modified == self.modified;
        if !source.is_packed() {
            if meta.len < self.read {
                return Ok(Look::Replaced);
            }
            if is_same && meta.len == self.read {
                if self.is_settled || now.saturating_sub(self.changed) < SETTLES {
                    return Ok(Look::Nothing);
                }
                self.is_settled = true;
            }
            if !self.has_its_head()? {
                return Ok(Look::Replaced);
            }
        }
        let Some(source) = &mut self.source else {
            return Ok(Look::Nothing);
        };
        // What is packed does not change, and going back in it would unpack all again.
        let before = if source.is_packed() {
            0
        } else {
            self.before.len()
        };
        let from = self.read.saturating_sub(before as u64);
        scratch.resize(before.saturating_add(max), 0);
        let read = source.read_at(from, scratch)?;
        let (same, new) = scratch
            .get(..read)
            .and_then(|bytes| bytes.split_at_checked(before))
            .unwrap_or_default();
        if !source.is_packed() && !self.before.matches(same) {
            return Ok(Look::Replaced);
        }
        // Only now: the length of another content says nothing about what was lost of this one.
        if !source.is_packed() && !is_same {
            self.len = meta.len;
            self.modified = meta.modified;
            self.changed = now;
            self.is_settled = false;
        }
        if new.is_empty() {
            self.ended = max > 0;
            return Ok(Look::Nothing);
        }
        let data = Bytes::copy_from_slice(new);
        self.touch(now);
        Ok(Look::Data(data))
    }

    /// Takes what was read: its records come out.
    pub(super) fn take(&mut self, data: Bytes, pieces: &mut Vec<Piece>) {
        if let Print::Bytes(head) = &mut self.head {
            // The head may already reach past what was read before.
            let known = (head.len() as u64).checked_sub(self.read);
            let new = known
                .and_then(|known| usize::try_from(known).ok())
                .and_then(|known| data.get(known..));
            if let Some(new) = new {
                let wanted = MARK.saturating_sub(head.len());
                head.extend_from_slice(new.get(..wanted).unwrap_or(new));
            }
        }
        if let Print::Bytes(before) = &mut self.before {
            append(before, &data);
        }
        self.read = self.read.saturating_add(data.len() as u64);
        if self
            .source
            .as_ref()
            .is_some_and(|source| !source.is_packed())
        {
            self.len = self.len.max(self.read);
        }
        self.splitter.push(&data, pieces);
        self.acks.keep(data);
    }

    /// Whether all that the file had at the last look was read.
    pub(super) fn is_at_end(&self) -> bool {
        if self.source.as_ref().is_some_and(Source::is_packed) {
            self.ended
        } else {
            self.read >= self.len
        }
    }

    /// The same, asked anew.
    pub(super) fn is_still_at_end(&self) -> bool {
        match &self.source {
            Some(Source::Plain(file)) => file.meta().is_ok_and(|meta| meta.len == self.read),
            _ => self.is_at_end(),
        }
    }

    /// The memory it keeps, in bytes.
    pub(super) fn held(&self) -> usize {
        self.acks.held().saturating_add(self.splitter.held())
    }

    /// The mark of the position to save.
    pub(super) fn position_mark(&self) -> Mark {
        match &self.before {
            Print::Bytes(_) | Print::Head(_) => self.acks.mark(),
            Print::Mark(mark) => *mark,
        }
    }

    /// The position to save.
    pub(super) fn position(&self) -> u64 {
        match &self.before {
            Print::Bytes(_) | Print::Head(_) => self.acks.position(),
            Print::Mark(_) => self.read,
        }
    }
}
