//! What is to be done with a file that is new: read it from its start, go on in it where another
//! one was cut off, or wait, because it is a copy.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::compare::{
    Comparison, Recognition, Unpacked, compare, compare_unpacked, may_be_copy, recognise,
};
use super::follower::Follower;
use super::mark::MARK;
use super::names::is_rotated;
use super::rules::{InitialPosition, Now, QUIET};
use super::saved::Report;
use super::source::Source;
use super::stream::{State, Stream};
use crate::fs::{FileSystem, OpenFile};

/// The decision about a new file.
#[derive(Clone, Copy)]
enum Decision {
    /// It is the beginning of that stream, compared up to a position.
    Shadow { of: u64, compared: u64 },
    /// It is where that stream's content goes on.
    Continues(u64),
    /// It is read from this byte on.
    Start(u64),
    /// It is read from where it goes on after the content of that stream.
    After { known: u64, position: u64 },
    /// It is what that stream was copied from, and may still be being copied from.
    Original(u64),
    /// What it holds was read elsewhere, or is being read.
    Known,
    /// Decided at the next poll.
    Wait,
}

impl<S: FileSystem> Follower<S> {
    /// Decides on every file of which nothing has been read: first those that are known by their
    /// number, then live ones before rotated ones, older ones before newer ones.
    pub(super) fn settle_new(&mut self, now: Now) {
        let new = self.streams.iter().filter(|(_, stream)| stream.is_new());
        let mut keys: Vec<u64> = new.map(|(&key, _)| key).collect();
        keys.sort_by_key(|key| {
            let stream = self.streams.get(key);
            let is_known = stream.is_some_and(|stream| {
                self.streams
                    .values()
                    .any(|other| other.is_missing() && other.id == stream.id)
            });
            let names = self.streams.values().map(Stream::name);
            let is_rotated = stream.is_some_and(|stream| {
                stream.is_rotated
                    || names
                        .into_iter()
                        .any(|name| is_rotated(stream.name(), name))
            });
            (
                !is_known,
                is_rotated,
                stream.map(|stream| stream.modified),
                *key,
            )
        });
        for key in keys {
            let Some(mut new) = self.streams.remove(&key) else {
                continue;
            };
            let decision = self.decide(&mut new, now.monotonic);
            // A file that cannot be read now is decided on later.
            let decision = decision.unwrap_or(Decision::Wait);
            self.carry_out(key, new, decision, now.monotonic);
        }
    }

    fn decide(&mut self, new: &mut Stream<S::File>, now: Duration) -> io::Result<Decision> {
        let Some(source) = &mut new.source else {
            return Ok(Decision::Known);
        };
        let meta = source.meta()?;
        if new.len != meta.len {
            new.changed = now;
        }
        new.len = meta.len;
        new.modified = meta.modified;
        if self.is_first_look(&new.path)
            && self.rules.initial_position == InitialPosition::EndOfFile
        {
            return Ok(Decision::Start(last_line(source, meta.len)?));
        }
        if meta.len == 0 {
            return Ok(Decision::Wait);
        }
        if !has_line(source)? {
            // Less than a line tells nothing, and is read only if nobody will end it: not if it
            // is the beginning of a copy that is made slowly.
            let is_quiet = now.saturating_sub(new.changed) >= QUIET;
            let is_left = new.is_rotated || !new.is_listed;
            if !(is_left && is_quiet) || self.may_copy_new(new)? {
                return Ok(Decision::Wait);
            }
            return Ok(self.among_read(new)?.unwrap_or(Decision::Start(0)));
        }
        if let Some(decision) = self.among_missing(new)? {
            return Ok(decision);
        }
        if let State::Shadow { of, .. } = new.state
            && !self
                .streams
                .get(&of)
                .is_some_and(|known| known.state == State::Active)
        {
            new.state = State::Fresh;
        }
        if let Some(decision) = self.among_read(new)? {
            return Ok(decision);
        }
        if let Some(decision) = self.among_finished(new)? {
            return Ok(decision);
        }
        Ok(Decision::Start(0))
    }

    /// Whether a file of less than a line may be a copy, made slowly, of one that has no line either.
    fn may_copy_new(&mut self, new: &mut Stream<S::File>) -> io::Result<bool> {
        let mut beginning = vec![0; MARK];
        let read = new.read_at(0, &mut beginning)?;
        beginning.truncate(read);
        for other in self.streams.values_mut() {
            if other.is_new() && is_rotated(new.name(), other.first_name()) {
                let mut same = vec![0; beginning.len()];
                let read = other.read_at(0, &mut same)?;
                if read == same.len() && same == beginning {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Compares with the streams whose content is searched for.
    fn among_missing(&mut self, new: &mut Stream<S::File>) -> io::Result<Option<Decision>> {
        let Some(source) = &mut new.source else {
            return Ok(None);
        };
        let mut decision = None;
        for (&key, known) in self.streams.iter().filter(|(_, known)| known.is_missing()) {
            let is_same_file = known.id.is_some() && known.id == new.id;
            match recognise(source, known)? {
                Recognition::Content if is_same_file => return Ok(Some(Decision::Continues(key))),
                Recognition::Content
                    if self.may_continue(&new.path, known)
                        && !matches!(decision, Some(Decision::Continues(_))) =>
                {
                    decision = Some(Decision::Continues(key));
                }
                // Another file may have all of it; if none is found in time, the stream ends, and
                // this is a copy of what ended.
                Recognition::Beginning
                    if self.may_continue(&new.path, known) && decision.is_none() =>
                {
                    decision = Some(Decision::Wait);
                }
                _ => {}
            }
        }
        Ok(decision)
    }

    /// Compares with the streams that are read.
    fn among_read(&mut self, new: &mut Stream<S::File>) -> io::Result<Option<Decision>> {
        let mut is_unclear = false;
        let is_read = |known: &Stream<S::File>| known.state == State::Active;
        let rotated = self.rules.rotated_directory.as_deref();
        for (&key, known) in self.streams.iter_mut().filter(|(_, known)| is_read(known)) {
            let packed = [&new.source, &known.source]
                .map(|source| source.as_ref().is_some_and(Source::is_packed));
            if packed != [false, false] {
                let Some(source) = &mut new.source else {
                    continue;
                };
                if recognise(source, known)? == Recognition::Other {
                    // Too little was read of that one to tell.
                    is_unclear |= known.head.len() < MARK && !known.is_at_end();
                    continue;
                }
                match (compare_unpacked(new, known)?, packed) {
                    (Unpacked::Same, _) | (Unpacked::Shorter, [true, _]) => {
                        return Ok(Some(Decision::Known));
                    }
                    (Unpacked::Longer(position), [_, true]) => {
                        let known = key;
                        return Ok(Some(Decision::After { known, position }));
                    }
                    // What has more than the file that is read was not made of it.
                    (Unpacked::Different | Unpacked::Longer(_), _) => {}
                    (Unpacked::Shorter | Unpacked::Unclear, _) => is_unclear = true,
                }
                continue;
            }
            if !known.head.is_telling() || !may_be_copy(new, known, rotated) {
                continue;
            }
            let compared = match new.state {
                State::Shadow { of, compared } if of == key => compared,
                _ => 0,
            };
            match compare(new, known, compared)? {
                Comparison::Same { compared: 0 } | Comparison::Different => {}
                Comparison::Same { compared } => {
                    return Ok(Some(Decision::Shadow { of: key, compared }));
                }
                // What has more than the original is no copy of it.
                Comparison::Longer if !is_rotated(known.name(), new.name()) => {}
                Comparison::Longer if known.read > 0 => {
                    return Ok(Some(Decision::Original(key)));
                }
                Comparison::Longer | Comparison::Unclear => is_unclear = true,
            }
        }
        Ok(is_unclear.then_some(Decision::Wait))
    }

    /// Compares with what was read before, or was there before the first start.
    fn among_finished(&mut self, new: &mut Stream<S::File>) -> io::Result<Option<Decision>> {
        let is_finished =
            |known: &Stream<S::File>| matches!(known.state, State::Done | State::Ignored);
        let rotated = self.rules.rotated_directory.as_deref();
        let mut furthest: Option<(u64, u64, bool)> = None;
        for (&key, known) in self.streams.iter().filter(|(_, known)| is_finished(known)) {
            // What is written under the live name is no copy of what was rotated away from there,
            // however alike they begin.
            let is_copy = may_be_copy(new, known, rotated) && !is_rotated(known.name(), new.name());
            let Some(source) = &mut new.source else {
                continue;
            };
            if !is_copy && !source.is_packed() {
                continue;
            }
            // Of a packed file that was passed over only the first bytes are known, and its length.
            let is_head_only = known.state == State::Ignored && known.read == 0;
            if is_head_only && !(source.is_packed() && known.len == new.len) {
                continue;
            }
            let recognition = recognise(source, known)?;
            if recognition == Recognition::Other {
                continue;
            }
            if known.state == State::Ignored {
                return Ok(Some(Decision::Known));
            }
            let is_all = recognition == Recognition::Content;
            let position = if is_all { known.read } else { new.len };
            let is_further = furthest.is_none_or(|(_, other, _)| position > other);
            if is_further {
                furthest = Some((key, position, is_all));
            }
        }
        let Some((known, position, is_all)) = furthest else {
            return Ok(None);
        };
        // What was written to a file after we took it for finished may be in what is packed.
        let is_packed = new.source.as_ref().is_some_and(Source::is_packed);
        let has_more = is_all && new.read_at(position, &mut [0])? > 0;
        Ok(Some(if is_packed && !has_more {
            Decision::Known
        } else {
            Decision::After { known, position }
        }))
    }

    /// Whether a file may be where a stream's content goes on, by its name. Only a long beginning
    /// speaks for itself, and what is packed: nobody writes to that.
    pub(super) fn may_continue(&self, path: &Path, known: &Stream<S::File>) -> bool {
        if path == known.path {
            // What is written anew in the same place is no copy; what was there already when we
            // started may be the old content, restored.
            return !self.has_listed;
        }
        let name = path.file_name().unwrap_or_default();
        path.extension() == Some(OsStr::new("gz"))
            || known.head.len() >= MARK
            || is_rotated(name, known.name())
            || is_rotated(name, known.first_name())
            || name == known.name()
    }

    fn carry_out(&mut self, key: u64, mut new: Stream<S::File>, decision: Decision, now: Duration) {
        match decision {
            Decision::Wait => {}
            Decision::Shadow { of, compared } => new.state = State::Shadow { of, compared },
            Decision::Start(position) => self.start(&mut new, position, now),
            Decision::After { known, position } => {
                self.start(&mut new, position, now);
                // What is not yet acknowledged of that one would be read from this one.
                new.follows = Some(known);
                if let Some(known) = self.streams.get_mut(&known) {
                    known.is_followed_by_copy |= known.state == State::Done;
                }
            }
            Decision::Original(copy) => {
                if let Some(copy) = self.streams.get_mut(&copy) {
                    copy.swap_files(&mut new, now);
                }
            }
            Decision::Known => {
                if new.ignore(now).is_err() {
                    // Seen again at the next listing.
                    return;
                }
            }
            Decision::Continues(other) => {
                let (path, is_listed, is_rotated) =
                    (new.path.clone(), new.is_listed, new.is_rotated);
                let Some(known) = self.streams.get_mut(&other) else {
                    return;
                };
                let from = known.path.clone();
                if let Some(source) = new.source.take()
                    && let Ok(meta) = source.meta()
                    && known.resume(source, meta, path, now).is_ok()
                {
                    known.is_listed = is_listed;
                    known.is_rotated |= is_rotated;
                    self.found_again(from, other);
                }
                return;
            }
        }
        self.streams.insert(key, new);
    }
}

impl<S: FileSystem> Follower<S> {
    fn start(&mut self, new: &mut Stream<S::File>, position: u64, now: Duration) {
        if new.start(position, now).is_ok() {
            self.reports.push(Report::Found {
                path: new.path.clone(),
                position,
            });
        }
    }
}

/// Whether there is a complete line, or more than a short beginning of one.
fn has_line<F: OpenFile>(source: &mut Source<F>) -> io::Result<bool> {
    let mut head = vec![0; MARK];
    let read = source.read_at(0, &mut head)?;
    head.truncate(read);
    Ok(read == MARK || head.contains(&b'\n'))
}

/// Where the last line starts, complete or not.
fn last_line<F: OpenFile>(source: &mut Source<F>, len: u64) -> io::Result<u64> {
    let mut end = len.saturating_sub(1);
    let mut buffer = vec![0; 64 * 1024];
    while end > 0 {
        let from = end.saturating_sub(buffer.len() as u64);
        let size = usize::try_from(end.saturating_sub(from)).unwrap_or(0);
        let part = buffer.get_mut(..size).unwrap_or_default();
        let read = source.read_at(from, part)?;
        if let Some(newline) = memchr::memrchr(b'\n', part.get(..read).unwrap_or_default()) {
            return Ok(from.saturating_add(newline as u64).saturating_add(1));
        }
        end = from;
    }
    Ok(0)
}
