//! The keys of a JSON document and of its first record: they tell its shape.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

#[derive(Deserialize)]
pub(super) struct TopProbe {
    #[serde(rename = "Records")]
    pub(super) records: Option<Probes>,
}

#[derive(Deserialize)]
pub(super) struct RecordProbe {
    #[serde(rename = "Data")]
    data: Option<IgnoredAny>,
    #[serde(rename = "SequenceNumber")]
    sequence_number: Option<IgnoredAny>,
    #[serde(rename = "PartitionKey")]
    partition_key: Option<IgnoredAny>,
}

impl RecordProbe {
    /// Whether it looks like a record of `get-records`, if only by one key: then an error can say
    /// what it lacks.
    pub(super) fn is_kinesis(&self) -> bool {
        self.data.is_some() || self.sequence_number.is_some() || self.partition_key.is_some()
    }
}

/// The keys of the first of many records.
pub(super) struct Probes(pub(super) Option<RecordProbe>);

impl<'de> Deserialize<'de> for Probes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct First;

        impl<'de> Visitor<'de> for First {
            type Value = Probes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut records: A,
            ) -> std::result::Result<Probes, A::Error> {
                let first = records.next_element()?;
                while records.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Probes(first))
            }
        }

        deserializer.deserialize_seq(First)
    }
}
