//! Follows log files as the Amazon Kinesis Agent does, with its configuration, and loses nothing at
//! rotation, restart or throttling.
//!
//! ```text
//!        one thread reads                     one task delivers
//! files --> Follower --> Converters --batches--> Producer, or requests to Firehose
//!            |    ^                                  |
//!            |    +----------- acknowledged ---------+
//!            v
//!      PositionStore: of each file, the lowest byte that is not yet acknowledged
//! ```
//!
//! [`FlowTask`] runs one flow of a [`Config`] over any
//! [`StreamClient`](kinesis_aggregation_producer::StreamClient) or [`FirehoseClient`]; the command
//! `kagg agent` adds AWS's SDKs, signals and a log. The follower, the converters and the store of
//! positions can be used alone.

mod config;
mod convert;
mod deliver;
mod follow;
mod fs;
mod java_regex;
mod metrics;
mod pattern;
mod positions;
mod record;
mod run;

pub use config::{
    AccessKey, CloudWatchConfig, Config, ConfigError, ConfigErrors, Destination, Flow, LogLevel,
    PartitionKeyFrom, PartitionKeyOption, Warning,
};
pub use convert::{
    Compression, Converted, Converter, InstanceMetadata, JsonPointer, MetadataError,
    MetadataService, OptionError, convert_all,
};
pub use deliver::{FirehoseClient, FirehoseError};
pub use follow::{
    FileRecord, FollowRules, Follower, Head, InitialPosition, MARK, Mark, Now, Report, Saved,
    SavedFile,
};
pub use fs::{FileId, FileSystem, Meta, OpenFile, RealFile, RealFs};
pub use java_regex::{JavaRegex, JavaRegexError, STEP_LIMIT};
pub use metrics::{FlowMetrics, Measured, Unit};
pub use pattern::{FilePattern, FilePatternError};
pub use positions::{
    AgentCheckpoint, PositionStore, StoreError, hand_back, read_checkpoints, take_over,
};
pub use record::RecordRules;
pub use run::{FlowTask, Host, RunError, Sink, Stopped, open_flow};
