//! The serializer: a value's stored form as JSON text, written in one go.

mod compound;

use std::any::type_name;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{self, Serialize};

use self::compound::{Compound, Items};
use super::StoredError;
use super::coverage::{Coverage, Extent};
use super::hidden_fields::{Doubt, Doubts};
use super::type_names::{bare, ident, is_of_bytes, is_socket_address, is_span, is_unordered};
use super::types::{DATE, DATETIME, SET};
use crate::python_json::{KeyOrder, MAX_DEPTH, write_float, write_integer, write_string};

/// Writes one value.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    order: KeyOrder,
    /// Number of lists and dicts that are open around the value
    depth: usize,
    /// Number of values of any type around it, each of which takes a part of the stack
    levels: usize,
    sequence: Sequence,
    /// The memory extent of the value, if it must not leave out a field
    extent: Option<Extent>,
    /// Set if a gap between the fields of a struct is reported
    is_judged: bool,
    /// Where structs and variants are noted that may leave one out
    doubts: Option<&'a mut Doubts>,
}

/// The form in which a sequence is written.
#[derive(Clone, Copy)]
enum Sequence {
    /// The form for the type of this name; serde has no other way to tell a `HashSet` from a `Vec`
    Of(fn() -> &'static str),
    /// A Python set
    Set,
}

impl Sequence {
    /// Returns the form of the `T` in an option or newtype.
    fn within<T: ?Sized>(self) -> Self {
        match self {
            Self::Of(_) => Self::Of(type_name::<T>),
            Self::Set => Self::Set,
        }
    }
}

impl<'a> Writer<'a> {
    /// Creates the writer of a `T`.
    pub(super) fn new<T: ?Sized>(out: &'a mut Vec<u8>, order: KeyOrder) -> Self {
        Writer {
            out,
            order,
            depth: 0,
            levels: 0,
            sequence: Sequence::Of(type_name::<T>),
            extent: None,
            is_judged: true,
            doubts: None,
        }
    }

    /// Makes this the writer of a value that must not leave out a field.
    pub(super) fn whole<T: ?Sized>(self, value: &T) -> Self {
        Writer {
            extent: Some(Extent::of(value)),
            ..self
        }
    }

    /// Makes this a writer that reports no gap.
    pub(super) fn unjudged(self) -> Self {
        Writer {
            is_judged: false,
            ..self
        }
    }

    /// Makes this a writer that notes what it cannot vouch for.
    pub(super) fn doubting(self, doubts: &'a mut Doubts) -> Self {
        Writer {
            doubts: Some(doubts),
            ..self
        }
    }

    /// Returns the doubt about a struct of this type, or about a variant; no field was written yet.
    fn doubt(&self, variant: Option<(&'static str, u32)>) -> Option<Doubt> {
        self.doubts.as_ref()?;
        let Sequence::Of(name) = self.sequence else {
            return None;
        };
        Some(Doubt {
            type_name: bare(name()),
            variant,
            fields: 0,
            has_gap: false,
        })
    }

    /// Notes the doubt about a variant.
    fn note(
        &mut self,
        variant: &'static str,
        index: u32,
        fields: usize,
    ) -> Result<(), StoredError> {
        let doubt = self.doubt(Some((variant, index)));
        match (doubt, &mut self.doubts) {
            (Some(doubt), Some(doubts)) => doubts.add(Doubt { fields, ..doubt }),
            _ => Ok(()),
        }
    }

    /// Notes that a value is written as something that is neither a struct nor a variant, as by
    /// `untagged`, `flatten`, `into` or code of the type's own.
    fn note_opaque(&mut self) {
        if let (Some(doubts), Sequence::Of(name)) = (&mut self.doubts, self.sequence) {
            doubts.add_opaque(bare(name()));
        }
    }

    fn text(mut self, text: &str) -> Result<(), StoredError> {
        self.note_opaque();
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn integer(mut self, integer: impl itoa::Integer) -> Result<(), StoredError> {
        self.note_opaque();
        write_integer(integer, self.out);
        Ok(())
    }

    /// Writes a value and the brace that closes what `opening` opened.
    fn class<T: Serialize + ?Sized>(self, opening: &str, value: &T) -> Result<(), StoredError> {
        let mut compound = self.open(opening, "}", Items::AsTheyCome)?;
        value.serialize(compound.writer(value))?;
        compound.close()
    }

    /// Reports whether this must not leave out anything, and is of a type that does.
    fn leaves_out(&self, is_such: fn(&str) -> bool) -> bool {
        match self.sequence {
            Sequence::Of(name) => self.extent.is_some() && self.is_judged && is_such(bare(name())),
            Sequence::Set => false,
        }
    }

    /// Reports whether a NaN must be distinguished from others, as in an argument.
    fn is_odd_nan(&self, is_odd: bool) -> bool {
        is_odd && self.extent.is_some()
    }

    /// Writes a NaN with the bits of a sign or payload, which a function may read.
    fn nan(self, bits: &str) -> Result<(), StoredError> {
        self.class(r#"{"_cls": "nan", "value": "#, bits)
    }

    /// Begins `{variant: `.
    fn variant(&mut self, variant: &str) {
        self.out.push(b'{');
        write_string(variant.as_bytes(), self.out);
        self.out.extend_from_slice(b": ");
    }

    fn sequence(self, opening: &str, closing: &'static str) -> Result<Compound<'a>, StoredError> {
        match self.sequence {
            Sequence::Set => {
                let members = Items::Members(Vec::new());
                self.open(r#"{"_cls": "set", "values": ["#, "]}", members)
            }
            Sequence::Of(name) if self.order == KeyOrder::Sorted && is_unordered(name()) => {
                self.open(opening, closing, Items::Unordered(Vec::new()))
            }
            Sequence::Of(_) => self.open(opening, closing, Items::AsTheyCome),
        }
    }

    /// Reports whether a sequence is written as bytes. In a key it is a list, as in FiftyOne.
    fn is_of_bytes(&self) -> bool {
        let Sequence::Of(name) = self.sequence else {
            return false;
        };
        self.order == KeyOrder::Insertion && is_of_bytes(name())
    }

    fn dict(self, opening: &str, closing: &'static str) -> Result<Compound<'a>, StoredError> {
        let items = match self.order {
            KeyOrder::Insertion => Items::AsTheyCome,
            KeyOrder::Sorted => Items::Keys(Vec::new()),
        };
        self.open(opening, closing, items)
    }

    /// Opens as many lists and dicts as `closing` has brackets.
    fn open(
        self,
        opening: &str,
        closing: &'static str,
        items: Items,
    ) -> Result<Compound<'a>, StoredError> {
        let depth = self.depth + closing.len();
        if depth > MAX_DEPTH {
            return Err(StoredError::TooDeep);
        }
        let levels = self.level()?;
        self.out.extend_from_slice(opening.as_bytes());
        Ok(Compound {
            is_whole: self.extent.is_some(),
            is_judged: self.is_judged,
            coverage: None,
            doubt: None,
            doubts: self.doubts,
            map: None,
            is_span: false,
            start: self.out.len(),
            out: self.out,
            order: self.order,
            depth,
            levels,
            items,
            closing,
        })
    }

    /// Returns the number of levels around a value within this one.
    fn level(&self) -> Result<usize, StoredError> {
        if self.levels == MAX_LEVELS {
            return Err(StoredError::TooDeep);
        }
        Ok(self.levels + 1)
    }
}

/// Maximum number of values within each other, including options and newtypes, which are not lists
/// or dicts. A test writes as many on the stack of a thread.
pub(crate) const MAX_LEVELS: usize = 4 * MAX_DEPTH;

/// The envelope of a `Some` that holds `None` or `()`: `{"Some": null}`.
const SOME_OPENING: &[u8] = br#"{"Some": "#;

const BYTES: &str = r#"{"_cls": "bytes", "value": "#;

const TUPLE: &str = r#"{"_cls": "tuple", "values": ["#;

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = StoredError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), StoredError> {
        self.text(if value { "true" } else { "false" })
    }

    write_integers!(Result<(), StoredError>);

    fn serialize_f32(mut self, value: f32) -> Result<(), StoredError> {
        self.note_opaque();
        if self.is_odd_nan(value.is_nan() && value.to_bits() != f32::NAN.to_bits()) {
            return self.nan(&format!("{:08x}", value.to_bits()));
        }
        self.serialize_f64(value.into())
    }

    fn serialize_f64(mut self, value: f64) -> Result<(), StoredError> {
        self.note_opaque();
        if self.is_odd_nan(value.is_nan() && value.to_bits() != f64::NAN.to_bits()) {
            return self.nan(&format!("{:016x}", value.to_bits()));
        }
        write_float(value, self.out);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), StoredError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), StoredError> {
        self.note_opaque();
        // An address of IPv6 is written without its flow information.
        if value.starts_with('[') && self.leaves_out(is_socket_address) {
            return Err(StoredError::LeftOut);
        }
        write_string(value.as_bytes(), self.out);
        Ok(())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), StoredError> {
        self.note_opaque();
        self.class(BYTES, &BASE64_STANDARD.encode(value))
    }

    fn serialize_none(self) -> Result<(), StoredError> {
        self.text("null")
    }

    /// Writes the content, in an envelope if it would otherwise read as `None` or as an envelope.
    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), StoredError> {
        self.note_opaque();
        let (start, depth) = (self.out.len(), self.depth);
        value.serialize(Writer {
            levels: self.level()?,
            out: &mut *self.out,
            order: self.order,
            depth,
            sequence: self.sequence.within::<T>(),
            extent: self.extent.map(|_| Extent::of(value)),
            is_judged: self.is_judged,
            doubts: self.doubts.as_deref_mut(),
        })?;
        let text = &self.out[start..];
        if text == b"null" || text.starts_with(SOME_OPENING) {
            let envelopes = text.chunks(SOME_OPENING.len());
            let envelopes = envelopes.take_while(|chunk| *chunk == SOME_OPENING);
            if depth + envelopes.count() >= MAX_DEPTH {
                return Err(StoredError::TooDeep);
            }
            self.out.splice(start..start, SOME_OPENING.iter().copied());
            self.out.push(b'}');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), StoredError> {
        self.text("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), StoredError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), StoredError> {
        self.note(variant, index, 0)?;
        write_string(variant.as_bytes(), self.out);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), StoredError> {
        if let (Some(doubts), Sequence::Of(name)) = (&mut self.doubts, self.sequence) {
            doubts.add_name(ident(bare(name())));
        }
        match name {
            DATE => self.class(r#"{"_cls": "date", "value": "#, value),
            DATETIME => self.class(r#"{"_cls": "datetime", "value": "#, value),
            // The order of a set's members is that of their canonical texts.
            SET => value.serialize(Writer {
                sequence: Sequence::Set,
                order: KeyOrder::Sorted,
                levels: self.level()?,
                ..self
            }),
            _ => value.serialize(Writer {
                levels: self.level()?,
                sequence: self.sequence.within::<T>(),
                extent: self.extent.map(|_| Extent::of(value)),
                ..self
            }),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), StoredError> {
        self.note(variant, index, 1)?;
        self.variant(variant);
        self.class("", value)
    }

    fn serialize_seq(mut self, length: Option<usize>) -> Result<Compound<'a>, StoredError> {
        self.note_opaque();
        if self.is_of_bytes() {
            let bytes = Vec::with_capacity(length.unwrap_or(0).min(1 << 20));
            return self.open(BYTES, "}", Items::Bytes(bytes));
        }
        self.sequence("[", "]")
    }

    /// Writes a sequence. Its type is known here even where it is not that of a field, as with
    /// `#[serde(transparent)]` and `#[serde(serialize_with)]`.
    fn collect_seq<I>(self, items: I) -> Result<(), StoredError>
    where
        I: IntoIterator<Item: Serialize>,
    {
        let mut writer = self;
        if matches!(writer.sequence, Sequence::Of(_)) && is_unordered(type_name::<I>()) {
            writer.sequence = Sequence::Of(type_name::<I>);
        }
        let items = items.into_iter();
        let mut sequence = writer.serialize_seq(items.size_hint().1)?;
        for item in items {
            ser::SerializeSeq::serialize_element(&mut sequence, &item)?;
        }
        ser::SerializeSeq::end(sequence)
    }

    fn serialize_tuple(mut self, _length: usize) -> Result<Compound<'a>, StoredError> {
        self.note_opaque();
        self.sequence(TUPLE, "]}")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, StoredError> {
        let (coverage, doubt) = (self.extent.map(Coverage::new), self.doubt(None));
        let compound = self.sequence(TUPLE, "]}")?;
        Ok(Compound {
            coverage,
            doubt,
            ..compound
        })
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, StoredError> {
        let doubt = self.doubt(Some((variant, index)));
        self.variant(variant);
        let compound = self.open(TUPLE, "]}}", Items::AsTheyCome)?;
        Ok(Compound { doubt, ..compound })
    }

    fn serialize_map(mut self, _length: Option<usize>) -> Result<Compound<'a>, StoredError> {
        self.note_opaque();
        let map = match self.sequence {
            Sequence::Of(name) if self.extent.is_some() => Some(name),
            _ => None,
        };
        let compound = self.dict("{", "}")?;
        Ok(Compound { map, ..compound })
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, StoredError> {
        let (coverage, doubt) = (self.extent.map(Coverage::new), self.doubt(None));
        let is_span = name == "RangeInclusive" && self.leaves_out(is_span);
        let compound = self.dict("{", "}")?;
        Ok(Compound {
            coverage,
            doubt,
            is_span,
            ..compound
        })
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, StoredError> {
        let doubt = self.doubt(Some((variant, index)));
        self.variant(variant);
        let compound = self.dict("{", "}}")?;
        Ok(Compound { doubt, ..compound })
    }
}
