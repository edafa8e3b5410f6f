//! The walk through JSON documents. It gives each record when its object ends, so it holds no more
//! than one record and the way down to it.

use std::borrow::Cow;

use bytes::Bytes;

use super::open::{Array, InObject, Next, Object, Open};
use super::scan::{Scanner, Text, Token};
use super::value::{
    byte, is_literal, json_starts, json_string, may_hold_json, opens_an_aggregate, unescaped,
};
use crate::fields::{Fields, Role};
use crate::find::{FailedBatch, FindError, OtherSource, Sink, other_source};
use crate::record::Place;
use crate::text::{decode, decode_value};

/// No document nests deeper.
const DEEPEST: usize = 128;
/// Documents in strings of documents.
const DEEPEST_TEXT: usize = 4;

/// Walks through documents that come in pieces.
#[derive(Default)]
pub(crate) struct Walker {
    scanner: Scanner,
    open: Vec<Open>,
    /// How many strings this document is inside of.
    depth: usize,
    seen: Seen,
}

/// The parts of the current document that are not records.
#[derive(Default)]
struct Seen {
    batch: Option<FailedBatch>,
    source: Option<OtherSource>,
    shards: bool,
    empty_list: bool,
    /// Records and refusals before this document.
    before: usize,
}

impl Walker {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.scanner.push(piece);
    }

    pub(crate) fn end(&mut self) {
        self.scanner.end();
    }

    /// Looks for records in a line that holds JSON at its end, as those of logs do. Tells whether
    /// there were any.
    pub(crate) fn line(text: &[u8], place: Place, sink: &mut Sink) -> Result<bool, FindError> {
        let mut walker = Self::default();
        let outer = sink.enter(place);
        let found = walker.inner_documents(text, sink);
        sink.leave(outer);
        match walker.seen {
            Seen {
                batch: Some(batch), ..
            } if !found => Err(FindError::BatchWithoutRecords(Box::new(batch))),
            _ => Ok(found),
        }
    }

    /// Goes on until a record comes out, or more input is needed: then it is false.
    pub(crate) fn step(&mut self, sink: &mut Sink) -> Result<bool, FindError> {
        let before = sink.len();
        while sink.len() == before {
            let Some(token) = self.scanner.next()? else {
                return Ok(false);
            };
            let is_comma = matches!(token, Token::Comma);
            self.token(token, sink)?;
            if self.open.is_empty() && self.depth == 0 && !is_comma {
                self.end_document(sink)?;
            }
        }
        Ok(true)
    }

    /// At the end of the input: nothing may be open.
    pub(crate) fn check_end(&self) -> Result<(), FindError> {
        if self.open.is_empty() {
            Ok(())
        } else {
            Err(self
                .scanner
                .broken("it ends before its brackets are closed"))
        }
    }

    fn end_document(&mut self, sink: &mut Sink) -> Result<(), FindError> {
        let seen = std::mem::take(&mut self.seen);
        self.seen.before = sink.count();
        if sink.count() > seen.before || seen.empty_list {
            sink.document();
            return Ok(());
        }
        if let Some(batch) = seen.batch {
            return Err(FindError::BatchWithoutRecords(Box::new(batch)));
        }
        if let Some((name, advice)) = seen.source {
            return Err(FindError::OtherSource { name, advice });
        }
        if seen.shards {
            return Err(FindError::Shards);
        }
        sink.nothing(self.scanner.place());
        Ok(())
    }

    fn token(&mut self, token: Token, sink: &mut Sink) -> Result<(), FindError> {
        let next = match self.open.last_mut() {
            // Between documents, as in a list that was cut out.
            None if matches!(token, Token::Comma) => Next::Done,
            None => Next::Value(Role::Top),
            Some(Open::Array(array)) => array.next(&token),
            Some(Open::Object(object)) => object.next(&token, &self.scanner),
        };
        match next {
            Next::Value(role) => self.value(token, role, sink),
            Next::Close => self.close(sink),
            Next::Done => Ok(()),
            Next::Wrong(what) => Err(self.scanner.broken(what)),
        }
    }

    fn value(&mut self, token: Token, role: Role, sink: &mut Sink) -> Result<(), FindError> {
        match token {
            Token::OpenObject => self.open(Open::Object(Object {
                role,
                expects: InObject::Key,
                key: Role::Other,
                fields: Fields::default(),
                bytes: None,
                place: self.scanner.place(),
            })),
            Token::OpenArray => self.open(Open::Array(Array {
                role,
                expects_value: true,
                is_empty: true,
                bytes: Some(Vec::new()),
            })),
            Token::Text(text) => self.text(&text, role, sink),
            Token::Word(word) => self.word(word, role, sink),
            Token::Bytes(bytes) => {
                self.data(role, Ok(bytes.into()), sink);
                Ok(())
            }
            _ => Err(self.scanner.broken("a value is missing")),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), FindError> {
        if self.open.len() >= DEEPEST {
            return Err(self.scanner.broken("it nests too deep"));
        }
        self.open.push(open);
        Ok(())
    }

    /// The fields of the object whose value is at hand.
    fn fields(&mut self) -> Option<&mut Fields> {
        match self.open.last_mut() {
            Some(Open::Object(object)) => Some(&mut object.fields),
            _ => None,
        }
    }

    /// Data under the key of `role`, or a record of its own where no object is around it.
    fn data(&mut self, role: Role, data: Result<Bytes, &'static str>, sink: &mut Sink) {
        let place = self.scanner.place();
        match (role, self.fields()) {
            (Role::Data { capital }, Some(fields)) => {
                fields.data = Some(data);
                fields.capital |= capital;
            }
            (Role::Top, None) => sink.found(Fields::default(), data, place),
            _ => {}
        }
    }

    fn text(&mut self, text: &Text, role: Role, sink: &mut Sink) -> Result<(), FindError> {
        let raw = self.scanner.bytes(text.inside.clone());
        let unescaped = match text.is_escaped {
            false => Cow::Borrowed(raw),
            true => unescaped(raw, text.is_json),
        };
        match role {
            Role::Data { .. } => match decode_value(&unescaped) {
                Some(data) => self.data(role, Ok(data.into()), sink),
                None => {
                    let inner = unescaped.into_owned();
                    if !self.inner_documents(&inner, sink) {
                        self.data(role, Err("its data is not base64"), sink);
                    }
                }
            },
            Role::Top if !may_hold_json(&unescaped) => {
                let data = decode(&unescaped).map(|(_, data)| data.into());
                self.data(
                    role,
                    data.ok_or("it is neither base64 nor hexadecimal"),
                    sink,
                );
            }
            Role::Arrival => {
                let json = match text.is_json {
                    true => format!("\"{}\"", String::from_utf8_lossy(raw)),
                    false => json_string(&unescaped),
                };
                self.set(role, json);
            }
            Role::EventSource => self.seen.source = self.seen.source.or(other_source(&unescaped)),
            Role::Top | Role::Other | Role::Records if may_hold_json(&unescaped) => {
                let inner = unescaped.into_owned();
                self.inner_documents(&inner, sink);
            }
            _ => {
                let value = String::from_utf8_lossy(&unescaped).into_owned();
                self.set(role, value);
            }
        }
        Ok(())
    }

    fn set(&mut self, role: Role, value: String) {
        let Some(fields) = self.fields() else {
            return;
        };
        let place = match role {
            Role::PartitionKey => &mut fields.partition_key,
            Role::ExplicitHashKey => &mut fields.explicit_hash_key,
            Role::SequenceNumber => &mut fields.sequence_number,
            Role::Arrival => &mut fields.arrival,
            Role::EventId => &mut fields.event_id,
            Role::ShardId => &mut fields.shard_id,
            Role::StreamArn => &mut fields.batch.stream_arn,
            Role::StartSequenceNumber => &mut fields.batch.start_sequence_number,
            Role::EndSequenceNumber => &mut fields.batch.end_sequence_number,
            Role::BatchSize => {
                fields.batch.batch_size = value.parse().ok();
                return;
            }
            Role::RecordId => {
                fields.has_record_id = true;
                return;
            }
            _ => return,
        };
        *place = Some(value);
    }

    fn word(
        &mut self,
        word: std::ops::Range<usize>,
        role: Role,
        sink: &mut Sink,
    ) -> Result<(), FindError> {
        let text = String::from_utf8_lossy(self.scanner.bytes(word)).into_owned();
        let is_number = text.parse::<f64>().is_ok();
        if text.starts_with("...") {
            let what = "only the start of a list was printed: print it as base64";
            return Err(self.scanner.broken(what));
        }
        if !is_number && !is_literal(&text) && !text.ends_with(')') {
            return Err(self.scanner.broken("a value is missing"));
        }
        // -128 to 127 in Java, 0 to 255 elsewhere.
        let byte = text.parse::<i16>().ok().and_then(byte);
        let place = self.scanner.place();
        match self.open.last_mut() {
            Some(Open::Array(array)) => {
                if array.role == Role::Records {
                    sink.refuse(place, "it is not an object");
                }
                array.bytes = array.bytes.take().zip(byte).map(|(mut bytes, byte)| {
                    bytes.push(byte);
                    bytes
                });
            }
            Some(Open::Object(object)) => {
                if matches!((object.role, role), (Role::Data { .. }, Role::Number)) {
                    object.bytes.get_or_insert_default().extend(byte);
                }
                match role {
                    Role::Data { .. } if text != "null" => {
                        object.fields.data = Some(Err("its data is not a string"));
                    }
                    Role::Arrival if is_number => self.set(role, text),
                    Role::Arrival if text.ends_with(')') => {
                        self.set(role, json_string(text.as_bytes()));
                    }
                    _ if is_number => self.set(role, text),
                    _ => {}
                }
            }
            None => {}
        }
        Ok(())
    }

    fn close(&mut self, sink: &mut Sink) -> Result<(), FindError> {
        match self.open.pop() {
            Some(Open::Array(array)) => {
                self.close_array(array, sink);
                Ok(())
            }
            Some(Open::Object(object)) => self.close_object(object, sink),
            None => Ok(()),
        }
    }

    fn close_array(&mut self, array: Array, sink: &mut Sink) {
        match array.role {
            Role::Records | Role::Top if array.is_empty => self.seen.empty_list = true,
            Role::Shards => self.seen.shards = true,
            _ => {}
        }
        let place = self.scanner.place();
        match (self.open.last_mut(), array.role) {
            (None, Role::Top) => {
                if let Some(bytes) = array.bytes.filter(|bytes| bytes.len() >= FEWEST_NUMBERS) {
                    sink.found(Fields::default(), Ok(bytes.into()), place);
                }
            }
            (Some(Open::Object(outer)), Role::Data { capital }) => {
                let data = array.bytes.map(Bytes::from);
                if matches!(outer.role, Role::Data { .. }) {
                    outer.bytes = data.map(Vec::from);
                } else {
                    outer.fields.data = Some(data.ok_or("its data is a list, but not of bytes"));
                    outer.fields.capital |= capital;
                }
            }
            (Some(Open::Object(outer)), _) if matches!(outer.role, Role::Data { .. }) => {
                outer.bytes = array.bytes.or(outer.bytes.take());
            }
            _ => {}
        }
    }

    fn close_object(&mut self, object: Object, sink: &mut Sink) -> Result<(), FindError> {
        let Object {
            role,
            mut fields,
            bytes,
            place,
            ..
        } = object;
        let outer = self.fields();
        match (role, outer) {
            (Role::Data { .. }, Some(outer))
                if fields.data.is_none() && !fields.is_of_a_record() =>
            {
                let data = bytes.map(Bytes::from).ok_or("its data is an object");
                outer.data = Some(data);
            }
            (Role::Kinesis, Some(outer)) => {
                fields.in_kinesis = true;
                outer.merge(fields);
            }
            (Role::Metadata, Some(outer)) => outer.merge(fields),
            (Role::Batch, _) => {
                fields.batch.shard_id = fields.shard_id;
                self.seen.batch = Some(fields.batch);
            }
            _ => self.record(role, fields, place, sink)?,
        }
        Ok(())
    }

    /// The end of an object that may be a record.
    fn record(
        &mut self,
        role: Role,
        mut fields: Fields,
        place: Place,
        sink: &mut Sink,
    ) -> Result<(), FindError> {
        let is_of_a_record = fields.is_of_a_record();
        let is_listed = matches!(role, Role::Records | Role::Top);
        let data = match fields.data.take() {
            Some(Ok(data)) if is_of_a_record || is_listed || opens_an_aggregate(&data) => Ok(data),
            Some(Err(why)) if is_of_a_record || role == Role::Records => Err(why),
            None if is_listed && is_of_a_record => Err("it has no data"),
            None if role == Role::Records && self.seen.source.is_none() => Err("it has no data"),
            _ => return Ok(()),
        };
        if data.is_ok() {
            sink.check_shape(fields.shape(), place)?;
        }
        sink.found(fields, data, place);
        Ok(())
    }

    /// Looks for records in a string that holds JSON. Tells whether there were any.
    fn inner_documents(&mut self, text: &[u8], sink: &mut Sink) -> bool {
        if self.depth >= DEEPEST_TEXT {
            return false;
        }
        let before = sink.count();
        let outer = sink.enter(self.scanner.place());
        for start in json_starts(text) {
            let mut walker = Self {
                depth: self.depth + 1,
                ..Self::default()
            };
            walker.push(text.get(start..).unwrap_or_default());
            walker.end();
            while let Ok(true) = walker.step(sink) {}
            let Seen {
                batch,
                source,
                shards,
                empty_list,
                ..
            } = walker.seen;
            self.seen.batch = self.seen.batch.take().or(batch);
            self.seen.source = self.seen.source.or(source);
            self.seen.shards |= shards;
            self.seen.empty_list |= empty_list;
            if sink.count() > before || self.seen.batch.is_some() {
                break;
            }
        }
        sink.leave(outer);
        sink.count() > before
    }
}

/// A list of fewer numbers is not taken for bytes.
const FEWEST_NUMBERS: usize = 4;
