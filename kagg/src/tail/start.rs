//! Where to start in a stream.

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};

/// The value of `--from`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Latest,
    TrimHorizon,
    At(DateTime),
}

impl std::str::FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            "trim-horizon" => Ok(Self::TrimHorizon),
            _ => DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset)
                .map(Self::At)
                .map_err(|_| {
                    "not latest, trim-horizon or a time like 2026-11-23T10:00:00Z".to_owned()
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_times() {
        assert_eq!("latest".parse(), Ok(Start::Latest));
        assert_eq!("trim-horizon".parse(), Ok(Start::TrimHorizon));
        for text in ["2026-11-23T10:00:00Z", "2026-11-23T12:00:00+02:00"] {
            assert_eq!(
                text.parse(),
                Ok(Start::At(DateTime::from_secs(1_795_428_000)))
            );
        }
        for text in ["", "Latest", "yesterday", "2026-11-23"] {
            assert!(text.parse::<Start>().is_err(), "{text:?}");
        }
    }
}
