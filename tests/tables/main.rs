//! Tables for people: at every width they fit, and what they print can be used in the next command.

#[path = "../support/mod.rs"]
mod support;

mod dry_runs;
mod keys;
mod layout;
mod limits;
mod listing;
mod show;
mod stats;
mod watch;

use support::Session;

/// Returns a store with entries of every kind, and with names that are hard to show.
fn filled() -> Session {
    let session = Session::new();
    let hash = |digit: char| digit.to_string().repeat(64);
    let mut lines = String::new();
    let mut add = |record: serde_json::Value| lines.push_str(&format!("{record}\n"));
    for month in ["09", "10", "11"] {
        let args = serde_json::json!([
            "report.py",
            "--from",
            format!("2026-{month}-01"),
            "--to",
            format!("2026-{month}-30"),
            "--region",
            "Île-de-France",
            "--group-by",
            "city,week,category",
            "--out",
            "json",
            {}
        ]);
        add(serde_json::json!({
            "store_name": "python3", "key": hash(month.chars().last().expect("a digit")),
            "kind": "command", "value": {"_cls": "bytes", "value": "AgAAAA=="},
            "function": "/usr/bin/python3", "args": args, "cost_ms": 1234,
            "created_at": "2026-11-23T06:00:00.000Z", "expires_at": "2026-12-01T00:00:00.000Z"
        }));
    }
    for (key, column) in [("a", "city"), ("b", "country")] {
        add(serde_json::json!({
            "store_name": "operator::longest_value", "key": hash(key.chars().next().expect("a digit")),
            "value": "x", "function": "operator::longest_value", "args": [{"a": 1}, column],
            "user_id": "ann", "cost_ms": 7, "created_at": "2026-11-20T06:00:00.000Z"
        }));
    }
    for (dataset, key) in [
        ("6b03de1228195dbc2df5c505", 'c'),
        ("6b03de1228195dbc2df5c682", 'c'),
    ] {
        add(serde_json::json!({
            "store_name": "my_labels", "key": hash(key), "dataset_id": dataset,
            "value": ["bird", "señal", "自転車", {"password": "open sesame"}],
            "created_at": "2024-11-23T06:00:00.000Z"
        }));
    }
    for key in [
        "cat.jpg".to_owned(),
        "street/images/2026-11-23/left camera/000123.jpg".to_owned(),
        "street/images/2026-11-23/left camera/000124.jpg".to_owned(),
        "日本語のデータセット、とても長い名前".to_owned(),
        "👩👩👩👩 and e\u{301}e\u{301}".to_owned(),
        "a\u{1b}[2J\u{202e}evil\rover and over again".to_owned(),
        "l".repeat(200),
    ] {
        add(serde_json::json!({
            "store_name": "日本語 and 'quotes'", "key": key, "value": "text of it",
            "created_at": "2026-11-23T06:32:00.000Z", "expires_at": "2026-11-23T06:32:30.000Z"
        }));
    }
    session
        .run_with_input("import - --quiet", lines.as_bytes())
        .notes("");
    session
}

/// Returns a table for a terminal of this width, without colours.
fn table(session: &Session, words: &str, width: usize) -> String {
    let words = format!("{words} --format table");
    let mut command = session.command(&words);
    command.env("COLUMNS", width.to_string());
    let ran = support::run(command, b"");
    assert_eq!(ran.code, 0, "{words}: {ran:?}");
    ran.text().to_owned()
}

/// Returns what a terminal of this width shows of a command, a line each.
fn shown(session: &Session, line: &str, width: u16) -> Vec<String> {
    let shown = session.shell_on_columns(width, &format!("ecache {line} --color never"));
    let text = String::from_utf8(shown.bytes).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// Returns what a terminal of this width shows of a command before its tips, a line each.
fn shown_before_tips(session: &Session, line: &str, width: u16) -> Vec<String> {
    let lines = shown(session, line, width).into_iter();
    lines
        .take_while(|line| !line.starts_with("tip: "))
        .collect()
}
