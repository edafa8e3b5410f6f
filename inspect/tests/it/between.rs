//! Between one form and another: what is nearly a record, a list of bytes, a document.

use bytes::Bytes;
use kinesis_aggregation_inspect::{FindError, Finder, Found, Shape};

use crate::support::{a, assert_finds, assert_told, base64, found, refusal};

/// Letters alone are base64 digits: short ones are a word, unless they are the text of text.
#[test]
fn a_word_is_no_record() {
    assert_eq!(refusal("z".repeat(36)), FindError::UnknownShape);
    assert_finds("40", "z".repeat(40), &[[0xCF, 0x3C, 0xF3].repeat(10)]);
    assert_told("YWJj", &["abc"]);
    // All of it is hexadecimal.
    assert_finds(
        "hexadecimal",
        "abcdef".repeat(2),
        &[[0xAB, 0xCD, 0xEF].repeat(2)],
    );
}

/// Numbers are a list of bytes if each fits into one, signed or not, and there are enough.
#[test]
fn a_list_of_numbers_is_bytes_or_is_not() {
    assert_eq!(refusal("[1,2,3]"), FindError::NoRecords);
    assert_finds("four", "[1,2,3,4]", &[vec![1, 2, 3, 4]]);
    // Of two digits each, without commas, they are hexadecimal.
    assert_finds("pairs", "[12 34 56 78]", &[vec![0x12, 0x34, 0x56, 0x78]]);
    assert_finds("one more", "[12 34 56 7]", &[vec![12, 34, 56, 7]]);
    let list = |list: &str| format!(r#"{{"Records":[{{"Data":{list},"PartitionKey":"k"}}]}}"#);
    assert_finds(
        "edges",
        list("[-128,-1,0,127,255]"),
        &[vec![128, 255, 0, 127, 255]],
    );
    for wrong in [
        "[256]",
        "[-129]",
        "[1.5]",
        "[1,null]",
        "[1,[2]]",
        "[1,\"2\"]",
    ] {
        assert_told(&list(wrong), &["! its data is a list, but not of bytes"]);
    }
}

#[test]
fn an_object_in_a_list_of_records_has_data_or_is_refused() {
    let list = |object: &str| format!(r#"{{"Records":[{object}]}}"#);
    for (object, expected) in [
        (r#"{"PartitionKey":"k"}"#, "! it has no data"),
        (r#"{"Data":null,"PartitionKey":"k"}"#, "! it has no data"),
        (r#"{"Data":7}"#, "! its data is not a string"),
        (r#"{"Data":"%"}"#, "! its data is not base64"),
        (r#"{"Data":{}}"#, "! its data is an object"),
        ("7", "! it is not an object"),
        (r#"{"Data":"aGk="}"#, "hi"),
    ] {
        assert_told(&list(object), &[expected]);
    }
    // Elsewhere, what has neither a key nor a number is none, unless its data is an aggregate.
    let elsewhere = |object: &str| format!(r#"{{"other":{object}}}"#);
    assert_eq!(
        refusal(elsewhere(r#"{"data":"aGk="}"#)),
        FindError::NoRecords
    );
    assert_told(&elsewhere(r#"{"data":"aGk=","partitionKey":"k"}"#), &["hi"]);
    assert_told(
        &elsewhere(r#"{"data":"aGk=","sequenceNumber":"7"}"#),
        &["hi"],
    );
    let aggregate = format!(r#"{{"data":"{}"}}"#, base64(&a()));
    assert_finds("an aggregate", elsewhere(&aggregate), &[a()]);
    assert_finds("the same", format!(r#"{{"data":{aggregate}}}"#), &[a()]);
    // Under a key of its own, too.
    assert_told(r#"{"data":{"data":"aGk=","partitionKey":"k"}}"#, &["hi"]);
}

/// A shape that is named keeps out records of another.
#[test]
fn records_are_of_the_shape_that_is_named() {
    let lambda = r#"{"Records":[{"kinesis":{"data":"aGk=","sequenceNumber":"7"}}]}"#;
    let kinesis = r#"{"Records":[{"Data":"aGk=","SequenceNumber":"7"}]}"#;
    let pipes = r#"[{"data":"aGk=","sequenceNumber":"7"}]"#;
    let firehose = r#"{"records":[{"data":"aGk=","recordId":"7"}]}"#;
    let inputs = [
        (Shape::Lambda, lambda),
        (Shape::Kinesis, kinesis),
        (Shape::Pipes, pipes),
        (Shape::Firehose, firehose),
    ];
    for (named, _) in inputs {
        for (shape, input) in inputs {
            let mut finder = Finder::new().shape(named);
            finder.push(input.as_bytes());
            finder.end();
            match finder.next() {
                Ok(Some(Found::Record(record))) => {
                    assert_eq!((record.data(), named), (&Bytes::from("hi"), shape));
                }
                Err(FindError::OtherShape { place }) => assert!(named != shape, "{place}"),
                other => panic!("{named:?}, {shape:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn documents_nest_so_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{open}{{"Data":"aGk=","PartitionKey":"k"}}{close}"#)
    };
    assert_told(&nested(127), &["hi"]);
    let error = refusal(nested(128)).to_string();
    assert!(error.contains("it nests too deep"), "{error}");
    // In strings of documents.
    let mut text = r#"{"Data":"aGk=","PartitionKey":"k"}"#.to_owned();
    for _ in 0..4 {
        text = format!(r#"{{"body":{}}}"#, serde_json::to_string(&text).unwrap());
    }
    assert_told(&text, &["hi"]);
    let deeper = format!(r#"{{"body":{}}}"#, serde_json::to_string(&text).unwrap());
    assert_eq!(refusal(deeper), FindError::NoRecords);
}

/// As in the second of several files.
#[test]
fn records_are_counted_from_where_the_last_input_ended() {
    let mut finder = Finder::new().first_index(5);
    assert_eq!(finder.next_index(), 5);
    finder.push(b"6f6e65\nzz\n74776f\n");
    finder.end();
    let mut indices = Vec::new();
    while let Some(found) = finder.next().unwrap() {
        match found {
            Found::Record(record) => indices.push(record.index()),
            Found::Refused(refused) => indices.push(refused.index()),
            Found::Warning(warning) => panic!("{warning}"),
        }
    }
    assert_eq!((indices, finder.next_index()), (vec![5, 6, 7], 8));
}

/// What the object around a record says, unless the record says it itself.
#[test]
fn the_record_itself_is_believed_before_what_is_around_it() {
    let all = found(
        r#"{"Records":[
            {"eventID":"shardId-000000000001:7","kinesis":{"data":"aGk=","sequenceNumber":"7","partitionKey":"k"}},
            {"partitionKey":"outer","kinesis":{"data":"aGk=","sequenceNumber":"8","partitionKey":"inner"}},
            {"partitionKey":"outer","kinesis":{"data":"aGk=","sequenceNumber":"9"}},
            {"ShardId":"shardId-000000000002","Data":"aGk="}
        ]}"#,
    );
    let told: Vec<_> = all
        .records()
        .iter()
        .map(|record| {
            (
                record.shard_id(),
                record.sequence_number(),
                record.partition_key(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("shardId-000000000001"), Some("7"), Some("k")),
            (None, Some("8"), Some("inner")),
            (None, Some("9"), Some("outer")),
            (Some("shardId-000000000002"), None, None),
        ]
    );
}

/// Whatever quotes or names it has in the input.
#[test]
fn an_arrival_time_is_json_or_is_left_out() {
    let arrival = |value: &str| {
        let record = format!("{{'ApproximateArrivalTimestamp': {value}, 'Data': 'aGk='}}");
        let all = found(format!("{{'Records': [{record}]}}"));
        let json = all.records()[0].approximate_arrival_timestamp();
        json.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap())
    };
    for nothing in ["None", "null", "True"] {
        assert_eq!(arrival(nothing), None, "{nothing}");
    }
    assert_eq!(arrival("1545084650.987"), Some(1_545_084_650.987.into()));
    for (text, expected) in [
        ("\"a'b\"", "a'b"),
        ("'a\"b'", "a\"b"),
        (r"'a\'b'", "a'b"),
        (
            "datetime.datetime(2026, 1, 1)",
            "datetime.datetime(2026, 1, 1)",
        ),
    ] {
        assert_eq!(arrival(text), Some(expected.into()), "{text}");
    }
}

/// What is far longer than any record is not kept in memory for its end.
#[test]
fn what_never_ends_is_given_up() {
    for start in ["aGk=\n", "[{\"Data\":\"", "6f6e65\n"] {
        let mut finder = Finder::new();
        finder.push(start.as_bytes());
        while finder.next().unwrap().is_some() {}
        finder.push(&vec![b'a'; 65 << 20]);
        assert!(
            matches!(finder.next(), Err(FindError::TooLong { .. })),
            "{start}"
        );
    }
}
