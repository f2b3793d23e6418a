//! Writes the elements and fields of a compound value.

use std::any::type_name;
use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{self, Serialize};

use super::Writer;
use crate::python_json::{KeyOrder, write_string};
use crate::stored::StoredError;
use crate::stored::coverage::{Coverage, Extent, Verdict};
use crate::stored::hidden_fields::{Doubt, Doubts};
use crate::stored::map_key::MapKey;
use crate::stored::type_names::{bare, is_mutable, is_ordered_map};

/// Writes a list or dict, item by item.
pub(in crate::stored) struct Compound<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) order: KeyOrder,
    pub(super) depth: usize,
    pub(super) levels: usize,
    /// The offset in `out` at which the first item begins
    pub(super) start: usize,
    pub(super) items: Items,
    pub(super) closing: &'static str,
    /// The type that a map of an argument is written for
    pub(super) map: Option<fn() -> &'static str>,
    /// Set if it is a range of which it must be known whether it is exhausted
    pub(super) is_span: bool,
    /// Set if no field may be left out
    pub(super) is_whole: bool,
    /// Set if a gap between the fields is reported
    pub(super) is_judged: bool,
    /// The fields of a struct that must not leave one out
    pub(super) coverage: Option<Coverage>,
    /// The struct or variant, where it may leave out a field unseen
    pub(super) doubt: Option<Doubt>,
    pub(super) doubts: Option<&'a mut Doubts>,
}

/// The data for arranging the items of a compound when all are written, such as the offsets at
/// which they begin.
pub(super) enum Items {
    AsTheyCome,
    /// The members of a set, each written once
    Members(Vec<usize>),
    Unordered(Vec<usize>),
    /// Bytes, written together
    Bytes(Vec<u8>),
    Keys(Vec<(Cow<'static, str>, usize)>),
}

impl Compound<'_> {
    /// Returns the writer of a nested `T`.
    pub(super) fn writer<T: ?Sized>(&mut self, value: &T) -> Writer<'_> {
        Writer {
            depth: self.depth,
            levels: self.levels,
            extent: self.is_whole.then(|| Extent::of(value)),
            is_judged: self.is_judged,
            doubts: self.doubts.as_deref_mut(),
            ..Writer::new::<T>(self.out, self.order)
        }
    }

    /// Begins an item, and returns its offset.
    fn begin(&mut self) -> usize {
        if self.out.len() > self.start {
            self.out.extend_from_slice(SEPARATOR);
        }
        self.out.len()
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        if let Items::Bytes(bytes) = &mut self.items {
            value.serialize(Writer::new::<T>(self.out, self.order))?;
            let digits = self.out.split_off(self.start);
            let byte = digits
                .iter()
                .fold(0, |number, digit| number * 10 + (digit - b'0'));
            bytes.push(byte);
            return Ok(());
        }
        let offset = self.begin();
        if let Items::Members(offsets) | Items::Unordered(offsets) = &mut self.items {
            offsets.push(offset);
        }
        value.serialize(self.writer(value))
    }

    fn key(&mut self, key: Cow<'static, str>) {
        let offset = self.begin();
        write_string(key.as_bytes(), self.out);
        self.out.extend_from_slice(b": ");
        if let Items::Keys(keys) = &mut self.items {
            keys.push((key, offset));
        }
    }

    /// Notes the doubts about the key of a map, which is written as a text.
    fn doubt_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), StoredError> {
        let Some(doubts) = self.doubts.as_deref_mut() else {
            return Ok(());
        };
        let mut text = Vec::new();
        let writer = Writer::new::<T>(&mut text, self.order).whole(key);
        key.serialize(writer.doubting(doubts))
    }

    fn cover<T: ?Sized>(&mut self, field: &T) -> Result<(), StoredError> {
        if self.is_whole && is_mutable(type_name::<T>()) {
            return Err(StoredError::Mutable);
        }
        if let Some(coverage) = &mut self.coverage {
            coverage.add(Extent::of(field));
        }
        self.count_field();
        Ok(())
    }

    fn count_field(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.fields += 1;
        }
    }

    /// Checks that no field was left out, as far as that can be seen here.
    fn vouch(&mut self) -> Result<(), StoredError> {
        let verdict = self.coverage.take().map(Coverage::verdict);
        let has_gap = verdict == Some(Verdict::LacksAField);
        if verdict == Some(Verdict::IsWhole) || !self.is_judged {
            if let (Some(doubt), Some(doubts)) = (&self.doubt, &mut self.doubts) {
                doubts.add_name(doubt.name());
            }
            return Ok(());
        }
        match (self.doubt.take(), &mut self.doubts) {
            (Some(doubt), Some(doubts)) => doubts.add(Doubt { has_gap, ..doubt }),
            _ if has_gap => Err(StoredError::LeftOut),
            _ => Ok(()),
        }
    }

    pub(super) fn close(mut self) -> Result<(), StoredError> {
        self.vouch()?;
        if self.is_span && has_equal_ends(&self.out[self.start..]) {
            return Err(StoredError::LeftOut);
        }
        match self.items {
            Items::AsTheyCome => {}
            Items::Bytes(bytes) => {
                write_string(BASE64_STANDARD.encode(bytes).as_bytes(), self.out);
            }
            Items::Members(offsets) | Items::Unordered(offsets) if offsets.is_empty() => {}
            Items::Members(offsets) => {
                let text = self.out.split_off(self.start);
                let mut members = cut(&text, self.start, offsets);
                members.sort_unstable();
                members.dedup();
                self.out.extend_from_slice(&members.join(SEPARATOR));
            }
            Items::Unordered(offsets) => {
                let text = self.out.split_off(self.start);
                let mut members = cut(&text, self.start, offsets);
                members.sort_unstable();
                self.out.extend_from_slice(&members.join(SEPARATOR));
            }
            Items::Keys(keys) if keys.is_sorted_by(|left, right| left.0 < right.0) => {}
            Items::Keys(keys) => {
                let text = self.out.split_off(self.start);
                let entries = cut(&text, self.start, keys.iter().map(|(_, offset)| *offset));
                let mut entries: Vec<_> = keys.iter().map(|(key, _)| key).zip(entries).collect();
                entries.sort_by_key(|(key, _)| *key);
                if self.is_whole && entries.windows(2).any(|two| two[0].0 == two[1].0) {
                    return Err(StoredError::LeftOut);
                }
                // As in a text that is parsed, the last of two equal keys wins.
                entries.dedup_by(|later, kept| {
                    let repeats = later.0 == kept.0;
                    if repeats {
                        *kept = *later;
                    }
                    repeats
                });
                if self.map.is_some_and(|map| is_ordered_map(bare(map()))) {
                    // The result of a function may depend on the order of such a map.
                    self.out.extend_from_slice(&text);
                } else {
                    let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
                    self.out.extend_from_slice(&entries.join(SEPARATOR));
                }
            }
        }
        self.out.extend_from_slice(self.closing.as_bytes());
        Ok(())
    }
}

const SEPARATOR: &[u8] = b", ";

/// Reports whether the fields of a `RangeInclusive` are equal: as such a range of one item, one
/// that is exhausted is written, too.
fn has_equal_ends(fields: &[u8]) -> bool {
    let ends = fields.strip_prefix(br#""start": "#).unwrap_or(fields);
    let middle = br#", "end": "#;
    let length = ends.len().saturating_sub(middle.len()) / 2;
    let (start, rest) = ends.split_at(length);
    rest.strip_prefix(middle) == Some(start)
}

/// Cuts the text of items, which begins at `start`, at their offsets.
fn cut(text: &[u8], start: usize, offsets: impl IntoIterator<Item = usize>) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut done = start;
    for offset in offsets.into_iter().skip(1) {
        let (piece, after) = rest.split_at(offset - done);
        pieces.push(&piece[..piece.len() - SEPARATOR.len()]);
        (rest, done) = (after, offset);
    }
    if !text.is_empty() {
        pieces.push(rest);
    }
    pieces
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        self.element(value)
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        self.element(value)
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        self.cover(value)?;
        self.element(value)
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        self.count_field();
        self.element(value)
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), StoredError> {
        self.doubt_key(key)?;
        let key = key.serialize(MapKey)?;
        self.key(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), StoredError> {
        value.serialize(self.writer(value))
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), StoredError> {
        self.cover(value)?;
        self.key(Cow::Borrowed(key));
        value.serialize(self.writer(value))
    }

    fn skip_field(&mut self, _key: &'static str) -> Result<(), StoredError> {
        if let Some(coverage) = &mut self.coverage {
            coverage.add_unknown();
        }
        self.count_field();
        Ok(())
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = StoredError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), StoredError> {
        ser::SerializeStruct::serialize_field(self, key, value)
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), StoredError> {
        ser::SerializeStruct::skip_field(self, key)
    }

    fn end(self) -> Result<(), StoredError> {
        self.close()
    }
}
