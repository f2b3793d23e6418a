//! Detects fields that a struct leaves out of its stored form, as `#[serde(skip)]` does.
//!
//! Two arguments that differ only in such a field would share a key. Serde does not report skipped
//! fields, but a derived `Serialize` passes references to the other ones, which reveal their
//! offsets in the struct: a gap that alignment does not explain is a skipped field. A field that
//! fits into padding is not detected, and a struct that passes anything but its own fields is not
//! judged.

use std::mem::{align_of_val, size_of_val};

/// The position of a value in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    start: usize,
    size: usize,
    align: usize,
}

impl Extent {
    pub(super) fn of<T: ?Sized>(value: &T) -> Self {
        Self {
            start: std::ptr::from_ref(value).addr(),
            size: size_of_val(value),
            align: align_of_val(value),
        }
    }

    fn end(&self) -> usize {
        self.start + self.size
    }
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

    /// Reports whether a field was left out.
    pub(super) fn lacks_a_field(self) -> bool {
        let Some(mut fields) = self.fields else {
            return false;
        };
        fields.retain(|field| field.size > 0);
        fields.sort_unstable_by_key(|field| field.start);
        let mut covered = self.whole.start;
        for field in &fields {
            // A value that begins within another one is not a field.
            let Some(gap) = field.start.checked_sub(covered) else {
                return false;
            };
            if gap >= field.align {
                return true;
            }
            covered = field.end();
        }
        self.whole.end() - covered >= self.whole.align
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_that_alignment_does_not_explain_is_a_field() {
        let extent = |start, size, align| Extent { start, size, align };
        let is_lacking = |whole: Extent, fields: &[Extent]| {
            let mut coverage = Coverage::new(whole);
            fields.iter().for_each(|field| coverage.add(*field));
            coverage.lacks_a_field()
        };
        let whole = extent(64, 16, 8);
        let (long, byte) = (extent(64, 8, 8), extent(72, 1, 1));
        assert!(!is_lacking(whole, &[byte, long]), "the rest is padding");
        assert!(is_lacking(whole, &[long]));
        assert!(is_lacking(whole, &[extent(72, 8, 8)]));
        assert!(is_lacking(whole, &[]));
        assert!(!is_lacking(extent(64, 0, 1), &[]));
        assert!(!is_lacking(whole, &[extent(0, 8, 8)]), "it is elsewhere");
    }
}
