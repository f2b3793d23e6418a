//! Python's strings, which unlike Rust's may hold lone surrogates.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::wtf8::push_unit;

/// A Python string: Unicode text that may also hold lone surrogates.
///
/// Kept as WTF-8, so that comparing the bytes is comparing by code point, which is how Python
/// sorts.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PyString(Box<[u8]>);

impl PyString {
    /// Returns the text, or `None` when it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns the text with U+FFFD in place of each byte of a lone surrogate.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Returns the system string that this was made from, like Python's `os.fsencode`.
    #[must_use]
    pub fn to_os_string(&self) -> OsString {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = &*self.0;
        while let Some((first, others)) = rest.split_first() {
            match rest {
                // U+DC80 to U+DCFF each stand for one byte that was not UTF-8.
                [0xED, second @ (0xB2 | 0xB3), third, others @ ..] => {
                    bytes.push(second << 6 | third & 0x3F);
                    rest = others;
                }
                _ => {
                    bytes.push(*first);
                    rest = others;
                }
            }
        }
        OsString::from_vec(bytes)
    }

    /// Returns the text as WTF-8.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Creates a string of the bytes that the parser has collected.
    pub(super) fn from_wtf8(bytes: &[u8]) -> Self {
        PyString(bytes.into())
    }
}

impl From<&str> for PyString {
    fn from(text: &str) -> Self {
        PyString(text.as_bytes().into())
    }
}

/// Converts like Python's `os.fsdecode`: a byte that is not UTF-8 becomes a lone surrogate, so that
/// different strings stay different.
impl From<&OsStr> for PyString {
    fn from(text: &OsStr) -> Self {
        let mut wtf8 = Vec::with_capacity(text.len());
        for chunk in text.as_bytes().utf8_chunks() {
            wtf8.extend_from_slice(chunk.valid().as_bytes());
            for byte in chunk.invalid() {
                push_unit(&mut wtf8, 0xDC00 | u16::from(*byte));
            }
        }
        PyString(wtf8.into())
    }
}

impl From<String> for PyString {
    fn from(text: String) -> Self {
        PyString(text.into_bytes().into())
    }
}
