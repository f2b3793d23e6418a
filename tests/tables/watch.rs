//! `watch`: rows as they come.

use unicode_width::UnicodeWidthStr;

use crate::filled;

#[test]
fn a_change_is_a_row_of_a_table_as_it_comes() {
    let session = filled();
    let line = "ecache watch --count 1 -v 2> ready & until grep -qs watching ready; do :; done; \
                ecache set python3 new v -q; wait";
    let shown = session.shell_on_columns(80, line);
    let text = String::from_utf8(shown.bytes).expect("text");
    let header = text.lines().next().unwrap_or_default();
    for title in ["TIME", "EVENT", "KEY"] {
        assert!(header.contains(title), "{text}");
    }
    assert!(text.contains("  created  "), "{text}");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
}

#[test]
fn a_terminal_is_told_what_is_waited_for() {
    let session = filled();
    for (words, said) in [
        ("", "waiting for changes and calls, Ctrl-C ends it"),
        (
            "my_labels --larger-than 1KiB",
            "no entry matches: my_labels has 2 entries, none larger than 1.0 KiB; the largest is \
             56 B; waiting for one, Ctrl-C ends it",
        ),
    ] {
        let line = format!("ecache watch --color never --count 0 {words} 2>&1");
        let line = format!("timeout 5 {line}; ecache set python3 new v -q");
        let shown = session.shell_on_columns(250, &line);
        let text = String::from_utf8(shown.bytes).expect("text");
        assert_eq!(text.lines().next(), Some(said), "{text}");
    }
}
