//! The question on a terminal before a removal, which FiftyOne's database cannot undo.

use super::location;
use super::support::Session;
use super::support::screen::Screen;

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn removals_ask_on_a_terminal_and_those_of_expired_entries_do_not() {
    let session = Session::new().with("ECACHE_DB", &location("confirmation"));
    for words in [
        "set s a first --policy evict",
        "set s b second --policy evict",
        "set t c third --policy evict",
        "set t d fourth --policy persist",
    ] {
        session.run(words).succeeds();
    }
    session.set_clock("2026-11-23T08:32:51.000Z");
    let start = |words: &str| {
        let line = format!("exec ecache {words} 2>/dev/tty");
        Screen::start(&session, &line, (80, 24))
    };
    for (words, question) in [
        (
            "clear --all",
            "This removes 3 entries (16 B) of 2 stores; 1 persist entry stays.",
        ),
        (
            "prune --older-than 1h",
            "This removes 3 entries (16 B) of 2 stores",
        ),
        ("rm s a b", "This removes 2 entries (11 B)."),
        ("stores rm s", "This removes 2 entries (11 B)"),
    ] {
        let mut screen = start(words);
        screen.until(|text| text.contains("[y/N]"));
        assert_eq!(screen.quit("n\n"), 1, "{words}");
        let text = screen.text();
        assert!(text.starts_with(question), "{words}: {text}");
        assert!(
            text.contains("hey cannot be brought back here."),
            "{words}: {text}"
        );
        session
            .run("ls --fields key --sort key")
            .prints("a\nb\nc\nd\n");
    }
    for words in [
        "prune --expired",
        "clear --all -n",
        "rm s a --yes",
        "rm s b --no-undo",
    ] {
        let mut screen = start(words);
        assert_eq!(screen.quit(""), 0, "{words}: {}", screen.text());
        assert!(!screen.text().contains("[y/N]"), "{words}");
    }
    session.run("ls --fields key --sort key").prints("c\nd\n");
}
