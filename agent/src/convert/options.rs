//! What one entry of `dataProcessingOptions` says.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::csv::{CsvToJson, Delimiter};
use super::json_text::Layout;
use super::log::{FORMATS, LogToJson};
use super::metadata::Metadata;
use super::single_line::SingleLine;
use super::step::Step;
use crate::java_regex::{JavaRegex, JavaRegexError};

const NAMES: &str = "ADDMETADATA, SINGLELINE, CSVTOJSON, LOGTOJSON, ADDBRACKETS";

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
    /// The option is not supported yet.
    #[error("{0} is not supported yet")]
    Unsupported(&'static str),
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

    fn flag(&self, key: &'static str) -> Result<bool, OptionError> {
        match self.0.get(key) {
            None => Ok(false),
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

    fn csv(&self) -> Result<CsvToJson, OptionError> {
        let names = self.texts("customFieldNames")?;
        let delimiter = self.text("delimiter")?.unwrap_or(",");
        let mut chars = delimiter.chars();
        let delimiter = match (self.flag("kagg.csvQuoting")?, chars.next(), chars.next()) {
            (true, Some(char), None) => Delimiter::Quoted(char),
            (true, _, _) => {
                return Err(OptionError::Type {
                    key: "delimiter",
                    expected: "one character, which kagg.csvQuoting needs",
                });
            }
            (false, ..) => Delimiter::new(delimiter)?,
        };
        Ok(CsvToJson {
            names: names.ok_or(OptionError::Missing("customFieldNames"))?,
            delimiter,
            layout: self.layout()?,
        })
    }

    fn log(&self) -> Result<LogToJson, OptionError> {
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
            None | Some("skip") => false,
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
        Ok(Metadata {
            text: format!("\"metadata\":{},\"data\":", compact(metadata)),
            timestamp,
        })
    }
}

#[derive(Default, serde::Deserialize)]
struct Fields<'t> {
    #[serde(borrow)]
    metadata: Option<&'t RawValue>,
}

fn unknown(key: &'static str, value: &str, accepted: &str) -> OptionError {
    OptionError::Unknown {
        key,
        value: value.to_owned(),
        accepted: accepted.to_owned(),
    }
}

/// The same JSON without blanks between its tokens.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut is_string, mut is_escaped) = (false, false);
    for char in json.chars() {
        if is_string {
            is_string = is_escaped || char != '"';
            is_escaped = !is_escaped && char == '\\';
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            is_string = char == '"';
        }
        compact.push(char);
    }
    compact
}

pub(super) fn converter(option: &Value, text: &str) -> Result<Step, OptionError> {
    let entry = Entry(option);
    let name = entry
        .text("optionName")?
        .ok_or(OptionError::Missing("optionName"))?;
    Ok(match name {
        "SINGLELINE" => Step::SingleLine(entry.single_line()?),
        "CSVTOJSON" => Step::Csv(entry.csv()?),
        "LOGTOJSON" => Step::Log(entry.log()?),
        "ADDMETADATA" => Step::Metadata(entry.metadata(text)?),
        "ADDBRACKETS" => Step::Brackets,
        "USINGPLUGGIN" => return Err(OptionError::JavaClass),
        "ADDEC2METADATA" => {
            entry
                .text("logFormat")?
                .ok_or(OptionError::Missing("logFormat"))?;
            return Err(OptionError::Unsupported("ADDEC2METADATA"));
        }
        value => return Err(unknown("optionName", value, NAMES)),
    })
}
