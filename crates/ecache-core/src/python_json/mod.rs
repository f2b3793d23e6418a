//! JSON as Python reads and writes it: the text that FiftyOne hashes and stores.
//!
//! Python's `json` accepts and produces more than RFC 8259: `NaN`, `Infinity`, integers of any
//! size, lone surrogates. `serde_json` loses some of these and writes floats differently, so this
//! module has its own model, parser and writer; nothing else in the crate knows how JSON is
//! spelled.

mod equal;
mod grammar;
mod parse;
mod position;
mod string;
mod validate;
mod write;
mod wtf8;

#[doc(hidden)]
pub use grammar::MAX_DEPTH;
pub(crate) use grammar::plain_length;
pub use position::ParseError;
pub use string::PyString;
#[doc(hidden)]
pub use validate::Validator;
pub(crate) use validate::value_length;
pub(crate) use write::{KeyOrder, write_float, write_integer, write_string};

/// A JSON value as Python's `json` sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that fits 64 bits
    Integer(i64),
    /// An integer beyond 64 bits, in canonical decimal digits
    BigInteger(Box<str>),
    /// A float; `NaN` and the infinities included
    Float(f64),
    /// A string
    String(PyString),
    /// A list
    Array(Vec<Json>),
    /// A dict, in insertion order and without duplicate keys
    Object(Vec<(PyString, Json)>),
}

impl Json {
    /// Returns the value of `key`, if this is a dict that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(entries) => entries
                .iter()
                .find(|(name, _)| name.as_bytes() == key.as_bytes())
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the value of `key` to be changed, if this is a dict that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        match self {
            Json::Object(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.as_bytes() == key.as_bytes())
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the text, if this is a string without lone surrogates.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(string) => string.as_str(),
            _ => None,
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Json::Integer(value)
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Self {
        Json::Float(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Json::String(value.into())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Json::String(value.into())
    }
}

impl From<Vec<Json>> for Json {
    fn from(values: Vec<Json>) -> Self {
        Json::Array(values)
    }
}
