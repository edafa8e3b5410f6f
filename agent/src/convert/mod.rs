//! The agent's `dataProcessingOptions`: what is done to a record before it is sent.
//!
//! Every converter gives the bytes that the Amazon Kinesis Agent 2.0.13 gives. Where it drops
//! records without need, ours keeps them; each such difference is on the option at fault.

mod compression;
mod converted;
mod csv;
mod instance;
mod json_fields;
mod json_text;
mod json_to_csv;
mod log;
mod merge;
mod metadata;
mod options;
mod single_line;
mod step;

use std::time::Duration;

use bytes::Bytes;

pub use compression::Compression;
pub use converted::Converted;
pub use instance::{InstanceMetadata, MetadataError, MetadataService};
pub use json_fields::JsonPointer;
pub(crate) use merge::add_texts;
pub(crate) use options::OptionDefaults;
pub use options::OptionError;
use step::Step;

/// One step of a flow's `dataProcessingOptions`.
#[derive(Clone, Debug)]
pub struct Converter {
    step: Step,
}

impl Converter {
    /// Reads one entry of `dataProcessingOptions`.
    ///
    /// ```
    /// use kinesis_aggregation_agent::{Converted, Converter};
    ///
    /// let option = serde_json::json!({"optionName": "CSVTOJSON", "customFieldNames": ["a", "b"]});
    /// let converter = Converter::new(&option, &option.to_string())?;
    /// let record = converter.convert("1,2\n".into(), 0, None);
    /// assert_eq!(record, Converted::Record("{\"a\":\"1\",\"b\":\"2\"}\n".into()));
    /// # Ok::<(), kinesis_aggregation_agent::OptionError>(())
    /// ```
    ///
    /// `text` is the entry as it stands in the file, from which the order of `metadata` is taken.
    ///
    /// # Errors
    ///
    /// Every [`OptionError`].
    pub fn new(option: &serde_json::Value, text: &str) -> Result<Self, OptionError> {
        Self::with_defaults(option, text, OptionDefaults::default())
    }

    pub(crate) fn with_defaults(
        option: &serde_json::Value,
        text: &str,
        defaults: OptionDefaults,
    ) -> Result<Self, OptionError> {
        options::converter(option, text, defaults).map(|step| Self { step })
    }

    /// Its `optionName`.
    pub fn name(&self) -> &'static str {
        match &self.step {
            Step::SingleLine(_) => "SINGLELINE",
            Step::Csv(_) => "CSVTOJSON",
            Step::Log(_) => "LOGTOJSON",
            Step::Metadata(_) => "ADDMETADATA",
            Step::JsonToCsv(_) => "JSONTOCSV",
            Step::Ec2(_) => "ADDEC2METADATA",
            Step::Brackets => "ADDBRACKETS",
        }
    }

    /// How old what is known of the EC2 instance may get, if this converter needs it.
    pub fn instance_ttl(&self) -> Option<Duration> {
        match &self.step {
            Step::Ec2(step) => Some(step.ttl),
            _ => None,
        }
    }

    /// Converts a record. `now` is the time in milliseconds since 1970, `instance` is what is known
    /// of the EC2 instance. What cannot be converted comes out as it is.
    pub fn convert(
        &self,
        record: Bytes,
        now: u64,
        instance: Option<&InstanceMetadata>,
    ) -> Converted {
        match &self.step {
            Step::SingleLine(step) => Converted::Record(step.convert(&record)),
            Step::Csv(step) => Converted::Record(step.convert(&record)),
            Step::Log(step) => step.convert(record),
            Step::Metadata(step) => Converted::Record(step.convert(&record, now)),
            Step::JsonToCsv(step) => Converted::Record(step.convert(record)),
            Step::Ec2(step) => Converted::Record(step.convert(record, instance)),
            Step::Brackets => Converted::Record([b"{", &record[..], b"}"].concat().into()),
        }
    }
}

/// Runs a record through a flow's converters, in their order.
///
/// ```
/// use kinesis_aggregation_agent::{Converted, convert_all};
///
/// assert_eq!(convert_all(&[], "line\n".into(), 0, None), Converted::Record("line\n".into()));
/// ```
pub fn convert_all(
    converters: &[Converter],
    record: Bytes,
    now: u64,
    instance: Option<&InstanceMetadata>,
) -> Converted {
    let mut record = record;
    for converter in converters {
        match converter.convert(record, now, instance) {
            Converted::Record(converted) => record = converted,
            Converted::Skipped => return Converted::Skipped,
        }
    }
    Converted::Record(record)
}
