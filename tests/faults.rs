//! A disk that fails: each call on a file in turn fails, once alone and once with all calls of its
//! kind that follow.
//!
//! The calls fail in the C library, by a small library of ours that is loaded before it
//! (`support/faults.c`); so these tests need a C compiler, as the build does, and a program that is
//! linked dynamically, as tests are.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ecache_core::key::Key;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Log, Outcome};
use rusqlite::{Connection, OpenFlags};
use support::{Ran, Session, run};
use tempfile::TempDir;

/// Calls that can fail, each with its most usual errors.
const KINDS: [(&str, &[i32]); 8] = [
    ("write", &[libc::EIO, libc::ENOSPC]),
    ("sync", &[libc::EIO]),
    ("truncate", &[libc::EIO]),
    ("create", &[libc::ENOSPC, libc::EMFILE]),
    ("open", &[libc::EIO, libc::EMFILE]),
    ("unlink", &[libc::EIO]),
    ("read", &[libc::EIO]),
    ("map", &[libc::ENOMEM]),
];

/// A number of calls that none of these commands reaches.
const ENDLESS: usize = 1000;

/// The folder of the library that makes calls fail.
struct Faults {
    folder: TempDir,
}

impl Faults {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/faults.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(folder.path().join("faults.so"))
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(built.expect("there is a C compiler").success());
        Self { folder }
    }

    /// Runs a command once for each call that it makes, and makes that call fail; `check` gets the
    /// session and the result. Each run has a new session, which `prepare` fills.
    fn each(&self, words: &str, prepare: impl Fn(&Session), check: impl Fn(&Session, &str, Ran)) {
        let mut failed = 0;
        for (kind, errors) in KINDS {
            for error in errors {
                for lasting in [0, 1] {
                    failed += self.all_of(words, &prepare, &check, |nth| {
                        format!("{kind} {error} {nth} {lasting}")
                    });
                }
            }
        }
        assert!(failed > 20, "only {failed} calls of `{words}` failed");
    }

    /// Like [`Faults::each`], for one kind of fault; returns the number of calls.
    fn all_of(
        &self,
        words: &str,
        prepare: &impl Fn(&Session),
        check: &impl Fn(&Session, &str, Ran),
        fault: impl Fn(usize) -> String,
    ) -> usize {
        for nth in 1..ENDLESS {
            let session = Session::new();
            prepare(&session);
            let mark: PathBuf = session.path("failed");
            let fault = fault(nth);
            let mut command = session.command(words);
            command
                .env("LD_PRELOAD", self.folder.path().join("faults.so"))
                .env("ECACHE_FAULT", &fault)
                .env("ECACHE_FAULT_MARK", &mark);
            let ran = run(command, b"");
            if !mark.exists() {
                return nth - 1;
            }
            assert!(!ran.stderr.contains("panicked"), "{fault}: {ran:?}");
            check(&session, &format!("{words} with {fault}"), ran);
        }
        panic!("`{words}` makes calls without an end");
    }
}

/// Fills a store with entries that a fault could damage.
fn filled(session: &Session) {
    session
        .run("set kept theme dark --policy persist")
        .notes("");
    session.run("set s k old").notes("");
    let line = |n: usize| {
        format!(
            "{{\"store_name\": \"doomed\", \"key\": \"k{n}\", \"policy\": \"evict\", \"value\": {n}}}\n"
        )
    };
    let lines: String = (0..20).map(line).collect();
    session
        .run_with_input("import - --quiet", lines.as_bytes())
        .notes("");
}

/// Checks that the file is intact, other entries are unchanged, and the store is writable.
fn is_well(session: &Session, what: &str) {
    let file = Connection::open_with_flags(session.store(), OpenFlags::SQLITE_OPEN_READ_WRITE);
    let checked: String = file
        .and_then(|file| file.query_row("PRAGMA integrity_check", (), |row| row.get(0)))
        .expect(what);
    assert_eq!(checked, "ok", "{what}");
    let listed = session.run("ls --store doomed");
    assert_eq!((listed.code, &*listed.stderr), (0, ""), "{what}");
    assert_eq!(session.run("get kept theme").stdout, b"dark", "{what}");
    assert_eq!(session.run("set s after x").code, 0, "{what}");
}

/// Checks that a command reported its failure by a message and an exit code.
fn is_told(ran: &Ran, what: &str) {
    assert!((3..=5).contains(&ran.code), "{what}: {ran:?}");
    assert!(!ran.stderr.is_empty(), "{what}: {ran:?}");
}

fn count(session: &Session, store: &str) -> usize {
    let listed = session.run(["ls", "--store", store, "--fields", "key"]);
    listed.succeeds().text().lines().count()
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn a_value_is_set_or_it_is_said_that_it_is_not() {
    Faults::new().each("set s k new", filled, |session, what, ran| {
        let value = session.run("get s k").succeeds();
        match ran.code {
            0 => assert_eq!(value.text(), "new", "{what}"),
            _ => {
                is_told(&ran, what);
                assert!(["old", "new"].contains(&value.text()), "{what}");
            }
        }
        is_well(session, what);
    });
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn a_store_that_could_not_be_made_can_be_made_later() {
    Faults::new().each(
        "set s k new",
        |_| (),
        |session, what, ran| {
            if ran.code != 0 {
                is_told(&ran, what);
                let again = session.run("set s k new");
                assert_eq!((again.code, &*again.stderr), (0, ""), "{what}");
            }
            assert_eq!(session.run("get s k").stdout, b"new", "{what}");
        },
    );
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn a_clear_that_reports_success_leaves_no_entry() {
    Faults::new().each("clear --store doomed", filled, |session, what, ran| {
        match ran.code {
            0 => assert_eq!(count(session, "doomed"), 0, "{what}"),
            _ => is_told(&ran, what),
        }
        is_well(session, what);
        session.run("clear --store doomed --quiet").notes("");
        assert_eq!(count(session, "doomed"), 0, "{what}");
    });
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn an_import_is_whole_or_nothing() {
    const LINES: usize = 30;
    let prepare = |session: &Session| {
        filled(session);
        let line = |n| {
            format!(
                "{{\"store_name\": \"new\", \"key\": \"k{n}\", \"policy\": \"evict\", \"value\": {n}}}\n"
            )
        };
        let lines: String = (0..LINES).map(line).collect();
        std::fs::write(session.path("lines"), lines).expect("a file");
    };
    Faults::new().each("import lines", prepare, |session, what, ran| {
        let imported = count(session, "new");
        match ran.code {
            0 => assert_eq!(imported, LINES, "{what}"),
            _ => {
                is_told(&ran, what);
                assert!([0, LINES].contains(&imported), "{what}: {imported}");
            }
        }
        is_well(session, what);
        session.run("import lines --quiet").notes("");
        assert_eq!(count(session, "new"), LINES, "{what}");
    });
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn a_value_that_cannot_be_read_is_not_served() {
    Faults::new().each("get s k", filled, |session, what, ran| {
        match ran.code {
            0 => assert_eq!(ran.stdout, b"old", "{what}"),
            _ => {
                is_told(&ran, what);
                assert_eq!(ran.stdout, b"", "{what}");
            }
        }
        assert_eq!(session.run("get s k").stdout, b"old", "{what}");
        is_well(session, what);
    });
}

#[test]
#[ignore = "runs hundreds of processes, for a minute or more"]
fn a_command_runs_whatever_fails() {
    let prepare = |session: &Session| {
        filled(session);
        std::fs::write(session.path("script"), "echo hello\n").expect("a file");
    };
    Faults::new().each("run -- sh script", prepare, |session, what, ran| {
        assert_eq!(
            (&*ran.stdout, &*ran.stderr, ran.code),
            (&b"hello\n"[..], "", 0),
            "{what}"
        );
        for _ in 0..2 {
            let again = session.run("run -- sh script");
            assert_eq!(again, ran, "{what}");
        }
        is_well(session, what);
    });
}

#[test]
fn a_durable_write_is_acknowledged_once_it_is_on_the_disk() {
    let faults = Faults::new();
    let prepare = |session: &Session| {
        filled(session);
        // The first write to a log syncs its header, durable or not.
        session.run("set s other x").notes("");
    };
    // Number of syncs. If the first one (of the log) fails, so does the command. The second one is
    // for the folder, which has already reached the disk.
    let waits = |words: &str| {
        let check = |_: &Session, what: &str, ran: Ran| {
            if what.ends_with("sync 5 1 0") {
                is_told(&ran, what);
            }
        };
        let nth = |nth| format!("sync {} {nth} 0", libc::EIO);
        faults.all_of(words, &prepare, &check, nth)
    };
    assert_eq!(waits("set s k new"), 0);
    assert!(waits("set s k new --durable") > 0);
    assert!(waits("rm s k --durable") > 0);
    let session = Session::new().with("ECACHE_DURABLE", "1");
    session.run("set s k v").notes("");
    session.run("run -- echo hi").prints("hi\n");
    session.run("run --no-exec -- echo hi").prints("hi\n");
}

/// Number of calls in a log that is large enough to be removed once it is folded.
const CALLS: u64 = 5000;

/// Writes a log of hits that are not in the store yet.
fn logged(session: &Session) {
    session.run("set s k v").notes("");
    let at = Timestamp::from_millis(1_795_415_571_000);
    let store = Arc::new(StoreAddress::new("s"));
    let hit = Event {
        key: Some(Key::new("k").expect("a key")),
        written_at: Some(at),
        saved_ms: 2,
        ..Event::new(Outcome::Hit, at, store, &Scopes::default())
    };
    let hits = vec![hit; CALLS as usize];
    let appended = Log::beside(&session.store())
        .append(&hits)
        .expect("appended");
    assert!(appended.is_due(256 << 10), "it is removed in the end");
}

#[test]
fn a_fold_that_is_killed_at_any_step_loses_and_doubles_nothing() {
    let faults = Faults::new();
    let mut killed = 0;
    for kind in [
        "write", "sync", "truncate", "create", "open", "unlink", "map",
    ] {
        let check = |session: &Session, what: &str, ran: Ran| {
            assert_eq!(ran.code, 128 + libc::SIGKILL, "{what}");
            for _ in 0..2 {
                let stats = session.run("stats --format json").succeeds();
                let groups: serde_json::Value = serde_json::from_str(stats.text()).expect("JSON");
                let group = &groups[0];
                let seen = ["calls", "hits", "saved_ms"].map(|figure| group[figure].as_u64());
                assert_eq!(seen, [Some(CALLS), Some(CALLS), Some(2 * CALLS)], "{what}");
                assert_eq!(stats.stderr, "", "{what}");
            }
            let listed = session.run("ls --fields hits,saved_ms");
            assert_eq!(listed.text().lines().last(), Some("5000\t10000"), "{what}");
        };
        killed += faults.all_of("stats", &logged, &check, |nth| format!("{kind} 0 {nth} 0"));
    }
    assert!(killed > 20, "only {killed} steps");
}
