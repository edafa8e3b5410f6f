//! Opens Kinesis records: splits frames, checks digests, reads what is in them.

use super::judge::{Aggregate, Judge};
use super::opened::{Judged, Opened};
use super::outcome::{Outcome, PlainReason};
use super::rules::Rules;
use crate::wire::{Frame, Index, MAGIC};

/// A part of a batch fills whole vectors: no level of [`md5`](crate::md5) has more lanes. It is not
/// much larger than it has to be, so that messages are still in a cache when they are read after
/// their digests.
const LANES: usize = 32;
const PART: usize = 1024 * 1024;

/// What is needed of a Kinesis record: its data, and its sequence number to resume.
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

/// What a Kinesis record is at first sight; with the first user record that is to come out.
enum Candidate<'a> {
    Skipped,
    Plain(PlainReason, usize),
    Framed(Frame<'a>, usize),
}

impl<'a> Candidate<'a> {
    fn new(rules: &Rules, &(data, sequence_number): &Stored<'a>) -> Self {
        let Some(first) = rules.first(sequence_number) else {
            return Self::Skipped;
        };
        match Frame::split(data) {
            Some(frame) => Self::Framed(frame, first),
            None if data.starts_with(&MAGIC) => Self::Plain(PlainReason::TooShort, first),
            None => Self::Plain(PlainReason::NotFramed, first),
        }
    }

    fn message(&self) -> Option<&'a [u8]> {
        match self {
            Self::Framed(frame, _) => Some(frame.message()),
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
                Candidate::Plain(reason, first) => plain(*reason, *first),
                Candidate::Framed(frame, first) if digests.next() == Some(*frame.digest()) => {
                    self.aggregate(frame, *first)
                }
                Candidate::Framed(_, first) => plain(PlainReason::DigestMismatch, *first),
            };
            self.judged.push(judged);
        }
    }

    /// What has the magic and the right digest is an aggregate, if its message can be read.
    fn aggregate(&mut self, frame: &Frame<'_>, first: usize) -> Judged {
        if let Err(malformed) = self.index.refill(frame) {
            let offset = malformed.offset();
            return plain(PlainReason::Malformed { offset }, first);
        }
        let aggregate = Aggregate {
            frame,
            index: &self.index,
            record_index: self.judged.len(),
            first,
        };
        self.judge.aggregate(aggregate, &mut self.opened)
    }
}

/// The Kinesis record comes out as it is, as one user record.
fn plain(reason: PlainReason, first: usize) -> Judged {
    Judged {
        outcome: Outcome::Plain(reason),
        delivered: first..1,
        ..Judged::default()
    }
}
