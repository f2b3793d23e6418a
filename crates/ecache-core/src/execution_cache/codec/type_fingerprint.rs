//! A fingerprint of a type's serde structure: the names of structs, fields and variants, and their
//! contents.
//!
//! The type's own `Deserialize` runs on made-up content, and its requests are recorded. Each run
//! makes one variant of every enum, so there is one run per variant. Where a type rejects the
//! made-up content, as a date rejects most texts, the run is repeated with other content there; a
//! type that rejects all of it has no fingerprint, because what follows would not be recorded.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::convert::identity;
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

/// Maximum number of runs for one type.
const RUNS: usize = 4096;

/// Made-up texts: a number, dates and times, and names of other things that types read.
const TEXTS: [&str; 16] = [
    "1",
    "2001-01-01T01:01:01Z",
    "2001-01-01T01:01:01",
    "2001-01-01",
    "01:01:01",
    "01010101-0101-4101-8101-010101010101",
    "1.1.1",
    "1.1.1.1",
    "::1",
    "http://1.1.1.1/",
    "/1",
    "a",
    "UTC",
    "PT1S",
    "010101010101010101010101",
    "",
];

/// Made-up bytes: numbers and hashes of usual lengths.
const BYTES: [&[u8]; 8] = [
    b"1", &[1; 16], &[1; 32], &[1; 12], &[1; 8], &[1; 4], &[1; 20], &[1; 64],
];

/// Made-up integers.
const INTEGERS: [u8; 4] = [1, 0, 2, 100];

/// Returns the fingerprint of a type, which changes when its fields or variants do; `None` if a
/// part of it cannot be recorded.
pub(super) fn fingerprint<T: DeserializeOwned + 'static>() -> Option<[u8; 8]> {
    static KNOWN: Mutex<BTreeMap<TypeId, Option<[u8; 8]>>> = Mutex::new(BTreeMap::new());
    let known = || lock(&KNOWN);
    let id = TypeId::of::<T>();
    let found = known().get(&id).copied();
    found.unwrap_or_else(|| *known().entry(id).or_insert_with(trace::<T>))
}

fn trace<T: DeserializeOwned>() -> Option<[u8; 8]> {
    let mut trace = Trace::default();
    for _ in 0..RUNS {
        if trace.variant == trace.most_variants.clamp(1, VARIANTS) {
            return Some(trace.hash.digest().to_le_bytes());
        }
        trace.begin();
        let shape = Shape {
            trace: &mut trace,
            depth: DEPTH,
            index: 0,
        };
        if caught(|| T::deserialize(shape).map_err(|refused| refused.to_string())).is_ok() {
            trace.variant += 1;
            trace.choices.clear();
        } else if !trace.choose_otherwise() {
            return None;
        }
    }
    None
}

/// The recorded requests of a type.
#[derive(Default)]
struct Trace {
    hash: Xxh3,
    /// The variant that this run makes of every enum, unless another is chosen
    variant: u32,
    most_variants: u32,
    /// Number of values left to make, because nested types may be many
    budget: usize,
    /// The choices of this run, in their order; the next run begins with the same ones
    choices: Vec<Choice>,
    /// Number of choices that this run has made
    chosen: usize,
    /// Set if the last value made is of content, which its type may reject
    is_content_last: bool,
    /// Set if the run ended because of its depth
    is_too_deep: bool,
}

/// One of several values that can be made.
struct Choice {
    index: usize,
    count: usize,
    /// Set for the content of a value, not set for the way to go on
    is_content: bool,
}

impl Trace {
    fn begin(&mut self) {
        self.budget = 4096;
        self.chosen = 0;
        self.is_content_last = false;
        self.is_too_deep = false;
    }

    fn choose(&mut self, count: usize, is_content: bool) -> usize {
        if self.chosen == self.choices.len() {
            self.choices.push(Choice {
                index: 0,
                count,
                is_content,
            });
        }
        let index = self.choices[self.chosen].index;
        self.chosen += 1;
        self.is_content_last = is_content;
        index
    }

    /// Returns one of several contents of a value.
    fn content<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.choose(of.len(), true)]
    }

    /// Makes another choice, after a run that failed: of the content that was rejected, or of the
    /// way that was too deep. Returns `false` if there is none.
    fn choose_otherwise(&mut self) -> bool {
        self.choices.truncate(self.chosen);
        if !self.is_too_deep {
            let last = self.choices.last_mut().filter(|_| self.is_content_last);
            let next = last.filter(|last| last.index + 1 < last.count);
            return next.map(|next| next.index += 1).is_some();
        }
        while let Some(last) = self.choices.last_mut() {
            if !last.is_content && last.index + 1 < last.count {
                last.index += 1;
                return true;
            }
            self.choices.pop();
        }
        false
    }

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
        let goes_on = self.goes_on();
        let count = if goes_on {
            let is_empty = may_be_fewer && self.trace.choose(2, false) == 1;
            if is_empty { 0 } else { count }
        } else if may_be_fewer || count == 0 {
            0
        } else {
            self.trace.is_too_deep = true;
            return Err(Refused);
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
                self.trace.is_content_last = false;
                visitor.$visit($value)
            }
        )*
    };
}

macro_rules! make_one_of {
    ($($method:ident $visit:ident $values:ident $of:path;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
                self.trace.note(stringify!($visit));
                visitor.$visit($of(self.trace.content(&$values)))
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
        self.trace.is_content_last = false;
        Err(Refused)
    }

    make_up! {
        deserialize_bool visit_bool true;
        deserialize_i8 visit_i8 1;
        deserialize_char visit_char '1'; deserialize_f32 visit_f32 1.0; deserialize_f64 visit_f64 1.0;
    }

    make_one_of! {
        deserialize_i16 visit_i16 INTEGERS i16::from;
        deserialize_i32 visit_i32 INTEGERS i32::from;
        deserialize_i64 visit_i64 INTEGERS i64::from;
        deserialize_i128 visit_i128 INTEGERS i128::from;
        deserialize_u8 visit_u8 INTEGERS identity;
        deserialize_u16 visit_u16 INTEGERS u16::from;
        deserialize_u32 visit_u32 INTEGERS u32::from;
        deserialize_u64 visit_u64 INTEGERS u64::from;
        deserialize_u128 visit_u128 INTEGERS u128::from;
        deserialize_str visit_borrowed_str TEXTS identity;
        deserialize_string visit_borrowed_str TEXTS identity;
        deserialize_bytes visit_borrowed_bytes BYTES identity;
        deserialize_byte_buf visit_borrowed_bytes BYTES identity;
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.trace.note("option");
        if self.goes_on() && self.trace.choose(2, false) == 0 {
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
            self.trace.is_too_deep = true;
            return Err(Refused);
        }
        let other = self.trace.choose(variants.len(), false);
        let index = (self.trace.variant + u32::try_from(other).map_err(|_| Refused)?) % count;
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
