//! `kagg doctor` on files.

use serde_json::Value;

use super::{aggregate_of, corrupt, get_records, good_aggregate, kagg};

fn findings(run: &super::Run) -> Vec<String> {
    let diagnosis: Value = serde_json::from_slice(&run.stdout).unwrap();
    let findings = diagnosis["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_status_says_whether_something_is_lost() {
    let good = get_records(&[good_aggregate(), b"plain".to_vec()]);
    let run = kagg("doctor", &good).expect(0);
    assert!(run.text().contains("Kinesis records: 2"), "{}", run.text());
    assert!(run.text().contains("nothing found"), "{}", run.text());
    let bad = get_records(&[good_aggregate(), corrupt(good_aggregate())]);
    let run = kagg("doctor --json", &bad).expect(1);
    assert_eq!(findings(&run), ["digest-wrong"]);
    let run = kagg("doctor", &bad).expect(1);
    assert!(run.text().contains("loss digest-wrong\n"), "{}", run.text());
    kagg("doctor", "{}").expect(2);
}

/// Warnings and notes are no losses.
#[test]
fn a_warning_is_no_loss() {
    let joined = get_records(&[b"{\"a\":1}\n{\"a\":2}".to_vec()]);
    let run = kagg("doctor --json", joined).expect(0);
    assert_eq!(findings(&run), ["newline-joined"]);
}

#[test]
fn what_can_be_read_of_several_files_is_judged() {
    let directory = super::TempDir::new();
    let bad = directory.file("bad.json", get_records(&[corrupt(good_aggregate())]));
    let none = directory.file("none.json", "{}");
    let run = kagg(&format!("doctor --json {none} {bad}"), "").expect(1);
    assert_eq!(findings(&run), ["digest-wrong"]);
    assert!(run.stderr.contains("none.json"), "{}", run.stderr);
    // What could not be read may hold a loss.
    let good = directory.file("good.json", get_records(&[good_aggregate()]));
    let run = kagg(&format!("doctor --json {none} {good}"), "").expect(2);
    assert_eq!(findings(&run), [""; 0]);
    assert!(run.stderr.contains("none.json"), "{}", run.stderr);
    let missing = directory.path("missing/file.json");
    kagg(&format!("doctor {none} {missing}"), "").expect(2);
}

#[test]
fn an_input_that_breaks_off_is_not_read_whole() {
    let mut whole = get_records(&[good_aggregate(), good_aggregate()]);
    whole.truncate(whole.len() - 4);
    let run = kagg("doctor --json", whole).expect(2);
    let diagnosis: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(diagnosis["sampled"]["records"].as_u64() >= Some(1));
    assert!(run.stderr.contains("breaks"), "{}", run.stderr);
}

/// Both aggregates reach over the shards' border.
#[test]
fn shards_show_what_a_split_has_torn_apart() {
    let keys = [
        ("a", Some("0"), "x"),
        ("b", Some(&*u128::MAX.to_string()), "y"),
    ];
    let records = get_records(&[aggregate_of(&keys)]);
    let run = kagg("doctor --json", &records).expect(0);
    assert_eq!(findings(&run), [""; 0]);
    let line = "doctor --json --shards examples/events/shards.json";
    assert_eq!(findings(&kagg(line, &records).expect(1)), ["out-of-range"]);
}

#[test]
fn a_key_cannot_steer_the_terminal() {
    let key = "\u{1b}[31m\u{9b}2J\u{202e}";
    let user_records = [(key, None, "x"), ("b", None, "y")];
    let run = kagg("doctor", get_records(&[aggregate_of(&user_records)])).expect(0);
    for steering in ['\u{1b}', '\u{9b}', '\u{202e}'] {
        assert!(!run.text().contains(steering), "{:?}", run.text());
    }
}

#[cfg(feature = "aws")]
#[test]
fn shards_in_a_file_are_refused_for_a_stream_as_they_would_do_nothing() {
    let line = "doctor orders --shards examples/events/shards.json";
    let run = kagg(line, "").expect(2);
    assert!(
        run.stderr.starts_with("kagg: --shards cannot"),
        "{}",
        run.stderr
    );
}
