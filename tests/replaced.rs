//! Large values that are replaced while they are read: each reader gets one complete version.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};

use support::{Ran, Session, run};

/// Sizes of chunked values; the longer one is too large to be verified before it is read.
const SIZES: [usize; 2] = [3_000_000, 12_000_000];

/// Shell command that writes a value.
const SET: &str = "head -c $size /dev/zero | tr '\\0' $version | ecache set s k";

/// Number of reads of each value while it is replaced.
const ROUNDS: usize = 20;

/// Makes a command use the real clock: under a frozen one, replaced values would stay for ever.
fn on_the_clock(mut command: Command) -> Command {
    command.env_remove("ECACHE_TEST_NOW");
    command
}

/// Reads while a shell loop keeps writing values of `$size` bytes of `$version`.
fn storm(session: &Session, size: usize, write: &str, read: impl Fn()) {
    let script = format!(
        "size={size}; while [ ! -e stop ]; do for version in a b c d; do {write} || echo failed; done; done"
    );
    let first = format!("size={size}; version=a; {write}");
    let sh = |script: &str| {
        let mut shell = on_the_clock(session.program("sh"));
        shell
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell.spawn().expect("a shell")
    };
    let written = |shell: Child| Ran::from(shell.wait_with_output().expect("it ends"));
    written(sh(&first)).prints("");
    let writer = sh(&script);
    let reads = catch_unwind(AssertUnwindSafe(|| (0..ROUNDS).for_each(|_| read())));
    std::fs::write(session.path("stop"), "").expect("a file");
    written(writer).prints("");
    reads.expect("every read succeeds");
}

#[track_caller]
fn is_whole(bytes: &[u8], size: usize) {
    assert_eq!(bytes.len(), size);
    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "it is mixed");
}

#[test]
fn get_prints_one_of_them() {
    for size in SIZES {
        let session = Session::new();
        storm(&session, size, SET, || {
            let got = run(on_the_clock(session.command("get s k")), b"");
            assert_eq!((got.code, &*got.stderr), (0, ""));
            is_whole(&got.stdout, size);
        });
    }
}

#[test]
fn get_of_many_keys_prints_some_of_them() {
    for size in SIZES {
        let session = Session::new();
        storm(&session, size, SET, || {
            let get = session.command("get s --keys-from -");
            let got = run(on_the_clock(get), b"k\nk\n");
            assert_eq!((got.code, &*got.stderr), (0, ""));
            let lines: Vec<_> = got.text().lines().collect();
            assert_eq!(lines.len(), 2);
            for line in lines {
                let value = line.rsplit('"').nth(1).expect("a text");
                is_whole(value.as_bytes(), size);
            }
        });
    }
}

#[test]
fn run_replays_one_of_them() {
    for size in SIZES {
        let session = Session::new();
        let script = format!(r#"head -c {size} /dev/zero | tr '\0' "$(cat version)""#);
        std::fs::write(session.path("script"), script).expect("a file");
        let write = "echo $version > new && mv new version && ecache run --stdin none --refresh -- sh script > printed";
        storm(&session, size, write, || {
            let ran = run(
                on_the_clock(session.command("run --strict --stdin none -- sh script")),
                b"",
            );
            assert_eq!((ran.code, &*ran.stderr), (0, ""));
            is_whole(&ran.stdout, size);
        });
    }
}

#[test]
fn values_kept_for_readers_go_with_a_later_write_and_with_prune() {
    let session = Session::new();
    let set = |version| {
        let set = session.command("set s k --type bytes");
        run(set, &vec![version; 3_000_000]).notes("");
    };
    let values = || {
        let store = rusqlite::Connection::open(session.store()).expect("a store");
        let sql = "SELECT count(DISTINCT id >> 20) FROM chunks";
        store
            .query_row(sql, (), |row| row.get::<_, u64>(0))
            .expect("a count")
    };
    set(b'a');
    set(b'b');
    assert_eq!(values(), 2, "the first is still being read");
    session.set_clock("2026-11-23T06:33:51.001Z");
    set(b'c');
    assert_eq!(values(), 2, "the second is still being read");
    session.set_clock("2026-11-23T06:34:51.002Z");
    session.run("prune -q").notes("");
    assert_eq!(values(), 1);
    session.run("rm s k -q").notes("");
    assert_eq!(values(), 1, "it can be brought back");
    session.run("undo -q").notes("");
    session.run("rm s k --no-undo -q").notes("");
    assert_eq!(values(), 0, "what is not kept for undo is not kept at all");
}
