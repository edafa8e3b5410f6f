//! Reads one flow of `agent.json`.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{ConfigError, Warning};
use super::flow::{Buffer, Content, Destination, Flow, Keys, PartitionKeyFrom, PartitionKeyOption};
use super::reader::Reader;
use super::settings::FlowSettings;
use crate::convert::{Compression, Converter, JsonPointer, OptionDefaults};
use crate::follow::{FollowRules, InitialPosition};
use crate::java_regex::JavaRegex;
use crate::pattern::FilePattern;
use crate::record::RecordRules;

/// The most bytes of a record to a stream: 1 MiB less the longest partition key of the agent's.
const MAX_KINESIS_RECORD: usize = 1024 * 1024 - 40;
/// The most bytes of a record to Firehose.
const MAX_FIREHOSE_RECORD: usize = 1000 * 1024;
/// Room for a partition key of 256 characters, and for the bytes that compression may add.
const SPARE: usize = 1024;

/// How long the agent waits for its queue, which changes nothing here.
const WAITS: std::ops::RangeInclusive<u64> = 1000..=900_000;

/// Keys that the agent knows, and that change nothing here.
const NO_OP_KEYS: &[&str] = &[
    "publishQueueCapacity",
    "maxTimeBetweenFileTrackerRefreshMillis",
];

#[derive(Default, serde::Deserialize)]
struct Options<'t> {
    #[serde(borrow, default, rename = "dataProcessingOptions")]
    options: Option<Vec<&'t RawValue>>,
}

/// Reads a flow, for which `settings` holds what is said at the top level or by a flag. `None` if
/// what makes a flow is missing; everything wrong is in `errors`.
pub(super) fn parse(
    number: usize,
    text: &str,
    settings: &FlowSettings,
    errors: &mut Vec<ConfigError>,
    warnings: &mut Vec<Warning>,
) -> Option<Flow> {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text) else {
        errors.push(ConfigError {
            place: format!("flow {number}"),
            key: String::new(),
            reason: "is not a JSON object".to_owned(),
        });
        return None;
    };
    settings.apply(&mut object);
    let mut reader = Reader::new(&object, format!("flow {number}"));
    let flow = read(number, text, &mut reader);
    errors.append(&mut reader.errors);
    warnings.append(&mut reader.warnings);
    flow
}

fn read(number: usize, text: &str, reader: &mut Reader<'_>) -> Option<Flow> {
    let pattern = pattern(number, reader);
    let destination = destination(reader);
    let is_firehose = matches!(destination, Some(Destination::Firehose(_)));
    let keys = keys(reader, is_firehose);
    let content = content(reader, text);
    let spares = [content.compression.is_some(), keys.from.is_some()];
    let spare = SPARE * spares.into_iter().filter(|is_needed| *is_needed).count();
    let max_record = if is_firehose {
        MAX_FIREHOSE_RECORD
    } else {
        MAX_KINESIS_RECORD
    };
    let rules = rules(reader, pattern, max_record - spare);
    let buffer = buffer(reader, is_firehose);
    let is_joined = buffer.joined_bytes > 0;
    if is_joined && (!is_firehose || reader.value("multiLineStartPattern").is_some()) {
        reader.refuse(
            "aggregatedRecordSizeBytes",
            "is for single-line flows to Firehose only",
        );
    }
    if is_joined && content.compression.is_some() {
        reader.refuse(
            "kagg.compress",
            "cannot be used with aggregatedRecordSizeBytes, which joins lines",
        );
    }
    let mut millis = |key, default| reader.millis(key, default, 1..=u64::MAX);
    let retry_initial = millis("retryInitialBackoffMillis", 100);
    let retry_max = millis("retryMaxBackoffMillis", 10_000);
    let poll_interval = millis("minTimeBetweenFilePollsMillis", 100);
    reader.unknown_keys(NO_OP_KEYS);
    Some(Flow {
        destination: destination?,
        rules: rules?,
        content,
        keys,
        buffer,
        retry_initial,
        retry_max,
        poll_interval,
    })
}

fn rules(
    reader: &mut Reader<'_>,
    pattern: Option<FilePattern>,
    max_record: usize,
) -> Option<FollowRules> {
    let records = record_rules(reader, max_record);
    let rotated_directory = rotated_directory(reader);
    let initial_position = reader.choice(
        "initialPosition",
        InitialPosition::EndOfFile,
        &[
            ("END_OF_FILE", InitialPosition::EndOfFile),
            ("START_OF_FILE", InitialPosition::StartOfFile),
        ],
    );
    let multi_line_wait = reader.millis("kagg.multiLineWaitMillis", 2000, 0..=900_000);
    Some(FollowRules {
        pattern: pattern?,
        rotated_directory,
        initial_position,
        multi_line_wait,
        records,
    })
}

fn pattern(number: usize, reader: &mut Reader<'_>) -> Option<FilePattern> {
    let Some(text) = reader.text("filePattern") else {
        reader.refuse("filePattern", "is missing");
        return None;
    };
    reader.place(format!("flow {number} ({text})"));
    let pattern = FilePattern::new(text);
    pattern
        .map_err(|error| reader.refuse("filePattern", error))
        .ok()
}

fn rotated_directory(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let directory = reader.text("kagg.rotatedDir").map(PathBuf::from)?;
    if !directory.is_absolute() {
        reader.refuse(
            "kagg.rotatedDir",
            "is a relative path; it has to begin with /",
        );
    }
    Some(directory)
}

fn keys(reader: &mut Reader<'_>, is_firehose: bool) -> Keys {
    let aggregate = reader.flag("kagg.aggregate", false);
    if aggregate && is_firehose {
        reader.refuse(
            "kagg.aggregate",
            "is for Kinesis streams; aggregatedRecordSizeBytes is Firehose's",
        );
    }
    let from = reader.text("kagg.partitionKeyFrom").and_then(|text| {
        if is_firehose {
            reader.refuse("kagg.partitionKeyFrom", "is for Kinesis streams");
        }
        let from = match text {
            "file" => Some(PartitionKeyFrom::File),
            pointer => JsonPointer::new(pointer).map(PartitionKeyFrom::Value),
        };
        if from.is_none() {
            reader.refuse(
                "kagg.partitionKeyFrom",
                format_args!("is {text:?}, not file or a JSON pointer, which begins with /"),
            );
        }
        from
    });
    Keys {
        option: reader.choice(
            "partitionKeyOption",
            PartitionKeyOption::Random,
            &[
                ("RANDOM", PartitionKeyOption::Random),
                ("DETERMINISTIC", PartitionKeyOption::Deterministic),
            ],
        ),
        from,
        aggregate,
    }
}

fn content(reader: &mut Reader<'_>, text: &str) -> Content {
    let defaults = OptionDefaults {
        csv_quoting: reader.flag("kagg.csvQuoting", false),
        keeps_mismatches: reader.choice(
            "kagg.onMismatch",
            false,
            &[("skip", false), ("raw", true)],
        ),
    };
    Content {
        converters: converters(reader, text, defaults),
        file_field: reader.text("kagg.addFile").map(str::to_owned),
        host_field: reader.text("kagg.addHost").map(str::to_owned),
        compression: reader.choice(
            "kagg.compress",
            None,
            &[
                ("gzip", Some(Compression::Gzip)),
                ("zlib", Some(Compression::Zlib)),
                ("zstd", Some(Compression::Zstd)),
            ],
        ),
    }
}

fn buffer(reader: &mut Reader<'_>, is_firehose: bool) -> Buffer {
    reader.number("waitOnFullPublishQueueMillis", 60_000, WAITS);
    reader.number("waitOnEmptyPublishQueueMillis", 60_000, WAITS);
    let max_bytes = if is_firehose { 4_194_304 } else { 5_242_880 };
    Buffer {
        age: reader.millis("maxBufferAgeMillis", 60_000, WAITS),
        records: usize_number_from(reader, "maxBufferSizeRecords", 500, 1, 500),
        bytes: usize_number_from(reader, "maxBufferSizeBytes", max_bytes, 1, max_bytes),
        joined_bytes: usize_number(reader, "aggregatedRecordSizeBytes", 0, 1_024_000),
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

fn converters(reader: &mut Reader<'_>, text: &str, defaults: OptionDefaults) -> Vec<Converter> {
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
        match Converter::with_defaults(&value, option.get(), defaults) {
            Ok(converter) => converters.push(converter),
            Err(error) => reader.refuse(KEY, format_args!("cannot be used: {error}")),
        }
    }
    converters
}
