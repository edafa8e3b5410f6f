//! Lines with tabs between their cells, as `aws --output text` prints them.

use bytes::Bytes;
use kinesis_aggregation::wire::MAGIC;

use super::sink::Sink;
use crate::fields::Fields;
use crate::record::Place;
use crate::text::{decode, decode_value};

/// Whether `line` is one of `aws kinesis get-records --output text`. Before the records comes a
/// line of `MillisBehindLatest` and the next shard iterator.
pub(super) fn is_get_records(line: &[u8]) -> bool {
    let mut cells = line.split(|&byte| byte == b'\t');
    match (cells.next(), cells.next()) {
        (Some(b"RECORDS" | b"CHILDSHARDS"), Some(_)) => true,
        (Some(millis), Some(iterator)) => {
            !millis.is_empty()
                && millis.len() < 16
                && millis.iter().all(u8::is_ascii_digit)
                && iterator.starts_with(b"AAAA")
        }
        _ => false,
    }
}

/// A line of `get-records --output text`. Its columns are in the order of their names: arrival,
/// data, encryption type (not always), partition key (not always), sequence number.
pub(super) fn get_records_line(line: &[u8], place: Place, sink: &mut Sink) {
    let cells: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
    let [b"RECORDS", arrival, data, between @ .., number] = cells.as_slice() else {
        return;
    };
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
    let arrival = text(arrival);
    let fields = Fields {
        partition_key: between.last().map(|key| text(key)),
        sequence_number: Some(text(number)),
        arrival: match arrival.parse::<f64>() {
            Ok(_) => Some(arrival),
            Err(_) => serde_json::to_string(&arrival).ok(),
        },
        ..Fields::default()
    };
    let data = decode_value(data).map(Bytes::from);
    sink.found(fields, data.ok_or("its data is not base64"), place);
}

/// A line of what `--query … --output text` leaves: data alone, each cell a record, or data and
/// other columns. False if no cell can be data.
pub(super) fn query_line(line: &[u8], place: Place, sink: &mut Sink) -> bool {
    let cells: Vec<&[u8]> = line
        .split(|&byte| byte == b'\t')
        .map(<[u8]>::trim_ascii)
        .collect();
    let number = cells.iter().find(|cell| is_sequence_number(cell));
    let decoded: Vec<Option<Vec<u8>>> = cells
        .iter()
        .map(|cell| match is_sequence_number(cell) {
            true => None,
            false => decode(cell).map(|(_, data)| data),
        })
        .collect();
    if decoded.iter().all(Option::is_some) {
        for data in decoded.into_iter().flatten() {
            sink.found(Fields::default(), Ok(data.into()), place);
        }
        return true;
    }
    let aggregates = |data: &&Vec<u8>| data.starts_with(&MAGIC);
    let candidates = || decoded.iter().flatten();
    let data = candidates()
        .find(aggregates)
        .or_else(|| candidates().max_by_key(|data| data.len()));
    let Some(data) = data else {
        return false;
    };
    let fields = Fields {
        sequence_number: number.map(|number| String::from_utf8_lossy(number).into_owned()),
        ..Fields::default()
    };
    sink.found(fields, Ok(data.clone().into()), place);
    true
}

/// A sequence number has 56 digits, and 1 in a local stack of toys; hexadecimal data of digits
/// alone are rare, and even.
fn is_sequence_number(cell: &[u8]) -> bool {
    (20..=129).contains(&cell.len()) && cell.iter().all(u8::is_ascii_digit)
}
