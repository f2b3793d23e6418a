//! Finds what an argument hides where its layout does not show it: a field that serde skips and
//! that lies in padding or in a variant, and variants that are renamed alike.
//!
//! An argument that can be read back and compared is checked in that way. Of any other one, the
//! writer notes each struct and variant that it cannot vouch for, and its `Debug` form, in which a
//! derive names every field and the variant itself, is compared with the notes. Without `Debug`,
//! the call is not cached. Whether a type hides something does not depend on its values, so each
//! thread compares once for each struct and variant.
//!
//! A type that is written as neither, by `untagged`, `flatten`, `transparent`, `into` or code of
//! its own, may write two of its variants alike, so each of its values is looked at: a `Debug` form
//! that names a variant, or more than one field, is more than can be compared, and the call is not
//! cached.
//!
//! Designs considered: the `Debug` form or the variant's number as a part of the key (keys would
//! differ from those that FiftyOne and the command line make of the same arguments, and the `Debug`
//! form of a hash map differs from run to run), a hash by `Hash` (floats have none), a lint of the
//! attribute (it does not see the types of arguments), and refusing only visible gaps (two calls
//! could share a result). A `Serialize` or `Debug` written by hand can still hide anything.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{Debug, Write};

use super::StoredError;
use super::debug_form::{Shown, plain};
use super::type_names::{ident, is_trusted};

/// A struct or variant that may have been written without some of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The full name of the type
    pub(super) type_name: &'static str,
    /// serde's name of the variant, and its number
    pub(super) variant: Option<(&'static str, u32)>,
    /// Number of fields that were written, or left out because of their value
    pub(super) fields: usize,
    /// Set if there is room between them for a further field, or the discriminant of an enum
    pub(super) has_gap: bool,
}

impl Doubt {
    /// Returns the name that its `Debug` form begins with.
    pub(super) fn name(&self) -> &'static str {
        self.variant
            .map_or_else(|| ident(self.type_name), |(name, _)| name)
    }

    /// Returns what identifies it without its number, which two variants must not share.
    fn place(&self) -> Place {
        let of = |text: &'static str| (text.as_ptr().addr(), text.len());
        (
            of(self.type_name),
            self.variant.map(|(name, _)| of(name)),
            self.fields,
        )
    }

    fn number(&self) -> u32 {
        self.variant.map_or(0, |(_, number)| number)
    }
}

/// Addresses and lengths of the names of a type and a variant, and the number of fields.
type Place = ((usize, usize), Option<(usize, usize)>, usize);

thread_local! {
    /// Structs and variants that hide nothing, with the numbers of the variants
    static VERIFIED: RefCell<HashMap<Place, u32>> = RefCell::default();
}

/// The doubts about one argument.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    doubts: Vec<Doubt>,
    /// Types that are written as neither a struct nor a variant
    opaque: Vec<&'static str>,
    /// Names of the structs and variants that were written
    names: Vec<&'static str>,
}

/// Names in the `Debug` forms of types of the language and its library.
const LANGUAGE: [&str; 16] = [
    "Some",
    "None",
    "Ok",
    "Err",
    "true",
    "false",
    "inf",
    "NaN",
    "Included",
    "Excluded",
    "Unbounded",
    "SystemTime",
    "RefCell",
    "Cell",
    "Mutex",
    "RwLock",
];

impl Doubts {
    /// Adds the name of a struct or variant that was written.
    pub(super) fn add_name(&mut self, name: &'static str) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// Adds a type of which a value is written as neither a struct nor a variant.
    pub(super) fn add_opaque(&mut self, bare_name: &'static str) {
        if !is_trusted(bare_name) && !self.opaque.contains(&bare_name) {
            self.opaque.push(bare_name);
        }
    }

    /// Adds a doubt, unless it was settled before.
    ///
    /// # Errors
    /// If two variants of the type have one name.
    pub(super) fn add(&mut self, doubt: Doubt) -> Result<(), StoredError> {
        self.add_name(doubt.name());
        if is_trusted(doubt.type_name) {
            return if doubt.has_gap {
                Err(StoredError::LeftOut)
            } else {
                Ok(())
            };
        }
        let place = doubt.place();
        let verified = VERIFIED.with_borrow(|verified| verified.get(&place).copied());
        let noted = || {
            self.doubts
                .iter()
                .find(|noted| noted.place() == place)
                .map(Doubt::number)
        };
        match verified.or_else(noted) {
            Some(number) if number == doubt.number() => {}
            Some(_) => return Err(StoredError::LeftOut),
            None => self.doubts.push(doubt),
        }
        Ok(())
    }

    /// Settles the doubts about an argument whose `Debug` form is `shown`.
    ///
    /// # Errors
    /// If the argument hides something, or if that cannot be seen.
    pub(super) fn settle(self, shown: Option<&dyn Debug>) -> Result<(), StoredError> {
        let first = self.doubts.first().map(|doubt| doubt.type_name);
        let Some(first) = first.or(self.opaque.first().copied()) else {
            return Ok(());
        };
        let unseen = StoredError::Unseen;
        let Some(shown) = shown else {
            let has_gap = self.doubts.iter().any(|doubt| doubt.has_gap);
            return Err(if has_gap {
                StoredError::LeftOut
            } else {
                unseen(first)
            });
        };
        let mut fields = Shown::default();
        write!(fields, "{shown:?}").map_err(|_| unseen(first))?;
        let fields: BTreeMap<String, usize> = fields.end();
        for doubt in &self.doubts {
            match fields.get(&plain(doubt.name())) {
                Some(shown) if *shown > doubt.fields || doubt.has_gap => {
                    return Err(StoredError::LeftOut);
                }
                Some(shown) if *shown == doubt.fields => {}
                _ => return Err(unseen(doubt.type_name)),
            }
        }
        self.settle_opaque(&fields)?;
        VERIFIED.with_borrow_mut(|verified| {
            let doubts = self.doubts.iter();
            verified.extend(doubts.map(|doubt| (doubt.place(), doubt.number())));
        });
        Ok(())
    }

    /// Settles the doubts about types that are written as neither a struct nor a variant: the
    /// `Debug` form must name nothing but them, with one field at most, and what was written.
    fn settle_opaque(&self, shown: &BTreeMap<String, usize>) -> Result<(), StoredError> {
        let Some(first) = self.opaque.first() else {
            return Ok(());
        };
        for name in &self.opaque {
            if shown
                .get(&plain(ident(name)))
                .is_some_and(|fields| *fields > 1)
            {
                return Err(StoredError::Unseen(name));
            }
        }
        let opaque = self.opaque.iter().map(|name| ident(name));
        let known = opaque.chain(self.names.iter().copied()).chain(LANGUAGE);
        let known: BTreeSet<String> = known.map(plain).collect();
        if shown.keys().all(|name| known.contains(name)) {
            Ok(())
        } else {
            Err(StoredError::Unseen(first))
        }
    }
}
