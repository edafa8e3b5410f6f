//! The KCL's rules: which user records of an aggregate it would deliver.
//!
//! Its user records are judged one by one, in order, and the first bad one decides. Each is judged
//! by four rules, in this order; the names in quotes are rows of docs/COMPATIBILITY.md, which a run
//! beside the real KCL writes.
//!
//! | | rule | a user record that breaks it |
//! |---|---|---|
//! | 1 | the partition key index names an entry of its table | the KCL throws |
//! | 2 | so does the explicit hash key index, if there is one | the KCL throws |
//! | 3 | the explicit hash key is an integer for Java's `BigInteger` | the KCL throws |
//! | 4 | the effective hash key is in the shard's range | the KCL drops the Kinesis record |
//!
//! "Throws" is: what came before is delivered, an error is logged, the rest is lost. "Drops" is:
//! nothing of the Kinesis record is delivered, not even what came before, and nothing is logged.
//!
//! A KCL that does not know the shard's range takes the full one, and so drops an explicit hash key
//! of -1. Without a range there is nothing to drop here: that user record is as bad as one whose
//! explicit hash key is no integer.
//!
//! The KCL does not open a damaged aggregate. With
//! [`salvage_damaged`](crate::Deaggregator::salvage_damaged) it is judged here by the same rules, but
//! a user record that breaks one costs nothing but itself.
//!
//! An entry of a table breaks no rule by itself, only if a user record uses it ("a table entry that
//! no user record uses is bad"). Without explicit hash keys, and with every index inside its table,
//! rule 4 is the only one left. Then the whole partition key table is hashed at once
//! ([`Judge::by_table`]), and if all its entries are in range, used or not, so are the user records.

use std::ops::Range;

use super::keys::{KeyId, Keys};
use super::losses::{Fault, Losses};
use super::opened::{Entry, Judged, Opened};
use super::outcome::{Outcome, PlainReason};
use super::rules::Rules;
use super::tables::Table;
use crate::error::ParseHashKeyError;
use crate::hash_key::HashKey;
use crate::wire::{Frame, Index, IndexedRecord};

/// Judges one aggregate after another, and reuses its memory.
pub(super) struct Judge<'r> {
    rules: &'r Rules,
    partition_keys: Table,
    explicit_hash_keys: Table,
}

/// An aggregate to judge.
#[derive(Clone, Copy)]
pub(super) struct Aggregate<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) index: &'a Index,
    /// Its position in the batch.
    pub(super) record_index: usize,
    /// The first user record that is to come out. Those before it are judged, but a resumed reader
    /// has them already.
    pub(super) first: usize,
    /// `None` for what the KCL opens too.
    pub(super) damage: Option<Damage>,
}

/// The damage of an aggregate that is opened all the same.
#[derive(Clone, Copy)]
pub(super) struct Damage {
    pub(super) reason: PlainReason,
    /// Where the message cannot be read any further, in the Kinesis record's data.
    pub(super) malformed: Option<usize>,
}

impl<'a> Aggregate<'a> {
    /// How many user records it has.
    fn count(self) -> usize {
        self.index.records().len()
    }

    /// A list for its losses, empty so far.
    fn losses(self) -> Losses<'a> {
        Losses::new(self.frame, self.index, self.record_index)
    }
}

impl<'r> Judge<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            partition_keys: Table::default(),
            explicit_hash_keys: Table::default(),
        }
    }

    /// Adds what comes out of an aggregate, and what is lost of it, to `opened`.
    pub(super) fn aggregate(&mut self, aggregate: Aggregate<'_>, opened: &mut Opened) -> Judged {
        opened.keys.begin();
        let (entries, losses) = (opened.entries.len(), opened.losses.len());
        let (outcome, delivered) = match self.by_table(aggregate, opened) {
            Some(decided) => decided,
            None => self.first_bad_decides(aggregate, opened),
        };
        if outcome == Outcome::Dropped {
            opened.entries.truncate(entries);
        }
        Judged {
            outcome,
            delivered,
            entries: entries..opened.entries.len(),
            keys: opened.keys.added(),
            losses: losses..opened.losses.len(),
        }
    }

    /// Adds all user records at once and hashes the whole partition key table, if that decides: no
    /// explicit hash key, and all partition key indices inside the table. Then only a partition key
    /// out of range can be bad. Otherwise adds nothing: the rules are gone through one by one.
    fn by_table(
        &self,
        aggregate: Aggregate<'_>,
        opened: &mut Opened,
    ) -> Option<(Outcome, Range<usize>)> {
        let Aggregate { frame, index, .. } = aggregate;
        let (records, table) = (index.records(), index.partition_key_table());
        // Unused entries must not cost more than used ones.
        if records.is_empty() || records.len() < table.len() || aggregate.damage.is_some() {
            return None;
        }
        let entries = opened.entries.len();
        let mut beyond = false;
        opened.entries.extend(records.iter().map(|record| {
            let key = record.partition_key();
            beyond |= key.get() >= table.len() || record.explicit_hash_key().is_some();
            // The table's entries become the keys, in order.
            Entry::new(record.span(), KeyId::of_entry(key), None)
        }));
        if beyond {
            opened.entries.truncate(entries);
            return None;
        }
        opened.keys.add_partition_key_table(frame.data(), table);
        let Some(bad) = self.first_outside(records, &mut opened.keys) else {
            return Some((Outcome::Aggregated, aggregate.first..records.len()));
        };
        Some(drop_all(aggregate, bad, Fault::OutOfRange, opened))
    }

    /// The first user record whose partition key is out of range. All entries of the table are keys,
    /// in order; used or not, they are hashed together, each once.
    fn first_outside(&self, records: &[IndexedRecord], keys: &mut Keys) -> Option<usize> {
        let range = self.rules.range_of_partition_keys()?;
        let mut outside = false;
        for hash_key in keys.hash_all(self.rules) {
            outside |= !range.contains(hash_key);
        }
        if !outside {
            return None;
        }
        records.iter().position(|record| {
            let hash_key = keys.hash(KeyId::of_entry(record.partition_key()));
            hash_key.is_none_or(|hash_key| !range.contains(hash_key))
        })
    }

    /// Returns the aggregate's outcome, and which of its user records come out.
    fn first_bad_decides(
        &mut self,
        aggregate: Aggregate<'_>,
        opened: &mut Opened,
    ) -> (Outcome, Range<usize>) {
        let (first, count) = (aggregate.first, aggregate.count());
        self.begin(aggregate.index);
        opened.entries.reserve(count);
        // "no user record": nothing comes out, and nothing is lost.
        if count == 0 {
            return (Outcome::Empty, 0..0);
        }
        if let Some(damage) = aggregate.damage {
            return self.damaged(aggregate, damage, opened);
        }
        let Some((bad, fault)) = self.next_bad(aggregate, 0, opened) else {
            return (Outcome::Aggregated, first..count);
        };
        // "out of range before a bad index": the KCL drops the whole Kinesis record.
        if self.is_outside(fault) {
            return drop_all(aggregate, bad, fault, opened);
        }
        // "a bad index before out of range": those before it are delivered, the rest is lost.
        let mut losses = aggregate.losses();
        if self.rules.salvage {
            self.salvage_all(aggregate, Some((bad, fault)), &mut losses, opened);
            return (Outcome::Cut, first..count);
        }
        if first < count {
            losses.note(opened, bad, fault, bad.max(first)..count);
        }
        (Outcome::Cut, first..bad)
    }

    /// Forgets the tables of the previous aggregate.
    fn begin(&mut self, index: &Index) {
        self.partition_keys.begin(index.partition_key_table().len());
        self.explicit_hash_keys
            .begin(index.explicit_hash_key_table().len());
    }

    /// Ours: the KCL does not open it. Reports the damage, and each bad user record.
    fn damaged(
        &mut self,
        aggregate: Aggregate<'_>,
        damage: Damage,
        opened: &mut Opened,
    ) -> (Outcome, Range<usize>) {
        let (first, count) = (aggregate.first, aggregate.count());
        let mut losses = aggregate.losses();
        if damage.malformed.is_none() && first < count {
            losses.note(opened, first, Fault::Digest, first..first);
        }
        let bad = self.next_bad(aggregate, 0, opened);
        self.salvage_all(aggregate, bad, &mut losses, opened);
        if let Some(offset) = damage.malformed
            && first <= count
        {
            losses.note_malformed(opened, count, offset);
        }
        (Outcome::Damaged(damage.reason), first..count)
    }

    /// Ours: the KCL does not get beyond the first bad user record. Reports it and those after it,
    /// and adds the others.
    fn salvage_all(
        &mut self,
        aggregate: Aggregate<'_>,
        mut found: Option<(usize, Fault)>,
        losses: &mut Losses<'_>,
        opened: &mut Opened,
    ) {
        while let Some((bad, fault)) = found {
            let next = bad.saturating_add(1);
            let record = aggregate.index.records().get(bad);
            let salvaged = record.and_then(|record| self.salvage(record, fault));
            if bad >= aggregate.first {
                // One that comes out is reported, but not lost.
                let end = if salvaged.is_some() { bad } else { next };
                losses.note(opened, bad, fault, bad..end);
            }
            opened.entries.push(salvaged.unwrap_or_default());
            found = self.next_bad(aggregate, next, opened);
        }
    }

    /// Whether a fault means that the user record is outside the shard's range. A number that no
    /// shard owns is outside every range. Ours: without a range there is nothing to be outside of,
    /// and it is as bad as no number.
    fn is_outside(&self, fault: Fault) -> bool {
        match fault {
            Fault::OutOfRange => true,
            Fault::ExplicitHashKeyNumber(_) => self.rules.hash_key_range.is_some(),
            _ => false,
        }
    }

    /// A bad user record as it is, if only its explicit hash key is bad. Where the index is beyond
    /// the table, there is no text to show.
    fn salvage(&self, record: &IndexedRecord, fault: Fault) -> Option<Entry> {
        let hash_key = match fault {
            _ if self.is_outside(fault) => return None,
            Fault::PartitionKeyIndex | Fault::OutOfRange | Fault::Digest => return None,
            Fault::ExplicitHashKeyIndex => None,
            Fault::ExplicitHashKey(id) | Fault::ExplicitHashKeyNumber(id) => Some(id),
        };
        let key = self.partition_keys.get(record.partition_key())?.used()?;
        Some(Entry::new(record.span(), key, hash_key))
    }

    /// Adds the user records from `position` on, up to the next bad one, if there is one.
    fn next_bad(
        &mut self,
        aggregate: Aggregate<'_>,
        position: usize,
        opened: &mut Opened,
    ) -> Option<(usize, Fault)> {
        let records = aggregate.index.records().iter().enumerate();
        for (position, record) in records.skip(position) {
            let entry = match self.known_good(record) {
                Some(entry) => entry,
                None => match self.user_record(record, aggregate, &mut opened.keys) {
                    Ok(entry) => entry,
                    Err(fault) => return Some((position, fault)),
                },
            };
            opened.entries.push(entry);
        }
        None
    }

    /// The user record, if an earlier one has used the same table entries and was good: almost
    /// all are, as many user records share few keys.
    #[inline(always)]
    fn known_good(&self, record: &IndexedRecord) -> Option<Entry> {
        let key = self.partition_keys.get(record.partition_key())?;
        let (key, hash_key) = match record.explicit_hash_key() {
            None => (key.inside()?, None),
            // The explicit hash key decides alone, the partition key's hash does not matter.
            Some(index) => {
                let hash_key = self.explicit_hash_keys.get(index)?.inside()?;
                (key.used()?, Some(hash_key))
            }
        };
        Some(Entry::new(record.span(), key, hash_key))
    }

    /// Judges one user record by all rules.
    #[inline(never)]
    fn user_record(
        &mut self,
        record: &IndexedRecord,
        aggregate: Aggregate<'_>,
        keys: &mut Keys,
    ) -> Result<Entry, Fault> {
        let key = self.partition_key_index(record, aggregate, keys)?;
        match self.explicit_hash_key_index(record, aggregate, keys)? {
            Some(hash_key) => {
                let number = is_an_integer(hash_key, keys)?;
                let number = number.ok_or(Fault::ExplicitHashKeyNumber(hash_key))?;
                self.explicit_hash_key_in_range(record, hash_key, number)?;
                Ok(Entry::new(record.span(), key, Some(hash_key)))
            }
            None => {
                self.partition_key_in_range(record, key, keys)?;
                Ok(Entry::new(record.span(), key, None))
            }
        }
    }

    /// Rule 1. The partition key index names an entry of its table ("partition key index out of
    /// range").
    fn partition_key_index(
        &mut self,
        record: &IndexedRecord,
        Aggregate { frame, index, .. }: Aggregate<'_>,
        keys: &mut Keys,
    ) -> Result<KeyId, Fault> {
        let at = record.partition_key();
        let table = index.partition_key_table();
        let (Some(slot), Some(span)) = (self.partition_keys.get_mut(at), table.get(at.get()))
        else {
            return Err(Fault::PartitionKeyIndex);
        };
        Ok(slot.used().unwrap_or_else(|| {
            let id = keys.add_partition_key(frame.data(), *span);
            slot.set_used(id);
            id
        }))
    }

    /// Rule 2. The explicit hash key index does too ("explicit hash key index out of range").
    ///
    /// Whether a user record has one is told by the presence of the index, not by its value: 0 is
    /// an index, and a user record without one never gets the table's first entry ("a later user
    /// record without explicit hash key").
    fn explicit_hash_key_index(
        &mut self,
        record: &IndexedRecord,
        Aggregate { frame, index, .. }: Aggregate<'_>,
        keys: &mut Keys,
    ) -> Result<Option<KeyId>, Fault> {
        let Some(at) = record.explicit_hash_key() else {
            return Ok(None);
        };
        let table = index.explicit_hash_key_table();
        let (Some(slot), Some(span)) = (self.explicit_hash_keys.get_mut(at), table.get(at.get()))
        else {
            return Err(Fault::ExplicitHashKeyIndex);
        };
        Ok(Some(slot.used().unwrap_or_else(|| {
            let id = keys.add_explicit_hash_key(frame.data(), *span);
            slot.set_used(id);
            id
        })))
    }

    /// Rule 4 for a user record with an explicit hash key: the number is in the shard's range, both
    /// ends inclusive ("partition key in range, explicit hash key not").
    fn explicit_hash_key_in_range(
        &mut self,
        record: &IndexedRecord,
        id: KeyId,
        number: HashKey,
    ) -> Result<(), Fault> {
        let range = self.rules.hash_key_range;
        if range.is_some_and(|range| !range.contains(number)) {
            return Err(Fault::OutOfRange);
        }
        let slot = record.explicit_hash_key();
        if let Some(slot) = slot.and_then(|at| self.explicit_hash_keys.get_mut(at)) {
            slot.set_inside(id);
        }
        Ok(())
    }

    /// Rule 4 for a user record without one: the partition key's MD5 is in the shard's range
    /// ("range of just that hash key, both ends inclusive").
    fn partition_key_in_range(
        &mut self,
        record: &IndexedRecord,
        id: KeyId,
        keys: &mut Keys,
    ) -> Result<(), Fault> {
        if let Some(range) = self.rules.range_of_partition_keys() {
            let hash_key = keys.hash(id).unwrap_or_else(|| {
                let hash_key = HashKey::of_partition_key(keys.text(id));
                keys.set_hash(id, hash_key);
                hash_key
            });
            if !range.contains(hash_key) {
                return Err(Fault::OutOfRange);
            }
        }
        if let Some(slot) = self.partition_keys.get_mut(record.partition_key()) {
            slot.set_inside(id);
        }
        Ok(())
    }
}

/// Drops the whole Kinesis record for the user record `bad`.
fn drop_all(
    aggregate: Aggregate<'_>,
    bad: usize,
    fault: Fault,
    opened: &mut Opened,
) -> (Outcome, Range<usize>) {
    if aggregate.first < aggregate.count() {
        let lost = aggregate.first..aggregate.count();
        aggregate.losses().note(opened, bad, fault, lost);
    }
    (Outcome::Dropped, 0..0)
}

/// Rule 3. The explicit hash key is an integer for Java's `BigInteger`, which takes the text as it
/// is, blanks included ("a blank before", "1.0", "superscript two" and the like). None if it is
/// below 0 or above 2^128 - 1: an integer, but no hash key.
fn is_an_integer(id: KeyId, keys: &Keys) -> Result<Option<HashKey>, Fault> {
    match keys.number(id) {
        Ok(hash_key) => Ok(Some(hash_key)),
        Err(ParseHashKeyError::OutOfRange) => Ok(None),
        Err(ParseHashKeyError::NotANumber) => Err(Fault::ExplicitHashKey(id)),
    }
}
