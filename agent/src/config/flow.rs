//! One flow of `agent.json`.

use std::time::Duration;

use crate::convert::{Compression, Converter, JsonPointer};
use crate::follow::FollowRules;

/// Files that are followed, and where their records go.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(super) destination: Destination,
    pub(super) rules: FollowRules,
    pub(super) content: Content,
    pub(super) keys: Keys,
    pub(super) buffer: Buffer,
    pub(super) retry_initial: Duration,
    pub(super) retry_max: Duration,
    pub(super) poll_interval: Duration,
}

/// How a record is changed before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) converters: Vec<Converter>,
    /// The field that takes the file's path.
    pub(super) file_field: Option<String>,
    /// The field that takes the host's name.
    pub(super) host_field: Option<String>,
    pub(super) compression: Option<Compression>,
}

/// Where in its stream a record goes, and in what company.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) option: PartitionKeyOption,
    pub(super) from: Option<PartitionKeyFrom>,
    pub(super) aggregate: bool,
}

/// How long, and up to how much, records wait for company.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    pub(super) age: Duration,
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) joined_bytes: usize,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A Kinesis data stream, by its name.
    Kinesis(String),
    /// A Firehose delivery stream, by its name.
    Firehose(String),
}

/// `partitionKeyOption`: what decides the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionKeyOption {
    /// A random key.
    #[default]
    Random,
    /// The MD5 of the record as it is sent.
    Deterministic,
}

/// `kagg.partitionKeyFrom`: what gives a record its partition key, in place of `partitionKeyOption`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionKeyFrom {
    /// The path under which its file was first seen. The lines of a file are kept in order.
    File,
    /// A value in the record as it is sent, but for its compression.
    Value(JsonPointer),
}

impl Flow {
    /// The flow's name in messages and in the database: `kinesis:STREAM:PATTERN`.
    pub fn id(&self) -> String {
        let (kind, name) = match &self.destination {
            Destination::Kinesis(name) => ("kinesis", name),
            Destination::Firehose(name) => ("fh", name),
        };
        format!("{kind}:{name}:{}", self.rules.pattern.as_str())
    }

    /// Where its records go.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// How its files are followed.
    pub fn rules(&self) -> &FollowRules {
        &self.rules
    }

    /// `dataProcessingOptions`, in their order.
    pub fn converters(&self) -> &[Converter] {
        &self.content.converters
    }

    /// `partitionKeyOption`.
    pub fn partition_key(&self) -> PartitionKeyOption {
        self.keys.option
    }

    /// `kagg.aggregate`: whether many lines share a Kinesis record. Its readers have to know.
    pub fn aggregate(&self) -> bool {
        self.keys.aggregate
    }

    /// `kagg.partitionKeyFrom`: what gives a record its partition key.
    pub fn partition_key_from(&self) -> Option<&PartitionKeyFrom> {
        self.keys.from.as_ref()
    }

    /// `kagg.addFile`: the field of a JSON record that takes the path of its file.
    pub fn file_field(&self) -> Option<&str> {
        self.content.file_field.as_deref()
    }

    /// `kagg.addHost`: the field of a JSON record that takes the name of the host.
    pub fn host_field(&self) -> Option<&str> {
        self.content.host_field.as_deref()
    }

    /// `kagg.compress`: how each record is compressed, before it is aggregated.
    pub fn compression(&self) -> Option<Compression> {
        self.content.compression
    }

    /// How old what is known of the EC2 instance may get, if `ADDEC2METADATA` needs it.
    pub fn instance_ttl(&self) -> Option<Duration> {
        let converters = self.content.converters.iter();
        converters.filter_map(Converter::instance_ttl).min()
    }

    /// `maxBufferAgeMillis`: how long a record waits for company.
    pub fn max_buffer_age(&self) -> Duration {
        self.buffer.age
    }

    /// `maxBufferSizeRecords`: the most records of a request.
    pub fn max_buffer_records(&self) -> usize {
        self.buffer.records
    }

    /// `maxBufferSizeBytes`: the most bytes of a request.
    pub fn max_buffer_bytes(&self) -> usize {
        self.buffer.bytes
    }

    /// `aggregatedRecordSizeBytes`: up to how many bytes of lines share a Firehose record; 0 if
    /// none do.
    pub fn aggregated_record_size(&self) -> usize {
        self.buffer.joined_bytes
    }

    /// `retryInitialBackoffMillis`: the pause before the second try.
    pub fn retry_initial(&self) -> Duration {
        self.retry_initial
    }

    /// `retryMaxBackoffMillis`: the longest pause.
    pub fn retry_max(&self) -> Duration {
        self.retry_max
    }

    /// `minTimeBetweenFilePollsMillis`: how often files are looked at when there is nothing to
    /// read.
    pub fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}
