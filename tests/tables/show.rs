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

#[test]
fn bytes_are_shown_in_hexadecimal_within_the_width() {
    let session = Session::new();
    let bytes: Vec<u8> = (128..=255).collect();
    session
        .run_with_input("set s k --type bytes -q -", &bytes)
        .notes("");
    for (width, first) in [
        (
            80,
            "00000000  80 81 82 83 84 85 86 87  88 89 8a 8b 8c 8d 8e 8f",
        ),
        (50, "0000  80 81 82 83 84 85 86 87"),
    ] {
        let lines = shown_before_tips(&session, "show s k", width);
        assert!(
            lines.iter().any(|line| line.starts_with(first)),
            "{lines:#?}"
        );
        let widths = lines.iter().map(|line| line.chars().count());
        assert!(
            widths.max() <= Some(usize::from(width)),
            "{width}: {lines:#?}"
        );
    }
}

#[test]
fn facts_of_an_entry_are_broken_at_spaces_and_keys_are_whole() {
    let session = Session::new();
    session.run("set s k value --policy persist").succeeds();
    session.run("set s -a uniqueness value").succeeds();
    for width in [40_u16, 50, 60] {
        let lines = shown_before_tips(&session, "show s k", width);
        let too_wide = |line: &&String| line.chars().count() > usize::from(width);
        assert!(
            !lines.iter().any(|line| too_wide(&line)),
            "{width}: {lines:#?}"
        );
        let facts = lines.join(" ");
        let words: Vec<&str> = facts.split_whitespace().collect();
        let words = words.join(" ");
        assert!(
            words.contains("expires never (policy persist: clear leaves it)"),
            "{words}"
        );
    }
    let key = session.run("key -a uniqueness");
    let lines = shown_before_tips(&session, "show s -a uniqueness", 40);
    let whole = format!("key        {}", key.text().trim_end());
    assert!(lines.contains(&whole), "{lines:#?}");
}
