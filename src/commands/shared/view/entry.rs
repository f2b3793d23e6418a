//! An entry in full for a person: what it is, then its value.

use std::fmt::Write as _;

use ecache_core::backend::{Backend, Content, Row, Scan, Values};
use ecache_core::command::replay;
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern};
use ecache_core::python_json::Json;
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;
use ecache_core::value::{Kind, Value};

use super::call_text::{call, kind_of_bytes};
use crate::context::Context;
use crate::output::escape::{for_line, for_terminal};
use crate::output::{Secrets, human, name, paint, pretty, wrapped};

/// Number of bytes of a binary value that are shown.
pub(in crate::commands) const DUMPED: usize = 48;

/// Width of the names of facts.
const LABEL: usize = 11;

/// An entry as it is stored.
pub(in crate::commands) struct StoredEntry {
    pub(in crate::commands) entry: Entry,
    /// The value, if it was asked for
    pub(in crate::commands) content: Option<Content>,
    /// The reason why another program's entry is left alone
    pub(in crate::commands) foreign: Option<String>,
}

/// Finds an entry, also one that a reader does not get: an expired one, or another program's.
///
/// # Errors
/// [`Error::DamagedEntry`] if it is damaged.
pub(in crate::commands) fn find(
    backend: &dyn Backend,
    address: &Address,
    values: Values,
    now: Timestamp,
) -> Result<Option<StoredEntry>, Error> {
    let filter = Filter {
        keys: vec![Pattern::exact(address.key.as_str())],
        ..Filter::store(&address.store)
    };
    let scan = Scan {
        values,
        ..Scan::new(filter)
    };
    let row = backend.scan(&scan, now)?.next().transpose()?;
    Ok(match row {
        None => None,
        Some(Row::Entry(entry, content)) => Some(StoredEntry {
            entry: *entry,
            content,
            foreign: None,
        }),
        Some(Row::Foreign(found)) => Some(StoredEntry {
            entry: found.entry,
            content: found.content,
            foreign: Some(found.reason),
        }),
        Some(Row::Damaged(address)) => {
            let address = Box::new(address);
            return Err(Error::DamagedEntry { address });
        }
    })
}

/// Formats an entry for a terminal.
pub(in crate::commands) fn text(
    context: &Context,
    entry: &Entry,
    value: Option<&Value>,
    secrets: Secrets,
    now: Timestamp,
) -> String {
    let mut text = folded(&facts(entry, secrets, now), context.terminal.width);
    if let Some(value) = value {
        let terminal = &context.terminal;
        text += &self::value(value, terminal.width.unwrap_or(80), terminal.color);
    }
    text
}

/// Breaks facts that are sentences at the width of a terminal, below their beginning. Names and
/// commands are not broken, so that they can be copied.
fn folded(facts: &str, width: Option<usize>) -> String {
    const WHOLE: [&str; 8] = [
        "store", "key", "dataset", "user", "operator", "prompt", "command", "program",
    ];
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(LABEL).max(20));
    let mut text = String::new();
    for line in facts.lines() {
        let (name, fact) = line.split_at(line.len().min(LABEL));
        if WHOLE.contains(&name.trim_end()) {
            text.push_str(line);
        } else {
            text.push_str(name);
            let indent = format!("\n{:LABEL$}", "");
            text.push_str(&wrapped(fact, room).join(&indent));
        }
        text.push('\n');
    }
    text
}

/// Formats the metadata of an entry, a line for each fact.
pub(in crate::commands) fn facts(entry: &Entry, secrets: Secrets, now: Timestamp) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, fact: &str| {
        let _ = writeln!(text, "{name:<LABEL$}{}", for_line(fact));
    };
    let address = &entry.address;
    fact("store", &name::shown(&address.store.store_name));
    fact("key", &name::shown(address.key.as_str()));
    for (name, value) in [
        ("dataset", address.store.dataset_id.as_deref()),
        ("user", entry.scopes.user_id.as_deref()),
        ("operator", entry.scopes.operator_uri.as_deref()),
        ("prompt", entry.scopes.prompt_id.as_deref()),
    ] {
        if let Some(value) = value {
            fact(name, &name::shown(&secrets.text(value)));
        }
    }
    let is_record = entry.is_input_record();
    if is_record {
        fact(
            "what",
            "no result: inputs that a command read, by which run knows them again",
        );
    }
    let is_command = entry.kind == Kind::Command || is_record;
    if let Some(call) = call(entry, secrets) {
        fact(if is_command { "command" } else { "call" }, &call);
    }
    if let Some(function) = &entry.function {
        fact(if is_command { "program" } else { "function" }, function);
    }
    let time = |time: Timestamp| {
        let ms = time.as_millis();
        let mut exact = String::new();
        human::push_time(&mut exact, ms, human::Precision::Seconds);
        format!("{}, {exact}", human::relative(ms, now.as_millis()))
    };
    let took = entry.cost_ms.map_or(String::new(), |cost| {
        format!(", took {}", human::duration(cost))
    });
    fact("written", &format!("{}{took}", time(entry.written_at())));
    match entry.expires_at {
        Some(at) if entry.is_expired(now) => fact(
            "expired",
            &format!("{}: get and run no longer use it", time(at)),
        ),
        Some(at) if entry.policy == Policy::Persist => fact(
            "expires",
            &format!("{} (policy persist: clear leaves it until then)", time(at)),
        ),
        Some(at) => fact("expires", &time(at)),
        None if entry.policy == Policy::Persist => {
            fact("expires", "never (policy persist: clear leaves it)");
        }
        None => fact("expires", "never (policy evict: clear removes it)"),
    }
    if entry.hits > 0 {
        let last = entry.last_used_at.map_or(String::new(), |last| {
            let ms = last.as_millis();
            format!(", last {}", human::relative(ms, now.as_millis()))
        });
        let saved = match entry.saved_ms {
            0 => String::new(),
            saved => format!(", saved {}", human::duration(saved)),
        };
        fact(
            "hits",
            &format!("{}{last}{saved}", human::count(entry.hits)),
        );
    }
    text
}

/// Formats a value: what it is, then itself; of a command its exit code and what it printed.
pub(in crate::commands) fn value(value: &Value, width: usize, color: bool) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, fact: &str| {
        let _ = writeln!(text, "{name:<LABEL$}{}", for_line(fact));
    };
    if value.kind == Kind::Command {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let Ok(ending) = replay(value.bytes.as_slice(), &mut stdout, &mut stderr) else {
            fact("value", "recorded by another version of ecache");
            return text;
        };
        let exit = ending.exit.to_string();
        let failed = ending.exit != 0 && color;
        let exit = if failed {
            paint::styled(&exit, paint::style::BAD, true)
        } else {
            exit
        };
        let _ = writeln!(text, "{:<LABEL$}{exit}", "exit");
        for (name, bytes) in [("stdout", &stdout), ("stderr", &stderr)] {
            stream(&mut text, name, bytes, width, color);
        }
        return text;
    }
    if is_binary(value) {
        return binary(value, value.bytes.len() as u64, width);
    }
    let size = human::counted(value.bytes.len() as u64, "byte", "bytes");
    fact(
        "value",
        &match value.kind {
            Kind::Bytes => format!("{size}, text"),
            kind => format!("{kind}, {size}"),
        },
    );
    text.push('\n');
    push_value(&mut text, value.kind, &value.bytes, width, color);
    text
}

/// Returns as much of a text as two screens hold, and how much more there is.
pub(in crate::commands) fn screens(text: &str, height: Option<usize>) -> (&str, Option<String>) {
    let Some(most) = height.map(|height| 2 * height) else {
        return (text, None);
    };
    let lines = text.lines().count();
    if lines <= most {
        return (text, None);
    }
    // The line that says so takes the place of the last.
    let shown: usize = text
        .split_inclusive('\n')
        .take(most - 1)
        .map(str::len)
        .sum();
    let (shown, rest) = text.split_at(shown);
    let more = human::counted((lines + 1 - most) as u64, "more line", "more lines");
    let size = human::size(rest.len() as u64);
    (shown, Some(format!("{more} ({size})")))
}

/// Appends what a command printed to a stream.
fn stream(text: &mut String, name: &str, bytes: &[u8], width: usize, color: bool) {
    if bytes.is_empty() {
        let _ = writeln!(text, "{name:<LABEL$}empty");
        return;
    }
    let size = human::counted(bytes.len() as u64, "byte", "bytes");
    let is_structured = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    let json = is_structured
        .then(|| Json::parse(bytes.trim_ascii()).ok())
        .flatten();
    let kind = if json.is_some() { ", json" } else { "" };
    let _ = writeln!(text, "{name:<LABEL$}{size}{kind}");
    match json {
        Some(json) => {
            text.push_str(&pretty(&json, width, color));
            text.push('\n');
        }
        None => push_lines(text, bytes),
    }
}

/// Reports whether a value is shown in hexadecimal.
pub(in crate::commands) fn is_binary(value: &Value) -> bool {
    value.kind == Kind::Bytes && str::from_utf8(&value.bytes).is_err()
}

/// Formats binary data: its type and its first bytes. `size` is the size of the whole value;
/// `value` may be a prefix.
pub(in crate::commands) fn binary(value: &Value, size: u64, width: usize) -> String {
    let kind = kind_of_bytes(&value.bytes);
    let count = human::counted(size, "byte", "bytes");
    let mut text = format!("{:<LABEL$}{count}, {kind}\n\n", "value");
    push_dump(&mut text, &value.bytes, width);
    if let Some(more) = size.checked_sub(DUMPED as u64).filter(|more| *more > 0) {
        let more = human::counted(more, "more byte", "more bytes");
        let _ = writeln!(text, "{more}");
    }
    text
}

fn push_value(text: &mut String, kind: Kind, bytes: &[u8], width: usize, color: bool) {
    match (kind, Json::parse(bytes)) {
        (Kind::Json, Ok(json)) => {
            text.push_str(&pretty(&json, width, color));
            text.push('\n');
        }
        _ => push_lines(text, bytes),
    }
}

fn push_lines(text: &mut String, bytes: &[u8]) {
    text.push_str(&for_terminal(bytes));
    if !bytes.ends_with(b"\n") && !bytes.is_empty() {
        text.push('\n');
    }
}

/// Appends the first bytes of a value in hexadecimal, 16 a line or, where these do not fit, 8.
fn push_dump(text: &mut String, bytes: &[u8], width: usize) {
    let shown = &bytes[..bytes.len().min(DUMPED)];
    // A place, the digits, and the line as text.
    let (count, places, room) = if width < 78 { (8, 4, 25) } else { (16, 8, 50) };
    for (index, line) in shown.chunks(count).enumerate() {
        let mut digits = String::new();
        for (at, byte) in line.iter().enumerate() {
            let gap = if at == 8 { "  " } else { " " };
            let _ = write!(digits, "{gap}{byte:02x}");
        }
        let printable = line.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        let printable: String = printable.collect();
        let place = index * count;
        let _ = writeln!(text, "{place:0places$x} {digits:<room$} {printable}");
    }
}
