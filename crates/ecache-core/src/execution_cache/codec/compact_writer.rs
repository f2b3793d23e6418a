//! Writes values for postcard, except for those that it would not read back.
//!
//! Postcard writes no names, so a field that `#[serde(skip_serializing_if)]` leaves out would shift
//! all that follow it: at best such a value cannot be read, and at worst it is read as another one.
//! Reading each value back would find that, at twice the time. Postcard also has no limit of depth,
//! so a value of many levels would overflow the stack.

use std::cell::RefCell;
use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use crate::execution_cache::CodecError;
use crate::stored::{MAX_LEVELS, StoredError};

const SKIPPED: &str = "a field is left out because of its value (`skip_serializing_if`), which only a \
                       form with names can tell: leave out `codec = Compact`";

/// Appends the form of a value to `bytes`.
pub(in super::super) fn write<T: Serialize + ?Sized>(
    value: &T,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, CodecError> {
    let why = RefCell::new(None);
    let checked = Checked {
        value,
        levels: MAX_LEVELS,
        why: &why,
    };
    let written = postcard::to_extend(&checked, bytes);
    // Postcard's own errors have no room for a text.
    written.map_err(|error| {
        why.take()
            .map_or_else(|| CodecError::new(error), CodecError::from)
    })
}

/// A value that is written only if it can be read back.
struct Checked<'a, T: ?Sized> {
    value: &'a T,
    /// Number of values that may be nested in it
    levels: usize,
    /// The reason why a value is refused
    why: &'a RefCell<Option<String>>,
}

impl<T: Serialize + ?Sized> Serialize for Checked<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            self.why.replace(Some(StoredError::TooDeep.to_string()));
            return Err(ser::Error::custom(""));
        };
        let writer = Writer {
            inner,
            levels,
            why: self.why,
        };
        self.value.serialize(writer).map_err(|error| match error {
            Failure::Inner(error) => error,
            Failure::Own(why) => {
                self.why.replace(Some(why));
                ser::Error::custom("")
            }
        })
    }
}

/// The error of postcard, or one with a text.
#[derive(Debug)]
enum Failure<E> {
    Inner(E),
    Own(String),
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::Own(why) => f.write_str(why),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Failure<E> {}

impl<E: ser::Error> ser::Error for Failure<E> {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Own(why.to_string())
    }
}

/// Postcard's serializer, or what it writes the items of a value with.
struct Writer<'a, S> {
    inner: S,
    levels: usize,
    why: &'a RefCell<Option<String>>,
}

impl<'a, S> Writer<'a, S> {
    fn checked<'v, T: ?Sized>(&self, value: &'v T) -> Checked<'v, T>
    where
        'a: 'v,
    {
        Checked {
            value,
            levels: self.levels,
            why: self.why,
        }
    }

    fn items<I, E>(
        self,
        open: impl FnOnce(S) -> Result<I, E>,
    ) -> Result<Writer<'a, I>, Failure<E>> {
        Ok(Writer {
            inner: open(self.inner).map_err(Failure::Inner)?,
            levels: self.levels,
            why: self.why,
        })
    }
}

/// Implements methods that write what postcard does.
macro_rules! write_alike {
    ($($method:ident($($name:ident: $ty:ty),*);)*) => {
        $(
            fn $method(self, $($name: $ty),*) -> Result<S::Ok, Failure<S::Error>> {
                self.inner.$method($($name),*).map_err(Failure::Inner)
            }
        )*
    };
}

impl<'a, S: Serializer> Serializer for Writer<'a, S> {
    type Ok = S::Ok;
    type Error = Failure<S::Error>;
    type SerializeSeq = Writer<'a, S::SerializeSeq>;
    type SerializeTuple = Writer<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Writer<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Writer<'a, S::SerializeTupleVariant>;
    type SerializeMap = Writer<'a, S::SerializeMap>;
    type SerializeStruct = Writer<'a, S::SerializeStruct>;
    type SerializeStructVariant = Writer<'a, S::SerializeStructVariant>;

    write_alike! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, Self::Error> {
        let value = self.checked(value);
        self.inner.serialize_some(&value).map_err(Failure::Inner)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, Self::Error> {
        let value = self.checked(value);
        let written = self.inner.serialize_newtype_struct(name, &value);
        written.map_err(Failure::Inner)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, Self::Error> {
        let value = self.checked(value);
        let written = self
            .inner
            .serialize_newtype_variant(name, index, variant, &value);
        written.map_err(Failure::Inner)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, Self::Error> {
        self.items(|inner| inner.serialize_seq(length))
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, Self::Error> {
        self.items(|inner| inner.serialize_tuple(length))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, Self::Error> {
        self.items(|inner| inner.serialize_tuple_struct(name, length))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, Self::Error> {
        self.items(|inner| inner.serialize_tuple_variant(name, index, variant, length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, Self::Error> {
        self.items(|inner| inner.serialize_map(length))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStruct, Self::Error> {
        self.items(|inner| inner.serialize_struct(name, length))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, Self::Error> {
        self.items(|inner| inner.serialize_struct_variant(name, index, variant, length))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Implements a trait for the items of a compound value by methods that write one item.
macro_rules! write_items {
    ($($trait:ident: $($method:ident)*;)*) => {
        $(
            impl<S: ser::$trait> ser::$trait for Writer<'_, S> {
                type Ok = S::Ok;
                type Error = Failure<S::Error>;

                $(
                    fn $method<T: Serialize + ?Sized>(
                        &mut self,
                        item: &T,
                    ) -> Result<(), Self::Error> {
                        let item = self.checked(item);
                        self.inner.$method(&item).map_err(Failure::Inner)
                    }
                )*

                fn end(self) -> Result<S::Ok, Self::Error> {
                    self.inner.end().map_err(Failure::Inner)
                }
            }
        )*
    };
}

write_items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key serialize_value;
}

/// Implements a trait for the fields of a struct, none of which may be left out.
macro_rules! write_fields {
    ($($trait:ident)*) => {
        $(
            impl<S: ser::$trait> ser::$trait for Writer<'_, S> {
                type Ok = S::Ok;
                type Error = Failure<S::Error>;

                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    name: &'static str,
                    field: &T,
                ) -> Result<(), Self::Error> {
                    let field = self.checked(field);
                    self.inner.serialize_field(name, &field).map_err(Failure::Inner)
                }

                fn skip_field(&mut self, _name: &'static str) -> Result<(), Self::Error> {
                    Err(Failure::Own(SKIPPED.to_owned()))
                }

                fn end(self) -> Result<S::Ok, Self::Error> {
                    self.inner.end().map_err(Failure::Inner)
                }
            }
        )*
    };
}

write_fields!(SerializeStruct SerializeStructVariant);
