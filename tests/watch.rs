//! `ecache watch`: what becomes of entries, told as it happens.

mod support;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Session, run};

/// A watcher that runs, and what it prints.
struct Watcher {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    notes: BufReader<ChildStderr>,
}

impl Watcher {
    fn start(session: &Session, options: &str) -> Self {
        let mut command = real_time(session, &format!("watch --interval 5ms {options}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ecache starts");
        let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let notes = BufReader::new(child.stderr.take().expect("it was piped"));
        Self {
            child,
            lines,
            notes,
        }
    }

    /// The words of the next line, without the time.
    fn next(&mut self) -> Vec<String> {
        let line = self.lines.next().expect("a line").expect("UTF-8");
        let mut words: Vec<String> = line.split('\t').map(str::to_owned).collect();
        words.remove(1);
        words
    }

    /// The next line on standard error.
    fn note(&mut self) -> String {
        let mut line = String::new();
        self.notes.read_line(&mut line).expect("UTF-8");
        line
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
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
    assert_eq!(watcher.note(), "watching\n");
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
fn waits_for_a_store_that_is_not_there_yet() {
    let session = Session::new();
    let mut watcher = Watcher::start(&session, "--count 1");
    assert_eq!(watcher.note(), "there is no store yet; waiting for it\n");
    ecache(&session, "set thumbs k 1");
    assert_eq!(watcher.next(), ["created", "thumbs", "k", "", "1"]);
    assert_eq!(watcher.exit_code(), Some(0));
}

#[test]
fn ends_when_nobody_reads_any_more() {
    let session = Session::new();
    ecache(&session, "set thumbs k 1");
    let Watcher {
        mut child,
        lines,
        notes: _notes,
    } = Watcher::start(&session, "");
    drop(lines);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            assert_eq!(status.code(), Some(0));
            return;
        }
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
}
