//! One entry of `dataProcessingOptions`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use super::csv::{CsvToJson, Delimiter};
use super::instance::Ec2Metadata;
use super::json_fields::JsonPointer;
use super::json_text::{Layout, compact};
use super::json_to_csv::JsonToCsv;
use super::log::{FORMATS, LogToJson};
use super::metadata::Metadata;
use super::single_line::SingleLine;
use super::step::Step;
use crate::java_regex::{JavaRegex, JavaRegexError};

const NAMES: &str =
    "ADDMETADATA, ADDEC2METADATA, SINGLELINE, CSVTOJSON, JSONTOCSV, LOGTOJSON, ADDBRACKETS";

/// How long the agent takes what it knows of its instance for good.
const METADATA_TTL: u64 = 3600;

/// The flow's defaults for options that do not say otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OptionDefaults {
    /// `kagg.csvQuoting`.
    pub(crate) csv_quoting: bool,
    /// `kagg.onMismatch`.
    pub(crate) keeps_mismatches: bool,
}

/// Why an entry of `dataProcessingOptions` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A key is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A key has a value that is not known.
    #[error("{key} is {value:?}, not one of {accepted}")]
    Unknown {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        accepted: String,
    },
    /// A key has a value of another type.
    #[error("{key} is not {expected}")]
    Type {
        /// The key.
        key: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The number of field names is not that of the format's fields.
    #[error(
        "customFieldNames has {names} names, and {format} has {fields} fields; give a matchPattern or as many names"
    )]
    FieldNames {
        /// The format.
        format: String,
        /// How many names there are.
        names: usize,
        /// How many the format has.
        fields: usize,
    },
    /// A regular expression cannot be used.
    #[error(transparent)]
    Pattern(#[from] JavaRegexError),
    /// The option runs a Java class, which this program cannot.
    #[error("USINGPLUGGIN runs a Java class, which cannot be done here")]
    JavaClass,
}

struct Entry<'v>(&'v Value);

impl<'v> Entry<'v> {
    fn text(&self, key: &'static str) -> Result<Option<&'v str>, OptionError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(OptionError::Type {
                key,
                expected: "a text",
            }),
        }
    }

    fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, OptionError> {
        let wrong = OptionError::Type {
            key,
            expected: "a list of texts",
        };
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map(Some).ok_or(wrong)
            }
            Some(_) => Err(wrong),
        }
    }

    fn flag(&self, key: &'static str, default: bool) -> Result<bool, OptionError> {
        match self.0.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(OptionError::Type {
                key,
                expected: "true or false",
            }),
        }
    }

    fn layout(&self) -> Result<Layout, OptionError> {
        match self.text("jsonFormat")? {
            None | Some("COMPACT") => Ok(Layout::Compact),
            Some("PRETTYPRINT") => Ok(Layout::Pretty),
            Some(value) => Err(unknown("jsonFormat", value, "COMPACT, PRETTYPRINT")),
        }
    }

    fn single_line(&self) -> Result<SingleLine, OptionError> {
        let mut step = SingleLine::default();
        for option in self.texts("parseOptions")?.unwrap_or_default() {
            match option.as_str() {
                "NO_TRIM" => step.no_trim = true,
                "ESCAPE_NEW_LINE" => step.escape_new_line = true,
                value => return Err(unknown("parseOptions", value, "NO_TRIM, ESCAPE_NEW_LINE")),
            }
        }
        Ok(step)
    }

    fn csv(&self, defaults: OptionDefaults) -> Result<CsvToJson, OptionError> {
        let names = self.texts("customFieldNames")?;
        let delimiter = self.text("delimiter")?.unwrap_or(",");
        let delimiter = if self.flag("kagg.csvQuoting", defaults.csv_quoting)? {
            Delimiter::Quoted(one_char(
                delimiter,
                "one character, which kagg.csvQuoting needs",
            )?)
        } else {
            Delimiter::new(delimiter)?
        };
        Ok(CsvToJson {
            names: names.ok_or(OptionError::Missing("customFieldNames"))?,
            delimiter,
            layout: self.layout()?,
        })
    }

    fn json_to_csv(&self) -> Result<JsonToCsv, OptionError> {
        let fields = self
            .texts("fields")?
            .ok_or(OptionError::Missing("fields"))?;
        let pointers = fields.iter().map(|field| JsonPointer::new(field));
        let fields = pointers.collect::<Option<Vec<_>>>();
        let fields = fields.filter(|fields| !fields.is_empty());
        let delimiter = self.text("delimiter")?.unwrap_or(",");
        Ok(JsonToCsv {
            fields: fields.ok_or(OptionError::Type {
                key: "fields",
                expected: "a list of JSON pointers, which begin with /",
            })?,
            delimiter: one_char(delimiter, "one character")?,
        })
    }

    fn ec2(&self) -> Result<Ec2Metadata, OptionError> {
        self.text("logFormat")?
            .ok_or(OptionError::Missing("logFormat"))?;
        let seconds = match self.0.get("metadataTTL") {
            None | Some(Value::Null) => Some(METADATA_TTL),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let seconds = seconds.filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or(OptionError::Type {
            key: "metadataTTL",
            expected: "a number of seconds of 1 or more",
        })?;
        Ok(Ec2Metadata {
            ttl: Duration::from_secs(seconds),
            layout: self.layout()?,
        })
    }

    fn log(&self, defaults: OptionDefaults) -> Result<LogToJson, OptionError> {
        let name = self
            .text("logFormat")?
            .ok_or(OptionError::Missing("logFormat"))?;
        let format = FORMATS.iter().find(|format| format.name == name);
        let accepted = || FORMATS.map(|format| format.name).join(", ");
        let format = format.ok_or_else(|| unknown("logFormat", name, &accepted()))?;
        let names = self.texts("customFieldNames")?;
        let (pattern, names) = match (self.text("matchPattern")?, names) {
            (Some(pattern), names) => (
                pattern,
                names.ok_or(OptionError::Missing("customFieldNames"))?,
            ),
            (None, Some(names)) if names.len() != format.fields.len() => {
                return Err(OptionError::FieldNames {
                    format: name.to_owned(),
                    names: names.len(),
                    fields: format.fields.len(),
                });
            }
            (None, names) => {
                let own = || {
                    format
                        .fields
                        .iter()
                        .map(|&field| field.to_owned())
                        .collect()
                };
                (format.pattern, names.unwrap_or_else(own))
            }
        };
        let keeps_mismatches = match self.text("kagg.onMismatch")? {
            None => defaults.keeps_mismatches,
            Some("skip") => false,
            Some("raw") => true,
            Some(value) => return Err(unknown("kagg.onMismatch", value, "skip, raw")),
        };
        Ok(LogToJson {
            pattern: Arc::new(JavaRegex::new(pattern)?),
            names,
            dash_is_null: format.is_apache,
            layout: self.layout()?,
            keeps_mismatches,
        })
    }

    fn metadata(&self, text: &str) -> Result<Metadata, OptionError> {
        // The order of the keys is that of the file.
        let entry: Fields<'_> = serde_json::from_str(text).unwrap_or_default();
        let metadata = entry.metadata.map_or("null", RawValue::get);
        let timestamp = match self.0.get("timestamp") {
            None | Some(Value::Null) => false,
            // The agent ends with exit code 1 at a plain true.
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(_) => {
                return Err(OptionError::Type {
                    key: "timestamp",
                    expected: "true or false",
                });
            }
        };
        let mut text = "\"metadata\":".to_owned();
        compact(&mut text, metadata);
        text.push_str(",\"data\":");
        Ok(Metadata { text, timestamp })
    }
}

#[derive(Default, serde::Deserialize)]
struct Fields<'t> {
    #[serde(borrow)]
    metadata: Option<&'t RawValue>,
}

fn one_char(delimiter: &str, expected: &'static str) -> Result<char, OptionError> {
    let mut chars = delimiter.chars();
    match (chars.next(), chars.next()) {
        (Some(char), None) => Ok(char),
        _ => Err(OptionError::Type {
            key: "delimiter",
            expected,
        }),
    }
}

fn unknown(key: &'static str, value: &str, accepted: &str) -> OptionError {
    OptionError::Unknown {
        key,
        value: value.to_owned(),
        accepted: accepted.to_owned(),
    }
}

pub(super) fn converter(
    option: &Value,
    text: &str,
    defaults: OptionDefaults,
) -> Result<Step, OptionError> {
    let entry = Entry(option);
    let name = entry
        .text("optionName")?
        .ok_or(OptionError::Missing("optionName"))?;
    Ok(match name {
        "SINGLELINE" => Step::SingleLine(entry.single_line()?),
        "CSVTOJSON" => Step::Csv(entry.csv(defaults)?),
        "LOGTOJSON" => Step::Log(entry.log(defaults)?),
        "ADDMETADATA" => Step::Metadata(entry.metadata(text)?),
        "ADDBRACKETS" => Step::Brackets,
        "USINGPLUGGIN" => return Err(OptionError::JavaClass),
        "JSONTOCSV" => Step::JsonToCsv(entry.json_to_csv()?),
        "ADDEC2METADATA" => Step::Ec2(entry.ec2()?),
        value => return Err(unknown("optionName", value, NAMES)),
    })
}
