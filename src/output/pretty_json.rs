//! JSON for people: what fits on a line stays on it, and colours tell names from texts.

use ecache_core::python_json::Json;

use super::cut;
use super::json::push_text;
use super::paint::{style, styled};

/// Formats a JSON value for lines of `width` columns.
pub(crate) fn pretty(value: &Json, width: usize, color: bool) -> String {
    let mut text = String::new();
    push(&mut text, value, 0, 0, width, color);
    text
}

/// Appends a value that begins at a column, inside lines that are indented.
fn push(out: &mut String, value: &Json, indent: usize, column: usize, width: usize, color: bool) {
    let line = flat(value, false);
    if column + cut::width(&line) < width {
        out.push_str(&flat(value, color));
        return;
    }
    let inner = indent + 2;
    let new_line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent));
    };
    match value {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                new_line(out, inner);
                push(out, item, inner, inner, width, color);
            }
            new_line(out, indent);
            out.push(']');
        }
        Json::Object(members) if !members.is_empty() => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                new_line(out, inner);
                let name = quoted(&name.to_string_lossy());
                let column = inner + cut::width(&name) + 2;
                out.push_str(&styled(&name, style::TYPE_ME, color));
                out.push_str(": ");
                push(out, member, inner, column, width, color);
            }
            new_line(out, indent);
            out.push('}');
        }
        _ => out.push_str(&flat(value, color)),
    }
}

/// Formats a value on one line.
fn flat(value: &Json, color: bool) -> String {
    match value {
        Json::String(text) => styled(&quoted(&text.to_string_lossy()), style::GOOD, color),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flat(item, color)).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) => {
            let member = |(name, member): &(_, Json)| {
                let name: &ecache_core::python_json::PyString = name;
                let name = quoted(&name.to_string_lossy());
                format!(
                    "{}: {}",
                    styled(&name, style::TYPE_ME, color),
                    flat(member, color)
                )
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        scalar => scalar.dumps(),
    }
}

/// Quotes a text that must not act on a terminal.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    push_text(&mut quoted, text);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str, width: usize) -> String {
        pretty(&Json::parse(json.as_bytes()).expect("JSON"), width, false)
    }

    #[test]
    fn a_value_that_fits_on_a_line_stays_on_it() {
        let json = r#"{"city": "\u6771\u4eac", "rows": [1, 2.5, null], "x": "\u001b[2J"}"#;
        let line = r#"{"city": "東京", "rows": [1, 2.5, null], "x": "\u001b[2J"}"#;
        assert_eq!(shown(json, 80), line);
        assert_eq!(
            shown(json, 30),
            "{\n  \"city\": \"東京\",\n  \"rows\": [1, 2.5, null],\n  \"x\": \"\\u001b[2J\"\n}"
        );
        assert_eq!(shown("[[], {}]", 3), "[\n  [],\n  {}\n]");
    }

    #[test]
    fn names_and_texts_have_colours() {
        let value = Json::parse(br#"{"a": "b", "n": 1}"#).expect("JSON");
        assert_eq!(
            pretty(&value, 80, true),
            "{\x1b[36m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m, \x1b[36m\"n\"\x1b[0m: 1}"
        );
    }
}
