//! What the converters of the Amazon Kinesis Agent 2.0.13 answered.

use kinesis_aggregation_agent::{Converted, Converter};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/agent_converters.jsonl");

#[test]
fn every_record_comes_out_as_the_agent_gives_it() {
    let mut count = 0;
    for (number, line) in VECTORS.lines().enumerate() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let option = &case["option"];
        let text = option_text(line);
        let converter = Converter::new(option, text);
        let refused = case.get("config_error").or(case.get("error"));
        match (converter, refused) {
            (Err(_), Some(_)) => {}
            (Ok(converter), None) => {
                let data = case["data"].as_str().expect("a text").to_owned();
                let converted = converter.convert(data.into(), 0, None);
                let expected = match case["out"].as_str() {
                    Some(out) => Converted::Record(out.to_owned().into()),
                    None => Converted::Skipped,
                };
                assert_eq!(converted, expected, "line {}: {line}", number + 1);
            }
            (converter, _) => panic!("line {}: {converter:?}\n{line}", number + 1),
        }
        count += 1;
    }
    assert_eq!(count, 72);
}

/// The option as it stands in the line.
fn option_text(line: &str) -> &str {
    let end = line.find(",\"data\":").expect("data after the option");
    let line = line.get(..end).expect("inside");
    line.strip_prefix("{\"option\":").expect("an option")
}

#[test]
fn every_format_is_a_mismatch_for_hostile_lines_without_running_away() {
    for format in [
        "COMMONAPACHELOG",
        "COMBINEDAPACHELOG",
        "APACHEERRORLOG",
        "SYSLOG",
        "RFC3339SYSLOG",
    ] {
        let option = serde_json::json!({"optionName": "LOGTOJSON", "logFormat": format});
        let converter = Converter::new(&option, "{}").expect("good");
        for line in [
            "[".repeat(100_000),
            "- ".repeat(50_000),
            "\" \"".repeat(30_000),
        ] {
            assert_eq!(converter.convert(line.into(), 0, None), Converted::Skipped);
        }
    }
}
