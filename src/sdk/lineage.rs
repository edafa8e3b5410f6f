//! In which order the shards of a stream are read.
//!
//! A split or a merge closes shards and opens children in their place. Records of one partition key
//! put before it are in a parent, those put after it in a child: so a child waits until all of its
//! parents are finished, as in the KCL.

use std::collections::{BTreeMap, BTreeSet};

use crate::shard::Shard;

/// A shard and the shards that it came from, as `ListShards` and the last page of a closed shard
/// tell them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListedShard {
    shard: Shard,
    parents: Vec<String>,
}

impl ListedShard {
    /// A shard with the ids of its parents: none at first, one after a split, two after a merge.
    pub fn new(shard: Shard, parents: impl IntoIterator<Item: Into<String>>) -> Self {
        Self {
            shard,
            parents: parents.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the shard.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Returns the ids of its parents.
    pub fn parents(&self) -> &[String] {
        &self.parents
    }
}

/// The shards of a stream, and how far each is read. It asks nobody and does nothing by itself:
/// tell it what was listed and what is finished, and it says which shards to read now.
///
/// ```
/// use kinesis_aggregation::sdk::{Lineage, ListedShard};
/// use kinesis_aggregation::{HashKey, HashKeyRange, Shard};
///
/// let mut lineage = Lineage::default();
/// lineage.learn([
///     ListedShard::new(Shard::closed("shardId-000000000000", HashKeyRange::FULL), [""; 0]),
///     ListedShard::new(Shard::open("shardId-000000000001", "0-99".parse()?), ["shardId-000000000000"]),
/// ]);
/// let first = lineage.start();
/// assert_eq!(first[0].id(), "shardId-000000000000");
/// assert!(lineage.start().is_empty(), "its child waits");
/// lineage.finish("shardId-000000000000");
/// assert_eq!(lineage.start()[0].id(), "shardId-000000000001");
/// # Ok::<(), kinesis_aggregation::error::HashKeyRangeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    /// A shard is in at most one of the three, and only ever moves down.
    waiting: BTreeMap<String, ListedShard>,
    reading: BTreeSet<String>,
    finished: BTreeSet<String>,
}

impl Lineage {
    /// Takes in shards. Those it knows already are left as they are.
    pub fn learn(&mut self, shards: impl IntoIterator<Item = ListedShard>) {
        for listed in shards {
            let id = listed.shard.id();
            if !self.reading.contains(id) && !self.finished.contains(id) {
                self.waiting.entry(id.to_owned()).or_insert(listed);
            }
        }
    }

    /// Counts the closed shards as finished, those being read excepted: for a reader who wants
    /// what comes from now on.
    pub fn skip_closed(&mut self) {
        let (closed, open): (BTreeMap<_, _>, _) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, listed)| listed.shard.is_closed());
        self.waiting = open;
        self.finished.extend(closed.into_keys());
    }

    /// Returns the shards to start reading now, and counts them as being read: those with no
    /// parent that waits or is being read. A parent that was never listed holds nobody up: its
    /// records are past the stream's retention.
    #[must_use]
    pub fn start(&mut self) -> Vec<Shard> {
        let known: BTreeSet<String> = self.waiting.keys().cloned().collect();
        let blocks = |parent: &String| known.contains(parent) || self.reading.contains(parent);
        let (blocked, ready): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, listed)| listed.parents.iter().any(blocks));
        self.waiting = blocked;
        self.reading.extend(ready.keys().cloned());
        ready.into_values().map(|listed| listed.shard).collect()
    }

    /// Counts a shard as finished: it was read to its end, now or, by a checkpoint, in an earlier
    /// run. Its children may start.
    pub fn finish(&mut self, shard_id: &str) {
        self.waiting.remove(shard_id);
        self.reading.remove(shard_id);
        self.finished.insert(shard_id.to_owned());
    }

    /// Returns whether no shard is being read.
    pub fn is_idle(&self) -> bool {
        self.reading.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_key::HashKeyRange;

    fn open(id: &str, parents: &[&str]) -> ListedShard {
        ListedShard::new(Shard::open(id, HashKeyRange::FULL), parents.to_vec())
    }

    fn closed(id: &str, parents: &[&str]) -> ListedShard {
        ListedShard::new(Shard::closed(id, HashKeyRange::FULL), parents.to_vec())
    }

    /// 0 was split into 1 and 2, which were merged into 3.
    fn split_and_merged() -> Vec<ListedShard> {
        vec![
            open("3", &["1", "2"]),
            closed("1", &["0"]),
            closed("0", &["past retention"]),
            closed("2", &["0"]),
        ]
    }

    fn start(lineage: &mut Lineage) -> Vec<String> {
        let shards = lineage.start();
        shards.iter().map(|shard| shard.id().to_owned()).collect()
    }

    #[test]
    fn parents_come_first() {
        let mut lineage = Lineage::default();
        lineage.learn(split_and_merged());
        assert_eq!(start(&mut lineage), ["0"]);
        assert_eq!(start(&mut lineage), [""; 0]);
        lineage.finish("0");
        assert_eq!(start(&mut lineage), ["1", "2"]);
        lineage.finish("2");
        assert_eq!(start(&mut lineage), [""; 0]);
        // What is told again changes nothing.
        lineage.learn(split_and_merged());
        lineage.finish("1");
        assert_eq!(start(&mut lineage), ["3"]);
        assert!(!lineage.is_idle());
        lineage.finish("3");
        assert!(lineage.is_idle());
    }

    #[test]
    fn from_the_latest_only_open_shards_and_what_comes_of_them() {
        let mut lineage = Lineage::default();
        lineage.learn(split_and_merged());
        lineage.skip_closed();
        assert_eq!(start(&mut lineage), ["3"]);
        lineage.finish("3");
        lineage.learn([open("4", &["3"])]);
        assert_eq!(start(&mut lineage), ["4"]);
    }

    #[test]
    fn what_an_earlier_run_finished_is_not_read_again() {
        for finish_first in [false, true] {
            let mut lineage = Lineage::default();
            if finish_first {
                lineage.finish("0");
            }
            lineage.learn(split_and_merged());
            if !finish_first {
                lineage.finish("0");
            }
            assert_eq!(start(&mut lineage), ["1", "2"]);
            lineage.learn(split_and_merged());
            assert_eq!(start(&mut lineage), [""; 0]);
        }
    }
}
