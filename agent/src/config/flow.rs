//! One flow of `agent.json`.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{ConfigError, Warning};
use super::reader::Reader;
use crate::convert::Converter;
use crate::follow::{FollowRules, InitialPosition};
use crate::java_regex::JavaRegex;
use crate::pattern::FilePattern;
use crate::record::RecordRules;

/// The most bytes of a record to a stream: 1 MiB less the longest partition key used here.
const MAX_KINESIS_RECORD: usize = 1024 * 1024 - 40;
/// The most bytes of a record to Firehose.
const MAX_FIREHOSE_RECORD: usize = 1000 * 1024;

/// Files that are followed, and where their records go.
#[derive(Clone, Debug)]
pub struct Flow {
    destination: Destination,
    rules: FollowRules,
    converters: Vec<Converter>,
    partition_key: PartitionKeyOption,
    aggregate: bool,
    max_buffer_age: Duration,
    max_buffer_records: usize,
    max_buffer_bytes: usize,
    aggregated_record_size: usize,
    retry_initial: Duration,
    retry_max: Duration,
    poll_interval: Duration,
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

#[derive(Default, serde::Deserialize)]
struct Options<'t> {
    #[serde(borrow, default, rename = "dataProcessingOptions")]
    options: Option<Vec<&'t RawValue>>,
}

/// Keys that the agent knows, and that change nothing here.
const NO_OP_KEYS: &[&str] = &[
    "publishQueueCapacity",
    "waitOnFullPublishQueueMillis",
    "waitOnEmptyPublishQueueMillis",
    "maxTimeBetweenFileTrackerRefreshMillis",
];

impl Flow {
    /// Reads a flow. `None` if what makes a flow is missing; everything wrong is in `errors`.
    pub(super) fn parse(
        number: usize,
        text: &str,
        errors: &mut Vec<ConfigError>,
        warnings: &mut Vec<Warning>,
    ) -> Option<Self> {
        let Ok(object) = serde_json::from_str::<Map<String, Value>>(text) else {
            errors.push(ConfigError {
                place: format!("flow {number}"),
                key: String::new(),
                reason: "is no JSON object".to_owned(),
            });
            return None;
        };
        let mut reader = Reader::new(&object, format!("flow {number}"));
        let flow = Self::read(number, text, &mut reader);
        errors.append(&mut reader.errors);
        warnings.append(&mut reader.warnings);
        flow
    }

    fn read(number: usize, text: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let pattern_text = reader.text("filePattern");
        if let Some(text) = pattern_text {
            reader.place(format!("flow {number} ({text})"));
        } else {
            reader.refuse("filePattern", "is missing");
        }
        let pattern = pattern_text.and_then(|text| {
            let pattern = FilePattern::new(text);
            pattern
                .map_err(|error| reader.refuse("filePattern", error))
                .ok()
        });
        let destination = destination(reader);
        let is_firehose = matches!(destination, Some(Destination::Firehose(_)));
        let max_bytes = if is_firehose { 4_194_304 } else { 5_242_880 };
        let waits = 1000..=900_000;
        reader.number("waitOnFullPublishQueueMillis", 60_000, waits.clone());
        reader.number("waitOnEmptyPublishQueueMillis", 60_000, waits.clone());
        let max_record = if is_firehose {
            MAX_FIREHOSE_RECORD
        } else {
            MAX_KINESIS_RECORD
        };
        let records = record_rules(reader, max_record);
        let aggregated_record_size =
            usize_number(reader, "aggregatedRecordSizeBytes", 0, 1_024_000);
        if aggregated_record_size > 0 && (!is_firehose || records.multi_line_start.is_some()) {
            reader.refuse(
                "aggregatedRecordSizeBytes",
                "is for single-line flows to Firehose only",
            );
        }
        let partition_key = reader.choice(
            "partitionKeyOption",
            PartitionKeyOption::Random,
            &[
                ("RANDOM", PartitionKeyOption::Random),
                ("DETERMINISTIC", PartitionKeyOption::Deterministic),
            ],
        );
        let initial_position = reader.choice(
            "initialPosition",
            InitialPosition::EndOfFile,
            &[
                ("END_OF_FILE", InitialPosition::EndOfFile),
                ("START_OF_FILE", InitialPosition::StartOfFile),
            ],
        );
        let multi_line_wait = reader.millis("kagg.multiLineWaitMillis", 2000, 0..=900_000);
        let rotated_directory = reader.text("kagg.rotatedDir").map(PathBuf::from);
        if rotated_directory
            .as_ref()
            .is_some_and(|directory| !directory.is_absolute())
        {
            reader.refuse(
                "kagg.rotatedDir",
                "is a relative path; it has to begin with /",
            );
        }
        let aggregate = reader.flag("kagg.aggregate", false);
        if aggregate && is_firehose {
            reader.refuse(
                "kagg.aggregate",
                "is for Kinesis streams; aggregatedRecordSizeBytes is Firehose's",
            );
        }
        let max_buffer_age = reader.millis("maxBufferAgeMillis", 60_000, waits);
        let max_buffer_records = usize_number_from(reader, "maxBufferSizeRecords", 500, 1, 500);
        let max_buffer_bytes =
            usize_number_from(reader, "maxBufferSizeBytes", max_bytes, 1, max_bytes);
        let retry_initial = reader.millis("retryInitialBackoffMillis", 100, 1..=u64::MAX);
        let retry_max = reader.millis("retryMaxBackoffMillis", 10_000, 1..=u64::MAX);
        let poll_interval = reader.millis("minTimeBetweenFilePollsMillis", 100, 1..=u64::MAX);
        let converters = converters(reader, text);
        reader.unknown_keys(NO_OP_KEYS);
        Some(Self {
            destination: destination?,
            rules: FollowRules {
                pattern: pattern?,
                rotated_directory,
                initial_position,
                multi_line_wait,
                records,
            },
            converters,
            partition_key,
            aggregate,
            max_buffer_age,
            max_buffer_records,
            max_buffer_bytes,
            aggregated_record_size,
            retry_initial,
            retry_max,
            poll_interval,
        })
    }

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
        &self.converters
    }

    /// `partitionKeyOption`.
    pub fn partition_key(&self) -> PartitionKeyOption {
        self.partition_key
    }

    /// `kagg.aggregate`: whether many lines share a Kinesis record. Its readers have to know.
    pub fn aggregate(&self) -> bool {
        self.aggregate
    }

    pub(super) fn set_aggregation(&mut self) {
        self.aggregate = matches!(self.destination, Destination::Kinesis(_));
    }

    /// `maxBufferAgeMillis`: how long a record waits for company.
    pub fn max_buffer_age(&self) -> Duration {
        self.max_buffer_age
    }

    /// `maxBufferSizeRecords`: the most records of a request.
    pub fn max_buffer_records(&self) -> usize {
        self.max_buffer_records
    }

    /// `maxBufferSizeBytes`: the most bytes of a request.
    pub fn max_buffer_bytes(&self) -> usize {
        self.max_buffer_bytes
    }

    /// `aggregatedRecordSizeBytes`: up to how many bytes of lines share a Firehose record; 0 if
    /// none do.
    pub fn aggregated_record_size(&self) -> usize {
        self.aggregated_record_size
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

fn destination(reader: &mut Reader<'_>) -> Option<Destination> {
    let kinesis = reader.text("kinesisStream").map(str::to_owned);
    let firehose = reader.text("deliveryStream").map(str::to_owned);
    match (kinesis, firehose) {
        (Some(_), Some(firehose)) => {
            reader.warn("kinesisStream and deliveryStream are both given; the records go to the deliveryStream");
            Some(Destination::Firehose(firehose))
        }
        (None, Some(firehose)) => Some(Destination::Firehose(firehose)),
        (Some(kinesis), None) => Some(Destination::Kinesis(kinesis)),
        (None, None) => {
            reader.refuse(
                "kinesisStream",
                "is missing, and so is deliveryStream; one of them is needed",
            );
            None
        }
    }
}

fn usize_number(reader: &mut Reader<'_>, key: &'static str, default: u64, max: u64) -> usize {
    usize_number_from(reader, key, default, 0, max)
}

fn usize_number_from(
    reader: &mut Reader<'_>,
    key: &'static str,
    default: u64,
    min: u64,
    max: u64,
) -> usize {
    usize::try_from(reader.number(key, default, min..=max)).unwrap_or(usize::MAX)
}

fn record_rules(reader: &mut Reader<'_>, max_record: usize) -> RecordRules {
    let terminator = match reader.value("truncatedRecordTerminator") {
        None => "\n",
        Some(Value::String(text)) if text.len() < max_record => text,
        Some(_) => {
            reader.refuse(
                "truncatedRecordTerminator",
                format_args!("is not a text of less than {max_record} bytes"),
            );
            "\n"
        }
    };
    let mut pattern = |key| {
        let text = reader.text(key)?;
        let compiled = JavaRegex::new(text);
        compiled.map_err(|error| reader.refuse(key, error)).ok()
    };
    let multi_line_start = pattern("multiLineStartPattern");
    let footer = pattern("fileFooterPattern");
    RecordRules {
        skip_header_lines: usize_number(reader, "skipHeaderLines", 0, u64::MAX),
        max_record,
        terminator: Bytes::copy_from_slice(terminator.as_bytes()),
        multi_line_start,
        footer,
    }
}

fn converters(reader: &mut Reader<'_>, text: &str) -> Vec<Converter> {
    const KEY: &str = "dataProcessingOptions";
    match reader.value(KEY) {
        None => return Vec::new(),
        Some(Value::Array(_)) => {}
        Some(_) => {
            reader.warn("dataProcessingOptions is not a list and is ignored; put [ ] around it");
            return Vec::new();
        }
    }
    let options: Options<'_> = serde_json::from_str(text).unwrap_or_default();
    let mut converters = Vec::new();
    for option in options.options.unwrap_or_default() {
        let value: Value = serde_json::from_str(option.get()).unwrap_or_default();
        match Converter::new(&value, option.get()) {
            Ok(converter) => converters.push(converter),
            Err(error) => reader.refuse(KEY, format_args!("cannot be used: {error}")),
        }
    }
    converters
}
