//! Makes the arguments of a command from a template with placeholders and an item.
//!
//! Arguments are made as bytes and go to the program as they are: there is no shell, and nothing to
//! quote.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::Result;
use ecache_core::python_json::Json;

use super::items::Syntax;
use crate::error::usage_tip;

/// The arguments of a command, with placeholders for an item or its fields.
#[derive(Debug, PartialEq)]
pub(super) struct Template(Vec<Vec<Piece>>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Vec<u8>),
    /// The whole item
    Item,
    /// A field of an item that is a JSON object
    Field(String),
}

impl Template {
    /// Parses the typed program and arguments. Without a placeholder, the item is the last
    /// argument.
    pub(super) fn new(words: &[OsString], syntax: Syntax) -> Result<Self> {
        let (program, arguments) = words.split_first().expect("clap requires a word");
        if pieces(program.as_bytes(), syntax)
            .iter()
            .any(|piece| !matches!(piece, Piece::Text(_)))
        {
            return Err(usage_tip(
                "the program itself cannot be an item",
                "put {} into an argument: what is read does not choose what is run",
            ));
        }
        let mut arguments: Vec<Vec<Piece>> = arguments
            .iter()
            .map(|word| pieces(word.as_bytes(), syntax))
            .collect();
        let has_place = arguments
            .iter()
            .flatten()
            .any(|piece| !matches!(piece, Piece::Text(_)));
        if !has_place {
            arguments.push(vec![Piece::Item]);
        }
        Ok(Self(arguments))
    }

    /// Returns the arguments for an item, or the reason why there are none.
    pub(super) fn fill(&self, item: &[u8], syntax: Syntax) -> Result<Vec<OsString>, String> {
        let json = match syntax {
            Syntax::Lines | Syntax::Nul => None,
            Syntax::Json => {
                Some(Json::parse(item).map_err(|error| format!("it is not JSON: {error}"))?)
            }
        };
        let fill = |pieces: &Vec<Piece>| {
            let mut argument = Vec::new();
            for piece in pieces {
                match (piece, &json) {
                    (Piece::Text(text), _) => argument.extend_from_slice(text),
                    (Piece::Item, Some(json @ Json::String(_))) => {
                        argument.extend(text(json, "the item")?)
                    }
                    (Piece::Item | Piece::Field(_), None) | (Piece::Item, Some(_)) => {
                        argument.extend_from_slice(item)
                    }
                    (Piece::Field(name), Some(json)) => match json.get(name) {
                        Some(field) => argument.extend(text(field, name)?),
                        None => return Err(format!("it has no field {name:?}")),
                    },
                }
            }
            if argument.contains(&0) {
                Err("an argument cannot have a NUL byte".to_owned())
            } else {
                Ok(OsString::from_vec(argument))
            }
        };
        self.0.iter().map(fill).collect()
    }
}

/// Returns the text of a string, or the JSON of another value; refuses null.
fn text(json: &Json, name: &str) -> Result<Vec<u8>, String> {
    match json {
        Json::Null => Err(format!("{name:?} is null")),
        Json::String(text) => match text.as_str() {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(format!("{name:?} is not text: it has half of a character")),
        },
        other => Ok(other.dumps().into_bytes()),
    }
}

/// Splits a word at its placeholders: `{}`, and of JSON items `{name}`.
fn pieces(word: &[u8], syntax: Syntax) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut rest = word;
    while let Some((byte, after)) = rest.split_first() {
        match (*byte == b'{')
            .then(|| placeholder(after, syntax))
            .flatten()
        {
            Some((piece, length)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
                rest = &after[length..];
            }
            None => {
                text.push(*byte);
                rest = after;
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// Returns the placeholder after an opening brace, and its length including the closing brace.
fn placeholder(after: &[u8], syntax: Syntax) -> Option<(Piece, usize)> {
    let length = after.iter().position(|byte| *byte == b'}')?;
    let name = str::from_utf8(&after[..length]).ok()?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let piece = match name {
        "" => Piece::Item,
        name if syntax == Syntax::Json && is_name(name) => Piece::Field(name.to_owned()),
        _ => return None,
    };
    Some((piece, length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(words: &[&str], item: &str, syntax: Syntax) -> Result<Vec<OsString>, String> {
        let words: Vec<OsString> = [&["program"], words]
            .concat()
            .into_iter()
            .map(OsString::from)
            .collect();
        let template = Template::new(&words, syntax).expect("a template");
        template.fill(item.as_bytes(), syntax)
    }

    #[test]
    fn an_item_takes_every_place_or_the_last() {
        for (words, arguments) in [
            (&["-s", "https://x/{}"][..], &["-s", "https://x/a b"][..]),
            (&["{}", "{}.{}"], &["a b", "a b.a b"]),
            (&["-s"], &["-s", "a b"]),
            (&[], &["a b"]),
            (
                &["{print $1}", "{", "}", "{}}"],
                &["{print $1}", "{", "}", "a b}"],
            ),
            (&["{name}"], &["{name}", "a b"]),
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(
                filled(words, "a b", Syntax::Lines),
                Ok(arguments),
                "{words:?}"
            );
        }
    }

    #[test]
    fn fields_take_their_places() {
        let item = r#"{"name": "a b", "n": 10, "list": [1, "x"], "none": null, "nul": "\u0000"}"#;
        let json = |words: &[&str]| filled(words, item, Syntax::Json);
        assert_eq!(
            json(&["{name}={n}", "{list}"]),
            Ok(vec!["a b=10".into(), r#"[1, "x"]"#.into()])
        );
        assert_eq!(json(&["{}"]), Ok(vec![item.into()]));
        assert_eq!(
            json(&["{print $1}"]),
            Ok(vec!["{print $1}".into(), item.into()])
        );
        assert_eq!(
            json(&["{other}"]),
            Err("it has no field \"other\"".to_owned())
        );
        assert_eq!(json(&["{none}"]), Err("\"none\" is null".to_owned()));
        assert_eq!(
            json(&["{nul}"]),
            Err("an argument cannot have a NUL byte".to_owned())
        );
        assert_eq!(filled(&[], "\"a b\"", Syntax::Json), Ok(vec!["a b".into()]));
        assert_eq!(filled(&[], "10", Syntax::Json), Ok(vec!["10".into()]));
        let bad = filled(&[], "{", Syntax::Json).expect_err("no JSON");
        assert!(bad.starts_with("it is not JSON: "), "{bad}");
    }

    #[test]
    fn an_item_is_never_the_program() {
        for word in ["{}", "./{}.sh"] {
            assert!(Template::new(&[word.into()], Syntax::Lines).is_err());
        }
    }
}
