//! Between a record a line and other lines: wrapped, empty, broken, rows of dumps and tables.

use kinesis_aggregation_inspect::{FindError, Finder, Found, FoundRecord, Shape, Warning, find};

use crate::support::{
    a, assert_finds, assert_told, b, base64, by_pieces, found, framed, refusal, wrapped,
};

#[test]
fn a_line_that_cannot_be_decoded_is_refused_with_its_place() {
    assert_told(
        "6f6e65\nzz\n 7z\n74776\n74776f\n",
        &[
            "one",
            "! it is not hexadecimal at its byte 1",
            "! it is not hexadecimal at its byte 3",
            "! it is not hexadecimal: 5 digits are not pairs",
            "two",
        ],
    );
    assert_told(
        "aGVsbG8h\n%GVs\nabcde\naGVsbG8=\n",
        &[
            "hello!",
            "! it is not base64 at its byte 1",
            "! it is not base64: of its 5 characters some are missing, or the last are wrong",
            "hello",
        ],
    );
}

/// Two halves of a pair would make other bytes of all between them.
#[test]
fn groups_of_hexadecimal_digits_are_whole_pairs() {
    let all = found("6f6e65\n6f6e 65\n6f6 e65\n");
    assert_eq!((all.records().len(), all.refused().len()), (2, 1));
}

#[test]
fn an_empty_line_is_a_record_without_data() {
    assert_told("\n\n6f6e65\n\n74776f\n", &["", "", "one", "", "two"]);
    assert_told("\n\naGVsbG8h\n", &["", "", "hello!"]);
    let all = found("\n6f6e65\n\n74776f");
    let lines: Vec<_> = all
        .records()
        .iter()
        .map(|record| record.place().line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4]);
    let offsets: Vec<_> = all
        .records()
        .iter()
        .map(|record| record.place().offset)
        .collect();
    assert_eq!(offsets, [0, 1, 8, 9]);
    let all = found("6f6e65\nzz\n");
    let [refused] = all.refused() else { panic!() };
    assert_eq!(refused.place().line, 2);
    assert_eq!(
        refused.to_string(),
        "record 1 (line 2): it is not hexadecimal at its byte 1"
    );
}

/// All lines but the last are of one width, one that mail and PEM have.
#[test]
fn lines_look_wrapped_only_if_all_but_the_last_are_as_wide() {
    let warns = |widths: &[usize]| {
        let lines = widths.iter().map(|width| "YWJj".repeat(width / 4) + "\n");
        let all = found(lines.collect::<String>());
        assert_eq!(all.records().len(), widths.len());
        match all.warnings() {
            [] => None,
            [Warning::LooksWrapped { width }] => Some(*width),
            others => panic!("{others:?}"),
        }
    };
    assert_eq!(warns(&[76, 76, 8]), Some(76));
    assert_eq!(warns(&[64, 64]), Some(64));
    for widths in [
        &[76][..],
        &[76, 72, 76],
        &[76, 80],
        &[72, 72, 8],
        &[76, 8, 8],
    ] {
        assert_eq!(warns(widths), None, "{widths:?}");
    }
}

/// Each is an aggregate, whatever its width.
#[test]
fn aggregates_a_line_do_not_look_wrapped() {
    let data = framed(&format!("0a01611a2008001a1c{}", "78".repeat(28)));
    let line = base64(&data);
    assert_eq!(line.len(), 76);
    assert_finds("twice", format!("{line}\n{line}\n"), &[data.clone(), data]);
}

/// What follows an aggregate in wrapped text is one, too: its lines are no records.
#[test]
fn the_second_of_two_wrapped_aggregates_is_whole_or_refused() {
    let first = wrapped(&base64(&a()), 64, "", "");
    let second = wrapped(&base64(&b()), 64, "", "");
    let line = first.lines().count() as u64 + 1;
    let lines: Vec<_> = second.lines().collect();
    assert!(lines.len() > 1);
    for kept in [&lines[..1], &lines[..lines.len() - 1]] {
        let input = format!("{first}{}", kept.join("\n"));
        let mut told = by_pieces(input.as_bytes(), 1000);
        assert_eq!(told, Err(FindError::BrokenText { line }), "{input}");
        told = by_pieces(format!("{first}{second}").as_bytes(), 1000);
        assert_eq!(told.map(|found| found.len()), Ok(2));
    }
}

/// Where each line is a record, one that is broken is one, too.
#[test]
fn a_broken_aggregate_among_others_a_line_is_a_record() {
    let cut = &a()[..60];
    let lines = format!("aGVsbG8h\n{}\naGVsbG8h\n", base64(cut));
    let hello = b"hello!".to_vec();
    assert_finds(
        "unnamed",
        &lines,
        &[hello.clone(), cut.to_vec(), hello.clone()],
    );
    // First of all, only a shape that is named says that lines are records.
    let lines = format!("{}\naGVsbG8h\n", base64(cut));
    assert_eq!(refusal(&lines), FindError::BrokenText { line: 1 });
    let mut finder = Finder::new().shape(Shape::Base64);
    finder.push(lines.as_bytes());
    finder.end();
    for expected in [cut.to_vec(), hello] {
        match finder.next() {
            Ok(Some(Found::Record(record))) => assert_eq!(record.data()[..], expected),
            other => panic!("{other:?}"),
        }
    }
}

/// Not at a place inside it, which nobody can look up.
#[test]
fn records_in_a_line_of_a_log_or_in_a_string_are_at_its_place() {
    let event = format!(
        r#"{{"Records":[{{"Data":"{0}"}},{{"Data":"{0}"}}]}}"#,
        base64(&a())
    );
    let quoted = format!("{event:?}");
    for text in [
        format!("START RequestId: 5f1c\n2026 INFO {event}\nEND RequestId: 5f1c\n"),
        format!("{{\"version\":\"1.0\",\n\"body\":{quoted}}}"),
        format!(
            "{{\"version\":\"1.0\",\n\"body\":{:?}}}",
            format!("\n\n\n{event}")
        ),
    ] {
        let all = assert_finds(&text, &text, &[a(), a()]);
        let [first, second] = all.records() else {
            panic!()
        };
        assert_eq!(first.place(), second.place(), "{text}");
        assert_eq!(first.place().line, 2, "{text}");
    }
    let all = found(format!("INFO {event}\nINFO {event}\n"));
    let lines: Vec<_> = all
        .records()
        .iter()
        .map(|record| record.place().line)
        .collect();
    assert_eq!(lines, [1, 1, 2, 2]);
}

/// An aggregate that begins after a broken one is its own, though its lines are short enough to be the
/// rest of it.
#[test]
fn a_broken_aggregate_does_not_swallow_the_next() {
    for encode in [|data: &[u8]| base64(data), |data: &[u8]| hex::encode(data)] {
        let cut = &a()[..a().len() - 2];
        let before = format!("{}\n{}\n", encode(b"hello!"), encode(cut));
        for width in [64, 1000] {
            let lines = before.clone() + &wrapped(&encode(&b()), width, "", "");
            assert_finds(&lines, &lines, &[b"hello!".to_vec(), cut.to_vec(), b()]);
        }
    }
}

#[test]
fn a_column_of_many_digits_is_data() {
    let number = "49590338271490256608559692538361571095921575989136588898";
    let all = assert_finds(
        "",
        format!("{number}\t{}\n", "31".repeat(70)),
        &[vec![b'1'; 70]],
    );
    assert_eq!(all.records()[0].sequence_number(), Some(number));
}

#[test]
fn yaml_records_have_data_or_are_refused() {
    assert_told(
        "MillisBehindLatest: 0\nRecords:\n- PartitionKey: a\n  SequenceNumber: '7'\n\
         - Data: aGk=\n  PartitionKey: a\n- Data: '%'\n  PartitionKey: a\n",
        &["! it has no data", "hi", "! its data is not base64"],
    );
    let all = found(
        "Records:\n- ApproximateArrivalTimestamp: 1545084650.987\n  Data: aGk=\n\
         - ApproximateArrivalTimestamp: '2026-11-25T15:00:00+00:00'\n  Data: aGk=\n",
    );
    let arrivals = all
        .records()
        .iter()
        .map(FoundRecord::approximate_arrival_timestamp);
    assert_eq!(
        arrivals.collect::<Vec<_>>(),
        [
            Some("1545084650.987"),
            Some("\"2026-11-25T15:00:00+00:00\"")
        ]
    );
}

#[test]
fn lines_of_text_output_have_base64_or_are_refused() {
    assert_told(
        "RECORDS\t1545084650.987\t%\ta\t7\nRECORDS\t1545084650.987\taGk=\ta\t8\n\
         CHILDSHARDS\tshardId-000000000001\nnothing\n",
        &["! its data is not base64", "hi"],
    );
    // Neither is a line of `get-records`.
    for line in ["12345678901234567\tAAAA", "0\tBAAA", "x\tAAAA", "\tAAAA"] {
        let is_one = find(line.as_bytes()).is_ok_and(|all| all.records().is_empty());
        assert!(!is_one, "{line:?}");
    }
}

/// The offsets are no data, where the rows before them are missing.
#[test]
fn the_rest_of_a_dump_is_not_read_with_its_offsets() {
    let rest = "00000010: 6f6e 65                                  one\n00000020: 7477 6f\n";
    assert_eq!(refusal(rest), FindError::UnknownShape);
    let (_, last) = rest.split_once('\n').unwrap();
    assert_eq!(refusal(last), FindError::UnknownShape);
    // Words of four bytes are no row, and neither are bytes with colons.
    let data = framed("0a01611a0508001a0178");
    let digits = hex::encode(&data).into_bytes();
    for (len, between) in [(8, " "), (2, ": ")] {
        let words: Vec<_> = digits.chunks(len).map(String::from_utf8_lossy).collect();
        assert_finds(between, words.join(between), std::slice::from_ref(&data));
    }
}

/// The text beside the bytes may look like more of them.
#[test]
fn the_text_column_of_a_dump_is_no_data() {
    let data = b"abcdef0123456789".to_vec();
    for dump in [
        "00000000: 6162 6364 6566 3031 3233 3435 3637 3839  abcdef0123456789\n",
        "00000000: 61 62 63 64 65 66 30 31 32 33 34 35 36 37 38 39  abcdef0123456789\n",
        "00000000  61 62 63 64 65 66 30 31  32 33 34 35 36 37 38 39  |abcdef0123456789|\n00000010\n",
    ] {
        assert_finds(dump, dump, std::slice::from_ref(&data));
    }
}

/// There is no row to repeat.
#[test]
fn a_star_after_the_last_row_of_a_dump_repeats_nothing() {
    assert_told("00000000  41\n00000001\n*\n00000010  42\n", &["AB"]);
}

#[test]
fn a_row_of_a_dump_that_is_none_is_refused_and_ends_a_record() {
    assert_told(
        "00000000: 6f6e 65                                  one\nnothing\n\
         00000000: 7477 6f                                  two\n",
        &["one", "! it is no row of a hex dump", "two"],
    );
}

/// That a log holds no records is said.
#[test]
fn a_log_without_records_has_none() {
    let log = "START RequestId: 5f1c\n2026 INFO {\"level\":1}\nEND\n";
    assert_eq!(
        refusal(log.split_once('\n').unwrap().1),
        FindError::NoRecords
    );
}
