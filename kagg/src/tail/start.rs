//! Where to start in a stream.

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use kinesis_aggregation::sdk::Start;

/// Reads the value of `--from`.
pub(super) fn parse(text: &str) -> Result<Start, String> {
    match text {
        "latest" => Ok(Start::Latest),
        "trim-horizon" => Ok(Start::TrimHorizon),
        _ => DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset)
            .map(Start::Timestamp)
            .map_err(|_| "not latest, trim-horizon or a time like 2026-11-23T10:00:00Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times() {
        assert_eq!(parse("latest"), Ok(Start::Latest));
        assert_eq!(parse("trim-horizon"), Ok(Start::TrimHorizon));
        for text in ["2026-11-23T10:00:00Z", "2026-11-23T12:00:00+02:00"] {
            assert_eq!(
                parse(text),
                Ok(Start::Timestamp(DateTime::from_secs(1_795_428_000)))
            );
        }
        for text in ["", "Latest", "yesterday", "2026-11-23"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
