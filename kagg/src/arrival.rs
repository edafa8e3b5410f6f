//! Arrival times for a person.

use std::time::{Duration, UNIX_EPOCH};

/// A time as JSON has it, seconds since 1970 or a string, in ISO 8601; what is neither stays as it
/// is.
pub(crate) fn iso(json: &str) -> String {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return text;
    }
    let seconds: Option<f64> = json.parse().ok();
    // Firehose has milliseconds: as seconds they would be of the year 50,000.
    let millis = seconds.map(|number| {
        if number > 1e11 {
            number
        } else {
            number * 1000.0
        }
    });
    let time = millis
        .filter(|millis| (0.0..1e14).contains(millis))
        .and_then(|millis| UNIX_EPOCH.checked_add(Duration::from_millis(millis.round() as u64)));
    match time {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => json.to_owned(),
    }
}

/// A time as JSON has it, in seconds since 1970.
pub(crate) fn seconds(json: &str) -> Option<f64> {
    let iso = iso(json);
    // The AWS CLI writes the offset, and humantime reads only Z.
    let (local, offset) = match iso
        .len()
        .checked_sub(6)
        .and_then(|at| iso.split_at_checked(at))
    {
        Some((local, offset)) if offset.starts_with(['+', '-']) => (local, offset_of(offset)?),
        _ => (iso.strip_suffix('Z')?, 0.0),
    };
    let time = humantime::parse_rfc3339_weak(&format!("{local}Z")).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs_f64() - offset)
}

/// `+02:00` in seconds.
fn offset_of(text: &str) -> Option<f64> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<u8>().ok()? as f64 * 60.0 + minutes.parse::<u8>().ok()? as f64;
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    Some(sign * minutes * 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_8601() {
        for (json, text) in [
            ("1545084650.987", "2018-12-17T22:10:50.987Z"),
            ("1545084650", "2018-12-17T22:10:50.000Z"),
            ("1545084650987", "2018-12-17T22:10:50.987Z"),
            (
                "\"2026-11-25T15:00:00.123000+00:00\"",
                "2026-11-25T15:00:00.123000+00:00",
            ),
            ("null", "null"),
            ("-5", "-5"),
            ("1e300", "1e300"),
        ] {
            assert_eq!(iso(json), text);
        }
    }

    #[test]
    fn times_are_seconds_in_every_form() {
        for json in [
            "1545084650.5",
            "1545084650500",
            "\"2018-12-17T22:10:50.500Z\"",
            "\"2018-12-17T22:10:50.500000+00:00\"",
            "\"2018-12-18T00:10:50.5+02:00\"",
            "\"2018-12-17T16:40:50.5-05:30\"",
        ] {
            assert_eq!(seconds(json), Some(1_545_084_650.5), "{json}");
        }
        for json in ["null", "\"noon\"", "\"é+00:00\"", "-5", ""] {
            assert_eq!(seconds(json), None, "{json}");
        }
    }
}
