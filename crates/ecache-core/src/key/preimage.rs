//! The text that is hashed to a key.

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt::{self, Debug, Formatter};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use serde::de::Deserialize;
use thiserror::Error;

use super::parts::KeyParts;
use super::primitive::{self, is_primitive};
use super::scopes::CallScopes;
use crate::panics::caught;
use crate::python_json::{Json, ParseError, value_length};
use crate::stored::{self, StoredError, counts, is_mutable, is_partly_written};

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
    pub(crate) parts: KeyParts,
}

impl Default for Preimage {
    /// Begins with no arguments.
    fn default() -> Self {
        Preimage {
            parts: KeyParts::default(),
        }
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
        if is_primitive::<T>() && primitive::push(&mut self.parts, argument).is_some() {
            return Ok(());
        }
        self.push_text(|text| stored::write_argument(argument, text))
    }

    /// Adds the next argument as the JSON text that `write` writes.
    fn push_text(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), StoredError>,
    ) -> Result<(), StoredError> {
        let start = self.parts.begin_json();
        let written = write(self.parts.buffer());
        match written {
            Ok(()) => self.parts.end_json(start),
            Err(_) => self.parts.cancel_json(start),
        }
        written
    }

    /// Adds an argument if its type hides nothing, and reports whether it did.
    #[inline]
    fn push_whole<T: Serialize + ?Sized>(&mut self, argument: &T) -> Result<bool, StoredError> {
        if !is_primitive::<T>() {
            let name = type_name::<T>();
            if is_mutable(name) {
                return Err(StoredError::Mutable);
            }
            if !hides_nothing(name) {
                return Ok(false);
            }
        }
        self.push(argument).map(|()| true)
    }

    /// Like [`push`](Preimage::push), for an argument that cannot be read back and compared; its
    /// `Debug` form, if it has one, tells what it hides.
    pub(crate) fn push_shown<T: Serialize + ?Sized>(
        &mut self,
        argument: &T,
        show: Option<Show<T>>,
    ) -> Result<(), StoredError> {
        if self.push_whole(argument)? {
            return Ok(());
        }
        self.push_text(|text| {
            Show::of(show, argument, |shown| {
                stored::write_shown_argument(argument, shown, text)
            })
        })
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
        show: Option<Show<T>>,
    ) -> Result<(), StoredError>
    where
        T: Serialize + PartialEq + ?Sized,
        Read: Deserialize<'de> + Borrow<T>,
    {
        if self.push_whole(argument)? {
            return Ok(());
        }
        self.push_text(|text| {
            let start = text.len();
            stored::write_checked_argument(argument, text)?;
            check_read_back::<T, Read>(argument, show, &text[start..])
        })
    }

    /// Adds the next positional argument, which is in its stored form already.
    pub fn push_json(&mut self, argument: &Json) {
        self.parts.push_json(argument);
    }

    /// Adds what a `key_fn` made of the arguments, as FiftyOne does: the elements of a list or
    /// tuple one by one. FiftyOne refuses anything else: it is added as one, and with a mark if its
    /// type, as `Option` and `serde_json::Value`, may have lists as well, among which is that of it
    /// alone.
    ///
    /// # Errors
    ///
    /// Fails like [`push`](Preimage::push).
    pub fn push_each<T: Serialize + ?Sized>(&mut self, arguments: &T) -> Result<(), StoredError> {
        if is_primitive::<T>() && primitive::push(&mut self.parts, arguments).is_some() {
            return Ok(());
        }
        let mut text = Vec::new();
        stored::write_checked_argument(arguments, &mut text)?;
        let elements = text
            .strip_prefix(br#"{"_cls": "tuple", "values": ["#)
            .and_then(|rest| rest.strip_suffix(b"]}"))
            .or_else(|| text.strip_prefix(b"[")?.strip_suffix(b"]"));
        let Some(mut elements) = elements else {
            let (before, after): (&[u8], &[u8]) = if is_never_several(type_name::<T>()) {
                (b"", b"")
            } else {
                (br#"{"_cls": "key", "value": "#, b"}")
            };
            return self.push_text(|out| {
                out.extend([before, &text, after].concat());
                Ok(())
            });
        };
        while !elements.is_empty() {
            let length = value_length(elements).unwrap_or(elements.len());
            let (element, rest) = elements.split_at(length);
            self.push_text(|out| {
                out.extend_from_slice(element);
                Ok(())
            })?;
            elements = rest.strip_prefix(b", ").unwrap_or(rest);
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

    /// Returns the arguments as JSON text, an array.
    #[must_use]
    pub fn arguments(&self) -> String {
        self.parts.text().preimage
    }

    /// Adds the scopes, and returns the text.
    #[must_use]
    pub fn finish(self, scopes: &CallScopes<'_>) -> String {
        self.into_parts(scopes).text().preimage
    }

    /// Adds the scopes, and returns the parts of the text.
    pub(crate) fn into_parts(mut self, scopes: &CallScopes<'_>) -> KeyParts {
        self.parts.push_scopes(scopes);
        self.parts
    }
}

/// The `Debug` of a type.
pub(crate) struct Show<T: ?Sized>(pub(crate) fn(&T, &mut Formatter<'_>) -> fmt::Result);

impl<T: ?Sized> Clone for Show<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Show<T> {}

impl<T: ?Sized> Debug for Show<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Show")
    }
}

/// A value and its `Debug`.
struct Shown<'a, T: ?Sized>(&'a T, Show<T>);

impl<T: ?Sized> Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.1.0)(self.0, f)
    }
}

impl<T: ?Sized> Show<T> {
    /// Calls `with` with the `Debug` form of a value, if its type has one.
    fn of<R>(show: Option<Self>, value: &T, with: impl FnOnce(Option<&dyn Debug>) -> R) -> R {
        match show {
            Some(show) => with(Some(&Shown(value, show))),
            None => with(None),
        }
    }

    /// Reports whether two values have the same form, but for the order of the entries of a map.
    fn is_alike(self, one: &T, other: &T) -> bool {
        let form = |value| format!("{:?}", Shown(value, self));
        let (one, other) = (form(one), form(other));
        one == other || counts(one.as_bytes()) == counts(other.as_bytes())
    }
}

/// Checks an argument that is `written` so, as [`Preimage::push_checked`] does.
fn check_read_back<'de, T, Read>(
    argument: &T,
    show: Option<Show<T>>,
    written: &[u8],
) -> Result<(), StoredError>
where
    T: Serialize + PartialEq + ?Sized,
    Read: Deserialize<'de> + Borrow<T>,
{
    let mut unread = None;
    let json = Json::parse(written).map_err(|error| error.to_string())?;
    match stored::lent_from_json::<Read>(&json) {
        Ok(read) if argument == read.borrow() => {
            // An `==` may compare fewer fields than serde skips.
            let is_shown_alike = show.is_none_or(|show| show.is_alike(argument, read.borrow()));
            return if is_shown_alike {
                stored::check_order(written, read.borrow())
            } else {
                Err(StoredError::LeftOut)
            };
        }
        Ok(read) => {
            let mut again = Vec::with_capacity(written.len());
            stored::write_checked_argument(read.borrow(), &mut again)?;
            #[expect(clippy::eq_op, reason = "a NaN is not equal to itself")]
            let is_comparable = argument == argument;
            if again == written && is_comparable {
                return Err(StoredError::LeftOut);
            }
        }
        Err(StoredError::Refused(why)) if why.starts_with("missing field") => {
            return Err(StoredError::LeftOut);
        }
        Err(why) => unread = Some(why.to_string()),
    }
    let is_shown = Show::of(show, argument, |shown| {
        stored::write_shown_argument(argument, shown, &mut Vec::new())
    });
    is_shown.map_err(|error| match (error, unread) {
        (StoredError::Unseen(of), Some(why)) => StoredError::Unread { of, why },
        (error, _) => error,
    })
}

/// Reports whether no value of the type with this name is a list or tuple.
fn is_never_several(name: &str) -> bool {
    let name = name.trim_start_matches('&');
    name == "alloc::string::String" || !name.contains([':', '(', '['])
}

/// Reports whether values of the type with this name are written whole.
fn hides_nothing(name: &str) -> bool {
    // Most arguments are of primitive types, whose names have no path.
    !name.contains(':')
        || name == "alloc::string::String"
        || (is_of_the_language(name) && !is_partly_written(name))
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
        assert_eq!(each(vec!["a"]), r#"["a"]"#);
        assert_eq!(each(("a",)), r#"["a"]"#);
        assert_eq!(each(Some(("a", 1))), r#"["a", 1]"#);
        // Values of types that have lists, too.
        let marked = |value| format!(r#"[{{"_cls": "key", "value": {value}}}]"#);
        assert_eq!(each(None::<Vec<Option<u8>>>), marked("null"));
        assert_eq!(each(Some(vec![None::<u8>])), "[null]");
        let json = |text| each(serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
        assert_eq!(json(r#""a""#), marked(r#""a""#));
        for list in [r#"["a"]"#, r#"[["a"]]"#, r#"["a", "b"]"#] {
            assert_eq!(json(list), list);
        }
        assert_ne!(each(vec![-f64::NAN]), each(vec![f64::NAN]));
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
