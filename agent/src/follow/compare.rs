//! Whether one file's content is another's.

use std::cmp::Ordering;
use std::io;
use std::path::Path;

use super::mark::MARK;
use super::names::is_rotated;
use super::source::Source;
use super::stream::Stream;
use crate::fs::OpenFile;

/// How much is compared in one go.
const STEP: usize = 64 * 1024;
/// How much is compared of plain files in one poll.
const BUDGET: u64 = 4 * 1024 * 1024;

/// How a new file compares with one that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Different,
    /// The new file is the beginning of the other one, as far as it was compared.
    Same {
        compared: u64,
    },
    /// All of the other one, which was read to its end, and more.
    Longer,
    /// The other one changes meanwhile.
    Unclear,
}

/// Whether the new file can be a copy of the known one, by their names. Logs often begin alike,
/// so that short ones are told apart by name: a copy has the name of a rotated file. What
/// rotation creates in place of a file that was renamed is no copy of it. Under the same name a copy can
/// only be where rotated files go: elsewhere, as in `/logs/*/app.log`, it is another log.
pub(super) fn may_be_copy<F: OpenFile>(
    new: &Stream<F>,
    known: &Stream<F>,
    rotated_directory: Option<&Path>,
) -> bool {
    let (new_name, known_name) = (new.name(), known.name());
    if known.is_rotated && new_name == known.first_name() {
        return false;
    }
    // A copy may also be seen before what it was made of.
    let is_seen_first = known_name == known.first_name() && is_rotated(known_name, new_name);
    known.head.len() >= MARK
        || is_seen_first
        || is_rotated(new_name, known_name)
        || is_rotated(new_name, known.first_name())
        || (new_name == known_name
            && new.directory() != known.directory()
            && [new, known]
                .map(|stream| Some(stream.directory()))
                .contains(&rotated_directory))
}

/// Compares a new file with one that is being read, both as they are now.
pub(super) fn compare<F: OpenFile>(
    new: &mut Stream<F>,
    known: &mut Stream<F>,
    mut compared: u64,
) -> io::Result<Comparison> {
    let new_len = len(new)?;
    let mut known_len = len(known)?;
    // What was compared before may have changed since.
    compared = compared.min(new_len).min(known_len);
    let recent = compared.saturating_sub(MARK as u64);
    if !is_same(new, known, recent, compared)?
        || !is_same(new, known, 0, compared.min(MARK as u64))?
    {
        return different(known);
    }
    let end = compared.saturating_add(BUDGET);
    while compared < new_len.min(known_len).min(end) {
        let next = new_len
            .min(known_len)
            .min(compared.saturating_add(STEP as u64));
        if !is_same(new, known, compared, next)? {
            return different(known);
        }
        compared = next;
    }
    known_len = known_len.max(len(known)?);
    if !known.is_intact()? {
        return Ok(Comparison::Unclear);
    }
    if compared == new_len || compared < known_len {
        return Ok(Comparison::Same { compared });
    }
    if known.read == known_len {
        Ok(Comparison::Longer)
    } else {
        Ok(Comparison::Unclear)
    }
}

/// How a new file compares with one that is being read, if one of the two is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    Different,
    Same,
    /// The new one is the beginning of the other one.
    Shorter,
    /// The new one has all of the other one, which has so many bytes, and more.
    Longer(u64),
    /// The other one changes meanwhile.
    Unclear,
}

/// Compares from its start to its end what a packed file unpacks to. That they begin alike, for however
/// long, does not say that they are the same. All of it is compared in one poll: going on in the next one
/// would unpack it again from its start.
pub(super) fn compare_unpacked<F: OpenFile>(
    new: &mut Stream<F>,
    known: &mut Stream<F>,
) -> io::Result<Unpacked> {
    let mut buffers = [vec![0; STEP], vec![0; STEP]];
    let [left, right] = &mut buffers;
    let mut compared = 0;
    let comparison = loop {
        let (new_read, known_read) = (
            new.read_at(compared, left)?,
            known.read_at(compared, right)?,
        );
        let both = new_read.min(known_read);
        if left.get(..both) != right.get(..both) {
            break Unpacked::Different;
        }
        compared = compared.saturating_add(both as u64);
        if both < STEP {
            break match new_read.cmp(&known_read) {
                Ordering::Less => Unpacked::Shorter,
                Ordering::Equal => Unpacked::Same,
                Ordering::Greater => Unpacked::Longer(compared),
            };
        }
    };
    let is_packed = known.source.as_ref().is_some_and(Source::is_packed);
    if is_packed || known.is_intact()? {
        Ok(comparison)
    } else {
        Ok(Unpacked::Unclear)
    }
}

fn different<F: OpenFile>(known: &mut Stream<F>) -> io::Result<Comparison> {
    if known.is_intact()? {
        Ok(Comparison::Different)
    } else {
        Ok(Comparison::Unclear)
    }
}

fn len<F: OpenFile>(stream: &Stream<F>) -> io::Result<u64> {
    let source = stream.source.as_ref();
    source.map_or(Ok(0), |source| source.meta().map(|meta| meta.len))
}

fn is_same<F: OpenFile>(
    one: &mut Stream<F>,
    other: &mut Stream<F>,
    from: u64,
    to: u64,
) -> io::Result<bool> {
    let size = usize::try_from(to.saturating_sub(from)).unwrap_or(STEP);
    let mut buffers = [vec![0; size], vec![0; size]];
    let [left, right] = &mut buffers;
    let read = (one.read_at(from, left)?, other.read_at(from, right)?);
    Ok(read == (size, size) && left == right)
}

/// Whether a file holds the content of a stream that is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognition {
    Other,
    /// The content up to the stream's position.
    Content,
    /// A beginning of it, shorter than what was read.
    Beginning,
}

/// Compares what a source holds with what is known of a stream's content: its first bytes and
/// those before the next byte to read.
pub(super) fn recognise<F: OpenFile>(
    source: &mut Source<F>,
    stream: &Stream<F>,
) -> io::Result<Recognition> {
    let mut head = vec![0; MARK];
    let read = source.read_at(0, &mut head)?;
    head.truncate(read);
    if !stream.head.is_telling() || head.is_empty() || !stream.head.begins_alike(&head) {
        return Ok(Recognition::Other);
    }
    let mut before = vec![0; stream.before.len()];
    let from = stream.read.saturating_sub(before.len() as u64);
    let read = source.read_at(from, &mut before)?;
    Ok(if read < before.len() {
        Recognition::Beginning
    } else if stream.before.matches(&before) {
        Recognition::Content
    } else {
        Recognition::Other
    })
}
