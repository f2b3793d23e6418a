//! Arguments of primitive types, which become parts of a key without JSON text in between.

use std::any::type_name;
use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible, Serializer};

use super::parts::KeyParts;

/// Reports whether serde writes each `T` as one string, number, boolean or `None`, whole.
///
/// Compiled to a constant: both names are known then. A name without a path is one of the
/// language's.
#[inline(always)]
pub(super) fn is_primitive<T: ?Sized>() -> bool {
    let name = type_name::<T>();
    is_primitive_name(name)
        || matches!(
            name,
            "&str"
                | "alloc::string::String"
                | "std::path::Path"
                | "std::path::PathBuf"
                | "core::option::Option<bool>"
                | "core::option::Option<u32>"
                | "core::option::Option<u64>"
                | "core::option::Option<usize>"
                | "core::option::Option<i32>"
                | "core::option::Option<i64>"
                | "core::option::Option<f32>"
                | "core::option::Option<f64>"
                | "core::option::Option<&str>"
                | "core::option::Option<alloc::string::String>"
        )
}

#[inline(always)]
fn is_primitive_name(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "usize"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "isize"
            | "f32"
            | "f64"
            | "char"
            | "str"
    )
}

/// Adds a value of a primitive type; `None` if it must be written as JSON, as an integer beyond 64
/// bits.
pub(super) fn push<T: Serialize + ?Sized>(parts: &mut KeyParts, value: &T) -> Option<()> {
    value.serialize(PartWriter(parts)).ok()
}

/// Writes one string, number, boolean or `None`.
struct PartWriter<'a>(&'a mut KeyParts);

/// A value is none of these.
#[derive(Debug)]
struct NotPrimitive;

impl fmt::Display for NotPrimitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a string, number, boolean or `None`")
    }
}

impl std::error::Error for NotPrimitive {}

impl ser::Error for NotPrimitive {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

type Written = Result<(), NotPrimitive>;

type No = Impossible<(), NotPrimitive>;

/// Implements a method for each integer type.
macro_rules! integers {
    ($($method:ident $integer:ty),*) => {
        $(
            fn $method(self, value: $integer) -> Written {
                let value = i64::try_from(value).map_err(|_| NotPrimitive)?;
                self.0.push_integer(value);
                Ok(())
            }
        )*
    };
}

impl Serializer for PartWriter<'_> {
    type Ok = ();
    type Error = NotPrimitive;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    fn serialize_bool(self, value: bool) -> Written {
        self.0.push_bool(value);
        Ok(())
    }

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64
    );

    fn serialize_f32(self, value: f32) -> Written {
        // A NaN with a sign or a payload has a form of its own.
        if value.is_nan() && value.to_bits() != f32::NAN.to_bits() {
            return Err(NotPrimitive);
        }
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written {
        if value.is_nan() && value.to_bits() != f64::NAN.to_bits() {
            return Err(NotPrimitive);
        }
        self.0.push_float(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        self.0.push_string(value.as_bytes());
        Ok(())
    }

    fn serialize_none(self) -> Written {
        self.0.push_null();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_unit(self) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(NotPrimitive)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_tuple(self, _: usize) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, NotPrimitive> {
        Err(NotPrimitive)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn is_written<T: Serialize + ?Sized>(value: &T) {
        let name = type_name::<T>();
        assert!(is_primitive::<T>(), "{name}");
        assert!(push(&mut KeyParts::default(), value).is_some(), "{name}");
    }

    #[test]
    fn values_of_primitive_types_need_no_text() {
        is_written(&true);
        is_written(&1_u8);
        is_written(&1_u16);
        is_written(&1_u32);
        is_written(&1_u64);
        is_written(&1_usize);
        is_written(&1_i8);
        is_written(&1_i16);
        is_written(&1_i32);
        is_written(&1_i64);
        is_written(&1_isize);
        is_written(&1.0_f32);
        is_written(&1.0_f64);
        is_written(&'a');
        is_written("a");
        is_written(&"a");
        is_written(&String::from("a"));
        is_written(Path::new("a"));
        is_written(&Path::new("a").to_path_buf());
        is_written(&Some(true));
        is_written(&Some(1_u32));
        is_written(&Some(1_u64));
        is_written(&Some(1_usize));
        is_written(&Some(1_i32));
        is_written(&Some(1_i64));
        is_written(&Some(1.0_f32));
        is_written(&None::<f64>);
        is_written(&Some("a"));
        is_written(&Some(String::from("a")));
    }

    #[test]
    fn a_type_of_the_program_is_not_primitive_whatever_it_writes() {
        #[derive(Serialize)]
        struct Text(String);
        assert!(!is_primitive::<Text>());
        assert!(!is_primitive::<&Text>());
        assert!(!is_primitive::<Option<Text>>());
        assert!(!is_primitive::<Vec<u8>>());
        assert!(!is_primitive::<&mut u8>());
        assert!(!is_primitive::<Option<&mut u8>>());
        assert!(!is_primitive::<Option<Option<u8>>>());
        assert!(!is_primitive::<std::cell::Cell<u8>>());
    }
}
