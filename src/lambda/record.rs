//! What the records of all events have in common, and their arrival times.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::record::StoredRecord;

/// A Kinesis record in an event, with what Lambda says about it.
///
/// Implemented for this module's record types and for `aws_lambda_events`' `KinesisEventRecord`.
pub trait EventRecord: StoredRecord {
    /// The event id, `shardId-…:SEQUENCE`, in events of Lambda and Pipes.
    fn event_id(&self) -> Option<&str> {
        None
    }

    /// The id of the shard it is from.
    fn shard_id(&self) -> Option<&str> {
        let (shard_id, _) = self.event_id()?.rsplit_once(':')?;
        Some(shard_id)
    }

    /// The stream, or the consumer, that it was read from.
    fn event_source_arn(&self) -> Option<&str> {
        None
    }

    /// Its record id, in events of Firehose: the answer names it.
    fn record_id(&self) -> Option<&str> {
        None
    }

    /// When the stream received it, as the event has it.
    fn arrival_timestamp(&self) -> Option<&Timestamp> {
        None
    }

    /// When the stream received it.
    fn arrival_time(&self) -> Option<SystemTime> {
        since_epoch(self.arrival_timestamp()?.as_seconds())
    }
}

pub(super) fn since_epoch(duration: Option<Duration>) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(duration?)
}

/// An event, or anything else that holds Kinesis records with their metadata: a slice, a vector.
pub trait Records {
    /// The type of its records.
    type Record: EventRecord;

    /// The records, in order.
    fn records(&self) -> &[Self::Record];
}

impl<E: Records + ?Sized> Records for &E {
    type Record = E::Record;

    fn records(&self) -> &[E::Record] {
        (**self).records()
    }
}

impl<R: EventRecord> Records for [R] {
    type Record = R;

    fn records(&self) -> &[R] {
        self
    }
}

impl<R: EventRecord> Records for Vec<R> {
    type Record = R;

    fn records(&self) -> &[R] {
        self
    }
}

/// An arrival time as the event has it: it serialises to the same text that was read.
///
/// Lambda and Pipes count seconds, Firehose milliseconds, and some samples in AWS's documentation
/// have a date as text. [`EventRecord::arrival_time`] knows which.
///
/// ```
/// use kinesis_aggregation::lambda::Timestamp;
/// use std::time::Duration;
///
/// let timestamp: Timestamp = serde_json::from_str("1545084650.9")?;
/// assert_eq!(timestamp.as_seconds(), Some(Duration::from_millis(1_545_084_650_900)));
/// assert_eq!(serde_json::to_string(&timestamp)?, "1545084650.9");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(Box<RawValue>);

impl Timestamp {
    /// The JSON as it is in the event.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The time since 1970-01-01T00:00:00Z, read as a number of seconds, to the nanosecond; more
    /// digits are cut off. The number may be a string, as `aws_lambda_events` writes it. `None` if it
    /// is not a number, or out of range.
    pub fn as_seconds(&self) -> Option<Duration> {
        decimal(self.as_json(), 9)
    }

    /// The same, read as a number of milliseconds.
    pub fn as_millis(&self) -> Option<Duration> {
        decimal(self.as_json(), 6)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.as_json()).finish()
    }
}

/// Equal if the JSON texts are.
impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Timestamp {}

/// The JSON number `json` times 10^`shift`, in nanoseconds. Not parsed as a float: an `f64` of seconds
/// since 1970 is not precise to the microsecond.
fn decimal(json: &str, shift: i32) -> Option<Duration> {
    let quoted = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let text = quoted.unwrap_or(json);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // Shifting moves the decimal point; the digits before it are then the nanoseconds.
    let point = i32::try_from(whole.len()).ok()?;
    let point = point.checked_add(exponent)?.checked_add(shift)?;
    if point > 30 {
        return None;
    }
    let mut digits = whole.bytes().chain(fraction.bytes());
    if digits.clone().any(|digit| !digit.is_ascii_digit()) {
        return None;
    }
    let mut nanos: u128 = 0;
    for _ in 0..point {
        let digit = digits.next().unwrap_or(b'0');
        nanos = nanos.checked_mul(10)?;
        nanos = nanos.checked_add(u128::from(digit.wrapping_sub(b'0')))?;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_nanosecond() {
        let cases = [
            ("1545084650.9", Some((1_545_084_650, 900_000_000))),
            ("1545084650.987654321", Some((1_545_084_650, 987_654_321))),
            ("1545084650.9876543219", Some((1_545_084_650, 987_654_321))),
            ("1.545084650987E9", Some((1_545_084_650, 987_000_000))),
            ("1545084650987e-3", Some((1_545_084_650, 987_000_000))),
            ("\"1545084650.987\"", Some((1_545_084_650, 987_000_000))),
            ("0", Some((0, 0))),
            ("1e-400", Some((0, 0))),
            ("1e400", None),
            ("1e99999999999", None),
            ("-1", None),
            ("null", None),
            ("\"", None),
            ("\"\"", None),
            ("\".\"", None),
            ("\"e5\"", None),
            ("\"abc\"", None),
            ("\"2012-04-23T18:25:43.511Z\"", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(seconds, nanos)| Duration::new(seconds, nanos));
            assert_eq!(decimal(text, 9), expected, "{text}");
        }
        assert_eq!(
            decimal("1507217624302", 6),
            Some(Duration::from_millis(1_507_217_624_302))
        );
        assert_eq!(
            decimal("1507217624302.5", 6),
            Some(Duration::from_micros(1_507_217_624_302_500))
        );
    }
}
