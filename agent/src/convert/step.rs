//! One kind of converter each.

use super::csv::CsvToJson;
use super::log::LogToJson;
use super::metadata::Metadata;
use super::single_line::SingleLine;

#[derive(Clone, Debug)]
pub(super) enum Step {
    SingleLine(SingleLine),
    Csv(CsvToJson),
    Log(LogToJson),
    Metadata(Metadata),
    Brackets,
}
