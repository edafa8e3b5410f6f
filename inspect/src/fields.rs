//! The keys that matter, and what an object says of a record.

use bytes::Bytes;

use crate::find::{FailedBatch, Shape, Surroundings};
use crate::record::{FoundRecord, Place};

/// The meaning of a value, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A document.
    Top,
    /// The records of an event or an answer.
    Records,
    /// `kinesis` in Lambda's events: the record itself, in an object that says where it is from.
    Kinesis,
    /// `kinesisRecordMetadata` in Firehose's events.
    Metadata,
    /// `KinesisBatchInfo` in what Lambda sends to an on-failure destination.
    Batch,
    Shards,
    Data {
        capital: bool,
    },
    PartitionKey,
    ExplicitHashKey,
    SequenceNumber,
    Arrival,
    EventId,
    ShardId,
    EventSource,
    RecordId,
    StreamArn,
    StartSequenceNumber,
    EndSequenceNumber,
    BatchSize,
    /// A place in a list that is written as an object: `{"0":243,"1":137}`.
    Number,
    Other,
}

impl Role {
    pub(crate) fn of(key: &[u8]) -> Self {
        match key {
            b"Data" => Self::Data { capital: true },
            b"data" | b"rawData" => Self::Data { capital: false },
            b"Records" | b"records" => Self::Records,
            b"kinesis" => Self::Kinesis,
            b"kinesisRecordMetadata" | b"kinesisStreamRecordMetadata" => Self::Metadata,
            b"KinesisBatchInfo" => Self::Batch,
            b"Shards" => Self::Shards,
            b"PartitionKey" | b"partitionKey" => Self::PartitionKey,
            b"ExplicitHashKey" | b"explicitHashKey" => Self::ExplicitHashKey,
            b"SequenceNumber" | b"sequenceNumber" => Self::SequenceNumber,
            b"ApproximateArrivalTimestamp" | b"approximateArrivalTimestamp" => Self::Arrival,
            b"eventID" | b"eventId" => Self::EventId,
            b"ShardId" | b"shardId" => Self::ShardId,
            b"eventSource" | b"EventSource" => Self::EventSource,
            b"recordId" => Self::RecordId,
            b"streamArn" => Self::StreamArn,
            b"startSequenceNumber" => Self::StartSequenceNumber,
            b"endSequenceNumber" => Self::EndSequenceNumber,
            b"batchSize" => Self::BatchSize,
            [b'0'..=b'9', ..] => Self::Number,
            _ => Self::Other,
        }
    }
}

/// The fields of a record in an object.
#[derive(Default)]
pub(crate) struct Fields {
    /// Decoded, or why that fails.
    pub(crate) data: Option<Result<Bytes, &'static str>>,
    pub(crate) partition_key: Option<String>,
    pub(crate) explicit_hash_key: Option<String>,
    pub(crate) sequence_number: Option<String>,
    pub(crate) arrival: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) shard_id: Option<String>,
    pub(crate) capital: bool,
    pub(crate) in_kinesis: bool,
    pub(crate) has_record_id: bool,
    pub(crate) batch: FailedBatch,
}

impl Fields {
    /// Takes over what an object inside says.
    pub(crate) fn merge(&mut self, inner: Self) {
        let or = |mine: &mut Option<String>, theirs: Option<String>| {
            if theirs.is_some() {
                *mine = theirs;
            }
        };
        self.data = inner.data.or(self.data.take());
        or(&mut self.partition_key, inner.partition_key);
        or(&mut self.explicit_hash_key, inner.explicit_hash_key);
        or(&mut self.sequence_number, inner.sequence_number);
        or(&mut self.arrival, inner.arrival);
        or(&mut self.event_id, inner.event_id);
        or(&mut self.shard_id, inner.shard_id);
        self.capital |= inner.capital;
        self.in_kinesis |= inner.in_kinesis;
    }

    /// Whether it has something that only records have, besides data.
    pub(crate) fn is_of_a_record(&self) -> bool {
        self.sequence_number.is_some() || self.partition_key.is_some() || self.has_record_id
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            _ if self.in_kinesis => Shape::Lambda,
            _ if self.has_record_id => Shape::Firehose,
            _ if self.capital => Shape::Kinesis,
            _ => Shape::Pipes,
        }
    }
}

impl Surroundings for Fields {
    fn into_record(self, data: Bytes, index: usize, place: Place) -> FoundRecord {
        // `shardId-000000000000:4954…`
        let from_id = self.event_id.as_deref().and_then(|id| id.split_once(':'));
        let shard_id = from_id.map(|(shard, _)| shard.to_owned()).or(self.shard_id);
        FoundRecord {
            index,
            place,
            partition_key: self.partition_key,
            explicit_hash_key: self.explicit_hash_key,
            sequence_number: self.sequence_number,
            shard_id,
            approximate_arrival_timestamp: self.arrival,
            data,
        }
    }
}
