//! Lists the directories, and finds out which files are already known.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::compare::{Recognition, recognise};
use super::follower::Follower;
use super::names::is_rotated;
use super::rules::Now;
use super::saved::Report;
use super::source::{Packed, Source};
use super::stream::{State, Stream};
use crate::fs::{FileId, FileSystem, Meta, OpenFile};

/// Clocks of files are coarse, so that a file may be dated a little before it was made.
const CLOCK_SLACK: i128 = 2_000_000_000;

/// The result of one look at the directories.
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// The directories that were read.
    pub(super) read: HashSet<PathBuf>,
    /// Those that could not be, and paths that may lead to more of them; not what is missing.
    pub(super) refused: HashSet<PathBuf>,
    /// Whether every directory that exists could be read.
    pub(super) is_complete: bool,
    /// Whether a file that it does not name may exist all the same: some directories of the pattern
    /// could not be read, or a name could not be looked up.
    pub(super) may_hide: bool,
    /// Whether a followed directory is missing: its volume may not be mounted yet.
    pub(super) is_absent: bool,
    /// Whether no directory was changed meanwhile: a file that is renamed may hide between its
    /// two names.
    pub(super) is_stable: bool,
}

pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) meta: Meta,
    /// Whether its name is one that the flow follows.
    pub(super) is_followed: bool,
    /// Whether its name is what rotation makes of one that the flow follows.
    pub(super) is_rotated: bool,
}

impl Entry {
    pub(super) fn is_packed(&self) -> bool {
        self.path.extension() == Some(OsStr::new("gz"))
    }

    pub(super) fn open<S: FileSystem>(&self, fs: &S) -> io::Result<(Source<S::File>, Meta)> {
        let file = fs.open(&self.path)?;
        let meta = file.meta()?;
        let source = if self.is_packed() {
            Source::Packed(Box::new(Packed::new(file)))
        } else {
            Source::Plain(file)
        };
        Ok((source, meta))
    }
}

/// The names to look at closer, besides those that the flow follows.
struct Wanted {
    /// Names whose rotated forms are wanted: `app.log` for `app.log.1`.
    bases: BTreeSet<OsString>,
    /// Whether every name is wanted, because a file is missing and searched for.
    all: bool,
}

impl<S: FileSystem> Follower<S> {
    /// Lists the directories. Only names that may be of interest are looked at closer.
    pub(super) fn list(&mut self, fs: &S) -> Listing {
        let mut listing = Listing {
            entries: Vec::new(),
            read: HashSet::new(),
            refused: HashSet::new(),
            is_complete: true,
            may_hide: false,
            is_absent: false,
            is_stable: true,
        };
        let mut wanted = self.wanted();
        let followed = self.followed_directories(fs, &mut listing);
        let rotated = self.rules.rotated_directory.clone();
        let rotated = rotated.filter(|directory| !followed.contains(directory));
        let directories = followed.iter().map(|directory| (directory, true));
        let directories = directories.chain(rotated.iter().map(|directory| (directory, false)));
        for (directory, is_followed) in directories {
            let changed = || fs.meta(directory).map(|meta| meta.modified).ok();
            let before = changed();
            if let Some(names) = self.names_in(fs, directory, is_followed, &mut listing) {
                self.look_closer(fs, directory, is_followed, names, &mut wanted, &mut listing);
                listing.is_stable &= changed() == before;
            }
        }
        listing
    }

    /// Returns the names to look at closer, as far as they are known before the directories are read.
    fn wanted(&self) -> Wanted {
        let base = self.rules.pattern.base_name().map(OsString::from);
        let known = self.streams.values();
        let known = known.map(|stream| stream.first_name().to_owned());
        Wanted {
            bases: base.into_iter().chain(known).collect(),
            all: self.streams.values().any(Stream::is_missing),
        }
    }

    /// Returns the directories of the pattern, and notes those that cannot be read.
    fn followed_directories(&mut self, fs: &S, listing: &mut Listing) -> Vec<PathBuf> {
        let directories = self.rules.pattern.directories(fs);
        for (path, error) in directories.unreadable {
            if error.kind() == io::ErrorKind::NotFound {
                listing.is_absent = true;
            } else {
                listing.may_hide = true;
                listing.refused.insert(path.clone());
            }
            self.cannot_read(path, &error);
        }
        directories.found
    }

    /// Returns the names in a directory, or `None` if it cannot be read.
    fn names_in(
        &mut self,
        fs: &S,
        directory: &Path,
        is_followed: bool,
        listing: &mut Listing,
    ) -> Option<Vec<OsString>> {
        match fs.list(directory) {
            Ok(names) => {
                self.unreadable.remove(directory);
                listing.read.insert(directory.to_owned());
                Some(names)
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::NotFound {
                    listing.is_absent |= is_followed;
                } else {
                    listing.is_complete = false;
                    listing.refused.insert(directory.to_owned());
                }
                self.cannot_read(directory.to_owned(), &error);
                None
            }
        }
    }

    /// Adds the files of a directory whose names are followed or wanted.
    fn look_closer(
        &mut self,
        fs: &S,
        directory: &Path,
        is_followed: bool,
        names: Vec<OsString>,
        wanted: &mut Wanted,
        listing: &mut Listing,
    ) {
        let follows = |name: &OsString| is_followed && self.rules.pattern.matches_name(name);
        if self.rules.pattern.base_name().is_none() {
            let bases = names.iter().filter(|name| follows(name));
            wanted.bases.extend(bases.cloned());
        }
        let mut unknown = Vec::new();
        for name in names {
            let follows = follows(&name);
            let is_rotated = !follows && wanted.is_rotated(&name, !is_followed);
            if follows || is_rotated || wanted.all {
                let path = directory.join(&name);
                unknown.extend(listing.add(fs, path, follows, is_rotated).err());
            }
        }
        for (path, error) in unknown {
            listing.may_hide = true;
            self.cannot_read(path, &error);
        }
    }

    /// Finds known files under their names of now, and opens those that are new. Returns whether all
    /// that the listing names is known now.
    pub(super) fn match_names(&mut self, fs: &S, listing: &Listing, now: Now) -> bool {
        let mut by_id: HashMap<FileId, Vec<&Entry>> = HashMap::new();
        for entry in &listing.entries {
            by_id.entry(entry.meta.id).or_default().push(entry);
        }
        let mut known = HashSet::new();
        let keys: Vec<u64> = self.streams.keys().copied().collect();
        for key in keys {
            let Some(stream) = self.streams.get_mut(&key) else {
                continue;
            };
            let Some(id) = stream.id.filter(|_| !stream.is_missing()) else {
                stream.is_listed = false;
                continue;
            };
            let entries = by_id.get(&id).map(Vec::as_slice).unwrap_or_default();
            let entry = entries
                .iter()
                .find(|entry| entry.path == stream.path)
                .or_else(|| entries.iter().find(|entry| entry.is_followed))
                .or_else(|| entries.first());
            if let Some(entry) = entry
                && stream.source.is_none()
                && !stream.is_still(fs, entry, now.monotonic)
            {
                stream.id = None;
                stream.is_listed = false;
                continue;
            }
            known.insert(id);
            if entry.is_none() && (listing.may_hide || !listing.is_complete) {
                // It is where it was, as far as can be seen: its last line may still be ended.
                continue;
            }
            stream.named(entry.map(|entry| &**entry), now.monotonic);
        }
        let mut is_all_known = true;
        for entry in &listing.entries {
            if (entry.is_followed || entry.is_rotated) && known.insert(entry.meta.id) {
                is_all_known &= self.open_new(fs, entry, now);
            }
        }
        is_all_known
    }

    /// Opens a file that is not known. Files that rotation has put there are followed only if
    /// they were written since we look: then they came and went under their first name between
    /// two listings. Returns whether the file is known now: it may have been renamed since the listing.
    fn open_new(&mut self, fs: &S, entry: &Entry, now: Now) -> bool {
        let (source, meta) = match entry.open(fs) {
            Ok(opened) => opened,
            Err(error) => {
                self.cannot_read(entry.path.clone(), &error);
                return false;
            }
        };
        self.unreadable.remove(&entry.path);
        let is_the_one = meta.id == entry.meta.id;
        let is_open =
            |stream: &Stream<S::File>| stream.source.is_some() && stream.id == Some(meta.id);
        if self.streams.values().any(is_open) {
            // Renamed between the listing and the opening.
            return is_the_one;
        }
        let is_recent = meta.modified >= self.new_since.saturating_sub(CLOCK_SLACK);
        let is_ours = entry.is_followed || (!self.is_first_look(&entry.path) && is_recent);
        let mut stream = Stream::fresh(entry.path.clone(), source, meta, &self.record_rules);
        stream.is_listed = entry.is_followed;
        stream.is_rotated = !entry.is_followed;
        stream.touch(now.monotonic);
        if !is_ours && stream.ignore(now.monotonic).is_err() {
            // A packed file that is still being written, most likely.
            return false;
        }
        self.add(stream);
        is_the_one
    }

    /// Finds the directories that are read for the first time. Files in those that could not be read
    /// at the very first start were there then, as far as anybody knows.
    pub(super) fn look_first(&mut self, listing: &Listing) {
        let was_unseen = |path: &PathBuf| path.ancestors().any(|path| self.unseen.contains(path));
        let first = listing.read.iter();
        let first = first.filter(|path| self.is_first_start || was_unseen(path));
        self.first_look = first.cloned().collect();
        self.unseen.retain(|path| listing.refused.contains(path));
    }

    /// Notes what the listing settles, once all that follows from it is done.
    pub(super) fn looked(&mut self, listing: &Listing, is_all_known: bool, wall: i128) {
        self.shows_all = listing.shows_all();
        if self.is_first_start && (!listing.read.is_empty() || listing.refused.is_empty()) {
            self.is_first_start = false;
            self.unseen.clone_from(&listing.refused);
            self.new_since = wall;
            self.listed_at = wall;
        }
        if listing.is_complete {
            self.has_listed = true;
        }
        if listing.shows_all() {
            // What is there and not yet decided on is new at the next start too, whatever rotation
            // does to it until then. But for live files that are empty, and copies of live ones.
            let is_open = |stream: &Stream<S::File>| {
                stream.is_new()
                    && (!stream.is_listed || (stream.state == State::Fresh && stream.len > 0))
            };
            let is_settled = !self.streams.values().any(is_open);
            if listing.is_stable && is_all_known && is_settled {
                self.listed_at = wall;
            }
        }
    }

    /// Reports where a file goes on.
    pub(super) fn found_again(&mut self, from: PathBuf, key: u64) {
        if let Some(stream) = self.streams.get(&key) {
            self.reports.push(Report::FoundAgain {
                from,
                path: stream.path.clone(),
                position: stream.read,
            });
        }
    }
}

impl Wanted {
    /// Whether rotation may have made this name of a base. In a directory of rotated files only (`is_elsewhere`),
    /// a file may also keep the name of the base.
    fn is_rotated(&self, name: &OsStr, is_elsewhere: bool) -> bool {
        let is_of = |base: &OsString| is_rotated(name, base) || (is_elsewhere && name == base);
        self.bases.iter().any(is_of)
    }
}

impl Listing {
    /// Whether a known file that it does not have is gone.
    pub(super) fn shows_all(&self) -> bool {
        self.is_complete && !self.may_hide && !self.is_absent
    }

    fn add(
        &mut self,
        fs: &impl FileSystem,
        path: PathBuf,
        is_followed: bool,
        is_rotated: bool,
    ) -> Result<(), (PathBuf, io::Error)> {
        match fs.meta(&path) {
            Ok(meta) if meta.is_file => self.entries.push(Entry {
                path,
                meta,
                is_followed,
                is_rotated,
            }),
            Ok(_) => {}
            // What is gone by now is as good as never listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((path, error)),
        }
        Ok(())
    }
}

impl<F: OpenFile> Stream<F> {
    /// Takes the name under which the listing has it, if it has.
    fn named(&mut self, entry: Option<&Entry>, now: Duration) {
        let is_listed = entry.is_some_and(|entry| entry.is_followed);
        if self.is_listed != is_listed || self.is_there != entry.is_some() {
            self.touch(now);
        }
        self.is_listed = is_listed;
        self.is_there = entry.is_some();
        if let Some(entry) = entry.filter(|entry| entry.path != self.path) {
            self.path.clone_from(&entry.path);
            self.is_rotated = true;
            self.touch(now);
        }
    }

    /// Whether a file that is not open is still the one it was; if it has grown, it is read
    /// again.
    fn is_still<S: FileSystem<File = F>>(&mut self, fs: &S, entry: &Entry, now: Duration) -> bool {
        if (entry.meta.len, entry.meta.modified) == (self.len, self.modified) {
            return true;
        }
        if entry.is_packed() {
            return false;
        }
        let Ok((mut source, meta)) = entry.open(fs) else {
            return true;
        };
        if meta.id != entry.meta.id
            || !matches!(recognise(&mut source, self), Ok(Recognition::Content))
        {
            return false;
        }
        if self.state == State::Done && meta.len > self.read {
            return self.resume(source, meta, entry.path.clone(), now).is_ok();
        }
        self.len = meta.len;
        self.modified = meta.modified;
        true
    }

    /// Remembers the file as none of ours: what it holds, so that it is known when it is copied
    /// or packed.
    pub(super) fn ignore(&mut self, now: Duration) -> io::Result<()> {
        let is_packed = self.source.as_ref().is_some_and(Source::is_packed);
        self.start(if is_packed { 0 } else { self.len }, now)?;
        self.state = State::Ignored;
        self.source = None;
        Ok(())
    }
}
