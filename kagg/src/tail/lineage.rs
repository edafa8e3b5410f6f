//! Which shards to read now: a parent is finished before its children start.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kinesis::types::{ChildShard, Shard as SdkShard};
use kinesis_aggregation::sdk::ConvertShardError;
use kinesis_aggregation::{HashKeyRange, Shard};

/// A shard, as far as reading it goes.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) range: HashKeyRange,
    closed: bool,
    parents: Vec<String>,
}

impl TryFrom<&SdkShard> for Member {
    type Error = ConvertShardError;

    fn try_from(listed: &SdkShard) -> Result<Self, ConvertShardError> {
        let shard = Shard::try_from(listed)?;
        let parents = [listed.parent_shard_id(), listed.adjacent_parent_shard_id()];
        Ok(Self {
            id: shard.id().to_owned(),
            range: shard.hash_key_range(),
            closed: shard.is_closed(),
            parents: parents.into_iter().flatten().map(str::to_owned).collect(),
        })
    }
}

impl TryFrom<&ChildShard> for Member {
    type Error = ConvertShardError;

    fn try_from(child: &ChildShard) -> Result<Self, ConvertShardError> {
        let range = child
            .hash_key_range()
            .ok_or(ConvertShardError::NoHashKeyRange)?;
        Ok(Self {
            id: child.shard_id().to_owned(),
            range: range.try_into()?,
            closed: false,
            parents: child.parent_shards().to_vec(),
        })
    }
}

/// The shards of a stream, and how far their reading is.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    waiting: BTreeMap<String, Member>,
    reading: BTreeSet<String>,
    finished: BTreeSet<String>,
}

impl Lineage {
    /// Takes what `ListShards` or a page of `GetRecords` told.
    pub(super) fn learn(&mut self, members: impl IntoIterator<Item = Member>) {
        for member in members {
            if !self.reading.contains(&member.id) && !self.finished.contains(&member.id) {
                self.waiting.entry(member.id.clone()).or_insert(member);
            }
        }
    }

    /// Leaves out the shards that take no records any more: for who starts at the latest ones.
    pub(super) fn skip_closed(&mut self) {
        let closed: Vec<_> = self
            .waiting
            .extract_if(.., |_, member| member.closed)
            .collect();
        self.finished.extend(closed.into_iter().map(|(id, _)| id));
    }

    /// The shards to start now: all of whose parents are finished, or long gone.
    pub(super) fn start(&mut self) -> Vec<Member> {
        let known: BTreeSet<String> = self.waiting.keys().cloned().collect();
        let blocked = |parent: &String| known.contains(parent) || self.reading.contains(parent);
        let ready: Vec<_> = self
            .waiting
            .extract_if(.., |_, member| !member.parents.iter().any(blocked))
            .collect();
        self.reading.extend(ready.iter().map(|(id, _)| id.clone()));
        ready.into_iter().map(|(_, member)| member).collect()
    }

    /// The shard has nothing more, ever or for now.
    pub(super) fn finish(&mut self, id: &str) {
        self.reading.remove(id);
        self.finished.insert(id.to_owned());
    }

    /// Whether nothing is being read.
    pub(super) fn is_idle(&self) -> bool {
        self.reading.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, closed: bool, parents: &[&str]) -> Member {
        Member {
            id: id.to_owned(),
            range: HashKeyRange::FULL,
            closed,
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
        }
    }

    /// 0 was split into 1 and 2, which were merged into 3.
    fn split_and_merged() -> Vec<Member> {
        vec![
            member("3", false, &["1", "2"]),
            member("1", true, &["0"]),
            member("0", true, &["long gone"]),
            member("2", true, &["0"]),
        ]
    }

    fn start(lineage: &mut Lineage) -> Vec<String> {
        lineage
            .start()
            .into_iter()
            .map(|member| member.id)
            .collect()
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
        lineage.learn([member("4", false, &["3"])]);
        assert_eq!(start(&mut lineage), ["4"]);
    }
}
