//! Commands that a signal interrupts: the exit code, and how far they came.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::support::wait_for;
use super::*;

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is running");
}

/// Returns a set of signals in the state of a process, such as the signals that it catches.
fn signal_set(child: &Child, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("it is running");
    let set = status.lines().find_map(|line| line.strip_prefix(field));
    let set = set
        .expect("a field of the kernel's")
        .trim_start_matches(":\t");
    u64::from_str_radix(set, 16).expect("a set of signals")
}

/// Sends a signal once the process catches it, and waits until the handler was called.
fn signal_caught(child: &Child, sent: Signal) {
    let bit = |signal: Signal| 1 << (signal.as_raw() - 1);
    // The last one for which a handler is installed.
    wait_for("its signals are caught", || {
        signal_set(child, "SigCgt") & bit(Signal::QUIT) != 0
    });
    signal(child, sent);
    wait_for("the signal is delivered", || {
        (signal_set(child, "ShdPnd") | signal_set(child, "SigPnd")) & bit(sent) == 0
    });
}

#[test]
fn a_removal_or_touch_that_is_interrupted_says_how_far_it_came() {
    for (sent, code_of) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for (verb, changed) in [
            ("touch --all --policy evict", "ls --policy evict"),
            ("clear --key * --glob --policy any", "ls"),
        ] {
            let session = filled(3000);
            let store = rusqlite::Connection::open(session.store()).expect("a store");
            // The change waits for the lock, and so gets the signal before its first batch.
            store.execute_batch("BEGIN IMMEDIATE").expect("the lock");
            let child = session.spawn(verb);
            signal_caught(&child, sent);
            store.execute_batch("ROLLBACK").expect("the lock");
            let ran = Ran::from(child.wait_with_output().expect("it ends"));
            ran.ends(code_of, "error: interrupted after 1,000 entries\n");
            let listed = session.run(changed).succeeds().text().lines().count();
            let expected = if verb.starts_with("clear") {
                2000
            } else {
                1000
            };
            assert_eq!(listed, expected, "{verb}");
        }
    }
}

#[test]
fn an_import_that_is_interrupted_imports_nothing() {
    for (sent, code_of) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let session = Session::new();
        session.run("set s before x").notes("");
        std::fs::write(session.path("many.jsonl"), lines(3000)).expect("a file");
        let store = rusqlite::Connection::open(session.store()).expect("a store");
        // The import waits for the lock, and so gets the signal before it is done.
        store.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let child = session.spawn("import many.jsonl");
        signal_caught(&child, sent);
        store.execute_batch("ROLLBACK").expect("the lock");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, code_of, "{ran:?}");
        assert!(
            ran.stderr
                .starts_with("error: nothing was imported: interrupted after "),
            "{ran:?}"
        );
        session.run("ls --fields key").prints("before\n");
    }
}

#[test]
fn a_reader_is_ended_by_the_first_signal() {
    for (sent, code_of) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let session = filled(20_000);
        let mut child = session.spawn("ls");
        let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        stdout.read_line(&mut String::new()).expect("a line");
        signal(&child, sent);
        assert_eq!(code(child.wait().expect("it ends")), code_of);
    }
}

#[test]
fn a_value_that_is_still_being_typed_can_be_given_up() {
    let session = Session::new();
    let mut child = session.spawn("set notes draft");
    let mut stdin = child.stdin.take().expect("it was piped");
    stdin.write_all(b"half a th").expect("it reads");
    signal(&child, Signal::INT);
    assert_eq!(code(child.wait().expect("it ends")), 130);
    session.run("get notes draft").ends(1, "");
}

#[test]
fn an_interruption_counts_one_entry_in_the_singular() {
    for (entries, told) in [
        (0, "interrupted after 0 entries"),
        (1, "interrupted after 1 entry"),
        (2, "interrupted after 2 entries"),
    ] {
        let done = ecache_core::filter::Usage { entries, bytes: 9 };
        let error = ecache_core::error::Error::Interrupted { done };
        assert_eq!(error.to_string(), told);
    }
}
