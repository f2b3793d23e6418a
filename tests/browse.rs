//! The browser, driven through a pseudo-terminal.

mod support;

use support::Session;
use support::screen::Screen;

/// Returns a session with entries of two stores, one of them with a name that is hard to show.
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
    assert!(screen.text().contains("evil\\x1b["), "{}", screen.text());
    assert!(
        screen.text().contains(" settings         1"),
        "{}",
        screen.text()
    );
    // Wrong words leave the list.
    screen.type_keys("/thumbs --smal");
    screen.until(|shown| shown.contains("there is no option --smal"));
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
    screen.until(|shown| shown.contains("restored 3 entries") && shown.contains("3 of 4 entries"));
    // One with a mark, without the others.
    screen.type_keys("\x1b");
    screen.until(|shown| shown.contains(" 4 entries") && shown.contains("theme"));
    screen.type_keys("s");
    screen.until(|shown| {
        let mut lines = shown.lines();
        shown.contains("sort: key")
            && lines.any(|line| line.contains("▌") && line.contains("cat.jpg"))
    });
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
fn entries_that_are_pinned_already_are_not_counted() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("4 entries") && shown.contains("dog.jpg"));
    // The key of policy persist sorts last. The cursor is on the first row once they are sorted.
    screen.type_keys("sga");
    screen.until(|shown| shown.contains("sort: key") && shown.contains("all marked"));
    screen.until(|shown| shown.find("cat.jpg") < shown.find("theme"));
    screen.type_keys("p");
    screen.until(|shown| shown.contains("pinned 3 entries"));
    screen.type_keys("u");
    // In the list as well as beside the value: the row under the cursor decides what p does.
    let is_read_again = |shown: &str| shown.matches("in 24h").count() == 2;
    screen.until(|shown| shown.contains("changed back 3 entries") && is_read_again(shown));
    // A mark on the pinned one, and the cursor on another.
    screen.type_keys("G gp");
    screen.until(|shown| shown.contains("1 entry has this policy already"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn a_lifetime_is_set_and_taken_back() {
    let session = filled();
    let mut screen = Screen::of(&session, "browse thumbs --key dog.jpg", (80, 24));
    screen.until(|shown| shown.contains("1 of 4 entries") && shown.contains("woof"));
    screen.type_keys("t-1\r");
    screen.until(|shown| shown.contains("Lifetime of 1 entry") && shown.contains("must not be"));
    screen.type_keys("\x151d\r");
    screen.until(|shown| shown.contains("1 entry: policy evict, expires in 1d"));
    let is_fresh = session.run("ls thumbs --key dog.jpg --expiring-within 2d --fields key");
    is_fresh.prints("dog.jpg\n");
    screen.type_keys("u");
    screen.until(|shown| shown.contains("changed back 1 entry"));
    let lasts = session.run("ls thumbs --key dog.jpg --no-expiry --fields key");
    lasts.prints("dog.jpg\n");
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn a_value_is_edited_on_the_terminal() {
    let session = filled().with("EDITOR", "sed -i s/meow/purr/");
    let mut screen = Screen::of(&session, "browse thumbs --key cat.jpg", (80, 24));
    screen.until(|shown| shown.contains("1 of 4 entries") && shown.contains("meow"));
    screen.type_keys("e");
    screen.until(|shown| shown.contains("purr") && shown.contains("STORES"));
    session.run("get thumbs cat.jpg").prints("purr");
    assert_eq!(screen.quit("q"), 0);
    let sent = String::from_utf8_lossy(screen.sent()).into_owned();
    assert!(
        !sent.contains("changed key"),
        "nothing is printed behind the browser"
    );
    // The error of a failed editor can be read before the browser is back.
    let session = session.with("EDITOR", "false");
    let mut screen = Screen::of(&session, "browse thumbs --key cat.jpg", (80, 24));
    screen.until(|shown| shown.contains("purr"));
    screen.type_keys("e");
    screen.until(|shown| shown.contains("Enter goes back"));
    assert!(!screen.is_taken());
    screen.type_keys("\r");
    screen.until(|shown| shown.contains("STORES") && shown.contains("purr"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn a_command_is_run_again() {
    let session = filled();
    let line = "echo run >> runs; wc -l < runs";
    let counts = ["run", "--", "sh", "-c", line];
    session.run(counts).succeeds();
    let mut screen = Screen::of(&session, "browse sh", (80, 24));
    screen.until(|shown| shown.contains("1 of 5 entries") && shown.contains("wc -l"));
    screen.type_keys("r");
    screen.until(|shown| shown.contains("1 ran, 0 fresh"));
    assert_eq!(session.run(counts).succeeds().text().trim(), "2");
    // One that was set has no command.
    screen.type_keys("/\x15thumbs\r");
    screen.until(|shown| shown.contains("3 of 5 entries") && shown.contains("dog.jpg"));
    screen.type_keys("r");
    screen.until(|shown| shown.contains("no command made this entry"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn a_command_that_fails_again_says_how() {
    let session = filled();
    let failing = ["run", "--failure-ttl", "1h", "--", "sh", "-c", "exit 7"];
    assert_eq!(session.run(failing).code, 7);
    let mut screen = Screen::of(&session, "browse sh", (80, 24));
    screen.until(|shown| shown.contains("1 of 5 entries") && shown.contains("exit 7"));
    screen.type_keys("r");
    screen.until(|shown| shown.contains("it failed with exit code 7"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn texts_are_whole_at_each_width() {
    let session = filled();
    let text = "the quick brown fox jumps over the lazy dog and goes on running to the forest";
    session.run(["set", "thumbs", "aaa", text]).notes("");
    let mut screen = Screen::of(&session, "browse thumbs --key aaa", (130, 40));
    screen.until(|shown| shown.contains("1 of 5 entries") && shown.contains("text, "));
    let shown = screen.text();
    let panes = shown.lines().filter_map(|line| line.rsplit('│').next());
    let words: Vec<&str> = panes.flat_map(str::split_whitespace).collect();
    for word in text.split(' ').chain(["removes", "it)"]) {
        assert!(words.contains(&word), "{word}: {shown}");
    }
    screen.resize((80, 24));
    screen.type_keys("S");
    screen.until(|shown| shown.contains("s sort: newest, reversed") && shown.contains("q quit"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn keys_and_commands_are_copied() {
    let session = filled();
    session.run(["run", "--", "echo", "a b"]).succeeds();
    let mut screen = Screen::of(&session, "browse echo", (80, 24));
    screen.until(|shown| shown.contains("1 of 5 entries") && shown.contains("echo 'a b'"));
    screen.type_keys("Y");
    screen.until(|shown| shown.contains("copied the command"));
    screen.type_keys("/\x15thumbs --key cat.jpg\r");
    screen.until(|shown| shown.contains("cat.jpg  ") && shown.contains("1 of 5 entries"));
    screen.type_keys("y");
    screen.until(|shown| shown.contains("copied the key"));
    assert_eq!(screen.quit("q"), 0);
    let sent = String::from_utf8_lossy(screen.sent()).into_owned();
    // `echo 'a b'` and `cat.jpg` in base64.
    for copied in ["ZWNobyAnYSBiJw==", "Y2F0LmpwZw=="] {
        assert!(
            sent.contains(&format!("\x1b]52;c;{copied}\x07")),
            "{copied}"
        );
    }
}

#[test]
fn marks_are_found_figures_shown_and_operations_undone() {
    let session = filled();
    session.run("rm thumbs dog.jpg").succeeds();
    let mut screen = Screen::of(&session, "browse", (80, 24));
    screen.until(|shown| shown.contains("3 entries") && shown.contains("▌"));
    screen.type_keys("sG gn");
    screen.until(|shown| {
        let marked = shown.lines().find(|line| line.contains("▌"));
        marked.is_some_and(|line| line.contains("●"))
    });
    screen.type_keys("i");
    screen.until(|shown| shown.contains("│  STORE  ") && shown.contains("median"));
    screen.type_keys("\x1b");
    screen.until(|shown| !shown.contains("median"));
    screen.type_keys("U");
    screen.until(|shown| shown.contains("rm thumbs dog.jpg") && shown.contains("24h left"));
    screen.type_keys("\r");
    screen.until(|shown| shown.contains("restored 1 entry (4 B)") && shown.contains("4 entries"));
    session.run("get thumbs dog.jpg").prints("woof");
    screen.type_keys("U");
    screen.until(|shown| shown.contains("24h left"));
    screen.type_keys("\r");
    screen.until(|shown| shown.contains("removed again 1 entry"));
    assert_eq!(screen.quit("q"), 0);
}

#[test]
fn changes_by_other_processes_appear() {
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
    screen.until(|shown| shown.contains("1 entry") && shown.contains("cat.jpg"));
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
    screen.until(|shown| shown.contains("needs 24x8"));
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

#[test]
fn datasets_are_listed_by_their_names() {
    let session = filled();
    for id in ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"] {
        session
            .run(["set", "labels", "k", "v", "--dataset", id])
            .notes("");
    }
    session
        .run("config set datasets.street 6b03de1228195dbc2df5c505")
        .succeeds();
    let mut screen = Screen::of(&session, "browse", (80, 30));
    screen.until(|shown| shown.contains("6 entries") && shown.contains("DATASETS"));
    let text = screen.text();
    assert!(text.contains(" street           1"), "{text}");
    assert!(text.contains(" …f5c682          1"), "{text}");
    assert_eq!(screen.quit("q"), 0);
}
