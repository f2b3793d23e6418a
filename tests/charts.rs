//! Charts, marks and prose on a terminal, of any width and locale.

mod support;

use support::Session;
use unicode_width::UnicodeWidthStr;

/// Returns both streams of a command on a terminal of this width.
fn on_terminal(session: &Session, words: &str, width: u16) -> String {
    let shown = session.shell_on_columns(width, &format!("ecache {words}"));
    let text = String::from_utf8_lossy(&shown.bytes);
    text.replace("\r\n", "\n")
}

/// Returns a table for a terminal of this width, without its footer.
fn table(session: &Session, words: &str, width: usize) -> String {
    let mut command = session.command(&format!("{words} --format table"));
    command.env("COLUMNS", width.to_string());
    support::run(command, b"").succeeds().text().to_owned()
}

/// Makes a store whose names and values are ASCII, with an entry that expired.
fn plain() -> Session {
    let session = Session::new().with("LC_ALL", "C");
    for (number, length) in [(1, 3), (2, 300), (3, 300), (4, 70_000)] {
        let value = "x".repeat(length);
        let set = format!("set pictures street/left-camera/{number}.jpg --ttl {number}h");
        session.run_with_input(&set, value.as_bytes()).succeeds();
        let run = format!("run --ttl 1d -- echo {}", "a long argument ".repeat(8));
        session.run(&run).succeeds();
    }
    session.run("set labels x --dataset 6b03de1228195dbc2df5c505 --ttl 1s --policy evict --type text -v")
        .succeeds();
    session.set_clock("2026-11-23T08:00:00.000Z");
    session
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    let session = plain();
    for words in [
        "ls",
        "ls --wide",
        "stores",
        "stats",
        "stats --since 7d",
        "stats --by dataset",
        "top",
        "top --by age",
        "show labels x",
        "why -- echo b",
        "info",
        "log",
        "limit ls",
        "doctor",
        "clear pictures -n",
        "prune --expired -n",
        "prune --max-entries 2 -n",
        "rm echo zz",
        "clear pictures",
        "undo",
        "config",
        "diff store.db store.db",
        "warm --refresh -n",
        "help",
    ] {
        for width in [50, 80] {
            let seen = on_terminal(&session, words, width);
            assert!(seen.is_ascii(), "{words} at {width}:\n{seen}");
            assert!(!seen.is_empty(), "{words} at {width}");
        }
    }
}

#[test]
fn a_key_that_a_terminal_without_unicode_prints_is_found() {
    let session = plain();
    let seen = on_terminal(&session, "ls echo", 80);
    let key = seen.split_whitespace().find(|word| word.ends_with('~'));
    let key = key.unwrap_or_else(|| panic!("a short key: {seen}"));
    session.run(&format!("show echo {key}")).succeeds();
    session.run(&format!("rm echo {key} -n")).succeeds();
}

#[test]
fn prose_is_broken_at_spaces() {
    let session = plain();
    for width in [50, 80] {
        for words in [
            "touch pictures --ttl 7d",
            "show labels y",
            "export -o /absent/file",
            "clear labels",
        ] {
            let seen = on_terminal(&session, words, width);
            let breaks_word = |line: &str| {
                let width = usize::from(width);
                line.width() >= width && !line.contains("ecache ")
            };
            assert!(
                !seen.lines().any(breaks_word),
                "{words} at {width}:\n{seen}"
            );
        }
    }
}

#[test]
fn the_time_saved_is_the_last_figure_to_leave_a_narrow_terminal() {
    let session = Session::new();
    session.shell("ecache run -- sleep 0.01; ecache run -- sleep 0.01; ecache set a b --ttl 1d -v < /dev/null").succeeds();
    for width in 22..=120 {
        for (words, named) in [
            ("stats", "SAVED"),
            ("stats --since 7d", "SAVED"),
            ("stats --by user", "SAVED"),
        ] {
            let table = table(&session, words, width);
            let header = table.lines().next().expect("a header");
            assert!(
                header.contains(named) || width < 26,
                "{words} at {width}:\n{table}"
            );
        }
    }
}

#[test]
fn a_distribution_is_drawn_below_the_figures() {
    let session = plain();
    let seen = on_terminal(&session, "stats", 80);
    for (label, ends) in [("size", ["0 B", "68 KiB"]), ("time left", ["32m", "22h"])] {
        let line = seen.lines().find(|line| line.starts_with(label));
        let line = line.unwrap_or_else(|| panic!("{label}: {seen}"));
        assert!(ends.iter().all(|end| line.contains(end)), "{line}");
        assert!(line.contains('#'), "{line}");
    }
    assert!(seen.contains("expired"), "{seen}");
    assert!(!session.run("stats").text().contains("median"));
}

#[test]
fn the_short_help_of_run_is_laid_out_by_task_and_fits() {
    let shown = Session::new().shell_on_columns(80, "ecache run -h");
    let text = String::from_utf8_lossy(&shown.bytes).replace("\r\n", "\n");
    let headings: Vec<&str> = text
        .lines()
        .filter(|line| line.ends_with(':') && !line.starts_with(' '))
        .collect();
    assert_eq!(
        headings,
        ["Options:", "Keep:", "Serve:", "Key:", "Examples:"]
    );
    assert!(text.contains("Without --ttl a result is kept for ever."));
    for line in text.lines().filter(|line| line.starts_with("    ")) {
        let is_option = line.trim_start().starts_with('-');
        assert!(
            is_option && line.len() <= 80,
            "{line:?} is a part of a longer one"
        );
    }
    assert!(text.lines().count() <= 40, "{text}");
}
