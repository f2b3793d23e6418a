//! `show`: how much of a value a screen gets.

use crate::shown_before_tips;
use crate::support::Session;

#[test]
fn a_long_value_ends_after_two_screens_on_a_terminal() {
    let session = Session::new();
    let json = format!("[{}]", vec!["\"an item of some length\""; 500].join(", "));
    session
        .run_with_input("set s long --type json -q", json.as_bytes())
        .notes("");
    // The terminal of a test has 40 lines.
    let lines = shown_before_tips(&session, "show s long", 80);
    assert_eq!(lines.len(), 80, "{lines:#?}");
    let last = lines.last().expect("a line");
    assert!(
        last.contains("more lines (") && last.contains("--all prints them, ecache get s long"),
        "{last}"
    );
    let lines = shown_before_tips(&session, "show s long --all", 80);
    assert!(lines.len() > 500 && lines.last().is_some_and(|line| line == "]"));
    // Another program gets the value as it was stored.
    session.run("get s long").prints(json.clone() + "\n");
    let shown = session.shell_on_columns(80, "ecache get s long --color always");
    let text = String::from_utf8(shown.bytes).expect("text");
    assert!(
        text.contains("\x1b[32m\"an item of some length\"\x1b[0m"),
        "{text:.200}"
    );
}
