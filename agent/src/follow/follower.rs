//! The follower of one flow: what it knows, and one poll.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::fs::{FileId, FileSystem};
use crate::record::{Piece, RecordRules};

use super::print::Print;
use super::rules::{FollowRules, Now};
use super::saved::{FileRecord, Report, Saved, SavedFile};
use super::stream::{Look, State, Stream};

/// The most that one file is read in one poll, in bytes.
const CHUNK: usize = 256 * 1024;
/// Directories are listed at most this often, however fast files are read.
const LIST_EVERY: Duration = Duration::from_millis(50);
/// A file of which nothing is under way is read this much although there is no room: otherwise
/// lines that are half read could leave no room for their ends.
const LEAST: usize = 4096;

/// Follows the files of one flow.
pub struct Follower<S: FileSystem> {
    pub(super) rules: FollowRules,
    pub(super) record_rules: Arc<RecordRules>,
    pub(super) streams: BTreeMap<u64, Stream<S::File>>,
    pub(super) next_key: u64,
    /// Whether nothing was ever followed.
    pub(super) is_first_start: bool,
    /// Directories that could not be read at the very first start, and paths to more of them.
    pub(super) unseen: HashSet<PathBuf>,
    /// The directories that this poll reads for the first time, at or since the very first start.
    pub(super) first_look: HashSet<PathBuf>,
    pub(super) has_listed: bool,
    /// Whether the last listing shows that what it does not have is gone.
    pub(super) shows_all: bool,
    /// When the directories were last listed.
    pub(super) looked_at: Option<Duration>,
    /// What is not known and was written after this was not there when we looked first; by the
    /// wall clock.
    pub(super) new_since: i128,
    /// The same for the next process.
    pub(super) listed_at: i128,
    pub(super) ready: Vec<FileRecord>,
    pub(super) reports: Vec<Report>,
    /// Paths that could not be read, and why, so that each is reported once.
    pub(super) unreadable: HashMap<PathBuf, String>,
    /// Packed files that were searched in vain: which file, for which stream.
    pub(super) searched: HashSet<(FileId, u64, u64)>,
    pub(super) scratch: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
    /// The stream that is read first in the next poll.
    pub(super) turn: u64,
}

impl<S: FileSystem> Follower<S> {
    /// Follows from the very first start: nothing is known.
    pub fn new(rules: FollowRules) -> Self {
        Self {
            record_rules: Arc::new(rules.records.clone()),
            rules,
            streams: BTreeMap::new(),
            next_key: 1,
            is_first_start: true,
            unseen: HashSet::new(),
            first_look: HashSet::new(),
            has_listed: false,
            shows_all: false,
            looked_at: None,
            new_since: i128::MIN,
            listed_at: i128::MIN,
            ready: Vec::new(),
            reports: Vec::new(),
            unreadable: HashMap::new(),
            searched: HashSet::new(),
            scratch: Vec::new(),
            pieces: Vec::new(),
            turn: 0,
        }
    }

    /// Goes on from what was saved.
    pub fn resume(rules: FollowRules, saved: Saved) -> Self {
        let mut follower = Self::new(rules);
        follower.is_first_start = false;
        follower.new_since = saved.listed_at;
        follower.listed_at = saved.listed_at;
        for file in saved.files {
            let mut stream = Stream::closed(file.path, &follower.record_rules);
            stream.first_path = file.first_path;
            stream.is_rotated = stream.name() != stream.first_name();
            stream.id = file.id;
            stream.head = Print::Head(file.head);
            stream.begin_at(file.position, Print::Mark(file.before));
            stream.len = file.len;
            stream.modified = file.modified;
            stream.state = if file.is_finished {
                State::Done
            } else {
                State::Missing {
                    since: Duration::ZERO,
                }
            };
            follower.next_key = follower.next_key.max(file.key.saturating_add(1));
            follower.streams.insert(file.key, stream);
        }
        follower
    }

    /// Reads up to about `room` bytes more, and settles what became of the files. The records come
    /// out in [`take_records`](Self::take_records). Whether there may be more to read at once.
    pub fn poll(&mut self, fs: &S, now: Now, room: usize) -> bool {
        if !self.has_listed {
            for stream in self.streams.values_mut() {
                if let State::Missing { since } = &mut stream.state {
                    *since = now.monotonic;
                }
            }
        }
        let more = self.read(now.monotonic, room);
        let since = self.looked_at.map(|at| now.monotonic.saturating_sub(at));
        if since.is_some_and(|since| since < LIST_EVERY) {
            return more;
        }
        self.looked_at = Some(now.monotonic);
        let listing = self.list(fs);
        self.look_first(&listing);
        let is_all_known = self.match_names(fs, &listing, now);
        self.settle_new(now);
        self.search(fs, &listing, now);
        self.finish(now.monotonic);
        self.looked(&listing, is_all_known, now.wall);
        more
    }

    /// Whether this poll is the first to read the directory of a file.
    pub(super) fn is_first_look(&self, path: &Path) -> bool {
        path.parent()
            .is_some_and(|directory| self.first_look.contains(directory))
    }

    /// The records that were read.
    pub fn take_records(&mut self) -> Vec<FileRecord> {
        std::mem::take(&mut self.ready)
    }

    /// Returns what happened to files since the last call.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Notes that a record is delivered, or need not be. Records come in any order; unknown ones
    /// are ignored.
    pub fn acknowledge(&mut self, file: u64, serial: u64) {
        if let Some(stream) = self.streams.get_mut(&file) {
            stream.acks.done(serial);
        }
    }

    /// The path under which a file was first seen, which rotation does not change.
    pub fn first_path(&self, file: u64) -> Option<PathBuf> {
        let stream = self.streams.get(&file)?;
        Some(stream.first_path.clone())
    }

    /// Whether there is anything to save: the directories were listed, now or in an earlier life.
    pub fn has_started(&self) -> bool {
        self.listed_at > i128::MIN
    }

    /// Returns the state to save of every file.
    pub fn saved(&self) -> Saved {
        let is_saved = |stream: &Stream<S::File>| {
            // A file that has less than a line is as good as new.
            matches!(
                stream.state,
                State::Active | State::Missing { .. } | State::Done
            ) && stream.head.is_telling()
        };
        let files = self.streams.iter().filter(|(_, stream)| is_saved(stream));
        let files = files.map(|(&key, stream)| {
            // A copy is saved with the position of what it is a copy of, while that is lower.
            let original = stream.follows.and_then(|key| self.streams.get(&key));
            let lowest = original
                .filter(|original| original.position() < stream.position())
                .unwrap_or(stream);
            SavedFile {
                key,
                path: stream.path.clone(),
                first_path: stream.first_path.clone(),
                id: stream.id,
                head: stream.head.head(),
                position: lowest.position(),
                before: lowest.position_mark(),
                len: stream.len,
                modified: stream.modified,
                is_finished: stream.state == State::Done
                    && lowest.acks.is_empty()
                    && (stream.acks.is_empty() || stream.is_followed_by_copy),
            }
        });
        Saved {
            files: files.collect(),
            listed_at: self.listed_at,
        }
    }

    /// The memory that records under way and lines half read keep, in bytes.
    pub fn held(&self) -> usize {
        self.streams.values().map(Stream::held).sum()
    }

    /// Forgets files that are finished, gone, and were last changed before `modified_before`
    /// (nanoseconds since 1970), and returns their numbers. A file that may still be there, under any
    /// name, is kept: once forgotten, it would be taken for a new one and sent again.
    pub fn forget(&mut self, modified_before: i128) -> Vec<u64> {
        if !self.shows_all {
            return Vec::new();
        }
        let is_old = |stream: &Stream<S::File>| {
            // Without an id its content is gone, whatever the last listing that had it said.
            let is_gone = !stream.is_there || stream.id.is_none();
            stream.state == State::Done
                && is_gone
                && stream.acks.is_empty()
                && stream.modified < modified_before
        };
        let old: Vec<u64> = self
            .streams
            .iter()
            .filter(|(_, stream)| is_old(stream))
            .map(|(&key, _)| key)
            .collect();
        self.streams.retain(|key, _| !old.contains(key));
        old
    }

    /// Reads the files that are followed, each at most [`CHUNK`] bytes, beginning with another
    /// one each time. Whether one was read in full.
    fn read(&mut self, now: Duration, room: usize) -> bool {
        let mut left = room;
        let mut more = false;
        let keys: Vec<u64> = self
            .streams
            .range(self.turn..)
            .chain(self.streams.range(..self.turn))
            .filter(|(_, stream)| stream.state == State::Active)
            .map(|(&key, _)| key)
            .collect();
        self.turn = keys.get(1).copied().unwrap_or(0);
        for key in keys {
            let Some(stream) = self.streams.get_mut(&key) else {
                continue;
            };
            let least = if stream.acks.is_empty() { LEAST } else { 0 };
            let max = left.min(CHUNK).max(least);
            let look = match stream.look(max, now, &mut self.scratch) {
                Ok(look) => look,
                Err(error) => {
                    let path = stream.path.clone();
                    self.cannot_read(path, &error);
                    continue;
                }
            };
            match look {
                Look::Nothing => {}
                Look::Data(data) => {
                    left = left.saturating_sub(data.len());
                    more |= data.len() == max;
                    stream.take(data, &mut self.pieces);
                    self.emit(key);
                }
                Look::Replaced => self.replaced(key, now),
            }
        }
        more
    }

    /// Gives out what the splitter made.
    pub(super) fn emit(&mut self, key: u64) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        let mut cut = 0;
        for piece in self.pieces.drain(..) {
            let end = stream.given.saturating_add(piece.len);
            stream.given = end;
            cut += u64::from(piece.is_cut);
            match piece.data {
                None => stream.acks.skip(end),
                Some(data) => self.ready.push(FileRecord {
                    file: key,
                    serial: stream.acks.open(end),
                    data,
                }),
            }
        }
        if cut > 0 {
            self.reports.push(Report::Cut {
                path: stream.path.clone(),
                records: cut,
            });
        }
    }

    /// The file holds another content: what was read of the old one is searched for elsewhere, and
    /// the new one is a file of its own.
    fn replaced(&mut self, key: u64, now: Duration) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        stream.state = State::Missing { since: now };
        let source = stream.source.take();
        let id = stream.id.take();
        let path = stream.path.clone();
        let Some((source, id)) = source.zip(id) else {
            return;
        };
        let Ok(mut meta) = source.meta() else {
            return;
        };
        meta.id = id;
        let mut fresh = Stream::fresh(path, source, meta, &self.record_rules);
        fresh.touch(now);
        self.add(fresh);
    }

    pub(super) fn add(&mut self, stream: Stream<S::File>) -> u64 {
        let key = self.next_key;
        self.next_key = self.next_key.saturating_add(1);
        self.streams.insert(key, stream);
        key
    }

    pub(super) fn cannot_read(&mut self, path: PathBuf, error: &std::io::Error) {
        let reason = error.to_string();
        if self.unreadable.get(&path) != Some(&reason) {
            self.reports.push(Report::Unreadable {
                path: path.clone(),
                reason: reason.clone(),
            });
            self.unreadable.insert(path, reason);
        }
    }
}
