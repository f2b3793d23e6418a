//! Files left behind by processes that are stopped or killed in the middle of their work.

mod support;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use support::{Session, code};

/// Returns a session whose store takes a while to export.
fn session() -> Session {
    const ENTRIES: usize = 30_000;
    let session = Session::new();
    let line = |n| {
        format!(
            "{{\"store_name\": \"s\", \"key\": \"{n}\", \"policy\": \"evict\", \"value\": {n}}}\n"
        )
    };
    let lines: String = (0..ENTRIES).map(line).collect();
    session
        .run_with_input("import - -q", lines.as_bytes())
        .notes("");
    session
}

/// Returns the incomplete files in the user's folder.
fn partial(session: &Session) -> Vec<PathBuf> {
    let files = std::fs::read_dir(session.home()).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    let is_partial = |path: &PathBuf| path.to_string_lossy().contains("/.ecache-export-");
    paths.filter(is_partial).collect()
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_child(child);
    kill_process(pid, signal).expect("it is not waited for yet");
}

/// Reports whether an export is writing its incomplete file, which it locks.
fn is_exporting(session: &Session) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").expect("the kernel's list");
    let is_locked = |path: PathBuf| {
        let inode = path.symlink_metadata().ok()?.ino();
        Some(locks.contains(&format!(":{inode} ")))
    };
    let mut files = partial(session).into_iter();
    files.any(|path| is_locked(path) == Some(true))
}

fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
    let stat = stat.expect("it is not waited for yet");
    stat.rsplit_once(") ")
        .expect("a name")
        .1
        .starts_with(['T', 'Z'])
}

/// Starts an export and stops it in the middle of its work.
fn stopped_export(session: &Session, file: &str) -> Child {
    // On a busy machine an export may finish before it is stopped.
    for _ in 0..100 {
        let mut child = session.spawn(["export", "-o", file]);
        while child.try_wait().expect("a child").is_none() && !is_exporting(session) {
            std::thread::yield_now();
        }
        if child.try_wait().expect("a child").is_some() {
            continue;
        }
        send(&child, Signal::STOP);
        while !is_stopped(&child) {
            std::thread::yield_now();
        }
        if is_exporting(session) {
            return child;
        }
        send(&child, Signal::CONT);
        child.wait().expect("it ends");
    }
    panic!("no export takes long enough to be stopped");
}

fn end(mut child: Child, signal: Signal) -> i32 {
    send(&child, signal);
    send(&child, Signal::CONT);
    code(child.wait().expect("it ends"))
}

#[test]
fn an_export_that_a_signal_stops_leaves_nothing() {
    let session = session();
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        let export = stopped_export(&session, "lines");
        assert_eq!(end(export, signal), 128 + signal.as_raw(), "{signal:?}");
        assert_eq!(partial(&session), Vec::<PathBuf>::new(), "{signal:?}");
    }
}

#[test]
fn an_export_removes_what_a_killed_one_left_and_no_other() {
    let session = session();
    let killed = stopped_export(&session, "killed");
    assert_eq!(end(killed, Signal::KILL), 128 + Signal::KILL.as_raw());
    assert_eq!(partial(&session).len(), 1);
    let mut alive = stopped_export(&session, "alive");
    assert_eq!(partial(&session).len(), 1, "the other one's is gone");
    let foreign = session.path(".ecache-export-of-ours");
    std::os::unix::fs::symlink(session.path("kept"), &foreign).expect("a link");
    std::fs::write(session.path("kept"), "").expect("a file");
    session
        .run("export -o third")
        .notes("exported 30,000 entries to third\n");
    assert_eq!(
        partial(&session).len(),
        2,
        "nothing of a living process, and no link"
    );
    send(&alive, Signal::CONT);
    assert!(alive.wait().expect("it ends").success());
    assert_eq!(partial(&session), [foreign]);
    let lines = |name| std::fs::read(session.path(name)).expect("an export");
    assert!(lines("alive") == lines("third"));
}

/// Starts a writer of a large value and waits until it has written some chunks.
fn writer(session: &Session, key: &str) -> Child {
    let chunks = || {
        let store = rusqlite::Connection::open(session.store()).expect("a store");
        let count = store.query_row("SELECT count(*) FROM chunks", (), |row| {
            row.get::<_, u64>(0)
        });
        count.expect("a count")
    };
    let before = chunks();
    let mut child = session.spawn(["set", "s", key, "--type", "bytes"]);
    let stdin = child.stdin.as_mut().expect("it was piped");
    stdin.write_all(&vec![7; 5 << 20]).expect("it reads");
    while chunks() < before + 3 {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_value_whose_writer_is_killed_is_shown_and_goes_with_prune() {
    let session = Session::new();
    session.run("set s small v").notes("");
    let size = |fact: &str| {
        let info = session.run("info --format json").succeeds();
        let text = info.text();
        let start = text.find(&format!("\"{fact}\":")).expect(fact) + fact.len() + 3;
        let digits = text[start..].split([',', '}']).next().expect("a number");
        digits.parse::<u64>().expect("a number")
    };
    let killed = writer(&session, "killed");
    assert_eq!(end(killed, Signal::KILL), 128 + Signal::KILL.as_raw());
    let mut alive = writer(&session, "alive");
    assert!(size("abandoned_size") >= 3 << 20);
    assert!(size("staged_size") >= 3 << 20);
    let abandoned = session.run("doctor --format jsonl").text().to_owned();
    let line = abandoned.lines().find(|line| line.contains("abandoned"));
    let line = line.expect("it is found");
    assert!(
        line.contains("\"entries\":1") && line.contains("\"ecache prune --expired\""),
        "{line}"
    );
    session.run("prune --expired -q").notes("");
    assert_eq!(size("abandoned_size"), 0);
    assert!(size("staged_size") >= 3 << 20, "its writer is alive");
    let doctor = session.run("doctor --format jsonl");
    assert!(!doctor.text().contains("abandoned"), "{doctor:?}");
    drop(alive.stdin.take());
    assert!(alive.wait().expect("it ends").success());
    assert!(session.run("get s alive").stdout == vec![7; 5 << 20]);
    assert_eq!(size("staged_size"), 0);
}
