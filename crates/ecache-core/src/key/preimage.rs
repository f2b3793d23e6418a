//! The text that is hashed to a key.

use std::any::type_name;
use std::borrow::Borrow;
use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use serde::de::Deserialize;
use thiserror::Error;

use super::scopes::CallScopes;
use crate::panics::caught;
use crate::python_json::{Json, ParseError, write_string};
use crate::stored::{self, StoredError};

/// Returns the text that the key of a call hashes.
///
/// The arguments are taken as they are; [`parse_arguments`] has ordered the members of their sets.
/// The scopes are in the text in clear, a JWT too.
#[must_use]
pub fn preimage(arguments: &[Json], scopes: &CallScopes<'_>) -> String {
    let mut preimage = Preimage::default();
    for argument in arguments {
        preimage.push_json(argument);
    }
    preimage.finish(scopes)
}

/// Collects the preimage of a call from arguments of any types, without a tree in between.
///
/// ```
/// use ecache_core::key::{CallScopes, Preimage};
///
/// let mut preimage = Preimage::default();
/// preimage.push("a.png")?;
/// preimage.push(&(1, 0.5))?;
/// let scopes = CallScopes { user_id: Some("ann"), ..Default::default() };
/// assert_eq!(
///     preimage.finish(&scopes),
///     r#"["a.png", {"_cls": "tuple", "values": [1, 0.5]}, "ann"]"#
/// );
/// # Ok::<(), ecache_core::stored::StoredError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Preimage {
    text: Vec<u8>,
}

impl Default for Preimage {
    /// Begins with no arguments.
    fn default() -> Self {
        let mut text = SPARE.try_with(Cell::take).unwrap_or_default();
        if text.capacity() == 0 {
            text.reserve(USUAL_LENGTH);
        }
        text.push(b'[');
        Preimage { text }
    }
}

/// Capacity of a new buffer; most calls fit.
const USUAL_LENGTH: usize = 256;

/// Capacity above which a buffer is not used again.
const MAX_SPARE: usize = 4096;

thread_local! {
    /// A buffer for the next preimage of this thread: a hit in memory needs no other allocation
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

const IS_ASCII: &str = "json.dumps writes ASCII";

/// Returns the bytes of a finished preimage as text.
pub(crate) fn as_text(preimage: &[u8]) -> &str {
    std::str::from_utf8(preimage).expect(IS_ASCII)
}

/// Keeps the buffer of a preimage for the next one.
pub(crate) fn reuse_buffer(mut text: Vec<u8>) {
    if (USUAL_LENGTH..=MAX_SPARE).contains(&text.capacity()) {
        text.clear();
        // A thread that ends needs none.
        let _ = SPARE.try_with(|spare| spare.set(text));
    }
}

impl Preimage {
    /// Collects the arguments that `push` pushes.
    ///
    /// # Errors
    ///
    /// Fails when `push` fails or panics: it runs the program's own `Serialize` or `key_fn`.
    ///
    /// ```
    /// use ecache_core::key::Preimage;
    ///
    /// let arguments = Preimage::of_arguments(|arguments| {
    ///     arguments.push("a.png")?;
    ///     arguments.push(&8)
    /// })?;
    /// assert_eq!(arguments.arguments(), r#"["a.png", 8]"#);
    /// # Ok::<(), ecache_core::stored::StoredError>(())
    /// ```
    pub fn of_arguments(
        push: impl FnOnce(&mut Preimage) -> Result<(), StoredError>,
    ) -> Result<Self, StoredError> {
        let mut preimage = Preimage::default();
        caught(|| push(&mut preimage))?;
        Ok(preimage)
    }

    /// Adds the next positional argument, in its stored form.
    ///
    /// # Errors
    ///
    /// Fails when the argument has no stored form (see [`stored::write()`]); the call has no key
    /// then.
    pub fn push<T: Serialize + ?Sized>(&mut self, argument: &T) -> Result<(), StoredError> {
        stored::write_argument(argument, self.next())
    }

    /// Like [`push`](Preimage::push), for an argument that cannot be read back and compared; its
    /// `Debug` form, if it has one, tells what it hides.
    pub(crate) fn push_shown<T: Serialize + ?Sized>(
        &mut self,
        argument: &T,
        shown: Option<&dyn Debug>,
    ) -> Result<(), StoredError> {
        if hides_nothing(type_name::<T>()) {
            return self.push(argument);
        }
        stored::write_shown_argument(argument, shown, self.next())
    }

    /// Like [`push`](Preimage::push), for an argument that can be read back as a `Read`: if another
    /// value is read that is written alike, the key cannot tell the two apart.
    ///
    /// Types of the language have no such values. Where reading back tells nothing, because the
    /// type borrows, or the value is not equal to itself or written in another way than it is read,
    /// its `Debug` form has to.
    pub(crate) fn push_checked<'de, T, Read>(
        &mut self,
        argument: &T,
        shown: Option<&dyn Debug>,
    ) -> Result<(), StoredError>
    where
        T: Serialize + PartialEq + ?Sized,
        Read: Deserialize<'de> + Borrow<T>,
    {
        let start = self.text.len();
        self.push(argument)?;
        if hides_nothing(type_name::<T>()) {
            return Ok(());
        }
        let written = &self.text[start..];
        let written = written.strip_prefix(b", ").unwrap_or(written);
        let json = Json::parse(written).map_err(|error| error.to_string())?;
        match stored::lent_from_json::<Read>(&json) {
            Ok(read) if argument == read.borrow() => return Ok(()),
            Ok(read) => {
                let mut again = Vec::with_capacity(written.len());
                stored::write_argument(read.borrow(), &mut again)?;
                #[expect(clippy::eq_op, reason = "a NaN is not equal to itself")]
                let is_comparable = argument == argument;
                if again == written && is_comparable {
                    return Err(StoredError::LeftOut);
                }
            }
            Err(StoredError::Refused(why)) if why.starts_with("missing field") => {
                return Err(StoredError::LeftOut);
            }
            Err(_) => {}
        }
        stored::write_shown_argument(argument, shown, &mut Vec::new())
    }

    /// Adds the next positional argument, which is in its stored form already.
    pub fn push_json(&mut self, argument: &Json) {
        argument.write_sorted_to(self.next());
    }

    /// Adds what a `key_fn` made of the arguments, as FiftyOne does: the elements of a list or
    /// tuple one by one, and anything else as one.
    ///
    /// # Errors
    ///
    /// Fails like [`push`](Preimage::push).
    pub fn push_each<T: Serialize + ?Sized>(&mut self, arguments: &T) -> Result<(), StoredError> {
        let mut text = Vec::new();
        stored::write_canonical(arguments, &mut text)?;
        let elements = text
            .strip_prefix(br#"{"_cls": "tuple", "values": ["#)
            .and_then(|rest| rest.strip_suffix(b"]}"))
            .or_else(|| text.strip_prefix(b"[")?.strip_suffix(b"]"));
        match elements {
            Some(b"") => {}
            Some(elements) => self.next().extend_from_slice(elements),
            None => self.next().extend_from_slice(&text),
        }
        Ok(())
    }

    /// Adds the identity of a type parameter, because `parse::<u8>` and `parse::<f64>` return
    /// different values.
    ///
    /// Two types declared in blocks of one function have the same name, so any type from outside
    /// the language and its standard library also adds the compiler's own number for it.
    ///
    /// # Errors
    ///
    /// None; it returns what [`push`](Preimage::push) does.
    pub fn push_type<T: ?Sized>(&mut self) -> Result<(), StoredError> {
        let name = type_name::<T>();
        if is_of_the_language(name) {
            return self.push(name);
        }
        let mut hasher = DefaultHasher::new();
        typeid::of::<T>().hash(&mut hasher);
        self.push(&format!("{name}#{:016x}", hasher.finish()))
    }

    /// Returns the length of the arguments' text so far. It distinguishes calls with the same text,
    /// split differently into arguments and scopes.
    #[must_use]
    pub fn arguments_length(&self) -> usize {
        self.text.len()
    }

    /// Returns the arguments as JSON text, an array.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.text).into_owned();
        text.push(']');
        text
    }

    /// Adds the scopes, and returns the text.
    #[must_use]
    pub fn finish(self, scopes: &CallScopes<'_>) -> String {
        String::from_utf8(self.finish_bytes(scopes)).expect(IS_ASCII)
    }

    /// Like [`finish`](Preimage::finish), without a look at each byte; see [`as_text`].
    pub(crate) fn finish_bytes(mut self, scopes: &CallScopes<'_>) -> Vec<u8> {
        for value in scopes.values() {
            write_string(value.as_bytes(), self.next());
        }
        self.text.push(b']');
        self.text
    }

    /// Begins the next element of the list, and returns where to write it.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.text != b"[" {
            self.text.extend_from_slice(b", ");
        }
        &mut self.text
    }
}

/// Reports whether values of the type with this name are written whole.
fn hides_nothing(name: &str) -> bool {
    // Most arguments are of primitive types, whose names have no path.
    !name.contains(':') || name == "alloc::string::String" || is_of_the_language(name)
}

/// Reports whether a type name contains only the language's own types, whose names are unique.
fn is_of_the_language(name: &str) -> bool {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    name.split(|c| !is_path(c))
        .filter_map(|path| path.trim_matches(':').split_once("::"))
        .all(|(first, _)| ["core", "alloc", "std"].contains(&first))
        && !name.contains('{')
}

/// A text is not the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgumentsError {
    /// It is not JSON.
    #[error("the arguments are not JSON: {0}")]
    Json(#[from] ParseError),
    /// It is not a list.
    #[error("the arguments are not a JSON list")]
    NotAList,
}

/// Reads the positional arguments of a call from a JSON list in stored form.
///
/// The members of sets are put into canonical order: FiftyOne hashes them in whatever order Python
/// has them, which makes a key per process.
///
/// # Errors
///
/// Fails when the text is not JSON, or not a list.
pub fn parse_arguments(text: &[u8]) -> Result<Vec<Json>, ArgumentsError> {
    let mut arguments = Json::parse(text)?;
    stored::order_sets(&mut arguments);
    match arguments {
        Json::Array(arguments) => Ok(arguments),
        _ => Err(ArgumentsError::NotAList),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_uses_the_buffer_of_a_preimage_again() {
        let preimage = || {
            let arguments = Preimage::of_arguments(|arguments| arguments.push("a"));
            arguments
                .expect("a stored form")
                .finish(&CallScopes::default())
        };
        let first = preimage();
        let (text, buffer) = (first.clone(), first.as_ptr());
        reuse_buffer(first.into_bytes());
        let second = preimage();
        assert_eq!((&second, second.as_ptr()), (&text, buffer));
        let third = preimage();
        assert_ne!(third.as_ptr(), buffer, "it is in use");
        reuse_buffer(vec![b'x'; MAX_SPARE + 1]);
        assert_eq!(Preimage::default().text.capacity(), USUAL_LENGTH);
    }

    #[test]
    fn a_key_fns_list_or_tuple_is_the_arguments_and_anything_else_one() {
        fn each<T: Serialize>(value: T) -> String {
            let arguments = Preimage::of_arguments(|arguments| arguments.push_each(&value));
            arguments.expect("it has a stored form").arguments()
        }
        assert_eq!(each(("a", 1)), r#"["a", 1]"#);
        assert_eq!(each(vec!["a", "b"]), r#"["a", "b"]"#);
        assert_eq!(each(Vec::<u8>::new()), "[]");
        assert_eq!(each("[a]"), r#"["[a]"]"#);
        assert_eq!(each(7), "[7]");
    }

    #[test]
    fn types_of_one_name_have_different_identities() {
        fn identity<T: ?Sized>() -> String {
            let arguments = Preimage::of_arguments(Preimage::push_type::<T>);
            arguments.expect("a name is text").arguments()
        }
        assert_eq!(identity::<u8>(), r#"["u8"]"#);
        assert_eq!(
            identity::<&[Option<f64>]>(),
            r#"["&[core::option::Option<f64>]"]"#
        );
        let one = {
            struct Local;
            (type_name::<Local>(), identity::<Vec<Local>>())
        };
        let other = {
            struct Local;
            (type_name::<Local>(), identity::<Vec<Local>>())
        };
        assert_eq!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }

    #[test]
    fn sets_in_arguments_have_one_order() {
        let text =
            br#"[[{"_cls": "set", "values": ["b", {"_cls": "set", "values": [2, 1]}, "a", "b"]}]]"#;
        let arguments = parse_arguments(text).expect("arguments");
        assert_eq!(
            preimage(&arguments, &CallScopes::default()),
            r#"[[{"_cls": "set", "values": ["a", "b", {"_cls": "set", "values": [1, 2]}]}]]"#
        );
        assert_eq!(parse_arguments(b"{}"), Err(ArgumentsError::NotAList));
    }
}
