//! Detects fields that a struct leaves out of its stored form, as `#[serde(skip)]` does.
//!
//! Two arguments that differ only in such a field would share a key. Serde does not report skipped
//! fields, but a derived `Serialize` passes references to the other ones, which reveal their
//! offsets in the struct: a gap that alignment does not explain is a skipped field. A field may
//! also fit into padding (`doubt` decides then), and a struct that passes anything but its own
//! fields is not judged.

use std::any::type_name;
use std::mem::{align_of_val, size_of_val};

use super::type_names::is_wrapper;

/// The position of a value in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    start: usize,
    size: usize,
    align: usize,
    /// The name of its type, which only a struct is asked for
    type_name: fn() -> &'static str,
}

impl Extent {
    pub(super) fn of<T: ?Sized>(value: &T) -> Self {
        Self {
            type_name: type_name::<T>,
            start: std::ptr::from_ref(value).addr(),
            size: size_of_val(value),
            align: align_of_val(value),
        }
    }

    fn end(&self) -> usize {
        self.start + self.size
    }

    /// Reports whether this is a pointer to the value or a cell around it, by whose `Serialize` it
    /// is written.
    fn is_pointer(&self) -> bool {
        is_wrapper((self.type_name)())
    }
}

/// The knowledge of the fields of a struct that were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There are none
    IsWhole,
    /// There is one
    LacksAField,
    /// One would fit into its padding, or its place is not known
    MayLackOne,
    /// A written item is not one of its fields
    Unknown,
}

/// The fields of a struct that were written.
pub(super) struct Coverage {
    whole: Extent,
    /// `None` once anything but a field was added
    fields: Option<Vec<Extent>>,
}

impl Coverage {
    pub(super) fn new(whole: Extent) -> Self {
        Self {
            whole,
            fields: Some(Vec::new()),
        }
    }

    /// Adds a field.
    pub(super) fn add(&mut self, field: Extent) {
        let is_within = self.whole.start <= field.start && field.end() <= self.whole.end();
        match &mut self.fields {
            Some(fields) if is_within => fields.push(field),
            fields => *fields = None,
        }
    }

    /// Adds a field that was left out because of its value; leaving it out identifies that value.
    pub(super) fn add_unknown(&mut self) {
        self.fields = None;
    }

    /// Judges whether a field was left out.
    pub(super) fn verdict(self) -> Verdict {
        if self.whole.is_pointer() {
            return Verdict::MayLackOne;
        }
        let Some(mut fields) = self.fields else {
            return Verdict::Unknown;
        };
        fields.retain(|field| field.size > 0);
        fields.sort_unstable_by_key(|field| field.start);
        let mut covered = self.whole.start;
        let mut has_padding = false;
        for field in &fields {
            // A value that begins within another one is not a field.
            let Some(gap) = field.start.checked_sub(covered) else {
                return Verdict::Unknown;
            };
            if gap >= field.align {
                return Verdict::LacksAField;
            }
            has_padding |= gap > 0;
            covered = field.end();
        }
        let rest = self.whole.end() - covered;
        if rest >= self.whole.align {
            Verdict::LacksAField
        } else if has_padding || rest > 0 {
            Verdict::MayLackOne
        } else {
            Verdict::IsWhole
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_alignment_does_not_explain_is_a_field() {
        let extent = |start, size, align| Extent {
            start,
            size,
            align,
            type_name: type_name::<u64>,
        };
        let judge = |whole: Extent, fields: &[Extent]| {
            let mut coverage = Coverage::new(whole);
            fields.iter().for_each(|field| coverage.add(*field));
            coverage.verdict()
        };
        let whole = extent(64, 16, 8);
        let (long, byte) = (extent(64, 8, 8), extent(72, 1, 1));
        assert_eq!(judge(whole, &[byte, long]), Verdict::MayLackOne);
        assert_eq!(judge(whole, &[long, extent(72, 8, 8)]), Verdict::IsWhole);
        assert_eq!(judge(whole, &[long]), Verdict::LacksAField);
        assert_eq!(judge(whole, &[extent(72, 8, 8)]), Verdict::LacksAField);
        assert_eq!(judge(whole, &[]), Verdict::LacksAField);
        assert_eq!(judge(extent(64, 0, 1), &[]), Verdict::IsWhole);
        let pointer = Extent::of(&&whole);
        assert_eq!(judge(pointer, &[long]), Verdict::MayLackOne);
        assert_eq!(
            judge(whole, &[extent(0, 8, 8)]),
            Verdict::Unknown,
            "elsewhere"
        );
    }
}
