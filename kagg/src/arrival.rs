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
}
