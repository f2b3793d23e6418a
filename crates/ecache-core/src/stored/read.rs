//! The deserializer: a stored form as whatever type is asked for.

use std::any::type_name;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::StoredError;
use super::type_names::is_of_bytes;
use crate::mongo_types::wrapper;
use crate::python_json::{Json, PyString};

/// Reads one value. It lends nothing to it, so that a type that borrows can be asked whether it can
/// be read, and cannot.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    json: &'a Json,
    keys: Keys,
}

/// The form of a map's keys for a type that does not say what it asks for, as behind serde's `tag`,
/// `untagged` and `flatten`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Texts,
    /// Numbers where they are spelled like one
    Numbers,
}

impl<'a> Reader<'a> {
    pub(super) fn new(json: &'a Json) -> Self {
        let keys = Keys::Texts;
        Self { json, keys }
    }

    /// Creates the reader for a second attempt, if there is a key that it reads otherwise.
    pub(super) fn with_number_keys(json: &'a Json) -> Option<Self> {
        let keys = Keys::Numbers;
        has_number_key(json).then_some(Self { json, keys })
    }

    /// Returns the reader of a part of this value.
    fn part(self, json: &Json) -> Reader<'_> {
        let keys = self.keys;
        Reader { json, keys }
    }

    /// Gives a visitor its part of the stored form. Only this is compiled for each type.
    fn visit<'de, V: Visitor<'de>>(
        self,
        given: Given<'_>,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        match given {
            Given::Unit => visitor.visit_unit(),
            Given::Bool(value) => visitor.visit_bool(value),
            Given::I64(integer) => visitor.visit_i64(integer),
            Given::U64(integer) => visitor.visit_u64(integer),
            Given::I128(integer) => visitor.visit_i128(integer),
            Given::U128(integer) => visitor.visit_u128(integer),
            Given::F64(float) => visitor.visit_f64(float),
            Given::Text(text) => visitor.visit_str(text),
            Given::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Given::Values(values) => {
                let mut values = SeqDeserializer::new(self.values(values));
                let value = visitor.visit_seq(&mut values);
                if let (Ok(_), Err(error)) = (&value, values.end()) {
                    return Err(error);
                }
                value
            }
            Given::Entries(entries) => {
                let mut entries = self.entries(entries);
                let value = visitor.visit_map(&mut entries);
                if let (Ok(_), Err(error)) = (&value, entries.end()) {
                    return Err(error);
                }
                value
            }
            Given::Refused(error) => Err(error),
        }
    }

    /// Returns the readers of a list's values, whatever type reads them.
    fn values(self, values: &[Json]) -> impl Iterator<Item = Reader<'_>> {
        values.iter().map(move |value| self.part(value))
    }

    fn entries<'b, 'de>(
        self,
        entries: &'b [(PyString, Json)],
    ) -> MapDeserializer<'de, impl Iterator<Item = (KeyReader<'b>, Reader<'b>)>, StoredError>
    where
        'a: 'b,
    {
        let keys = self.keys;
        let entries = entries.iter();
        MapDeserializer::new(
            entries.map(move |(key, json)| (KeyReader { key, keys }, Reader { json, keys })),
        )
    }

    /// Returns the value for the visitor of a type that asks for anything.
    fn given(self) -> Given<'a> {
        match self.json {
            Json::Null => Given::Unit,
            Json::Bool(value) => Given::Bool(*value),
            Json::Integer(integer) => Given::I64(*integer),
            Json::BigInteger(digits) => Given::big_integer(digits),
            Json::Float(float) => Given::F64(*float),
            Json::String(string) => text(string).map_or_else(Given::Refused, Given::Text),
            Json::Array(values) => Given::Values(values),
            Json::Object(object) => match Class::of(self.json) {
                Some(Class::Date(text)) => Reader::new(text).given(),
                Some(Class::Bytes(text)) => match BASE64_STANDARD.decode(text) {
                    Ok(bytes) => Given::Bytes(bytes),
                    Err(error) => Given::Refused(StoredError::custom(error)),
                },
                Some(Class::Values(values)) => Given::Values(values),
                None => match wrapper::int64(self.json) {
                    Some(integer) => Given::I64(integer),
                    None => Given::Entries(wrapper::inner(self.json).unwrap_or(object)),
                },
            },
        }
    }

    /// Returns the value for the visitor of a map or struct: a dict as it is, even one with a
    /// `_cls` of FiftyOne's.
    fn given_map(self) -> Given<'a> {
        match self.json {
            Json::Object(object) => Given::Entries(wrapper::inner(self.json).unwrap_or(object)),
            _ => self.given(),
        }
    }
}

/// A value in the form in which a visitor takes it.
enum Given<'a> {
    Unit,
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Text(&'a str),
    Bytes(Vec<u8>),
    Values(&'a [Json]),
    Entries(&'a [(PyString, Json)]),
    Refused(StoredError),
}

impl Given<'_> {
    fn big_integer(digits: &str) -> Self {
        if let Ok(integer) = digits.parse() {
            Given::U64(integer)
        } else if let Ok(integer) = digits.parse() {
            Given::I128(integer)
        } else if let Ok(integer) = digits.parse() {
            Given::U128(integer)
        } else {
            Given::Refused(StoredError::BigInteger(digits.into()))
        }
    }
}

/// Returns the number that a key spells.
fn number(key: &str) -> Option<i64> {
    let number: i64 = key.parse().ok()?;
    (number.to_string() == key).then_some(number)
}

fn has_number_key(json: &Json) -> bool {
    match json {
        Json::Array(values) => values.iter().any(has_number_key),
        Json::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.as_str().and_then(number).is_some() || has_number_key(value)),
        _ => false,
    }
}

/// The content of an object with one of FiftyOne's `_cls`.
enum Class<'a> {
    Date(&'a Json),
    Bytes(&'a str),
    Values(&'a [Json]),
}

impl<'a> Class<'a> {
    fn of(json: &'a Json) -> Option<Self> {
        let Json::Object(entries) = json else {
            return None;
        };
        if entries.len() != 2 {
            return None;
        }
        match (
            json.get("_cls")?.as_str()?,
            json.get("value"),
            json.get("values"),
        ) {
            ("tuple" | "set", None, Some(Json::Array(values))) => Some(Class::Values(values)),
            ("date" | "datetime", Some(text @ Json::String(_)), None) => Some(Class::Date(text)),
            ("bytes", Some(text), None) => text.as_str().map(Class::Bytes),
            _ => None,
        }
    }
}

fn text(string: &PyString) -> Result<&str, StoredError> {
    string.as_str().ok_or(StoredError::LoneSurrogate)
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = StoredError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        self.visit(self.given(), visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        match self.json {
            Json::Null => visitor.visit_none(),
            Json::Object(object) if object.len() == 1 && object[0].0.as_str() == Some("Some") => {
                visitor.visit_some(self.part(&object[0].1))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        match self.json {
            Json::String(string) => visitor.visit_enum(StrDeserializer::new(text(string)?)),
            Json::Object(object) if object.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(self.entries(object)))
            }
            _ => Err(StoredError::custom(
                "expected a variant's name, alone or as the one key of a dict",
            )),
        }
    }

    /// Passes bytes one by one to a type that is a list of bytes; lists of other numbers do not
    /// read them.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        match Class::of(self.json) {
            Some(Class::Bytes(text)) if is_of_bytes(type_name::<V::Value>()) => {
                let bytes = BASE64_STANDARD.decode(text).map_err(StoredError::custom)?;
                visitor.visit_seq(SeqDeserializer::new(bytes.into_iter()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        self.visit(self.given_map(), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        self.visit(self.given_map(), visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}

impl<'de> IntoDeserializer<'de, StoredError> for Reader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads what [`Reader`] does of a string, which a `String` takes over as it is.
pub(super) struct TextReader(pub(super) String);

impl<'de> Deserializer<'de> for TextReader {
    type Error = StoredError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Reads the key of a map, which may have been a number, a boolean or null.
#[derive(Clone, Copy)]
struct KeyReader<'a> {
    key: &'a PyString,
    keys: Keys,
}

impl KeyReader<'_> {
    /// Visits the parsed text, or else the text itself, which the visitor then refuses by name.
    fn parsed<'de, T: std::str::FromStr, V: Visitor<'de>>(
        self,
        visit: impl FnOnce(V, T) -> Result<V::Value, StoredError>,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        let text = text(self.key)?;
        match text.parse() {
            Ok(value) => visit(visitor, value),
            Err(_) => visitor.visit_str(text),
        }
    }
}

macro_rules! read_parsed {
    ($($method:ident $visit:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
                self.parsed(V::$visit, visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = StoredError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        let text = text(self.key)?;
        match number(text).filter(|_| self.keys == Keys::Numbers) {
            Some(number) => visitor.visit_i64(number),
            None => visitor.visit_str(text),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        visitor.visit_str(text(self.key)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        self.deserialize_str(visitor)
    }

    read_parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32
        deserialize_i64 visit_i64 deserialize_i128 visit_i128
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32
        deserialize_u64 visit_u64 deserialize_u128 visit_u128
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        match text(self.key)? {
            "null" => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, StoredError> {
        match text(self.key)? {
            "null" => visitor.visit_unit(),
            text => visitor.visit_str(text),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        visitor.visit_enum(StrDeserializer::new(text(self.key)?))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, StoredError> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! {
        bytes byte_buf seq tuple tuple_struct map struct ignored_any
    }
}

impl<'de> IntoDeserializer<'de, StoredError> for KeyReader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
