//! Whether one file's content is another's.

use std::io;

use super::mark::MARK;
use super::names::is_rotated;
use super::source::Source;
use super::stream::Stream;
use crate::fs::OpenFile;

/// How much is compared in one go.
const STEP: usize = 64 * 1024;
/// How much is compared in one poll.
const BUDGET: u64 = 4 * 1024 * 1024;

/// What comparing a new file with one that is read shows.
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
/// rotation creates in place of a file that was renamed is no copy of it.
pub(super) fn may_be_copy<F: OpenFile>(new: &Stream<F>, known: &Stream<F>) -> bool {
    let (new_name, known_name) = (new.name(), known.name());
    if known.is_rotated && new_name == known.first_name {
        return false;
    }
    // A copy may also be seen before what it was made of.
    let is_seen_first = known_name == known.first_name && is_rotated(known_name, new_name);
    known.head.len() >= MARK
        || is_seen_first
        || is_rotated(new_name, known_name)
        || is_rotated(new_name, &known.first_name)
        || (new_name == known_name && new.directory() != known.directory())
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

/// What a file that may be the content of a stream that is not open shows.
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
