//! Stores that earlier releases wrote: each later one reads them as they are.
//!
//! `tests/data/stores/VERSION.db` was written by that release and never changes. Before a release,
//! `UPDATE=1 cargo test --test released` writes the one of the version under test anew.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;
use support::{NOW, Session};

/// The commands that make the store of a release.
const LINES: &str = "
    printf one | ecache set words 1 --type text --ttl 1d --user ann
    printf two | ecache set words 2 --type text --policy persist --dataset 6b03de1228195dbc2df5c505
    printf '[1, null]' | ecache set words -j '[1, {\"a\": 0.5}]' --type json --operator @acme/count
    head -c 1200000 /dev/zero | ecache set long 1 --type bytes
    ecache run --ttl 1h -- sh -c 'echo out; echo err >&2; exit 3' >log 2>&1
    ecache get words 1 --user ann; ecache get words 9
    ecache limit set small --max-entries 1; printf 1 | ecache set small 1; printf 2 | ecache set small 2
    printf 3 | ecache set gone 1; ecache clear gone
    printf 4 | ecache set words 4; ecache rm words 4
    ecache stats";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores")
}

/// Returns the objects that a verb prints.
fn printed(session: &Session, words: &str) -> Vec<Value> {
    let ran = session.run(&format!("{words} --format jsonl")).succeeds();
    let object = |line| serde_json::from_str(line).expect("an object");
    ran.text().lines().map(object).collect()
}

/// Returns a session with a store that its build of the command wrote.
fn written(session: Session) -> Session {
    let session = session.with("USER", "ann");
    for line in LINES.lines() {
        session.shell(line);
    }
    let connection = Connection::open(session.store()).expect("a store");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection
        .query_row(checkpoint, (), |_| Ok(()))
        .expect("a checkpoint");
    session
}

/// Gives a session a copy of a store.
fn with_copy(session: Session, store: &Path) -> Session {
    session.set_clock(NOW);
    fs::create_dir_all(session.store_folder()).expect("a folder");
    fs::set_permissions(session.store_folder(), Permissions::from_mode(0o700)).expect("ours");
    fs::copy(store, session.store()).expect("a copy");
    fs::set_permissions(session.store(), Permissions::from_mode(0o600)).expect("ours");
    session
}

#[test]
fn stores_of_earlier_releases_are_read() {
    let current = folder().join(concat!(env!("CARGO_PKG_VERSION"), ".db"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(folder()).expect("a folder");
        fs::copy(written(Session::new()).store(), &current).expect("a copy");
    }
    assert!(current.exists(), "UPDATE=1 writes {}", current.display());
    for file in fs::read_dir(folder()).expect("a folder") {
        let session = with_copy(Session::new(), &file.expect("a file").path());
        let schema = |session: &Session| -> Vec<String> {
            let connection = Connection::open(session.store()).expect("a store");
            let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL \
                       UNION ALL SELECT user_version FROM pragma_user_version";
            let mut statement = connection.prepare(sql).expect("a statement");
            let rows =
                statement.query_map((), |row| row.get_ref(0).map(|cell| format!("{cell:?}")));
            rows.expect("rows").map(|row| row.expect("a row")).collect()
        };
        let before = schema(&session);
        reads_what_was_written(&session);
        assert_eq!(schema(&session), before, "opening changes no format");
        session.run("doctor").succeeds();
    }
}

/// The build under test may be one for another processor.
#[test]
fn builds_read_what_the_other_wrote() {
    let this = written(Session::of_this_build());
    let other = written(Session::new());
    for read in [
        with_copy(Session::new(), &this.store()),
        with_copy(Session::of_this_build(), &other.store()),
    ] {
        reads_what_was_written(&read);
        read.run("doctor").succeeds();
    }
}

fn reads_what_was_written(session: &Session) {
    session.run("get words 1 --user ann").prints("one");
    session
        .run("get words 2 --dataset 6b03de1228195dbc2df5c505")
        .prints("two");
    session
        .run([
            "get",
            "words",
            "-j",
            "[1, {\"a\": 0.5}]",
            "--operator",
            "@acme/count",
        ])
        .prints("[1, null]\n");
    session.run("get long 1").prints(vec![0; 1_200_000]);
    let recorded = printed(session, "ls --kind command --fields all");
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["expires_at"], "2026-11-23T07:32:51.000Z");
    assert!(recorded[0]["args"].to_string().contains("echo out"));

    let limits = printed(session, "limit ls");
    let limit: Vec<String> = ["scope", "max_entries", "entries"]
        .map(|name| limits[0][name].to_string())
        .to_vec();
    assert_eq!(limit, ["\"store=small\"", "1", "1"]);

    let log = printed(session, "log");
    let log: Vec<&str> = log
        .iter()
        .filter_map(|row| row["command"].as_str())
        .collect();
    assert_eq!(
        log,
        [
            "rm words 4",
            "clear gone",
            "limit set small --max-entries 1"
        ]
    );

    let calls = |store: &str| -> Vec<Option<u64>> {
        let calls = printed(session, &format!("stats --since 1h {store}"));
        let count = |name| calls[0][name].as_u64();
        ["hits", "misses", "evictions"].map(count).to_vec()
    };
    // With the three hits of this test.
    assert_eq!(calls("words"), [Some(4), Some(1), Some(0)]);
    assert_eq!(calls("small"), [Some(0), Some(0), Some(1)]);

    session.run("undo").succeeds();
    session.run("get words 4").prints("4");
    session.run("undo 2").succeeds();
    session.run("get gone 1").prints("3");
}
