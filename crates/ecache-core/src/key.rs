//! Keys of entries: that of a call, byte for byte FiftyOne's, or any text that was chosen.
//!
//! A call's key is the SHA-256 of its *preimage*, a JSON list of the arguments and then of the
//! scopes that have a value. Nothing says which scope a value belongs to: that is FiftyOne's, and
//! an entry's recorded identity tells such calls apart.

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::panics::caught;
use crate::python_json::{Json, ParseError, write_string};
use crate::stored::{self, StoredError};

/// The key of an entry within its store: up to 64 KiB of any UTF-8, control characters included.
///
/// A key that FiftyOne keeps as another type than a string is its
/// [typed name](crate::typed_name).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A text cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key is at most {} bytes long, not {length}", Key::MAX_LENGTH)]
pub struct KeyError {
    /// The length of the text in bytes
    pub length: usize,
}

impl Key {
    /// The length of the longest key, in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;

    /// Makes a key of a text.
    ///
    /// # Errors
    ///
    /// Fails when the text is longer than [`MAX_LENGTH`](Key::MAX_LENGTH).
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, KeyError> {
        let text = text.into();
        match text.len() {
            0..=Key::MAX_LENGTH => Ok(Key(text)),
            length => Err(KeyError { length }),
        }
    }

    /// Returns the key of a call: the hash of its [`preimage`].
    pub fn of_call(arguments: &[Json], scopes: &CallScopes<'_>) -> Self {
        Key::of_preimage(&preimage(arguments, scopes))
    }

    /// Returns the SHA-256 of a preimage, in hexadecimal.
    pub fn of_preimage(preimage: &str) -> Self {
        Key::of_hash(&Sha256::digest(preimage).into())
    }

    /// Returns the key of a call from the SHA-256 of its preimage.
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        Key(hash_digits(hash, &mut [0; 64]).into())
    }

    /// Returns the key under which a second call with this key keeps its result, if this is the
    /// hash of a call.
    ///
    /// Functions that share a store have one key for equal arguments, as in FiftyOne. In stores
    /// that only ecache reads, the result of the second function is kept under the returned key,
    /// and the result of a third one a place further.
    ///
    /// ```
    /// use ecache_core::key::Key;
    ///
    /// let key = Key::of_preimage(r#"["a.png"]"#);
    /// assert!(key.next_place().is_some_and(|next| next != key));
    /// assert_eq!(Key::new("chosen")?.next_place(), None);
    /// # Ok::<(), ecache_core::key::KeyError>(())
    /// ```
    pub fn next_place(&self) -> Option<Self> {
        let digits = self.0.as_bytes().chunks_exact(2);
        let mut hash = [0; 32];
        if self.0.len() != 64 {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self::of_hash(&next_place(&hash)))
    }

    /// Reports whether the key is spelled like the hash of a call.
    pub fn is_hash(&self) -> bool {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        self.0.len() == 64 && self.0.bytes().all(is_digit)
    }

    /// Returns the text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the hash after `hash` in the order in which calls with one key look for a place.
pub(crate) fn next_place(hash: &[u8; 32]) -> [u8; 32] {
    let mut next = Sha256::new_with_prefix(b"the next place after ");
    next.update(hash);
    next.finalize().into()
}

/// Bytes as lower-case hex digits, two for each.
///
/// ```
/// assert_eq!(ecache_core::key::hex(&[0x0f, 0xa0]), "0fa0");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend_from_slice(&digits(*byte));
    }
    String::from_utf8(text).expect("digits are ASCII")
}

/// The digits of a hash, without memory of their own.
pub(crate) fn hash_digits<'a>(hash: &[u8; 32], text: &'a mut [u8; 64]) -> &'a str {
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        pair.copy_from_slice(&digits(*byte));
    }
    std::str::from_utf8(text).expect("digits are ASCII")
}

fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The values that a call's scopes add to its key, in this order; one that is empty adds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallScopes<'a> {
    /// The operator that is executing
    pub operator_uri: Option<&'a str>,
    /// The operator prompt that is open
    pub prompt_id: Option<&'a str>,
    /// The user's JWT: a secret
    pub user_request_token: Option<&'a str>,
    /// The user
    pub user_id: Option<&'a str>,
}

impl<'a> CallScopes<'a> {
    fn values(&self) -> impl Iterator<Item = &'a str> {
        self.parts().into_iter().flatten()
    }

    /// Reports which scopes have a value, which the preimage does not tell.
    pub(crate) fn are_known(&self) -> [bool; 4] {
        self.parts().map(|value| value.is_some())
    }

    fn parts(&self) -> [Option<&'a str>; 4] {
        [
            self.operator_uri,
            self.prompt_id,
            self.user_request_token,
            self.user_id,
        ]
        .map(|value| value.filter(|value| !value.is_empty()))
    }
}

/// One scope of a cached function: its declaration, and its value in the call's context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The function does not depend on it
    #[default]
    Off,
    /// The function does, and the context has this value, if any
    On(Option<&'a str>),
}

impl<'a> Scope<'a> {
    fn value(self) -> Option<&'a str> {
        match self {
            Scope::Off => None,
            Scope::On(value) => value.filter(|value| !value.is_empty()),
        }
    }

    fn lacks_value(self) -> bool {
        self != Scope::Off && self.value().is_none()
    }
}

/// The scopes that a cached function declares, for one call.
///
/// Only [`resolve`](DeclaredScopes::resolve) makes [`CallScopes`] of them, so that no call gets a
/// key that FiftyOne would not cache.
///
/// ```
/// use ecache_core::key::{DeclaredScopes, Scope};
///
/// let anonymous = DeclaredScopes { user_id: Scope::On(None), ..Default::default() };
/// assert_eq!(anonymous.resolve(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeclaredScopes<'a> {
    /// The operator that is executing
    pub operator_uri: Scope<'a>,
    /// The operator prompt that is open
    pub prompt_id: Scope<'a>,
    /// The user's JWT: a secret
    pub user_request_token: Scope<'a>,
    /// The user
    pub user_id: Scope<'a>,
}

impl<'a> DeclaredScopes<'a> {
    /// Returns the values that go into the key, or `None` if the call must not be cached.
    ///
    /// It must not when the user or the JWT is declared and unknown: its result would be served to
    /// every user. An unknown operator or prompt only leaves its part of the key out.
    pub fn resolve(self) -> Option<CallScopes<'a>> {
        if self.user_request_token.lacks_value() || self.user_id.lacks_value() {
            return None;
        }
        Some(CallScopes {
            operator_uri: self.operator_uri.value(),
            prompt_id: self.prompt_id.value(),
            user_request_token: self.user_request_token.value(),
            user_id: self.user_id.value(),
        })
    }
}

/// Returns the text that the key of a call hashes.
///
/// The arguments are taken as they are; [`parse_arguments`] has ordered the members of their sets.
/// The scopes are in the text in clear, a JWT too.
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
        // Most calls fit, so that a hit in memory allocates once.
        let mut text = Vec::with_capacity(256);
        text.push(b'[');
        Preimage { text }
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
    pub fn arguments_length(&self) -> usize {
        self.text.len()
    }

    /// The arguments as JSON text, an array.
    pub fn arguments(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.text).into_owned();
        text.push(']');
        text
    }

    /// Adds the scopes, and returns the text.
    pub fn finish(mut self, scopes: &CallScopes<'_>) -> String {
        for value in scopes.values() {
            write_string(value.as_bytes(), self.next());
        }
        self.text.push(b']');
        String::from_utf8(self.text).expect("json.dumps writes ASCII")
    }

    /// Begins the next element of the list, and returns where to write it.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.text != b"[" {
            self.text.extend_from_slice(b", ");
        }
        &mut self.text
    }
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
    fn keys_have_up_to_64_kib() {
        assert_eq!(Key::new("\0").map(|key| key.to_string()), Ok("\0".into()));
        assert!(Key::new("x".repeat(Key::MAX_LENGTH)).is_ok());
        assert!(Key::new("").is_ok(), "FiftyOne has such keys");
        let error = Key::new("x".repeat(65537)).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "a key is at most 65536 bytes long, not 65537"
        );
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
