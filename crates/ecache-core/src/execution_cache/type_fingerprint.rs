//! A fingerprint of a type's serde structure: the names of structs, fields and variants, and their
//! contents.
//!
//! The type's own `Deserialize` runs on made-up content, and its requests are recorded. Each run
//! makes one variant of every enum, so there is one run per variant. A type that rejects the
//! made-up content is recorded up to that point.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use xxhash_rust::xxh3::Xxh3;

use crate::panics::caught;
use crate::sync::lock;

/// Maximum depth for types that contain themselves.
const DEPTH: usize = 12;

/// Maximum number of variants of an enum that are recorded.
const VARIANTS: u32 = 64;

/// Returns the fingerprint of a type, which changes when its fields or variants do.
pub(super) fn fingerprint<T: DeserializeOwned + 'static>() -> [u8; 8] {
    static KNOWN: Mutex<BTreeMap<TypeId, [u8; 8]>> = Mutex::new(BTreeMap::new());
    let known = || lock(&KNOWN);
    let id = TypeId::of::<T>();
    let found = known().get(&id).copied();
    found.unwrap_or_else(|| *known().entry(id).or_insert_with(trace::<T>))
}

fn trace<T: DeserializeOwned>() -> [u8; 8] {
    let mut trace = Trace {
        hash: Xxh3::new(),
        variant: 0,
        most_variants: 1,
        budget: 0,
    };
    while trace.variant < trace.most_variants.min(VARIANTS) {
        trace.budget = 4096;
        // Only the requests of the type matter, not whether it accepted the made-up content.
        let shape = Shape {
            trace: &mut trace,
            depth: DEPTH,
            index: 0,
        };
        let _ = caught(|| T::deserialize(shape).map_err(|refused| refused.to_string()));
        trace.variant += 1;
    }
    trace.hash.digest().to_le_bytes()
}

/// The recorded requests of a type.
struct Trace {
    hash: Xxh3,
    /// The variant that this run makes of every enum
    variant: u32,
    most_variants: u32,
    /// Number of values left to make, because nested types may be many
    budget: usize,
}

impl Trace {
    fn note(&mut self, text: &str) {
        self.hash.update(text.as_bytes());
        self.hash.update(b"\0");
    }

    fn note_all(&mut self, what: &str, names: &[&str]) {
        self.note(what);
        names.iter().for_each(|name| self.note(name));
        self.note("");
    }
}

/// A deserializer that makes up one value.
struct Shape<'a> {
    trace: &'a mut Trace,
    /// Remaining depth
    depth: usize,
    /// The variant, within an enum
    index: u32,
}

/// The error of a type that rejects made-up content.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Shape<'_> {
    fn within(&mut self) -> Shape<'_> {
        Shape {
            trace: self.trace,
            depth: self.depth.saturating_sub(1),
            index: 0,
        }
    }

    /// Reports whether nested values are still made up, and counts one more.
    fn goes_on(&mut self) -> bool {
        self.trace.budget = self.trace.budget.saturating_sub(1);
        self.depth > 0 && self.trace.budget > 0
    }

    /// Returns made-up items for a visitor; a list gets none once the depth is used up.
    fn items(&mut self, count: usize, may_be_fewer: bool) -> Result<Items<'_>, Refused> {
        let count = match (self.goes_on(), may_be_fewer) {
            (true, _) => count,
            (false, true) => 0,
            (false, false) => return Err(Refused),
        };
        Ok(Items {
            left: count,
            shape: self.within(),
        })
    }
}

macro_rules! make_up {
    ($($method:ident $visit:ident $value:expr;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
                self.trace.note(stringify!($visit));
                visitor.$visit($value)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Shape<'_> {
    type Error = Refused;

    fn is_human_readable(&self) -> bool {
        false
    }

    /// A type that asks the format for the type of the next value has no shape.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        self.trace.note("any");
        Err(Refused)
    }

    make_up! {
        deserialize_bool visit_bool true;
        deserialize_i8 visit_i8 1; deserialize_i16 visit_i16 1; deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1; deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1; deserialize_u16 visit_u16 1; deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1; deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0; deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char '1';
        deserialize_str visit_borrowed_str "1"; deserialize_string visit_borrowed_str "1";
        deserialize_bytes visit_borrowed_bytes b"1"; deserialize_byte_buf visit_borrowed_bytes b"1";
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.trace.note("option");
        if self.goes_on() {
            visitor.visit_some(self.within())
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_unit_struct("unit", visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note(name);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note(name);
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.trace.note("seq");
        visitor.visit_seq(self.items(1, true)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note(&format!("tuple of {length}"));
        visitor.visit_seq(self.items(length, false)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note(name);
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.trace.note("map");
        visitor.visit_map(self.items(1, true)?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note_all(name, fields);
        visitor.visit_seq(self.items(fields.len(), false)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.trace.note_all(name, variants);
        let count = u32::try_from(variants.len()).map_err(|_| Refused)?;
        self.trace.most_variants = self.trace.most_variants.max(count);
        if count == 0 || !self.goes_on() {
            return Err(Refused);
        }
        let index = self.trace.variant % count;
        visitor.visit_enum(Shape {
            index,
            ..self.within()
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }
}

/// Made-up elements, fields or entries.
struct Items<'a> {
    left: usize,
    shape: Shape<'a>,
}

impl Items<'_> {
    fn make<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        seed.deserialize(Shape {
            trace: self.shape.trace,
            depth: self.shape.depth,
            index: 0,
        })
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.make(seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        self.make(seed)
    }
}

impl<'de, 'a> EnumAccess<'de> for Shape<'a> {
    type Error = Refused;
    type Variant = Shape<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refused> {
        let index: U32Deserializer<Refused> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Shape<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.trace.note("unit");
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        self.trace.note("newtype");
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_struct("variant", fields, visitor)
    }
}
