//! Output for programs has the fields, types and words of `docs/formats.schema.json`.

mod support;

use serde_json::Value;
use support::{Ran, Session};

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

/// Reports whether a value is of a type of the schema.
fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        name => panic!("the schema has no type {name}"),
    }
}

/// Checks an object against a definition of the schema: no field more, none less, each of its type
/// and one of its words.
fn check(schema: &Value, definition: &str, object: &Value) {
    let place = format!("{definition}: {object}");
    let definition = &schema["$defs"][definition];
    let properties = definition["properties"].as_object().expect("fields");
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("no object: {place}"));
    for name in definition["required"].as_array().expect("a list") {
        let name = name.as_str().expect("a name");
        assert!(object.contains_key(name), "{name} is missing in {place}");
    }
    for (name, value) in object {
        let about = properties.get(name);
        let about = about.unwrap_or_else(|| panic!("{name} is not in the schema: {place}"));
        let types = match &about["type"] {
            Value::Null => continue,
            Value::String(name) => vec![name.clone()],
            Value::Array(names) => names
                .iter()
                .filter_map(|name| name.as_str())
                .map(str::to_owned)
                .collect(),
            other => panic!("{name}: {other}"),
        };
        assert!(
            types.iter().any(|of| is_of(value, of)),
            "{name} is none of {types:?}: {place}"
        );
        if let Some(words) = about["enum"].as_array() {
            assert!(
                words.contains(value),
                "{name} is none of {words:?}: {place}"
            );
        }
        if about["format"] == "date-time"
            && let Some(time) = value.as_str()
        {
            assert_eq!(
                time.len(),
                "2026-11-23T06:32:50.948Z".len(),
                "{name} of {place}"
            );
            assert!(time.ends_with('Z'), "{name} of {place}");
        }
        if about["pattern"].is_string()
            && let Some(time) = value.as_str()
        {
            assert!(is_time(time), "{name} of {place}");
        }
    }
}

/// Reports whether a text matches the only pattern of the schema, that of times whose years may be
/// long.
fn is_time(text: &str) -> bool {
    const SHAPE: &str = "-00-00T00:00:00.000Z";
    let Some(split) = text.len().checked_sub(SHAPE.len()) else {
        return false;
    };
    let (year, rest) = text.split_at(split);
    let shape: String = rest
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let digits = year.trim_start_matches(['+', '-']);
    let is_long = digits.len() == year.len() - 1 && digits.len() >= 6;
    shape == SHAPE
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (year.len() == 4 && digits.len() == 4 || is_long)
}

/// Checks all objects that a command printed, and that there is one.
fn check_all(schema: &Value, definition: &str, ran: Ran) {
    let mut count = 0;
    for line in ran.text().lines() {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        check(schema, definition, &value);
        count += 1;
    }
    assert!(count > 0, "{definition}: {ran:?}");
}

/// Definitions of the schema, and commands that print such objects, in the order in which they run.
const OUTPUTS: &[(&str, &str)] = &[
    ("entry", "ls --format jsonl"),
    ("entry", "ls --fields all --format jsonl"),
    ("entry", "show settings theme --format json"),
    ("entry", "show settings theme --format jsonl"),
    ("entry", "show --format jsonl -- echo hi < /dev/null"),
    ("top", "top --format jsonl"),
    ("line", "export"),
    ("store", "stores --format jsonl"),
    ("store", "stores ls --format jsonl"),
    ("store facts", "stores show owned --format json"),
    ("store facts", "stores show owned --format jsonl"),
    ("stats", "stats --format jsonl"),
    ("stats", "stats --by user,dataset --format jsonl"),
    ("stats", "stats --since 1d --format jsonl"),
    (
        "answer",
        "ls --fields key thumbs | ecache get thumbs --keys-from -",
    ),
    ("answer", "ls --format jsonl | ecache get --entries-from -"),
    ("key", "key -a x --format json"),
    ("key", "key --explain --format jsonl -- echo hi"),
    ("status", "run --status-fd 3 -- echo hi 3>&1 >/dev/null"),
    (
        "status",
        "run --status-fd 3 --refresh -- echo hi 3>&1 >/dev/null",
    ),
    (
        "item",
        "warm --format jsonl -- echo {} < /etc/passwd 2>/dev/null",
    ),
    (
        "item",
        "warm -n --format jsonl -- echo {} < /etc/passwd 2>/dev/null",
    ),
    ("finding", "doctor --format jsonl"),
    ("setting", "config --format jsonl"),
    ("setting", "config ls --format jsonl"),
    ("info", "info --format json"),
    ("info", "info --format jsonl"),
    ("info", "info --db missing.db --json"),
    ("summary", "touch thumbs --ttl 1h --json"),
    ("summary", "clear thumbs -n --json"),
    ("summary", "prune --json"),
    ("summary", "export | ecache import - --json"),
    ("summary", "copy @ other.db --json"),
    ("summary", "prune --max-entries 1 --dry-run --json"),
    ("summary", "rm echo $(ecache ls echo --fields key) --json"),
    ("summary", "clear thumbs --json"),
    ("operation", "log --format jsonl"),
    ("undo", "undo --json -n"),
    ("undo", "undo --json"),
    ("summary", "stores create made --metadata {} --json"),
    ("summary", "stores rename made moved --json"),
    ("summary", "stores rm moved --json"),
    ("limit summary", "limit set thumbs --max-entries 9 --json"),
    ("limit summary", "limit set --undo-keep 2d --json"),
    ("limit", "limit ls --format jsonl"),
    ("limit summary", "limit rm thumbs --json"),
    ("limit summary", "limit rm --undo --json"),
    ("difference", "diff @ other.db --format jsonl"),
    (
        "change",
        "watch --count 1 --format jsonl -v 2>ready & until grep -qs watching ready; do :; done; \
         ecache set s k v -q; wait",
    ),
];

/// Questions after a miss, a hit, an expired, a removed and an evicted entry, one that lives
/// elsewhere, and a result that two outputs have and one has not.
const QUESTIONS: &[&str] = &[
    "-- echo ho < /dev/null",
    "-- echo hu < /dev/null",
    "-- echo ho 2>&1 < /dev/null",
    "-- sh -c 'echo a; echo b >&2' < /dev/null 2>&1",
    "-- cat < /dev/zero",
    "short k",
    "settings theme",
    "thumbs nothing",
    "full a",
];

#[test]
fn every_output_for_programs_has_the_fields_of_the_schema() {
    let schema = schema();
    let session = Session::new();
    let prepare = |lines: &[&str]| {
        for line in lines {
            session.shell(&format!("ecache {line}")).succeeds();
        }
    };
    let check = |definition: &str, line: &str| {
        let ran = session.shell(&format!("ecache {line}"));
        check_all(&schema, definition, ran);
    };
    prepare(&[
        "run --ttl 1h -- echo hi < /dev/null",
        "run --ttl 1h -- echo hi < /dev/null",
        "set thumbs cat.jpg meow --ttl 1d --user ann --dataset 6b03de1228195dbc2df5c505",
        "set settings theme dark --policy persist",
        "stores create owned --metadata '{\"a\":1}'",
        "set settings theme light --db other.db",
        "set settings size 9 --db other.db",
    ]);
    for (definition, line) in OUTPUTS {
        check(definition, line);
    }
    prepare(&[
        "run -- echo ho < /dev/null",
        "run -- sh -c 'echo a; echo b >&2' < /dev/null 2>/dev/null",
        "set short k v --ttl 1ms; sleep 0.1",
        "rm settings theme",
        "limit set full --max-entries 1; ecache set full a 1; ecache set full b 2",
    ]);
    for question in QUESTIONS {
        check("why", &format!("why --json {question}"));
    }
}

#[test]
fn no_command_that_prints_json_is_left_out() {
    let lines = OUTPUTS.iter().map(|(_, line)| (*line).to_owned());
    let lines: Vec<String> = lines.chain(["why ".to_owned()]).collect();
    assert_eq!(unchecked(&lines), [""; 0]);
}

/// Returns the commands with an option for JSON, by their manual pages, that none of the lines
/// runs.
fn unchecked(lines: &[String]) -> Vec<String> {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
    let mut missing = Vec::new();
    let mut count = 0;
    for page in std::fs::read_dir(pages).expect("manual pages") {
        let page = page.expect("a page").path();
        let text = std::fs::read_to_string(&page).expect("text");
        if !text.lines().any(|line| line == r"\fB\-\-json\fR") {
            continue;
        }
        count += 1;
        let name = page.file_stem().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_prefix("ecache-"));
        let command = name.expect("the name of a command").replace('-', " ") + " ";
        let is_run = |line: &String| {
            line.starts_with(&command) || line.contains(&format!("ecache {command}"))
        };
        if !lines.iter().any(is_run) {
            missing.push(command);
        }
    }
    assert!(count > 20, "the pages have the option");
    missing
}

#[test]
fn a_time_is_text_in_any_year() {
    let schema = schema();
    let session = Session::new();
    session.run("set far k v --ttl 3000000d").notes("");
    let far = "+010240-08-13T06:32:51.000Z";
    for format in ["jsonl", "json", "csv", "tsv"] {
        let listed = session.run(&format!("ls --fields key,expires_at --format {format}"));
        assert!(listed.text().contains(far), "{listed:?}");
    }
    for listed in [
        "ls --format jsonl",
        "ls --fields all --format jsonl",
        "show far k --format jsonl",
    ] {
        check_all(&schema, "entry", session.run(listed));
    }
    check_all(&schema, "line", session.run("export"));
    let again = session.shell(
        "ecache export > a; ecache import a --db copy.db -q; ecache export --db copy.db | cmp - a",
    );
    again.notes("");
}
