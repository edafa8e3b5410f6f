//! The command on a terminal: a pseudo-terminal of so many columns.

use std::io::Read;

use super::pty;
use super::{TempDir, aggregate_of, base64, command, get_records, kagg};

/// What is seen of `kagg` with these arguments, colours and all.
fn on_terminal(columns: u16, args: &[&str], environment: &[(&str, &str)]) -> String {
    let (mut reader, terminal) = pty::open(columns);
    let mut command = command();
    command
        .args(args)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .envs(environment.iter().copied())
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    let mut child = command.spawn().unwrap();
    // It holds the terminal's other end, too.
    drop(command);
    let mut seen = Vec::new();
    // When the last one who writes is gone, reading fails.
    let _ = reader.read_to_end(&mut seen);
    child.wait().unwrap();
    String::from_utf8(seen).unwrap().replace("\r\n", "\n")
}

/// Without colours.
fn plain(seen: &str) -> String {
    let mut plain = String::new();
    for (position, part) in seen.split("\u{1b}[").enumerate() {
        let part = match (position, part.split_once('m')) {
            (1.., Some((_, after))) => after,
            _ => part,
        };
        plain.push_str(part);
    }
    plain
}

#[test]
fn colours_are_where_they_are_wanted() {
    let args = ["inspect", "examples/events/kinesis.json"];
    assert!(on_terminal(100, &args, &[]).contains("\u{1b}["));
    assert!(!on_terminal(100, &args, &[("NO_COLOR", "1")]).contains('\u{1b}'));
    let never = [&args[..], &["--color", "never"]].concat();
    assert!(!on_terminal(100, &never, &[]).contains('\u{1b}'));
    assert!(!kagg(&args.join(" "), "").text().contains('\u{1b}'));
    let always = format!("{} --color always", args.join(" "));
    assert!(kagg(&always, "").text().contains("\u{1b}["));
    let doctor = ["doctor", "examples/events/kinesis.json"];
    assert!(on_terminal(100, &doctor, &[]).contains("\u{1b}["));
}

/// Wide characters, long keys, and a fault, which is never cut off.
#[test]
fn tables_fit_the_terminal() {
    let long = "a-partition-key-of-some-length".repeat(3);
    let records = [
        (
            &*long,
            None,
            "some data that is longer than the preview shows, or nearly so",
        ),
        ("名前".repeat(12).leak() as &str, Some("7"), "x"),
        ("k", Some("undefined"), "y"),
    ];
    let directory = TempDir::new();
    let file = directory.file("page.json", get_records(&[aggregate_of(&records)]));
    for columns in [72, 80, 100, 160, 250] {
        let seen = plain(&on_terminal(columns, &["inspect", &file], &[]));
        let table = seen.lines().skip_while(|line| !line.contains(" sub "));
        let table: Vec<_> = table.take_while(|line| !line.is_empty()).collect();
        assert_eq!(table.len(), 5, "{seen}");
        for line in &table[..4] {
            let width = unicode_width::UnicodeWidthStr::width(*line);
            assert!(
                width <= usize::from(columns),
                "{width} of {columns}: {line}"
            );
        }
        assert!(
            table[4].contains("^ its explicit hash key is not an integer"),
            "{seen}"
        );
    }
    // Elsewhere all is shown.
    let run = kagg(&format!("inspect {file}"), "");
    assert!(run.text().contains(&long));
    let seen = plain(&on_terminal(60, &["doctor", &file], &[]));
    let too_long = |line: &&str| line.chars().count() > 60;
    let words = seen
        .lines()
        .filter(|line| line.starts_with("                    "));
    assert!(words.clone().count() > 3, "{seen}");
    // A long key has no place to be broken at.
    let too_long: Vec<_> = words.filter(too_long).collect();
    assert!(
        too_long.iter().all(|line| line.contains(&long)),
        "{too_long:?}"
    );
}

/// In keys, in sequence numbers, in names of files and fields: C0, DEL, C1 and bidi marks.
#[test]
fn nothing_in_the_input_steers_the_terminal() {
    let steering = "\u{7f}\u{9b}31m\u{1b}]0;x\u{7}\u{202e}\u{2066}\u{61c}";
    let data = aggregate_of(&[(steering, None, steering), ("b", None, "y")]);
    let event = serde_json::json!({"Records": [{
        "SequenceNumber": steering, "ShardId": steering, "PartitionKey": steering,
        "ApproximateArrivalTimestamp": steering, "Data": base64(&data), steering: 1,
    }, {"Data": steering}]});
    let directory = TempDir::new();
    let file = directory.file("page\u{9b}\u{202e}.json", event.to_string());
    let missing = directory.path("missing\u{9b}");
    let shards = serde_json::json!({"Shards": [{
        "ShardId": steering, "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string()},
    }]});
    let shards = directory.file("shards.json", shards.to_string());
    let plain_record = serde_json::json!([{
        "Data": base64("plain"), "PartitionKey": steering, "SequenceNumber": "7",
    }]);
    let plain_record = directory.file("plain.json", plain_record.to_string());
    for args in [
        &["deaggregate", &file][..],
        &["deaggregate", "--output=text", &file],
        &["deaggregate", "--output=kinesis", &file],
        &["inspect", &file],
        &["inspect", "--json", &file],
        &["inspect", "--shards", &shards, &file],
        &["inspect", "--shards", &shards, &plain_record],
        &["inspect", "--shards", &shards, "--shard", steering, &file],
        &["inspect", "--json", "--shards", &shards, &plain_record],
        &["doctor", &file],
        &["doctor", "--json", &file],
        &["doctor", "--shards", &shards, &file],
        &["doctor", "--shards", &shards, &plain_record],
        &["deaggregate", &missing],
    ] {
        let seen = plain(&on_terminal(100, args, &[]));
        assert!(!seen.is_empty());
        let steers = |c: &char| {
            (c.is_control() && !matches!(c, '\n' | '\t')) || "\u{202e}\u{2066}\u{61c}".contains(*c)
        };
        let found: Vec<_> = seen.chars().filter(steers).collect();
        assert_eq!(found, [], "{args:?}: {seen:?}");
    }
}
