//! One kind of converter each.

use super::csv::CsvToJson;
use super::instance::Ec2Metadata;
use super::json_to_csv::JsonToCsv;
use super::log::LogToJson;
use super::metadata::Metadata;
use super::single_line::SingleLine;

#[derive(Clone, Debug)]
pub(super) enum Step {
    SingleLine(SingleLine),
    Csv(CsvToJson),
    Log(LogToJson),
    Metadata(Metadata),
    JsonToCsv(JsonToCsv),
    Ec2(Ec2Metadata),
    Brackets,
}
