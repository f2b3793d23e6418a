//! A filter that selects nothing is answered with what there is instead, in the same words by every
//! verb, and on standard error alone.

use crate::support::Session;

/// Returns a store with three entries of two users, three days old; one was hit.
fn aged() -> Session {
    let session = Session::new();
    session
        .run("set thumbs a 1234 --user bob --ttl 30d")
        .notes("");
    session.run("set thumbs b 12 --user carl").notes("");
    session.run("set other c 1").notes("");
    session.run("get thumbs a --user bob").succeeds();
    session.set_clock("2026-11-26T06:32:51.000Z");
    session
}

/// Returns what a verb that changes something says of a filter that selects nothing.
fn said(session: &Session, words: &str) -> String {
    let ran = session.run(words).succeeds();
    assert_eq!(ran.text(), "", "{words}");
    ran.stderr
}

#[test]
fn the_reason_names_the_condition_and_how_near_the_nearest_entry_is() {
    let session = aged();
    for (filter, reason) in [
        (
            "thumbs --older-than 30d",
            "thumbs has 2 entries, none older than 30d; the oldest is 3d old",
        ),
        (
            "--newer-than 1h",
            "there are 3 entries, none newer than 1h; the newest is 3d old",
        ),
        (
            "other --user bob",
            "other has 1 entry, none of user bob; none has a user",
        ),
        (
            "thumbs --glob --user 'z*'",
            "thumbs has 2 entries, none of user 'z*'; users: bob, carl",
        ),
        (
            "thumbs --kind json",
            "thumbs has 2 entries, none of kind json; kinds: text",
        ),
        (
            "--larger-than 1KiB",
            "there are 3 entries, none larger than 1.0 KiB; the largest is 4 B",
        ),
        (
            "--min-hits 5",
            "there are 3 entries, none with 5 hits or more; the most hit has 1",
        ),
        (
            "--cost-above 1s",
            "there are 3 entries, none that took more than 1s; what they took is not recorded",
        ),
        (
            "--expired",
            "there are 3 entries, none expired; the next expires in 27d",
        ),
        (
            "thumbs --user bob --smaller-than 3",
            "thumbs has 2 entries; 1 would match without --smaller-than",
        ),
    ] {
        let ran = session.shell(&format!("ecache clear -n --policy any {filter}"));
        assert_eq!(
            ran.stderr,
            format!("no entry matches: {reason}\n"),
            "{filter}"
        );
    }
}

#[test]
fn every_verb_says_it_in_the_same_words() {
    let session = aged();
    let reason = "no entry matches: thumbs has 2 entries, none older than 30d; \
                  the oldest is 3d old\n";
    for verb in ["clear", "clear -n", "touch --ttl 1d", "prune", "prune -n"] {
        let filter = "--store thumbs --older-than 30d";
        assert_eq!(
            said(&session, &format!("{verb} {filter}")),
            reason,
            "{verb}"
        );
    }
    // An empty list tells it to a program; a person reads the reason.
    for verb in [
        "ls",
        "ls --fields key",
        "ls --json",
        "top",
        "stats",
        "stores",
        "export",
    ] {
        let line = format!("{verb} --store thumbs --older-than 30d");
        assert_eq!(session.run(&line).succeeds().stderr, "", "{verb}");
        let shown = session.run_on_terminal(&*line);
        let text = String::from_utf8(shown.bytes).expect("text");
        let text = text.replace(['\n', '\r'], " ");
        let one_line = reason.trim_end();
        assert!(text.contains(one_line), "{verb}: {text}");
    }
}

#[test]
fn a_large_store_is_not_read_for_the_reason() {
    let session = Session::new();
    let line = |number| format!("{{\"store_name\":\"many\",\"key\":\"{number}\",\"value\":1}}\n");
    let lines: String = (0..1500).map(line).collect();
    session
        .run_with_input("import - -q", lines.as_bytes())
        .notes("");
    session.set_clock("2026-11-26T06:32:51.000Z");
    let has = "no entry matches";
    for (filter, reason) in [
        (
            "--older-than 30d",
            ": many has more than 1,000 entries, none older than 30d; the oldest is 3d old",
        ),
        (
            "--larger-than 1KiB",
            ": many has more than 1,000 entries, none larger than 1.0 KiB",
        ),
        ("--larger-than 1KiB --user ann", ""),
    ] {
        let ran = session.run(&format!("ls many {filter} --quiet")).succeeds();
        assert_eq!(ran.stderr, "", "{ran:?}");
        let ran = session.run(&format!("clear many --policy any {filter}"));
        assert!(ran.stderr.ends_with(&format!("{has}{reason}\n")), "{ran:?}");
    }
}

#[test]
fn an_empty_store_file_has_nothing_cached() {
    let session = Session::new();
    let shown = session.run_on_terminal("ls --older-than 1d");
    assert_eq!(shown.bytes, b"nothing is cached yet\n");
    assert_eq!(
        said(&session, "clear --older-than 1d"),
        "nothing is cached yet\n"
    );
}
