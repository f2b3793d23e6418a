//! A map's keys: what Python's `json` makes of keys that are not strings.

use std::borrow::Cow;

use serde::ser::{self, Impossible, Serialize};

use super::StoredError;
use crate::python_json::write_float;

/// Turns a key into a string.
pub(super) struct MapKey;

type Text = Result<Cow<'static, str>, StoredError>;

impl MapKey {
    fn integer(self, integer: impl std::fmt::Display) -> Text {
        Ok(Cow::Owned(integer.to_string()))
    }
}

impl ser::Serializer for MapKey {
    type Ok = Cow<'static, str>;
    type Error = StoredError;
    type SerializeSeq = Impossible<Self::Ok, StoredError>;
    type SerializeTuple = Impossible<Self::Ok, StoredError>;
    type SerializeTupleStruct = Impossible<Self::Ok, StoredError>;
    type SerializeTupleVariant = Impossible<Self::Ok, StoredError>;
    type SerializeMap = Impossible<Self::Ok, StoredError>;
    type SerializeStruct = Impossible<Self::Ok, StoredError>;
    type SerializeStructVariant = Impossible<Self::Ok, StoredError>;

    fn serialize_bool(self, value: bool) -> Text {
        Ok(Cow::Borrowed(if value { "true" } else { "false" }))
    }

    write_integers!(Text);

    fn serialize_f32(self, value: f32) -> Text {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Text {
        let mut text = Vec::new();
        write_float(value, &mut text);
        Ok(Cow::Owned(String::from_utf8_lossy(&text).into_owned()))
    }

    fn serialize_char(self, value: char) -> Text {
        Ok(Cow::Owned(value.into()))
    }

    fn serialize_str(self, value: &str) -> Text {
        Ok(Cow::Owned(value.into()))
    }

    fn serialize_bytes(self, _value: &[u8]) -> Text {
        Err(StoredError::Key("bytes"))
    }

    fn serialize_none(self) -> Text {
        Ok(Cow::Borrowed("null"))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Text {
        let key = value.serialize(self)?;
        if key == "null" {
            return Err(StoredError::Key("an option of what reads `null`"));
        }
        Ok(key)
    }

    fn serialize_unit(self) -> Text {
        Ok(Cow::Borrowed("null"))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Text {
        Ok(Cow::Borrowed("null"))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Text {
        Ok(Cow::Borrowed(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Text {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Text {
        Err(StoredError::Key("an enum with content"))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self::SerializeSeq, StoredError> {
        Err(StoredError::Key("a list"))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, StoredError> {
        Err(StoredError::Key("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, StoredError> {
        Err(StoredError::Key("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, StoredError> {
        Err(StoredError::Key("an enum with content"))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, StoredError> {
        Err(StoredError::Key("a map"))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStruct, StoredError> {
        Err(StoredError::Key("a struct"))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, StoredError> {
        Err(StoredError::Key("an enum with content"))
    }
}
