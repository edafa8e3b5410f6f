//! Opens Kinesis records: splits frames, checks digests, reads what is in them.

use super::judge::{Aggregate, Damage, Judge};
use super::opened::{Judged, Opened};
use super::outcome::{Outcome, PlainReason};
use super::rules::Rules;
use crate::error::MalformedError;
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
    let mut opener = Opener {
        rules,
        judge: Judge::new(rules),
        index: Index::default(),
        judged: Vec::with_capacity(candidates.len()),
        opened: Opened::default(),
    };
    let mut rest = candidates.as_slice();
    while !rest.is_empty() {
        let (part, after) = rest.split_at_checked(part_len(rest)).unwrap_or((rest, &[]));
        opener.part(part);
        rest = after;
    }
    (opener.judged, opener.opened)
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
    judged: Vec<Judged>,
    opened: Opened,
}

impl Opener<'_> {
    fn part(&mut self, candidates: &[Candidate<'_>]) {
        let messages: Vec<_> = candidates.iter().filter_map(Candidate::message).collect();
        let mut digests = self.rules.digests(&messages).into_iter();
        for candidate in candidates {
            let judged = match candidate {
                Candidate::Skipped => Judged::default(),
                Candidate::Plain(reason, data, first) => self.plain(*reason, data, *first),
                Candidate::Framed(frame, data, first) => {
                    // "another digest": the KCL takes it for a plain record.
                    if digests.next() == Some(*frame.digest()) {
                        self.aggregate(frame, data, *first)
                    } else {
                        self.plain(PlainReason::DigestMismatch, data, *first)
                    }
                }
            };
            self.judged.push(judged);
        }
    }

    /// What has the magic and the right digest is an aggregate, if its message can be read.
    fn aggregate(&mut self, frame: &Frame<'_>, data: &[u8], first: usize) -> Judged {
        if let Err(malformed) = self.index.refill(frame) {
            let offset = malformed.offset();
            return self.plain(PlainReason::Malformed { offset }, data, first);
        }
        self.judge(frame, first, None)
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
        Judged {
            outcome: Outcome::Plain(reason),
            delivered: first..1,
            ..Judged::default()
        }
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
        let whole = Frame::split(data);
        let malformed = whole.and_then(|frame| self.index.refill_up_to_error(&frame).err());
        let is_cut_short = match reason {
            PlainReason::Malformed { .. } => false,
            _ => malformed.is_some() || whole.is_none_or(|frame| frame.may_be_cut_short()),
        };
        let (frame, malformed) = if is_cut_short {
            let frame = Frame::cut_short(data)?;
            let read = self.index.refill_up_to_error(&frame);
            // Even if it is cut between two user records.
            let end = read.map_or_else(MalformedError::offset, |()| data.len());
            (frame, Some(end))
        } else {
            (whole?, malformed.map(MalformedError::offset))
        };
        if self.index.records().is_empty() {
            return None;
        }
        Some(self.judge(&frame, first, Some(Damage { reason, malformed })))
    }

    /// Judges what is in the index.
    fn judge(&mut self, frame: &Frame<'_>, first: usize, damage: Option<Damage>) -> Judged {
        let aggregate = Aggregate {
            frame,
            index: &self.index,
            record_index: self.judged.len(),
            first,
            damage,
        };
        self.judge.aggregate(aggregate, &mut self.opened)
    }
}
