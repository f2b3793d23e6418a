//! The question on a terminal before a removal that undo cannot take back.

mod support;

use support::Session;
use support::screen::Screen;

const SIZE: (u16, u16) = (80, 24);

/// Starts `ecache` with its three streams on a terminal.
fn start(session: &Session, words: &str) -> Screen {
    Screen::start(session, &format!("exec ecache {words} 2>/dev/tty"), SIZE)
}

/// Types an answer to the question; returns the exit code and what the terminal shows.
fn answered(session: &Session, words: &str, keys: &str) -> (i32, String) {
    let mut screen = start(session, words);
    screen.until(|text| text.contains("[y/N]"));
    (screen.quit(keys), screen.text())
}

/// Runs a command that asks nothing, on a terminal.
fn unasked(session: &Session, words: &str) -> String {
    let mut screen = start(session, words);
    let code = screen.quit("");
    let text = screen.text();
    assert_eq!(code, 0, "{words}: {text}");
    assert!(!text.contains("[y/N]"), "{words}: {text}");
    text
}

/// Returns a session with two entries of policy `evict` and one of policy `persist`.
fn session() -> Session {
    let session = Session::new();
    for words in [
        "set s a first --policy evict",
        "set s b second --policy evict",
        "set s c third --policy persist",
    ] {
        session.run(words).succeeds();
    }
    session
}

#[test]
fn a_removal_that_undo_can_take_back_asks_nothing() {
    let session = session();
    for words in ["rm s a", "clear --all", "stores rm s"] {
        unasked(&session, words);
        session.run("undo").succeeds();
        if words == "rm s a" {
            session.run("get s a").prints("first");
        }
    }
    session.set_clock("2026-11-24T06:32:50.000Z");
    let removed = unasked(&session, "prune --older-than 1h");
    assert!(removed.starts_with("removed 2 entries"), "{removed}");
}

#[test]
fn entries_kept_for_undo_are_overwritten_after_a_yes() {
    let session = session();
    session.run("clear --all").succeeds();
    for no in ["n\n", "\n", "maybe\n", "\u{4}"] {
        let (code, text) = answered(&session, "prune --retired --shred", no);
        assert_eq!(code, 1, "{no:?}: {text}");
        let question = "This overwrites 2 entries (11 B) kept for undo.\n\
            They cannot be brought back by ecache undo then.\nOverwrite them? [y/N]";
        assert!(text.starts_with(question), "{no:?}: {text}");
        assert!(text.contains("\nnothing was removed"), "{no:?}: {text}");
    }
    let dry = unasked(&session, "prune --retired --shred -n");
    assert!(dry.starts_with("would delete 2 entries (11 B)"), "{dry}");
    session.run("undo -n").succeeds();
    let (code, text) = answered(&session, "prune --retired --shred", "y\n");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("overwrote 2 entries (11 B)"), "{text}");
    assert_ne!(session.run("undo").code, 0, "nothing is kept");
    // There is nothing left to ask about.
    unasked(&session, "prune --retired --shred");
}

#[test]
fn a_yes_on_the_command_line_and_a_stream_other_than_a_terminal_skip_the_question() {
    for words in [
        "prune --retired --shred --yes",
        "prune --retired --shred -y",
        "prune --retired --shred </dev/null",
    ] {
        let session = session();
        session.run("clear --all").succeeds();
        let text = unasked(&session, words);
        assert!(text.contains("overwrote 2 entries"), "{words}: {text}");
    }
    let session = session();
    session.run("clear --all").succeeds();
    let ran = session.run("prune --retired --shred").succeeds();
    assert_eq!(ran.stderr, "overwrote 2 entries (11 B) kept for undo\n");
}

#[test]
fn entries_in_use_that_undo_could_not_bring_back_are_asked_about() {
    let session = session();
    session.set_clock("2026-11-23T08:32:51.000Z");
    let removals = [
        ("prune --max-size 0", "cannot be brought back here"),
        (
            "prune --retired --older-than 1h",
            "cannot be brought back here",
        ),
    ];
    for (words, fate) in removals {
        let (code, text) = answered(&session, words, "n\n");
        assert_eq!(code, 1, "{words}: {text}");
        assert!(
            text.starts_with("This removes 2 entries (11 B)"),
            "{words}: {text}"
        );
        assert!(
            text.contains(fate) && text.contains("ecache copy @ backup.db keeps a copy"),
            "{words}: {text}"
        );
        session.run("ls --fields key").prints("a\nb\nc\n");
    }
    let (code, text) = answered(&session, "prune --max-size 0", "Yes\n");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("removed 2 entries (11 B)"), "{text}");
    session.run("ls --fields key").prints("c\n");
}

#[test]
fn a_question_says_what_computing_the_entries_took_whatever_the_limit() {
    let session = Session::new();
    let lines = [("a", 1_500), ("b", 2_000), ("c", 10_000)].map(|(key, cost)| {
        format!(
            "{}\n",
            serde_json::json!({
                "store_name": "s", "key": key, "value": "x", "cost_ms": cost, "policy": "evict",
                "created_at": "2026-11-23T06:00:00.000Z"
            })
        )
    });
    let lines = lines.concat();
    let import = session.run_with_input("import - --quiet", lines.as_bytes());
    import.notes("");
    for (words, cost) in [
        ("prune --max-size 1B", "They took 3.5s to compute"),
        ("prune --max-size 0", "They took 13s to compute"),
        ("prune --max-size 2B", "It took 1.5s to compute"),
        (
            "prune --max-size 0 --keep-cost-above 5s",
            "They took 3.5s to compute",
        ),
    ] {
        let (code, text) = answered(&session, words, "n\n");
        assert_eq!(code, 1, "{words}: {text}");
        assert!(text.contains(cost), "{words}: {text}");
    }
}

#[test]
fn a_dry_prune_says_of_undo_what_the_real_one_says() {
    let session = session();
    session.set_clock("2026-11-23T08:32:51.000Z");
    session.run("set s new of-today --policy evict").succeeds();
    let both = "--older-than 1h --max-size 3B";
    let dry = unasked(&session, &format!("prune {both} -n"));
    let part = "1 entry (8 B) of them would go for good; undo would bring the others back";
    assert!(dry.contains(part), "{dry}");
    let wet = unasked(&session, &format!("prune {both} --yes"));
    assert!(
        wet.contains("1 entry (8 B) of them is gone for good"),
        "{wet}"
    );
    assert!(
        wet.contains("ecache undo takes the others back, until"),
        "{wet}"
    );
    session.run("undo").succeeds();
    session.run("ls --fields key").prints("a\nb\nc\n");
    // Without undo there is nothing to say of it, and what --max-size takes alone is gone.
    for words in [
        "prune --older-than 1h --max-size 3B --no-undo",
        "prune --max-size 3B --no-undo",
    ] {
        for words in [format!("{words} -n"), words.to_owned()] {
            let said = unasked(&session, &words);
            assert!(
                !said.contains("for good") && !said.contains("undo"),
                "{words}: {said}"
            );
        }
        session.run("set s a first --policy evict").succeeds();
    }
    let dry = unasked(&session, "prune --max-size 3B -n");
    assert!(dry.contains("they would go for good here"), "{dry}");
    let wet = unasked(&session, "prune --max-size 3B --yes");
    assert!(wet.contains("they are gone for good here"), "{wet}");
    session.run("set s a first --policy evict").succeeds();
    session.set_clock("2026-11-23T10:32:51.000Z");
    let dry = unasked(&session, "prune --retired --older-than 1h -n");
    assert!(dry.contains("they would go for good here"), "{dry}");
    let wet = unasked(&session, "prune --retired --older-than 1h --yes");
    assert!(
        wet.contains("they are gone for good here") && !wet.contains("takes"),
        "{wet}"
    );
}

#[test]
fn an_entry_that_is_too_large_for_undo_is_asked_about_and_no_undo_is_an_answer() {
    const MOST: usize = 64 << 20;
    let session = session();
    let large = vec![0; MOST + 1];
    session
        .run_with_input("set s large --type bytes --policy evict", &large)
        .succeeds();
    let (code, text) = answered(&session, "rm s large", "\n");
    assert_eq!(code, 1, "{text}");
    let question = "This removes 1 entry (64 MiB).\n\
        It cannot be brought back: it is too large.\n\
        ecache copy @ backup.db keeps a copy.\nRemove it? [y/N]";
    assert!(text.starts_with(question), "{text}");
    // A whole store of any size can be brought back.
    unasked(&session, "clear s");
    session.run("undo").succeeds();
    let text = unasked(&session, "rm s large --no-undo");
    assert!(text.starts_with("removed 1 entry (64 MiB)"), "{text}");
}

#[test]
fn a_signal_at_the_question_ends_the_command_and_removes_nothing() {
    let session = session();
    let (code, text) = answered(&session, "prune --max-size 0", "\u{3}");
    assert_eq!(code, 130, "{text}");
    for (name, expected) in [("TERM", 143), ("HUP", 129)] {
        let mut screen = start(&session, "prune --max-size 0");
        screen.until(|text| text.contains("[y/N]"));
        screen.signal(name);
        assert_eq!(screen.quit(""), expected, "{name}");
    }
    session.run("ls --fields key").prints("a\nb\nc\n");
}

#[test]
fn other_processes_write_while_the_question_stands() {
    let session = session();
    let mut screen = start(&session, "prune --max-size 0");
    screen.until(|text| text.contains("[y/N]"));
    session.run("set s d fourth").succeeds();
    assert_eq!(screen.quit("n\n"), 1);
    session.run("get s d").prints("fourth");
}
