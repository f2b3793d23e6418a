//! Reads the names and the numbers of fields from a `Debug` form, as a derive writes it.

use std::collections::BTreeMap;
use std::fmt;

/// Collects the names of structs and variants from text that is written to it, with the largest
/// number of fields that each has there.
#[derive(Debug, Default)]
pub(super) struct Shown {
    fields: BTreeMap<String, usize>,
    /// The brackets that are open, outermost first
    open: Vec<Bracket>,
    /// The word that was read last, until it is known what follows it
    word: String,
    is_word_over: bool,
    literal: Literal,
}

#[derive(Debug, Default)]
struct Bracket {
    name: String,
    items: usize,
    is_in_item: bool,
}

/// A literal text or character, whose content is skipped.
#[derive(Debug, Default, PartialEq, Eq)]
enum Literal {
    #[default]
    None,
    Within(char),
    Escaped(char),
}

/// Returns a name without what serde's `rename_all` changes.
pub(super) fn plain(name: &str) -> String {
    let is_kept = |c: &char| !matches!(c, '_' | '-');
    name.chars()
        .filter(is_kept)
        .flat_map(char::to_lowercase)
        .collect()
}

impl Shown {
    /// Returns the collected names, as [`plain`] makes them.
    pub(super) fn end(mut self) -> BTreeMap<String, usize> {
        self.take_word(0);
        self.fields
    }

    fn note(&mut self, name: &str, fields: usize) {
        let is_of_ident = |c: char| c.is_alphanumeric() || c == '_';
        if name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(is_of_ident)
        {
            let most = self.fields.entry(plain(name)).or_default();
            *most = fields.max(*most);
        }
    }

    /// Notes the last word as a name with this number of fields.
    fn take_word(&mut self, fields: usize) {
        let word = std::mem::take(&mut self.word);
        self.is_word_over = false;
        self.note(&word, fields);
    }

    fn read(&mut self, c: char) {
        match self.literal {
            Literal::None => {}
            Literal::Escaped(end) => return self.literal = Literal::Within(end),
            Literal::Within(end) => {
                self.literal = match c {
                    '\\' => Literal::Escaped(end),
                    _ if c == end => Literal::None,
                    _ => return,
                };
                return;
            }
        }
        if c == ' ' {
            self.is_word_over = true;
            return;
        }
        if let Some(bracket) = self.open.last_mut()
            && !matches!(c, ',' | '}' | ')' | ']')
            && !bracket.is_in_item
        {
            bracket.is_in_item = true;
            bracket.items += 1;
        }
        match c {
            '{' | '(' | '[' => {
                let name = std::mem::take(&mut self.word);
                self.is_word_over = false;
                self.open.push(Bracket {
                    name,
                    ..Bracket::default()
                });
            }
            '}' | ')' | ']' => {
                self.take_word(0);
                if let Some(bracket) = self.open.pop() {
                    self.note(&bracket.name, bracket.items);
                }
            }
            ',' => {
                self.take_word(0);
                if let Some(bracket) = self.open.last_mut() {
                    bracket.is_in_item = false;
                }
            }
            // The name of a field.
            ':' => self.word.clear(),
            '"' | '\'' => {
                // A word that touches it is the literal's, as in `b"…"`.
                if self.is_word_over {
                    self.take_word(0);
                }
                self.word.clear();
                self.literal = Literal::Within(c);
            }
            _ => {
                if self.is_word_over {
                    self.take_word(0);
                }
                self.word.push(c);
            }
        }
    }
}

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().for_each(|c| self.read(c));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its `Debug` form is read")]
    enum Shape {
        Unit,
        Tuple(u8, f64),
        Struct { text: &'static str, inner: Inner },
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its `Debug` form is read")]
    struct Inner {
        letters: [char; 2],
        list: Vec<(u8, Option<Shape>)>,
        empty: (),
    }

    #[test]
    fn a_derived_form_has_all_names_and_fields() {
        let list = vec![
            (1, Some(Shape::Unit)),
            (2, None),
            (3, Some(Shape::Tuple(1, -0.5))),
        ];
        let shape = Shape::Struct {
            text: "a \"quoted\" Name { b: 1, c: 2 }, \\",
            inner: Inner {
                letters: ['\'', '{'],
                list,
                empty: (),
            },
        };
        let mut shown = Shown::default();
        write!(shown, "{shape:?}").expect("it takes anything");
        let fields = shown.end();
        let of = |name| fields.get(name).copied();
        assert_eq!(of("struct"), Some(2));
        assert_eq!(of("inner"), Some(3));
        assert_eq!(of("tuple"), Some(2));
        assert_eq!(of("unit"), Some(0));
        assert_eq!(of("some"), Some(1));
        assert_eq!((of("name"), of("letters")), (None, None));
        assert_eq!(plain("SCREAMING-kebab_Case"), "screamingkebabcase");
    }
}
