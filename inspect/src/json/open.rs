//! The objects and lists that are open, and what may come in them.

use super::scan::{Scanner, Text, Token};
use crate::fields::{Fields, Role};
use crate::record::Place;

/// The object or array that is open.
#[expect(clippy::large_enum_variant, reason = "only a few are open at once")]
pub(super) enum Open {
    Object(Object),
    Array(Array),
}

pub(super) struct Object {
    pub(super) role: Role,
    pub(super) expects: InObject,
    /// Of the value that comes.
    pub(super) key: Role,
    pub(super) fields: Fields,
    /// Its values, if it is a list of bytes under another name.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) place: Place,
}

pub(super) enum InObject {
    Key,
    Colon,
    Value,
    Comma,
}

pub(super) struct Array {
    pub(super) role: Role,
    pub(super) expects_value: bool,
    pub(super) is_empty: bool,
    /// Its numbers; `None` if something else is in it.
    pub(super) bytes: Option<Vec<u8>>,
}

/// The role of a token in its place.
pub(super) enum Next {
    Value(Role),
    Close,
    Done,
    Wrong(&'static str),
}

impl Array {
    pub(super) fn next(&mut self, token: &Token) -> Next {
        match (self.expects_value, token) {
            (_, Token::CloseArray) => Next::Close,
            (false, Token::Comma) => {
                self.expects_value = true;
                Next::Done
            }
            (false, _) => Next::Wrong("a comma or ] is missing"),
            (true, token) => {
                self.expects_value = false;
                self.is_empty = false;
                if !matches!(token, Token::Word(_)) {
                    self.bytes = None;
                }
                Next::Value(self.role)
            }
        }
    }
}

impl Object {
    pub(super) fn next(&mut self, token: &Token, scanner: &Scanner) -> Next {
        match (&self.expects, token) {
            (InObject::Key | InObject::Comma, Token::CloseObject) => return Next::Close,
            (InObject::Key, Token::Text(Text { inside, .. }) | Token::Word(inside)) => {
                self.key = Role::of(scanner.bytes(inside.clone()));
                self.expects = InObject::Colon;
            }
            (InObject::Colon, Token::Colon) => self.expects = InObject::Value,
            (InObject::Comma, Token::Comma) => self.expects = InObject::Key,
            (InObject::Value, _) => {
                self.expects = InObject::Comma;
                return Next::Value(self.key);
            }
            (InObject::Key, _) => return Next::Wrong("a key is missing"),
            (InObject::Colon, _) => return Next::Wrong("a colon is missing"),
            (InObject::Comma, _) => return Next::Wrong("a comma or } is missing"),
        }
        Next::Done
    }
}
