//! The browser, driven through a pseudo-terminal.

mod support;

use support::Session;
use support::screen::Screen;

/// A session with entries of two stores, one of them with a name that is hard to show.
fn filled() -> Session {
    let session = Session::new();
    session.run("set thumbs cat.jpg meow --ttl 1d").notes("");
    session.run("set thumbs dog.jpg woof").notes("");
    session
        .run(["set", "thumbs", "evil\u{1b}[2J\u{7}日本", "x"])
        .notes("");
    session
        .run("set settings theme dark --policy persist")
        .notes("");
    session
}

#[test]
fn entries_are_seen_filtered_marked_cleared_and_brought_back() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("4 entries") && shown.contains("cat.jpg"));
    assert!(
        screen.text().contains("evil\\x1b[2J\\x07日本"),
        "{}",
        screen.text()
    );
    assert!(
        screen.text().contains(" settings         1"),
        "{}",
        screen.text()
    );
    // Wrong words leave the list.
    screen.type_keys("/thumbs --smal");
    screen.until(|shown| shown.contains("unexpected argument"));
    assert!(screen.text().contains("theme"));
    screen.type_keys("ler-than 5");
    screen.until(|shown| shown.contains("3 of 4 entries") && !shown.contains("theme"));
    screen.type_keys("\r");
    // All that match, and back.
    screen.type_keys("ad");
    screen.until(|shown| shown.contains("Clear 3 entries (9 B)?"));
    screen.type_keys("y");
    screen.until(|shown| shown.contains("removed 3 entries") && shown.contains("no entry matches"));
    session.run("ls thumbs --fields key").prints("");
    screen.type_keys("u");
    screen.until(|shown| shown.contains("restored 3 entries") && shown.contains("dog.jpg"));
    // One with a mark, without the others.
    screen.type_keys("\x1b");
    screen.until(|shown| !shown.contains("of 4 entries"));
    screen.type_keys("s");
    screen.until(|shown| shown.contains("sort: key") && shown.contains("▌  thumbs"));
    screen.type_keys(" ");
    screen.until(|shown| shown.contains("1 marked"));
    screen.type_keys("dy");
    screen.until(|shown| shown.contains("removed 1 entry (4 B)"));
    assert_eq!(session.run("has thumbs cat.jpg").code, 1);
    assert_eq!(screen.quit("q"), 0);
    let log = session.run("log --format jsonl").succeeds();
    assert_eq!(log.text().lines().count(), 3, "{log:?}");
}

#[test]
fn an_entry_is_pinned_and_shown_whole() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse thumbs --key cat.jpg", (80, 24));
    screen.until(|shown| shown.contains("1 of 4 entries") && shown.contains("meow"));
    screen.type_keys("p");
    screen.until(|shown| shown.contains("pinned 1 entry"));
    let show = session.run("ls thumbs --key cat.jpg --fields policy,expires_at");
    show.prints("persist\t\n");
    screen.type_keys("\r");
    screen.until(|shown| shown.contains("policy persist") && shown.contains("text, 4 bytes"));
    screen.type_keys("\x1b");
    screen.until(|shown| shown.contains("STORES"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn what_other_processes_do_appears() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("4 entries"));
    screen.type_keys("w");
    screen.until(|shown| shown.contains("● live"));
    session.run("set thumbs new.jpg new").notes("");
    screen.until(|shown| shown.contains("new.jpg") && shown.contains("5 entries"));
    assert_eq!(screen.quit("\x03"), 0);
}

#[test]
fn a_store_that_cannot_be_written_to_is_browsed() {
    let session = Session::unprivileged();
    session.run("set thumbs cat.jpg meow").notes("");
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("1 entry"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(session.store(), mode).expect("a mode");
    screen.type_keys("dy");
    screen.until(|shown| shown.contains("no permission to write"));
    screen.until(|shown| shown.contains("cat.jpg"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    for (key, signal, code) in [
        ("q", None, 0),
        ("\x03", None, 0),
        ("", Some("TERM"), 143),
        ("", Some("HUP"), 129),
        ("", Some("INT"), 130),
    ] {
        let session = filled();
        let mut screen = Screen::of(&session, "browse", (80, 24));
        screen.until(|shown| shown.contains("4 entries"));
        assert!(screen.is_taken(), "the terminal is in raw mode");
        if let Some(signal) = signal {
            screen.signal(signal);
        }
        assert_eq!(screen.quit(key), code, "{key:?} {signal:?}");
        assert!(!screen.is_taken(), "{key:?} {signal:?}");
        let sent = screen.sent();
        assert!(
            sent.ends_with(b"\x1b[?25h\x1b[?1049l"),
            "{key:?} {signal:?}"
        );
    }
}

#[test]
fn it_stops_goes_on_and_follows_the_size() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("4 entries"));
    for stop in ["\x1a", ""] {
        if stop.is_empty() {
            screen.signal("TSTP");
        } else {
            screen.type_keys(stop);
        }
        screen.wait_for_stop();
        assert!(!screen.is_taken(), "a shell can use it meanwhile");
        screen.signal("CONT");
        screen.wait_until_taken();
        screen.until(|shown| shown.contains("4 entries"));
    }
    screen.resize((50, 20));
    screen.until(|shown| !shown.contains("STORES") && shown.contains("cat.jpg"));
    screen.resize((20, 6));
    screen.until(|shown| shown.contains("too small"));
    screen.resize((140, 40));
    screen.until(|shown| shown.contains("STORES") && shown.contains("key        theme"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn a_terminal_that_is_gone_ends_it() {
    // With the signal, and where only the end of the input tells.
    for line in ["exec ecache browse", "trap '' HUP; exec ecache browse"] {
        let session = filled();
        let mut screen = Screen::start(&session, line, (80, 24));
        screen.until(|shown| shown.contains("4 entries"));
        screen.hang_up();
        assert_eq!(screen.quit(""), 129, "{line}");
    }
}

#[test]
fn no_colour_and_no_unicode_where_they_are_not_wanted() {
    let session = filled().with("NO_COLOR", "1").with("LC_ALL", "C");
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("4 entries") && shown.contains(">  "));
    assert_eq!(screen.quit("q"), 0);
    let sent = screen.sent();
    assert!(sent.is_ascii());
    assert!(
        !String::from_utf8_lossy(sent).contains("\x1b[0;"),
        "no style"
    );
}

#[test]
fn it_is_refused_where_there_is_no_terminal() {
    let session = filled();
    let refused = "error: browse needs a terminal\n  tip: ecache ls lists in a pipe or a script\n";
    session.run("browse").ends(2, refused);
    let dumb = session.with("TERM", "dumb").run_on_terminal("browse");
    assert_eq!(dumb.code, 2);
}
