//! Which user records of an aggregate the KCL would deliver.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use super::Deaggregator;
use super::hashes::Hashes;
use super::keys::{Keys, KeysOf};
use super::outcome::{Outcome, PlainReason};
use crate::error::{Loss, LossKind, ParseHashKeyError};
use crate::hash_key::{HashKey, HashKeyRange};
use crate::wire::{Extent, Frame, Index, IndexedRecord, Locator, MAGIC, NO_KEY, Span};

/// Kinesis records, opened and judged. It holds positions in their data, never the data.
#[derive(Default)]
pub(super) struct Opened {
    /// Judged entries name [`Keys`] instead of table entries.
    index: Index,
    keys: Keys,
    losses: Vec<Loss>,
}

/// One Kinesis record: which of its user records come out, and what is lost. By default, nothing:
/// it is skipped.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// The sub-sequence numbers that come out, but for those of a loss.
    pub(super) delivered: Range<usize>,
    records: Range<usize>,
    /// Where its keys start, and how many it uses.
    pub(super) keys: Range<usize>,
    losses: Range<usize>,
}

/// Counts only: the keys are the users' own.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("losses", &self.losses.len())
            .finish_non_exhaustive()
    }
}

impl Opened {
    pub(super) fn entries(&self, judged: &Judged) -> &[IndexedRecord] {
        let records = self.index.records().get(judged.records.clone());
        records.unwrap_or_default()
    }

    pub(super) fn keys(&self, judged: &Judged) -> KeysOf<'_> {
        self.keys.of(judged.keys.clone())
    }

    pub(super) fn losses(&self, judged: &Judged) -> &[Loss] {
        self.losses.get(judged.losses.clone()).unwrap_or_default()
    }

    pub(super) fn all_losses(&self) -> &[Loss] {
        &self.losses
    }
}

/// The state of opening a batch.
pub(super) struct Judge<'a> {
    rules: &'a Deaggregator,
    opened: Opened,
    judged: Vec<Judged>,
    /// For each table entry of the aggregate at hand, its place in the keys, and what is known.
    partition_keys: Vec<Place>,
    explicit_hash_keys: Vec<Place>,
    hashes: Hashes,
    /// Of the aggregate at hand: salvaging may report each of its user records.
    locator: Locator,
}

/// A Kinesis record's data and, to resume, its sequence number.
pub(super) type Stored<'a> = (&'a [u8], Option<&'a str>);

/// What stands before judging: at which user record to start, and the frame if there is one.
enum Candidate<'a> {
    Skipped,
    Plain(PlainReason, usize),
    Framed(Frame<'a>, usize),
}

impl<'a> Candidate<'a> {
    fn message(&self) -> Option<&'a [u8]> {
        match self {
            Self::Framed(frame, _) => Some(frame.message()),
            _ => None,
        }
    }
}

/// A part of a batch fills whole vectors: no level has more lanes. It is not much larger than it
/// has to be, so that messages are still in a cache when they are walked after their digests.
const LANES: usize = 32;
const PART: usize = 1024 * 1024;

/// How many of `candidates` are opened together.
fn part(candidates: &[Candidate<'_>]) -> usize {
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

impl<'a> Judge<'a> {
    pub(super) fn new(rules: &'a Deaggregator) -> Self {
        Self {
            rules,
            opened: Opened::default(),
            judged: Vec::new(),
            partition_keys: Vec::new(),
            explicit_hash_keys: Vec::new(),
            hashes: Hashes::default(),
            locator: Locator::default(),
        }
    }

    /// Opens `records`: in parts, all digests of a part first, then each in its order.
    pub(super) fn open(mut self, records: &[Stored<'_>]) -> (Vec<Judged>, Opened) {
        let candidates: Vec<_> = records
            .iter()
            .map(|stored| self.candidate(stored))
            .collect();
        self.judged.reserve_exact(candidates.len());
        let mut rest = candidates.as_slice();
        while !rest.is_empty() {
            let (part, behind) = rest.split_at_checked(part(rest)).unwrap_or((rest, &[]));
            self.part(part);
            rest = behind;
        }
        (self.judged, self.opened)
    }

    fn part(&mut self, candidates: &[Candidate<'_>]) {
        let messages: Vec<_> = candidates.iter().filter_map(Candidate::message).collect();
        let mut digests = self.rules.digests(&messages).into_iter();
        for candidate in candidates {
            let judged = match *candidate {
                Candidate::Skipped => self.whole(Outcome::Skipped, 0..0),
                Candidate::Plain(reason, first) => self.plain(reason, first),
                Candidate::Framed(frame, first) if digests.next() == Some(*frame.digest()) => {
                    self.aggregate(frame.message(), first)
                }
                Candidate::Framed(_, first) => self.plain(PlainReason::DigestMismatch, first),
            };
            self.judged.push(judged);
        }
    }

    fn candidate<'r>(&self, &(data, sequence_number): &Stored<'r>) -> Candidate<'r> {
        let Some(first) = self.first(sequence_number) else {
            return Candidate::Skipped;
        };
        match Frame::split(data) {
            Some(frame) => Candidate::Framed(frame, first),
            None if data.starts_with(&MAGIC) => Candidate::Plain(PlainReason::TooShort, first),
            None => Candidate::Plain(PlainReason::NotFramed, first),
        }
    }

    /// The first user record above the position to resume after; none if the whole Kinesis
    /// record stands at or below it.
    fn first(&self, sequence_number: Option<&str>) -> Option<usize> {
        let Some(after) = &self.rules.after else {
            return Some(0);
        };
        match sequence_number.and_then(|text| after.cmp_sequence_number(text)) {
            Some(Ordering::Less) => None,
            Some(Ordering::Equal) => {
                let first = after.sub_sequence_number().checked_add(1)?;
                Some(usize::try_from(first).unwrap_or(usize::MAX))
            }
            Some(Ordering::Greater) | None => Some(0),
        }
    }

    fn plain(&self, reason: PlainReason, first: usize) -> Judged {
        self.whole(Outcome::Plain(reason), first..1)
    }

    /// A Kinesis record that is not an aggregate with user records.
    fn whole(&self, outcome: Outcome, delivered: Range<usize>) -> Judged {
        Judged {
            outcome,
            delivered,
            records: 0..0,
            keys: 0..0,
            losses: 0..0,
        }
    }

    fn aggregate(&mut self, message: &[u8], first: usize) -> Judged {
        let extent = match self.opened.index.append(message) {
            Ok(extent) => extent,
            Err(malformed) => {
                let offset = malformed.offset().saturating_add(MAGIC.len());
                return self.plain(PlainReason::Malformed { offset }, first);
            }
        };
        let keys_before = self.opened.keys.len();
        let losses_before = self.opened.losses.len();
        let (outcome, delivered) = self.user_records(message, &extent, first);
        // The keys stay, the tables' positions are not needed any more.
        let index = &mut self.opened.index;
        index.partition_keys.truncate(extent.partition_keys.start);
        index
            .explicit_hash_keys
            .truncate(extent.explicit_hash_keys.start);
        Judged {
            outcome,
            delivered,
            records: extent.records,
            keys: keys_before..self.opened.keys.len(),
            losses: losses_before..self.opened.losses.len(),
        }
    }

    /// Judges user record by user record, in order: the first bad one decides.
    fn user_records(
        &mut self,
        message: &[u8],
        extent: &Extent,
        first: usize,
    ) -> (Outcome, Range<usize>) {
        let count = extent.records.len();
        if count == 0 {
            return (Outcome::Empty, 0..0);
        }
        let base = self.opened.keys.len();
        self.locator = Locator::default();
        reset(&mut self.partition_keys, extent.partition_keys.len());
        reset(
            &mut self.explicit_hash_keys,
            extent.explicit_hash_keys.len(),
        );
        self.hashes.clear();
        let mut outcome = Outcome::Aggregated;
        let mut position = 0_usize;
        loop {
            position = self.pass(extent, position);
            if position >= count {
                return (outcome, first..count);
            }
            let next = position.saturating_add(1);
            let Err(fault) = self.user_record(message, extent, position, base) else {
                position = next;
                continue;
            };
            // A number that no shard owns is out of every range that is given. Without one there is
            // nothing to be out of, and it is as bad as no number.
            let drops = match fault {
                Fault::OutOfRange => true,
                Fault::ExplicitHashKeyNumber { .. } => self.rules.hash_key_range.is_some(),
                _ => false,
            };
            if drops && outcome == Outcome::Aggregated {
                self.lose(message, extent, position, fault, first..count);
                return (Outcome::Dropped, 0..0);
            }
            outcome = Outcome::Cut;
            if !self.rules.salvage {
                self.lose(message, extent, position, fault, position.max(first)..count);
                return (outcome, first..position);
            }
            self.lose(message, extent, position, fault, position.max(first)..next);
            position = next;
        }
    }

    /// Passes the user records from `position` on for as long as all that decides is known to be
    /// good, and says where that ends. Replaces their indices by places in the keys.
    #[inline]
    fn pass(&mut self, extent: &Extent, mut position: usize) -> usize {
        let records = self.opened.index.records.get_mut(extent.records.clone());
        let records = records.and_then(|records| records.get_mut(position..));
        for record in records.unwrap_or_default() {
            let Some(key) = self.partition_keys.get(to_usize(record.partition_key)) else {
                break;
            };
            if record.explicit_hash_key == NO_KEY {
                if !key.is_inside() {
                    break;
                }
            } else {
                let at = to_usize(record.explicit_hash_key);
                match self.explicit_hash_keys.get(at) {
                    Some(hash_key) if hash_key.is_inside() && *key != Place::UNUSED => {
                        record.explicit_hash_key = hash_key.get();
                    }
                    _ => break,
                }
            }
            record.partition_key = key.get();
            position = position.saturating_add(1);
        }
        position
    }

    /// Judges one user record, in the KCL's order: partition key index, explicit hash key index,
    /// number, range. Replaces its indices by places in the keys.
    fn user_record(
        &mut self,
        message: &[u8],
        extent: &Extent,
        position: usize,
        base: usize,
    ) -> Result<(), Fault> {
        let (rules, range) = (self.rules, self.rules.range());
        let Opened { index, keys, .. } = &mut self.opened;
        let at = extent.records.start.saturating_add(position);
        let Some(record) = index.records.get_mut(at) else {
            return Ok(());
        };
        let table = index.partition_keys.get(extent.partition_keys.clone());
        let entry = to_usize(record.partition_key);
        let place = self.partition_keys.get_mut(entry);
        let place = place.ok_or(Fault::PartitionKeyIndex)?;
        if *place == Place::UNUSED {
            *place = Place::new(keys.len().saturating_sub(base));
            keys.add_partition_key(message, nth(table, entry));
        }
        record.partition_key = place.get();
        if record.explicit_hash_key == NO_KEY {
            // Every partition key's hash is in the full range: no need to know it.
            if range != HashKeyRange::FULL {
                let id = base.saturating_add(to_usize(place.get()));
                let hash_key = keys.hash(id).unwrap_or_else(|| {
                    let many = |keys: &[&[u8]]| rules.digests(keys);
                    let text = keys.text(id);
                    let digest = self.hashes.digest(text, entry, message, table, many);
                    keys.set_hash(id, digest);
                    HashKey::from_digest(digest)
                });
                if !range.contains(hash_key) {
                    return Err(Fault::OutOfRange);
                }
            }
            place.set_inside();
            return Ok(());
        }
        let table = index
            .explicit_hash_keys
            .get(extent.explicit_hash_keys.clone());
        let entry = to_usize(record.explicit_hash_key);
        let place = self.explicit_hash_keys.get_mut(entry);
        let place = place.ok_or(Fault::ExplicitHashKeyIndex)?;
        if *place == Place::UNUSED {
            *place = Place::new(keys.len().saturating_sub(base));
            keys.add_explicit_hash_key(message, nth(table, entry));
        }
        record.explicit_hash_key = place.get();
        let id = base.saturating_add(to_usize(place.get()));
        match keys.parsed(id) {
            Ok(hash_key) if range.contains(hash_key) => {
                place.set_inside();
                Ok(())
            }
            Ok(_) => Err(Fault::OutOfRange),
            Err(ParseHashKeyError::OutOfRange) => Err(Fault::ExplicitHashKeyNumber { id }),
            Err(ParseHashKeyError::NotANumber) => Err(Fault::ExplicitHashKey { id }),
        }
    }

    /// Notes a loss, unless all of it stands at or below the position to resume after.
    fn lose(
        &mut self,
        message: &[u8],
        extent: &Extent,
        position: usize,
        fault: Fault,
        lost: Range<usize>,
    ) {
        if lost.is_empty() {
            return;
        }
        let located = self.locator.find(message, position).unwrap_or_default();
        let kind = match fault {
            Fault::OutOfRange => LossKind::OutOfRange,
            Fault::PartitionKeyIndex => LossKind::PartitionKeyIndex {
                index: located.partition_key_index,
                table_len: extent.partition_keys.len(),
            },
            Fault::ExplicitHashKeyIndex => LossKind::ExplicitHashKeyIndex {
                index: located.explicit_hash_key_index.unwrap_or_default(),
                table_len: extent.explicit_hash_keys.len(),
            },
            Fault::ExplicitHashKey { id } => LossKind::ExplicitHashKey {
                len: self.opened.keys.text(id).len(),
            },
            Fault::ExplicitHashKeyNumber { id } => LossKind::ExplicitHashKeyNumber {
                len: self.opened.keys.text(id).len(),
            },
        };
        self.opened.losses.push(Loss {
            record: self.judged.len(),
            user_record: to_u64(position),
            lost: to_u64(lost.start)..to_u64(lost.end),
            offset: located.offset.saturating_add(MAGIC.len()),
            kind,
        });
    }
}

/// What is wrong with a user record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    OutOfRange,
    PartitionKeyIndex,
    ExplicitHashKeyIndex,
    ExplicitHashKey { id: usize },
    ExplicitHashKeyNumber { id: usize },
}

/// The place of a table entry among the keys of its aggregate.
///
/// An aggregate has less than 2^30 table entries, so there is room for a bit that says whether its
/// hash key is not known to be in range.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(u32);

impl Place {
    /// No user record has used the entry yet.
    const UNUSED: Self = Self(u32::MAX);
    const NOT_KNOWN_INSIDE: u32 = 1 << 31;

    fn new(place: usize) -> Self {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Self(place | Self::NOT_KNOWN_INSIDE)
    }

    #[inline]
    fn get(self) -> u32 {
        self.0 & !Self::NOT_KNOWN_INSIDE
    }

    #[inline]
    fn is_inside(self) -> bool {
        self.0 & Self::NOT_KNOWN_INSIDE == 0
    }

    fn set_inside(&mut self) {
        self.0 = self.get();
    }
}

fn reset(places: &mut Vec<Place>, len: usize) {
    places.clear();
    places.resize(len, Place::UNUSED);
}

pub(super) fn nth(table: Option<&[Span]>, entry: usize) -> Span {
    let span = table.and_then(|table| table.get(entry));
    span.copied().unwrap_or_default()
}

pub(super) fn to_usize(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

pub(super) fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
