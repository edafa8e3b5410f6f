//! Where to start in a stream, and where to end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_kinesis::primitives::DateTime;
use kinesis_aggregation::sdk::Start;
use kinesis_aggregation::{ExtendedSequenceNumber, SequenceNumber};

use crate::arrival;

/// The value of `--from`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum From {
    /// In every shard.
    Everywhere(Start),
    /// With this user record of one shard, or with its Kinesis record.
    Position(SequenceNumber, u64),
}

/// Sequence numbers have more digits than times.
const LONGEST_TIME: usize = 16;

/// Reads the value of `--from`.
pub(super) fn from(text: &str) -> Result<From, String> {
    match text {
        "latest" => return Ok(From::Everywhere(Start::Latest)),
        "trim-horizon" => return Ok(From::Everywhere(Start::TrimHorizon)),
        _ => {}
    }
    let (number, sub) = text.split_once(':').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(number) && (number.len() > LONGEST_TIME || text.contains(':')) {
        let position = number.parse().ok().zip(sub.parse().ok());
        let (number, sub) = position.ok_or("not SEQ:SUB, two numbers")?;
        return Ok(From::Position(number, sub));
    }
    time_at(text, SystemTime::now())
        .map(|time| From::Everywhere(Start::Timestamp(time)))
        .ok_or_else(|| {
            "not latest, trim-horizon, a time like 15m (ago), 2026-11-23 or 2026-11-23T10:00:00Z, \
             or a position SEQ or SEQ:SUB"
                .to_owned()
        })
}

/// Reads a time: that of `--until`.
pub(super) fn time(text: &str) -> Result<DateTime, String> {
    time_at(text, SystemTime::now())
        .ok_or_else(|| "not a time like 15m (ago), 2026-11-23 or 2026-11-23T10:00:00Z".to_owned())
}

/// A time as people write it (15m, a date) or as this command prints it.
fn time_at(text: &str, now: SystemTime) -> Option<DateTime> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let time = now.checked_sub(ago)?;
        return time.duration_since(UNIX_EPOCH).ok().map(|_| time.into());
    }
    let is_date = text.len() == "2026-11-23".len() && !text.contains('.');
    let seconds = if is_date && text.contains('-') {
        arrival::seconds(&format!("\"{text}T00:00:00Z\""))
    } else {
        let quoted = serde_json::to_string(text).ok()?;
        arrival::seconds(text).or_else(|| arrival::seconds(&quoted))
    };
    let since = Duration::try_from_secs_f64(seconds?).ok()?;
    let millis = u64::try_from(since.as_millis()).ok()?;
    // The service counts in milliseconds, and 0.987 is less than 987 of them in binary.
    let rounded =
        Duration::from_millis(millis + u64::from(since.subsec_nanos() % 1_000_000 >= 500_000));
    UNIX_EPOCH.checked_add(rounded).map(DateTime::from)
}

impl From {
    /// Where to start reading in a shard. For a position, at its Kinesis record.
    pub(super) fn start(&self) -> Start {
        match self {
            Self::Everywhere(start) => start.clone(),
            Self::Position(number, _) => {
                Start::After(ExtendedSequenceNumber::new(number.clone(), 0))
            }
        }
    }

    /// Where to start in a shard that comes after one that was read to its end.
    pub(super) fn of_children(&self) -> Start {
        match self {
            Self::Everywhere(Start::Timestamp(time)) => Start::Timestamp(*time),
            _ => Start::TrimHorizon,
        }
    }

    /// The last user record not to print.
    pub(super) fn after(&self) -> Option<ExtendedSequenceNumber> {
        match self {
            Self::Position(number, sub) => {
                let before = sub.checked_sub(1)?;
                Some(ExtendedSequenceNumber::new(number.clone(), before))
            }
            Self::Everywhere(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: i64) -> From {
        From::Everywhere(Start::Timestamp(DateTime::from_millis(millis)))
    }

    #[test]
    fn names_times_and_positions() {
        assert_eq!(from("latest"), Ok(From::Everywhere(Start::Latest)));
        assert_eq!(
            from("trim-horizon"),
            Ok(From::Everywhere(Start::TrimHorizon))
        );
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", 1_795_428_000_000),
            ("2026-11-23T12:00:00+02:00", 1_795_428_000_000),
            ("2026-11-23T10:00:00.987Z", 1_795_428_000_987),
            ("2026-11-23", 1_795_392_000_000),
            // As JSON lines have it.
            ("1795428000.987", 1_795_428_000_987),
            ("1795428000", 1_795_428_000_000),
        ] {
            assert_eq!(from(text), Ok(millis(expected)), "{text}");
        }
        let digits = "49590338271490256608559692538361571095921575989136588898";
        let number: SequenceNumber = digits.parse().unwrap();
        assert_eq!(from(digits), Ok(From::Position(number.clone(), 0)));
        assert_eq!(from(&format!("{digits}:3")), Ok(From::Position(number, 3)));
        for text in [
            "",
            "Latest",
            "yesterday",
            "2026-13-23",
            "7:x",
            ":",
            "-5",
            "1e400",
            "é-11-2301",
        ] {
            assert!(from(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_that_long_ago() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        let ago = time_at("15m", now).unwrap();
        assert_eq!(ago, DateTime::from_secs(9_100));
        assert_eq!(time_at("1000000h", now), None, "before 1970");
    }

    #[test]
    fn a_position_starts_at_its_record_and_prints_from_its_user_record_on() {
        let number: SequenceNumber = "7".parse().unwrap();
        let whole = From::Position(number.clone(), 0);
        assert_eq!(whole.after(), None);
        let inside = From::Position(number.clone(), 3);
        assert_eq!(inside.after(), Some(ExtendedSequenceNumber::new(number, 2)));
        assert_eq!(inside.of_children(), Start::TrimHorizon);
    }
}
