//! Describes an entry for people: its command, call or start of its value.

use ecache_core::backend::Content;
use ecache_core::entry::Entry;
use ecache_core::python_json::Json;
use ecache_core::secrets::{self, mask_json};
use ecache_core::value::Kind;

use crate::output::escape::shell;
use crate::output::{Secrets, VALUE};

/// Returns the text for an entry: its command or call, or else the start of its value as far as it
/// was read.
pub(in crate::commands) fn text(
    entry: &Entry,
    start: Option<&Content>,
    secrets: Secrets,
) -> Option<String> {
    if let Some(call) = call(entry, secrets) {
        return Some(call);
    }
    if entry.is_input_record() {
        return Some(input_record(program(entry)));
    }
    match start? {
        Content::Inline(bytes) => Some(format!("{VALUE}{}", preview(entry.kind, bytes, secrets))),
        Content::Chunked(_) => None,
    }
}

/// Returns the command or the call that made an entry, if it was recorded.
pub(in crate::commands) fn call(entry: &Entry, secrets: Secrets) -> Option<String> {
    let args = Json::parse(entry.args.as_ref()?.as_bytes()).ok()?;
    let Json::Array(args) = args else {
        return None;
    };
    if entry.kind == Kind::Command {
        return Some(command(entry, args, secrets));
    }
    if entry.is_input_record() {
        return Some(input_record(&command(entry, args, secrets)));
    }
    let mut args = Json::Array(args);
    if secrets == Secrets::Masked {
        mask_json(&mut args);
    }
    let name = entry
        .function
        .as_deref()
        .filter(|function| !is_default_store(function, &entry.address.store.store_name));
    let name = name.map_or("", |function| own_name(path_of(function)));
    let Json::Array(args) = args else {
        unreachable!("masking keeps an array an array");
    };
    let args: Vec<String> = args.iter().map(argument).collect();
    Some(format!("{name}({})", args.join(", ")))
}

/// Formats an entry's command as a line for people, quoted as one would type it; the store's name
/// where it was not recorded.
pub(in crate::commands) fn command_line(entry: &Entry, secrets: Secrets) -> String {
    call(entry, secrets).unwrap_or_else(|| format!("{:?}", entry.address.store.store_name))
}

/// Returns the text for the record of inputs that a command read, which is not a result.
fn input_record(command: &str) -> String {
    format!("(inputs read by) {command}")
}

/// Returns the name of an entry's program.
fn program(entry: &Entry) -> &str {
    let path = entry.function.as_deref().unwrap_or_default();
    path.rsplit('/').next().unwrap_or(path)
}

fn command(entry: &Entry, mut words: Vec<Json>, secrets: Secrets) -> String {
    // The last element holds the command's other dependencies.
    words.pop();
    words.insert(0, Json::from(program(entry)));
    let mut words = Json::Array(words);
    if secrets == Secrets::Masked {
        mask_json(&mut words);
    }
    let Json::Array(words) = words else {
        unreachable!("masking keeps an array an array");
    };
    shell_line(&words)
}

/// Formats words as one would type them in a shell.
pub(in crate::commands) fn shell_line(words: &[Json]) -> String {
    let words: Vec<String> = words.iter().map(word).collect();
    words.join(" ")
}

/// Reports whether a store is the one that a function's results are in unless another was named:
/// that of its module and name.
fn is_default_store(function: &str, store: &str) -> bool {
    let name = store.split_once("#v").map_or(store, |(name, _)| name);
    let path = path_of(function);
    // In Rust, the path also has the function or the `impl` that encloses it.
    let is_shorter = || {
        let (owner, own) = name.rsplit_once("::")?;
        Some(own == own_name(path) && path.contains(owner))
    };
    name == path || is_shorter().unwrap_or(false)
}

/// Returns the path in the recorded identity of a function, without what tells functions of one
/// path apart: `a::f` of `a::f at 3:1 in binary b`, and of Python's `a.f(size=2)` and
/// `__main__.f 5a5a474c711c of /home/ann/a.py` the part before the bracket or the space.
fn path_of(function: &str) -> &str {
    let mut depth = 0_usize;
    for (at, byte) in function.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            // Not that of an arrow.
            b'>' if !function[..at].ends_with('-') => depth = depth.saturating_sub(1),
            b' ' | b'(' if depth == 0 && at > 0 => return &function[..at],
            _ => {}
        }
    }
    function
}

/// Returns the name of a function without its module.
fn own_name(path: &str) -> &str {
    path.rsplit(['.', ':']).next().unwrap_or(path)
}

/// Formats an argument of a call: objects by their braces alone, FiftyOne's tuples and dates as
/// Python writes them.
fn argument(value: &Json) -> String {
    let list = |items: &[Json], [open, close]: [char; 2]| {
        let items: Vec<String> = items.iter().map(argument).collect();
        format!("{open}{}{close}", items.join(", "))
    };
    match value {
        Json::Array(items) => list(items, ['[', ']']),
        Json::Object(_) => {
            let class = value.get("_cls").and_then(Json::as_str);
            let bare = || Some(value.get("value")?.as_str()?.to_owned());
            match (class, value.get("values")) {
                (Some("tuple"), Some(Json::Array(items))) => list(items, ['(', ')']),
                (Some("set"), Some(Json::Array(items))) => list(items, ['{', '}']),
                (Some("kwargs"), Some(Json::Object(named))) => {
                    let named = named.iter().map(|(name, value)| {
                        format!("{}={}", name.to_string_lossy(), argument(value))
                    });
                    named.collect::<Vec<_>>().join(", ")
                }
                (Some("date" | "datetime"), _) => bare().unwrap_or_else(|| "{…}".to_owned()),
                _ => "{…}".to_owned(),
            }
        }
        other => other.dumps(),
    }
}

/// Quotes a word as one would type it in a shell.
fn word(word: &Json) -> String {
    let text = match word {
        Json::String(text) => text.to_string_lossy().into_owned(),
        other => other.dumps(),
    };
    shell(&text).into_owned()
}

/// Formats the start of a value on one line.
fn preview(kind: Kind, start: &[u8], secrets: Secrets) -> String {
    let text = match kind {
        // Recorded output has frames, which are not text.
        Kind::Command => return "output of a command".to_owned(),
        Kind::Bytes => match text_of(start) {
            Some(text) if !text.is_empty() && !text.contains(char::is_control) => text,
            _ => return kind_of_bytes(start).to_owned(),
        },
        Kind::Json | Kind::Text => match text_of(start) {
            Some(text) => text,
            None => return kind_of_bytes(start).to_owned(),
        },
    };
    match (secrets, kind) {
        (Secrets::Revealed, Kind::Json) => unescaped(text),
        (Secrets::Revealed, _) => text.to_owned(),
        (Secrets::Masked, Kind::Json) => unescaped(&secrets::mask_arguments(text)),
        (Secrets::Masked, _) => secrets::mask(text).into_owned(),
    }
}

/// Returns JSON with the characters that Python writes as `\\u…` escapes, which are text to a
/// person. Halves of pairs and control characters stay escaped.
pub(in crate::commands) fn unescaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let unit = |from: usize| {
            let digits = rest.get(from..from + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let units: Vec<u16> = unit(0).into_iter().chain(unit(6)).collect();
        let first = char::decode_utf16(units.iter().copied()).next();
        let (length, c) = match first {
            Some(Ok(c)) if c > '\u{7f}' => (6 * c.len_utf16(), Some(c)),
            // The backslash and what it escapes.
            _ => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
        };
        match c {
            Some(c) => text.push(c),
            None => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text + rest
}

/// Returns a text that may end within a character.
fn text_of(start: &[u8]) -> Option<&str> {
    match str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut, and not the value, ends within a character.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&start[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Names the type of bytes by their first ones.
pub(in crate::commands) fn kind_of_bytes(start: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 18] = [
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"\xff\xd8\xff", "JPEG image"),
        (b"GIF8", "GIF image"),
        (b"BM", "BMP image"),
        (b"II*\0", "TIFF image"),
        (b"MM\0*", "TIFF image"),
        (b"%PDF-", "PDF"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"SQLite format 3\0", "SQLite database"),
        (b"\x7fELF", "ELF program"),
        (b"\x93NUMPY", "NumPy array"),
        (b"PAR1", "Parquet file"),
        (b"OggS", "Ogg media"),
        (b"\x80\x04\x95", "Python pickle"),
    ];
    if start.len() >= 12 && start.starts_with(b"RIFF") && &start[8..12] == b"WEBP" {
        return "WebP image";
    }
    if start.len() >= 12 && &start[4..8] == b"ftyp" {
        return "MP4 media";
    }
    if start.is_empty() {
        return "empty";
    }
    let known = MAGIC.iter().find(|(magic, _)| start.starts_with(magic));
    known.map_or("binary", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use ecache_core::key::Key;
    use ecache_core::scope::StoreAddress;
    use ecache_core::time::Timestamp;

    use super::*;

    fn entry(store: &str, kind: Kind, function: &str, args: &str) -> Entry {
        let address = StoreAddress::new(store).entry(Key::of_preimage("x"));
        let mut entry = Entry::new(address, kind, Timestamp::from_millis(0));
        entry.function = Some(function.into());
        entry.args = Some(args.to_owned());
        entry
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let args = r#"["-h", "it's", "a b", "", "$HOME's", "--password=x", {"cwd": "/"}]"#;
        let entry = entry("psql", Kind::Command, "/usr/bin/psql", args);
        assert_eq!(
            call(&entry, Secrets::Masked).as_deref(),
            Some(r#"psql -h "it's" 'a b' '' '$HOME'\''s' '--password=***'"#)
        );
        assert!(command_line(&entry, Secrets::Revealed).ends_with("--password=x"));
    }

    #[test]
    fn a_record_of_inputs_is_not_shown_as_a_call() {
        let args = r#"["-k", "1", {"stdin": "pipe"}]"#;
        let mut record = entry("sort", Kind::Json, "/usr/bin/sort", args);
        let shown = |entry: &Entry| text(entry, None, Secrets::Masked);
        assert_eq!(
            shown(&record).as_deref(),
            Some("(inputs read by) sort -k 1")
        );
        record.args = None;
        assert_eq!(shown(&record).as_deref(), Some("(inputs read by) sort"));
    }

    #[test]
    fn a_function_shows_its_name_in_another_store_alone() {
        let args = r#"[{"a": 1}, "city", {"_cls": "tuple", "values": [1, 0.5]}, {"_cls": "date", "value": "2026-11-23"}]"#;
        let shown = |store| {
            let entry = entry(store, Kind::Json, "operator::count_values", args);
            call(&entry, Secrets::Masked).expect("it is recorded")
        };
        let arguments = "({…}, \"city\", (1, 0.5), 2026-11-23)";
        assert_eq!(shown("operator::count_values"), arguments);
        assert_eq!(shown("operator::count_values#v2"), arguments);
        assert_eq!(shown("counts"), format!("count_values{arguments}"));
    }

    #[test]
    fn a_function_is_named_without_what_tells_it_from_others_of_its_path() {
        let shown = |function, store| {
            let args = r#"["q", {"_cls": "kwargs", "values": {"c": 3, "d": [1]}}]"#;
            let entry = entry(store, Kind::Json, function, args);
            call(&entry, Secrets::Masked).expect("it is recorded")
        };
        for (function, default_store, name) in [
            ("a::f in binary b.2", "a::f", "f"),
            ("a::g::f at 12:5 in a test of package c.d", "a::f", "f"),
            (
                "a::<impl a::Load for a::Files<x::Y, Z>>::f",
                "a::Files::f",
                "f",
            ),
            ("<dyn a::Load>::f at 1:2", "a::Load::f", "f"),
            (
                "__main__.f 5a5a474c711c of /home/ann/a.py",
                "__main__.f",
                "f",
            ),
            ("a.g.load", "a.g.load", "load"),
            ("__main__.f 5a5a474c711c of <stdin>", "__main__.f", "f"),
            ("mod.Class.f(b=2, path='a.b')", "mod.Class.f", "f"),
            ("mod.g.<locals>.f(b=(1, 2))", "mod.g.<locals>.f", "f"),
            ("mod.<lambda>", "mod.<lambda>", "<lambda>"),
        ] {
            let arguments = r#"("q", c=3, d=[1])"#;
            assert_eq!(shown(function, default_store), arguments, "{function}");
            let named = format!("{name}{arguments}");
            for other in ["loc2", "a::h::f", "a.h.load"] {
                assert_eq!(shown(function, other), named, "{function}");
            }
        }
    }

    #[test]
    fn values_are_previewed_and_their_secrets_masked() {
        let shown = |kind, start: &[u8]| preview(kind, start, Secrets::Masked);
        assert_eq!(shown(Kind::Json, b"[\"bird\"]"), "[\"bird\"]");
        assert_eq!(
            shown(Kind::Json, br#"{"password": "open sesame"}"#),
            r#"{"password": "***"}"#
        );
        assert_eq!(
            shown(
                Kind::Json,
                br#"["se\u00f1al", "\u81ea", "\ud83d\ude00", "\ud83d", "\\u81ea\u0007", "cut \u81"#
            ),
            r#"["señal", "自", "😀", "\ud83d", "\\u81ea\u0007", "cut \u81"#
        );
        assert_eq!(
            shown(Kind::Text, b"Authorization: Bearer abc"),
            "Authorization: Bearer ***"
        );
        assert_eq!(shown(Kind::Bytes, b"\x89PNG\r\n\x1a\n\0\0"), "PNG image");
        assert_eq!(shown(Kind::Bytes, &[0xff, 0, 1]), "binary");
        assert_eq!(shown(Kind::Bytes, b""), "empty");
        assert_eq!(shown(Kind::Bytes, b"plain"), "plain");
        assert_eq!(shown(Kind::Text, "東京".as_bytes()), "東京");
        assert_eq!(shown(Kind::Text, &"東京".as_bytes()[..5]), "東");
    }
}
