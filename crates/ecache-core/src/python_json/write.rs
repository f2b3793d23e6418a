//! Writing: the text of Python's `json.dumps`, byte for byte.

use std::fmt;

use super::wtf8::code_points;
use super::{Json, PyString};

/// The order in which dict keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// As they are
    Insertion,
    /// By code point: Python's `sort_keys=True`
    Sorted,
}

impl Json {
    /// Writes the value as Python's `json.dumps(value)` does.
    ///
    /// Like dropping and comparing it, this recurses as deep as the value nests. Parsed values are
    /// bounded by [`MAX_DEPTH`](super::MAX_DEPTH); a caller that builds one must ensure it.
    ///
    /// ```
    /// use ecache_core::python_json::Json;
    ///
    /// let value = Json::parse(r#"{"é":[1e16,0.1]}"#.as_bytes())?;
    /// assert_eq!(value.dumps(), r#"{"\u00e9": [1e+16, 0.1]}"#);
    /// # Ok::<(), ecache_core::python_json::ParseError>(())
    /// ```
    #[must_use]
    pub fn dumps(&self) -> String {
        self.text(KeyOrder::Insertion)
    }

    /// Writes the value as Python's `json.dumps(value, sort_keys=True)` does.
    #[must_use]
    pub fn dumps_sorted(&self) -> String {
        self.text(KeyOrder::Sorted)
    }

    /// Appends what [`dumps`](Json::dumps) returns.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write(KeyOrder::Insertion, out);
    }

    /// Appends what [`dumps_sorted`](Json::dumps_sorted) returns.
    pub(crate) fn write_sorted_to(&self, out: &mut Vec<u8>) {
        self.write(KeyOrder::Sorted, out);
    }

    fn text(&self, order: KeyOrder) -> String {
        let mut out = Vec::new();
        self.write(order, &mut out);
        String::from_utf8(out).expect("json.dumps writes ASCII")
    }

    fn write(&self, order: KeyOrder, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(true) => out.extend_from_slice(b"true"),
            Json::Bool(false) => out.extend_from_slice(b"false"),
            Json::Integer(integer) => write_integer(*integer, out),
            Json::BigInteger(digits) => out.extend_from_slice(digits.as_bytes()),
            Json::Float(float) => write_float(*float, out),
            Json::String(string) => write_string(string.as_bytes(), out),
            Json::Array(values) => write_list(values, order, out),
            Json::Object(entries) if order == KeyOrder::Insertion => {
                write_dict(entries, order, out);
            }
            Json::Object(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| key);
                write_dict(sorted, order, out);
            }
        }
    }
}

fn write_list(values: &[Json], order: KeyOrder, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        value.write(order, out);
    }
    out.push(b']');
}

fn write_dict<'a>(
    entries: impl IntoIterator<Item = &'a (PyString, Json)>,
    order: KeyOrder,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        write_string(key.as_bytes(), out);
        out.extend_from_slice(b": ");
        value.write(order, out);
    }
    out.push(b'}');
}

/// Writes an integer of any width.
pub(crate) fn write_integer(integer: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// Writes a string, given as WTF-8, in quotes and with everything but printable ASCII escaped.
pub(crate) fn write_string(mut text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    // The common case, without an early exit compiled to vector instructions.
    if text
        .iter()
        .fold(true, |plain, byte| plain & is_plain(*byte))
    {
        out.extend_from_slice(text);
        text = &[];
    }
    loop {
        let plain = text.iter().take_while(|byte| is_plain(**byte)).count();
        let (run, rest) = text.split_at(plain);
        out.extend_from_slice(run);
        let escaped = rest.iter().take_while(|byte| !is_plain(**byte)).count();
        let (run, rest) = rest.split_at(escaped);
        code_points(run).for_each(|code_point| write_escape(code_point, out));
        if rest.is_empty() {
            break;
        }
        text = rest;
    }
    out.push(b'"');
}

/// Reports whether Python's `ensure_ascii` leaves a byte alone; it escapes DEL.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn write_escape(code_point: u32, out: &mut Vec<u8>) {
    let short = match code_point {
        0x08 => br"\b",
        0x09 => br"\t",
        0x0A => br"\n",
        0x0C => br"\f",
        0x0D => br"\r",
        0x22 => br#"\""#,
        0x5C => br"\\",
        0x1_0000.. => {
            let offset = code_point - 0x1_0000;
            write_unit(0xD800 | offset >> 10, out);
            return write_unit(0xDC00 | offset & 0x3FF, out);
        }
        _ => return write_unit(code_point, out),
    };
    out.extend_from_slice(short);
}

fn write_unit(unit: u32, out: &mut Vec<u8>) {
    let digit = |shift: u32| b"0123456789abcdef"[(unit >> shift & 0xF) as usize];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Writes a float as Python's `repr` does.
///
/// Both print the shortest digits that read back as the same float, and of those the nearest, which
/// std's own formatting does not when two are equally near. The rest is layout: Python writes
/// an exponent below 1e-4 rather than 1e-5, and in two digits at least.
pub(crate) fn write_float(float: f64, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    let text = match float {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ if float.is_nan() => "NaN",
        _ if float.is_sign_negative() => {
            out.push(b'-');
            buffer.format_finite(-float)
        }
        _ => buffer.format_finite(float),
    };
    match text.as_bytes() {
        [b'0', b'.', b'0', b'0', b'0', b'0', first, rest @ ..] => {
            out.push(*first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            out.extend_from_slice(b"e-05");
        }
        [mantissa @ .., sign @ (b'-' | b'+'), digit] => {
            out.extend_from_slice(mantissa);
            out.extend_from_slice(&[*sign, b'0', *digit]);
        }
        text => out.extend_from_slice(text),
    }
}

/// Shows the string as JSON text, in which lone surrogates stay visible.
impl fmt::Debug for PyString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        write_string(self.as_bytes(), &mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_like_pythons_repr() {
        let table = include_str!("../../tests/data/python_floats.tsv");
        for line in table.lines() {
            let (bits, repr) = line.split_once('\t').expect("two columns");
            let bits = u64::from_str_radix(bits, 16).expect("hexadecimal bits");
            assert_eq!(Json::Float(f64::from_bits(bits)).dumps(), repr);
        }
    }

    #[test]
    fn strings_are_escaped_to_printable_ascii() {
        let text = "\0\x08\t\n\x0c\r\x1f\"\\/ ~\x7f\u{80}é\u{ffff}😀";
        assert_eq!(
            Json::from(text).dumps(),
            r#""\u0000\b\t\n\f\r\u001f\"\\/ ~\u007f\u0080\u00e9\uffff\ud83d\ude00""#
        );
    }

    #[test]
    fn keys_sort_by_code_point_at_every_level() {
        let text =
            r#"[{"\ud83d\ude00": 1, "\uffff": 2, "\ud800": 3, "a": {"z": 0, "": 1}, "B": 4}]"#;
        let value = Json::parse(text.as_bytes()).expect("JSON");
        assert_eq!(value.dumps(), text);
        assert_eq!(
            value.dumps_sorted(),
            r#"[{"B": 4, "a": {"": 1, "z": 0}, "\ud800": 3, "\uffff": 2, "\ud83d\ude00": 1}]"#
        );
    }
}
