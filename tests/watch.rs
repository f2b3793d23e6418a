//! `ecache watch`: changes of entries, reported as they happen.

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use support::{Session, lines, run};

/// Maximum wait for a line.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running watcher and its output.
struct Watcher {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Watcher {
    fn start(session: &Session, options: &str) -> Self {
        let mut command = real_time(session, &format!("watch --interval 5ms {options}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ecache starts");
        Self {
            lines: lines(child.stdout.take().expect("it was piped")),
            notes: lines(child.stderr.take().expect("it was piped")),
            child,
        }
    }

    /// Returns the words of the next line, without the time.
    fn next_call(&self) -> Vec<String> {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        let mut words: Vec<String> = line.split('\t').map(str::to_owned).collect();
        words.remove(1);
        words
    }

    /// Returns the words of the next line, which is about an entry, without the time.
    fn next(&self) -> Vec<String> {
        let mut words = self.next_call();
        assert_eq!(
            words.split_off(words.len() - 2),
            ["", ""],
            "it is not a call"
        );
        words
    }

    /// Returns the next line on standard error.
    fn note(&self) -> String {
        self.notes.recv_timeout(PATIENCE).expect("a note")
    }

    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With a clock that stands still, every entry would be as young as the last look.
fn real_time(session: &Session, words: &str) -> Command {
    let mut command = session.command(words);
    command.env_remove("ECACHE_TEST_NOW");
    command
}

fn ecache(session: &Session, words: &str) {
    assert_eq!(run(real_time(session, words), b"").code, 0, "{words}");
}

#[test]
fn prints_what_is_created_updated_and_removed_by_other_processes() {
    let session = Session::new();
    ecache(&session, "set thumbs before 1");
    let mut watcher = Watcher::start(&session, "--store thumbs --count 3 --verbose");
    assert_eq!(watcher.note(), "watching");
    ecache(&session, "set other k 1");
    ecache(&session, "set thumbs before 234");
    assert_eq!(watcher.next(), ["updated", "thumbs", "before", "", "3"]);
    ecache(&session, "rm thumbs before");
    assert_eq!(watcher.next(), ["removed", "thumbs", "before", "", ""]);
    ecache(&session, "set thumbs k 1 --dataset d");
    assert_eq!(watcher.next(), ["created", "thumbs", "k", "d", "1"]);
    assert_eq!(watcher.exit_code(), Some(0));
}

#[test]
fn no_field_of_an_event_is_there_twice() {
    let session = Session::new();
    ecache(&session, "set thumbs a 1");
    let watcher = Watcher::start(&session, "--json --count 1 --verbose");
    assert_eq!(watcher.note(), "watching");
    ecache(&session, "set thumbs b 1");
    let event = watcher.lines.recv_timeout(PATIENCE).expect("an event");
    assert_eq!(event.matches(r#""saved_ms""#).count(), 1, "{event}");
}

#[test]
fn waits_for_a_store_that_is_not_there_yet() {
    let session = Session::new();
    let mut watcher = Watcher::start(&session, "--count 1");
    assert_eq!(watcher.note(), "there is no store yet; waiting for it");
    ecache(&session, "set thumbs k 1");
    assert_eq!(watcher.next(), ["created", "thumbs", "k", "", "1"]);
    assert_eq!(watcher.exit_code(), Some(0));
}

#[test]
fn follows_a_store_that_is_removed_and_made_again() {
    let session = Session::new();
    ecache(&session, "set thumbs old 1");
    let watcher = Watcher::start(&session, "--verbose");
    assert_eq!(watcher.note(), "watching");
    std::fs::remove_dir_all(session.store_folder()).expect("it is removed");
    assert_eq!(watcher.next(), ["removed", "thumbs", "old", "", ""]);
    ecache(&session, "set thumbs new 1");
    assert_eq!(watcher.next(), ["created", "thumbs", "new", "", "1"]);
}

#[test]
fn a_write_to_one_store_says_nothing_of_others() {
    let session = Session::new();
    for key in ["a", "b", "c"] {
        ecache(&session, &format!("set thumbs {key} 1"));
    }
    // The first entry of a store may be reported as updated, too, if it is that young.
    ecache(&session, "set s 0 1");
    ecache(&session, "set t 0 1");
    let watcher = Watcher::start(&session, "--verbose");
    assert_eq!(watcher.note(), "watching");
    for (store, key) in [("s", "1"), ("s", "2"), ("t", "1")] {
        ecache(&session, &format!("set {store} {key} 1"));
        assert_eq!(watcher.next(), ["created", store, key, "", "1"]);
    }
}

#[test]
fn filters_by_age_are_refused() {
    let session = Session::new();
    for filter in [
        "--fresh",
        "--expired",
        "--older-than 1d",
        "--expiring-within 1d",
    ] {
        assert_eq!(session.run(&format!("watch {filter}")).code, 2, "{filter}");
    }
}

#[test]
fn ends_when_its_reader_is_gone() {
    let session = Session::new();
    ecache(&session, "set thumbs k 1");
    let mut command = real_time(&session, "watch --interval 5ms");
    command.stdout(Stdio::piped());
    let mut child = command.spawn().expect("ecache starts");
    drop(child.stdout.take());
    let mut watcher = Watcher {
        child,
        lines: channel().1,
        notes: channel().1,
    };
    assert_eq!(watcher.exit_code(), Some(0));
}

#[test]
fn follows_a_store_whose_place_another_file_has_taken() {
    let session = Session::new();
    ecache(&session, "set thumbs old 1");
    ecache(&session, "set thumbs new 1 --db other.db");
    let watcher = Watcher::start(&session, "--verbose");
    assert_eq!(watcher.note(), "watching");
    let other = session.path("other.db");
    let moved = rusqlite::Connection::open(&other).expect("a store");
    moved
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .expect("one file");
    drop(moved);
    // The log of the old file would be applied to the new one.
    for name in ["store.db-wal", "store.db-shm"] {
        std::fs::remove_file(session.store_folder().join(name)).expect("it goes");
    }
    // A rename leaves no moment without a store.
    std::fs::rename(other, session.store()).expect("it takes its place");
    assert_eq!(watcher.next(), ["removed", "thumbs", "old", "", ""]);
    assert_eq!(watcher.next(), ["created", "thumbs", "new", "", "1"]);
}

#[test]
fn calls_and_evictions_of_all_processes_are_shown() {
    let session = Session::new();
    let line = r#"{"store_name":"thumbs","key":"a","value":"1","kind":"text","policy":"evict","cost_ms":1500}"#;
    assert_eq!(
        run(real_time(&session, "import -"), line.as_bytes()).code,
        0
    );
    ecache(&session, "set thumbs b 1");
    ecache(&session, "set other a 1");
    let watcher = Watcher::start(&session, "thumbs --verbose");
    assert_eq!(watcher.note(), "watching");
    ecache(&session, "get other a");
    ecache(&session, "get thumbs a");
    assert_eq!(
        watcher.next_call(),
        ["hit", "thumbs", "a", "", "", "1", "1500"]
    );
    let missing = run(real_time(&session, "get thumbs c"), b"");
    assert_eq!(missing.code, 1);
    assert_eq!(
        watcher.next_call(),
        ["miss", "thumbs", "c", "", "", "1", "0"]
    );
    ecache(&session, "prune --store thumbs --max-entries 1");
    assert_eq!(watcher.next(), ["evicted", "thumbs", "b", "", ""]);
    ecache(&session, "rm thumbs a");
    assert_eq!(watcher.next(), ["removed", "thumbs", "a", "", ""]);
}

#[test]
fn a_filter_by_what_only_entries_have_shows_no_calls() {
    let session = Session::new();
    ecache(&session, "set thumbs a 1");
    let watcher = Watcher::start(&session, "--larger-than 1B --verbose");
    assert!(watcher.note().starts_with("calls are not shown: "));
    assert_eq!(watcher.note(), "watching");
    ecache(&session, "get thumbs a");
    ecache(&session, "set thumbs b 22");
    assert_eq!(watcher.next(), ["created", "thumbs", "b", "", "2"]);
}
