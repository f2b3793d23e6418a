//! Checking a text without keeping it, for values that are larger than memory should be.

use super::grammar::{Grammar, Sink};
use super::position::ParseError;

/// Checks in pieces whether a text is one that [`Json::parse`](super::Json::parse) accepts.
///
/// Memory stays flat: all it keeps is one byte for each list or dict that is open.
///
/// ```
/// use ecache_core::python_json::Validator;
///
/// let mut validator = Validator::default();
/// validator.push(b"[1, \"two")?;
/// validator.push(b"\", 3]")?;
/// validator.finish()?;
/// # Ok::<(), ecache_core::python_json::ParseError>(())
/// ```
pub struct Validator(Grammar<Ignore>);

debug_fields!(Validator {});

/// Listens to nothing.
struct Ignore;

impl Sink for Ignore {}

impl Default for Validator {
    fn default() -> Self {
        Validator(Grammar::new(Ignore))
    }
}

impl Validator {
    /// Takes the next piece of the text, which may end anywhere, even within a character.
    ///
    /// # Errors
    ///
    /// Fails at the first byte that cannot continue a JSON text, and from then on.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        self.0.push(chunk)
    }

    /// Ends the text.
    ///
    /// # Errors
    ///
    /// Fails when the text is not complete, or a piece of it was refused.
    pub fn finish(self) -> Result<(), ParseError> {
        self.0.finish().map(|Ignore| ())
    }
}

/// Returns how many bytes of `text` its first value takes up with the whitespace around it; `None`
/// if it has none.
pub(crate) fn value_length(text: &[u8]) -> Option<usize> {
    Grammar::new(Ignore).take_value(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_piece_is_never_forgiven() {
        let mut validator = Validator::default();
        validator.push(b"1\n x 2").expect_err("refused");
        validator.push(b" ").expect_err("refused");
        let error = validator.finish().expect_err("refused");
        assert_eq!(
            error.to_string(),
            "expected nothing more at line 2 column 2"
        );
        assert_eq!(error.offset, 3);
    }
}
