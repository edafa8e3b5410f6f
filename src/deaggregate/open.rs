//! Opens Kinesis records: splits frames, checks digests, reads what is in them.

use super::judge::{Aggregate, Damage, Judge};
use super::opened::{Judged, Opened};
use super::outcome::{Outcome, PlainReason};
use super::rules::Rules;
use crate::error::MalformedError;
use crate::md5::Digest;
use crate::wire::{Frame, Index, MAGIC};

/// A part of a batch fills whole vectors: no level of [`md5`](crate::md5) has more lanes. It is not
/// much larger than it has to be, so that messages are still in a cache when they are read after
/// their digests.
const LANES: usize = 32;
const PART: usize = 1024 * 1024;

/// The parts of a Kinesis record that reading needs: its data, and its sequence number to resume.
pub(super) type Stored<'a> = (&'a [u8], Option<&'a str>);

/// Opens `records`: in parts, all digests of a part first, then each record in its turn.
pub(super) fn open(rules: &Rules, records: &[Stored<'_>]) -> (Vec<Judged>, Opened) {
    let candidates: Vec<_> = records
        .iter()
        .map(|stored| Candidate::new(rules, stored))
        .collect();
    let messages = candidates.iter().filter_map(Candidate::message);
    let mut opener = Opener::new(rules, messages.map(<[u8]>::len).sum());
    let mut judged = Vec::with_capacity(candidates.len());
    let mut rest = candidates.as_slice();
    while !rest.is_empty() {
        let (part, after) = rest.split_at_checked(part_len(rest)).unwrap_or((rest, &[]));
        let messages: Vec<_> = part.iter().filter_map(Candidate::message).collect();
        let mut digests = rules.digests(&messages).into_iter();
        for candidate in part {
            let digest = candidate.message().and_then(|_| digests.next());
            judged.push(opener.candidate(candidate, digest));
        }
        rest = after;
    }
    (judged, opener.opened)
}

/// Opens one record: [`open`] without its lists.
pub(super) fn open_one(rules: &Rules, record: Stored<'_>) -> (Judged, Opened) {
    let candidate = Candidate::new(rules, &record);
    let message = candidate.message();
    let mut opener = Opener::new(rules, message.map_or(0, <[u8]>::len));
    let digest = message.map(|message| rules.digest(message));
    let judged = opener.candidate(&candidate, digest);
    (judged, opener.opened)
}

/// How many of `candidates` are opened together.
fn part_len(candidates: &[Candidate<'_>]) -> usize {
    let (mut count, mut bytes) = (0_usize, 0_usize);
    for (candidate, end) in candidates.iter().zip(1..) {
        let Some(message) = candidate.message() else {
            continue;
        };
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(message.len());
        if count.is_multiple_of(LANES) && bytes >= PART {
            return end;
        }
    }
    candidates.len()
}

/// A Kinesis record at first sight; with its data and the first user record that is to come out.
enum Candidate<'a> {
    Skipped,
    Plain(PlainReason, &'a [u8], usize),
    Framed(Frame<'a>, &'a [u8], usize),
}

impl<'a> Candidate<'a> {
    fn new(rules: &Rules, &(data, sequence_number): &Stored<'a>) -> Self {
        let Some(first) = rules.first(sequence_number) else {
            return Self::Skipped;
        };
        match Frame::split(data) {
            Some(frame) => Self::Framed(frame, data, first),
            None if data.starts_with(&MAGIC) => Self::Plain(PlainReason::TooShort, data, first),
            None => Self::Plain(PlainReason::NotFramed, data, first),
        }
    }

    fn message(&self) -> Option<&'a [u8]> {
        match self {
            Self::Framed(frame, ..) => Some(frame.message()),
            _ => None,
        }
    }
}

struct Opener<'r> {
    rules: &'r Rules,
    judge: Judge<'r>,
    /// Of the aggregate at hand; kept for its memory.
    index: Index,
    opened: Opened,
    /// How many Kinesis records were opened before the one at hand.
    record_index: usize,
    /// The bytes of the messages that are still to come.
    bytes_left: usize,
}

impl<'r> Opener<'r> {
    fn new(rules: &'r Rules, bytes_left: usize) -> Self {
        Self {
            rules,
            judge: Judge::new(rules),
            index: Index::default(),
            opened: Opened::default(),
            record_index: 0,
            bytes_left,
        }
    }

    /// Opens the next Kinesis record. `digest` is that of its message, if it has one.
    fn candidate(&mut self, candidate: &Candidate<'_>, digest: Option<Digest>) -> Judged {
        let judged = match candidate {
            Candidate::Skipped => Judged::default(),
            Candidate::Plain(reason, data, first) => self.plain(*reason, data, *first),
            Candidate::Framed(frame, data, first) => {
                // "wrong digest" in docs/COMPATIBILITY.md: the KCL takes it for a plain record.
                if digest == Some(*frame.digest()) {
                    self.aggregate(frame, *first)
                } else {
                    self.plain(PlainReason::DigestMismatch, data, *first)
                }
            }
        };
        self.record_index = self.record_index.saturating_add(1);
        let len = candidate.message().map_or(0, <[u8]>::len);
        self.bytes_left = self.bytes_left.saturating_sub(len);
        judged
    }

    /// Makes room for the user records of the aggregate at hand. If that takes a larger list, it
    /// gets as large as it has to be in the end, should all that is left be as dense as this one:
    /// growing step by step would copy everything again and again.
    fn make_room(&mut self, message_len: usize) {
        let entries = &mut self.opened.entries;
        let count = self.index.records().len();
        if entries.capacity().saturating_sub(entries.len()) < count {
            let times = self.bytes_left.checked_div(message_len).unwrap_or(1).max(1);
            entries.reserve(count.saturating_mul(times));
        }
    }

    /// A record with the magic and the right digest is an aggregate, if its message can be read.
    fn aggregate(&mut self, frame: &Frame<'_>, first: usize) -> Judged {
        let Err(malformed) = self.index.refill_up_to_error(frame) else {
            return self.judge(frame, first, None);
        };
        let offset = malformed.offset();
        let reason = PlainReason::Malformed { offset };
        if self.rules.salvage_damaged && !self.index.records().is_empty() {
            let malformed = Some(offset);
            return self.judge(frame, first, Some(Damage { reason, malformed }));
        }
        unopened(reason, first)
    }

    /// The Kinesis record comes out as it is, as one user record; unless it is a damaged aggregate,
    /// and those are to be opened.
    fn plain(&mut self, reason: PlainReason, data: &[u8], first: usize) -> Judged {
        if self.rules.salvage_damaged
            && reason != PlainReason::NotFramed
            && let Some(damaged) = self.damaged(reason, data, first)
        {
            return damaged;
        }
        unopened(reason, first)
    }

    /// Ours, there is nothing like it in the KCL: opens what has the magic as far as it can be read.
    /// `None` if that is not even one user record.
    ///
    /// Where the message can be read to its end, some byte of it or of the digest was changed. If it
    /// cannot, or if another field seems to follow it, the record may be cut short, and what is taken
    /// for the digest is the message's last part:
    ///
    /// ```text
    /// F3899AC2  0A 01 6B  1A 05 08 00 1A 01 78  1A 09 08 00 1A 05 68 65 6C
    ///               '-- the last 16 bytes, taken for the digest ---------'
    ///           key "k"   data "x"              data "hel", of 5 bytes
    /// ```
    fn damaged(&mut self, reason: PlainReason, data: &[u8], first: usize) -> Option<Judged> {
        let whole = Frame::split(data).filter(|frame| {
            self.index.refill_up_to_error(frame).is_ok() && !frame.may_be_cut_short()
        });
        let (frame, malformed) = if let Some(frame) = whole {
            (frame, None)
        } else {
            let frame = Frame::cut_short(data)?;
            let read = self.index.refill_up_to_error(&frame);
            // Even if it is cut between two user records.
            let end = read.map_or_else(MalformedError::offset, |()| data.len());
            (frame, Some(end))
        };
        if self.index.records().is_empty() {
            return None;
        }
        Some(self.judge(&frame, first, Some(Damage { reason, malformed })))
    }

    /// Judges what is in the index.
    fn judge(&mut self, frame: &Frame<'_>, first: usize, damage: Option<Damage>) -> Judged {
        self.make_room(frame.message().len());
        let aggregate = Aggregate {
            frame,
            index: &self.index,
            record_index: self.record_index,
            first,
            damage,
        };
        self.judge.aggregate(aggregate, &mut self.opened)
    }
}

/// The Kinesis record as it is, as one user record.
fn unopened(reason: PlainReason, first: usize) -> Judged {
    Judged {
        outcome: Outcome::Plain(reason),
        delivered: first..1,
        ..Judged::default()
    }
}
