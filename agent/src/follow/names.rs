//! The names that rotation gives to files.

use std::ffi::OsStr;

/// Whether `name` is what rotation makes of `base`: `app.log` becomes `app.log.1`,
/// `app.log-20261125`, `app.log.old`, or `app-20261125.log` (logrotate's `extension`), each with
/// `.gz` or without.
pub(crate) fn is_rotated(name: &OsStr, base: &OsStr) -> bool {
    let (Some(name), Some(base)) = (name.to_str(), base.to_str()) else {
        return false;
    };
    let name = name.strip_suffix(".gz").unwrap_or(name);
    if let Some(suffix) = name.strip_prefix(base) {
        return is_rotation(suffix);
    }
    let Some((stem, extension)) = base.rsplit_once('.') else {
        return false;
    };
    name.strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(extension)?.strip_suffix('.'))
        .is_some_and(is_rotation)
}

/// `.1`, `-20261125`, `.2026-11-25T10:00:00Z`, `.old`, `.1.2`, `~`: a separator, and a number, a
/// date or a word for old.
fn is_rotation(suffix: &str) -> bool {
    let Some(rest) = suffix.strip_prefix(['.', '-', '_', '~']) else {
        return false;
    };
    let is_number = |char: char| char.is_ascii_digit() || ".-_:+TZ".contains(char);
    suffix == "~"
        || matches!(rest, "old" | "bak" | "orig" | "save" | "prev")
        || (rest.contains(|char: char| char.is_ascii_digit()) && rest.chars().all(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_told_from_other_files() {
        let is = |name: &str| is_rotated(OsStr::new(name), OsStr::new("app.log"));
        for rotated in [
            "app.log.1",
            "app.log.1.gz",
            "app.log-20261125",
            "app.log-20261125.gz",
            "app-20261125.log",
            "app-2026-11-25_10.log.gz",
            "app.log.old",
            "app.log.2026-11-25T10:00:00Z",
        ] {
            assert!(is(rotated), "{rotated}");
        }
        for other in [
            "app.log",
            "app.log.gz",
            "app.log.err",
            "app.logx",
            "app-audit.log",
            "app.log-",
        ] {
            assert!(!is(other), "{other}");
        }
    }
}
