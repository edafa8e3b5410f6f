//! The search for content that is no longer where it was, and the end of files.

use std::time::Duration;

use super::compare::{Recognition, recognise};
use super::follower::Follower;
use super::listing::{Entry, Listing};
use super::rules::{Now, QUIET};
use super::saved::Report;
use super::stream::{State, Stream};
use crate::fs::FileSystem;

impl<S: FileSystem> Follower<S> {
    /// Searches for what is missing among all files of the directories: plain ones first, then
    /// packed ones. What is not found in time is reported.
    pub(super) fn search(&mut self, fs: &S, listing: &Listing, now: Now) {
        let missing = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.is_missing());
        let keys: Vec<u64> = missing.map(|(&key, _)| key).collect();
        for key in keys {
            let plain = listing.entries.iter().filter(|entry| !entry.is_packed());
            let packed = listing.entries.iter().filter(|entry| entry.is_packed());
            let is_found = plain
                .chain(packed)
                .any(|entry| self.try_entry(fs, key, entry, now.monotonic));
            if is_found {
                continue;
            }
            let Some(stream) = self.streams.get(&key) else {
                continue;
            };
            let State::Missing { since } = stream.state else {
                continue;
            };
            if listing.shows_all() && now.monotonic.saturating_sub(since) >= QUIET {
                self.lose(key);
            }
        }
    }

    /// Whether a file holds the content of a missing stream: then it is read on.
    fn try_entry(&mut self, fs: &S, key: u64, entry: &Entry, now: Duration) -> bool {
        let holds =
            |stream: &Stream<S::File>| stream.id == Some(entry.meta.id) && stream.source.is_some();
        if self.streams.values().any(holds) {
            return false;
        }
        let Some(stream) = self.streams.get(&key) else {
            return false;
        };
        let is_same_file = stream.id == Some(entry.meta.id);
        let may = is_same_file || entry.is_packed() || self.may_continue(&entry.path, stream);
        let attempt = (entry.meta.id, key, entry.meta.len);
        if !may || self.searched.contains(&attempt) {
            return false;
        }
        let Ok((mut source, meta)) = entry.open(fs) else {
            return false;
        };
        if meta.id != entry.meta.id {
            // Renamed since the listing: this is another file, and the next listing has the one.
            return false;
        }
        // What cannot be read to the end may still be being written: it is tried again.
        let Ok(recognition) = recognise(&mut source, stream) else {
            return false;
        };
        if recognition != Recognition::Content {
            self.searched.insert(attempt);
            return false;
        }
        let from = stream.path.clone();
        let Some(stream) = self.streams.get_mut(&key) else {
            return false;
        };
        if stream
            .resume(source, meta, entry.path.clone(), now)
            .is_err()
        {
            stream.source = None;
            stream.state = State::Missing { since: now };
            return false;
        }
        stream.is_listed = entry.is_followed;
        stream.is_rotated |= entry.is_rotated;
        // Whatever else knew this file only knew that it was there.
        self.streams.retain(|&other, stream| {
            other == key
                || stream.id != Some(meta.id)
                || stream.source.is_some()
                || stream.state != State::Ignored
        });
        self.found_again(from, key);
        true
    }

    /// Gives a missing stream up.
    fn lose(&mut self, key: u64) {
        if let Some(stream) = self.streams.get_mut(&key) {
            stream.state = State::Done;
            stream.id = None;
            stream.splitter.finish(&mut self.pieces);
            self.reports.push(Report::Lost {
                path: stream.path.clone(),
                position: stream.read,
                at_least: stream.len.saturating_sub(stream.read),
            });
        }
        self.emit(key);
        self.searched.retain(|&(_, other, _)| other != key);
    }

    /// Closes files of which nothing will be read, once they are deleted: empty ones, and copies of
    /// what was read elsewhere.
    fn close_deleted(&mut self, now: Duration) {
        let is_useless = |stream: &Stream<S::File>| {
            let is_quiet = now.saturating_sub(stream.changed) >= QUIET;
            !stream.is_there
                && is_quiet
                && match stream.state {
                    State::Fresh => stream.len == 0,
                    State::Shadow { of, .. } => {
                        let original = self.streams.get(&of);
                        original.is_some_and(|original| original.read >= stream.len)
                    }
                    _ => false,
                }
        };
        let useless = self.streams.iter().filter(|(_, stream)| is_useless(stream));
        let keys: Vec<u64> = useless.map(|(&key, _)| key).collect();
        for key in keys {
            self.streams.remove(&key);
        }
    }

    /// Ends what ends by the passing of time: records that wait for their next line, and files
    /// that rotation has put aside.
    pub(super) fn finish(&mut self, now: Duration) {
        self.close_deleted(now);
        let active = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.state == State::Active);
        let keys: Vec<u64> = active.map(|(&key, _)| key).collect();
        for key in keys {
            let wait = self.rules.multi_line_wait;
            let Some(stream) = self.streams.get_mut(&key) else {
                continue;
            };
            let quiet = now.saturating_sub(stream.changed);
            if !stream.is_at_end() {
                continue;
            }
            if stream.splitter.waits() && quiet >= wait {
                stream.splitter.give_up_waiting(&mut self.pieces);
            }
            if quiet >= QUIET
                && (stream.is_rotated || !stream.is_listed)
                && stream.is_still_at_end()
            {
                stream.splitter.finish(&mut self.pieces);
                if !stream.is_listed {
                    stream.state = State::Done;
                    let meta = stream.source.take().and_then(|source| source.meta().ok());
                    if let Some(meta) = meta {
                        // By which it is known in the listings to come.
                        (stream.len, stream.modified) = (meta.len, meta.modified);
                    }
                    self.reports.push(Report::Finished {
                        path: stream.path.clone(),
                        len: stream.read,
                    });
                }
            }
            self.emit(key);
        }
    }
}
