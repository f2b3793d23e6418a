//! Many processes on one store, and processes that die: no acknowledged write is lost, and no
//! process is turned away.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{Ran, Session};

fn finish(children: Vec<Child>) -> Vec<Ran> {
    let end = |child: Child| Ran::from(child.wait_with_output().expect("it ends"));
    children.into_iter().map(end).collect()
}

fn lines(store: &str, count: usize) -> String {
    let line = |n| {
        format!(
            "{{\"store_name\": \"{store}\", \"key\": \"k{n}\", \"policy\": \"evict\", \"value\": \"{}\"}}\n",
            "x".repeat(200)
        )
    };
    (0..count).map(line).collect()
}

fn keys(session: &Session, store: &str) -> BTreeSet<String> {
    let listing = session
        .run(["ls", "--fields", "key", "--store", store])
        .succeeds();
    listing.text().lines().map(str::to_owned).collect()
}

#[test]
fn thirty_two_processes_create_one_store_and_none_is_turned_away() {
    let session = Session::new();
    let start = |n: usize| {
        let mut child = session.spawn(&format!("set storm k{n} {n}"));
        drop(child.stdin.take());
        child
    };
    for ran in finish((0..32).map(start).collect()) {
        ran.notes("");
    }
    let expected: BTreeSet<String> = (0..32).map(|n| format!("k{n}")).collect();
    assert_eq!(keys(&session, "storm"), expected);
}

#[test]
fn writers_readers_clearing_and_pruning_work_at_once() {
    let session = Session::new();
    let script = |n: usize| {
        match n % 4 {
        0 => format!("for i in 1 2 3 4 5 6 7 8; do ecache set kept w{n}-$i $i --policy persist || exit; done"),
        1 => format!("for i in 1 2 3 4 5 6 7 8; do ecache set doomed w{n}-$i $i --ttl 1ms || exit; ecache get kept w0-1; test $? -le 1 || exit 9; done"),
        2 => "for i in 1 2 3 4; do ecache prune -q || exit; ecache prune -q --max-entries 5 --store doomed || exit; done".to_owned(),
        _ => "for i in 1 2 3 4; do ecache clear -q --store doomed || exit; ecache ls | wc -l; ecache stats > /dev/null || exit; done".to_owned(),
    }
    };
    let start = |n: usize| {
        let mut shell = session.program("sh");
        shell.args(["-c", &script(n)]);
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        shell.spawn().expect("a shell")
    };
    for ran in finish((0..32).map(start).collect()) {
        ran.notes("");
    }
    assert_eq!(
        keys(&session, "kept").len(),
        8 * 8,
        "what is to persist is all there"
    );
    session.run("clear --store doomed --quiet").notes("");
    assert!(keys(&session, "doomed").is_empty());
}

#[test]
fn one_of_many_gets_a_lock() {
    let session = Session::new();
    let start = |n: usize| {
        let mut child = session.spawn(&format!("set locks job-7 {n} --if-absent"));
        drop(child.stdin.take());
        child
    };
    let ends = finish((0..16).map(start).collect());
    let winners: Vec<usize> = (0..16).filter(|n| ends[*n].code == 0).collect();
    assert_eq!(winners.len(), 1, "{ends:?}");
    assert!(
        ends.iter()
            .all(|ran| ran.stderr.is_empty() && ran.code <= 1),
        "{ends:?}"
    );
    session
        .run("get locks job-7")
        .prints(winners[0].to_string());
}

/// Returns moments to kill a process at, spread over its life. They are the same in every run, so
/// that a failure can be reproduced.
fn moments(count: u64, longest: Duration) -> impl Iterator<Item = Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count).map(move |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        longest.mul_f64((state >> 11) as f64 / (1_u64 << 53) as f64)
    })
}

/// Kills a process with SIGKILL after a while, and waits until it is gone.
fn kill_after(mut child: Child, moment: Duration) {
    std::thread::sleep(moment);
    child.kill().expect("it was not waited for");
    child.wait().expect("it ends");
}

/// Checks that the store works at once, without any repair.
fn works_at_once(session: &Session) {
    let start = Instant::now();
    session.run("set after it works").notes("");
    session.run("get after it").prints("works");
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "it waited for the dead"
    );
}

#[test]
fn acknowledged_writes_outlive_the_writer() {
    let session = Session::new();
    let mut acknowledged = BTreeSet::new();
    for (round, moment) in moments(12, Duration::from_millis(150)).enumerate() {
        // The shell says so when a set is done; both are killed.
        let mut shell = session.program("sh");
        shell
            .args(["-c", &format!("i=0; while ecache set storm r{round}-$i $i; do echo r{round}-$i; i=$((i + 1)); done")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        let told = BufReader::new(shell.stdout.take().expect("it was piped"));
        kill_after(shell, moment);
        acknowledged.extend(told.lines().map(|key| key.expect("a key")));
        works_at_once(&session);
    }
    assert!(!acknowledged.is_empty(), "nothing was ever acknowledged");
    let there = keys(&session, "storm");
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?}");
    for key in &there {
        let value = key.split_once('-').expect("a round and a number").1;
        session.run(["get", "storm", key]).prints(value);
    }
}

#[test]
fn an_import_that_is_killed_is_whole_or_nothing() {
    let session = Session::new();
    std::fs::write(session.path("many.jsonl"), lines("many", 3_000)).expect("a file");
    let mut seen = BTreeSet::new();
    for moment in moments(15, Duration::from_millis(400)) {
        kill_after(session.spawn("import many.jsonl"), moment);
        works_at_once(&session);
        seen.insert(keys(&session, "many").len());
        session.run("clear --store many --quiet").notes("");
    }
    assert!(seen.is_subset(&BTreeSet::from([0, 3_000])), "{seen:?}");
    assert!(seen.contains(&0), "no import was killed in time");
    session
        .run("import many.jsonl")
        .notes("imported 3,000 entries (3,000 new, 0 replaced)\n");
}

#[test]
fn an_import_in_batches_that_is_killed_can_be_repeated() {
    let session = Session::new();
    std::fs::write(session.path("many.jsonl"), lines("many", 3_000)).expect("a file");
    for moment in moments(8, Duration::from_millis(300)) {
        kill_after(session.spawn("import many.jsonl --batch 500"), moment);
        assert_eq!(keys(&session, "many").len() % 500, 0);
    }
    session.run("import many.jsonl --quiet").notes("");
    assert_eq!(keys(&session, "many").len(), 3_000);
}

#[test]
fn removing_that_is_killed_leaves_what_it_was_not_to_remove() {
    for command in [
        "prune --older-than 1h",
        "clear --store doomed",
        "prune --max-entries 10 --vacuum",
    ] {
        let session = Session::new();
        session
            .run("set kept theme dark --policy persist")
            .notes("");
        for moment in moments(6, Duration::from_millis(120)) {
            session.set_clock("2026-11-23T06:00:00.000Z");
            session
                .run_with_input("import - --quiet", lines("doomed", 1_500).as_bytes())
                .notes("");
            session.set_clock("2026-11-23T08:00:00.000Z");
            kill_after(session.spawn(command), moment);
            works_at_once(&session);
            session.run("get kept theme").prints("dark");
        }
        session.run(&format!("{command} --quiet")).notes("");
        // The counters equal a recount of the listed entries.
        let counted = session
            .run("stats --store doomed --format jsonl")
            .succeeds();
        let left = keys(&session, "doomed").len();
        assert!(left <= 10, "{command}: {left}");
        match left {
            0 => assert_eq!(counted.text(), "", "{command}"),
            _ => assert!(
                counted.text().contains(&format!("\"entries\":{left},")),
                "{command}: {left} and {counted:?}"
            ),
        }
    }
}

/// Operations that are killed. Those of one transaction are made or not made; the others may have
/// done a part, which their undo reverts.
const OPERATIONS: [(&str, Transactions); 11] = [
    ("touch --all --ttl 9h", Transactions::Many),
    (
        "import other.jsonl --on-conflict replace",
        Transactions::One,
    ),
    (
        "import other.jsonl --on-conflict replace --batch 200",
        Transactions::Many,
    ),
    (
        "copy other.db store.db --on-conflict replace",
        Transactions::Many,
    ),
    ("stores rename many several", Transactions::One),
    ("limit set many --max-entries 9000", Transactions::One),
    ("limit rm --user bob", Transactions::One),
    ("doctor --fix endless-users", Transactions::Many),
    ("clear many", Transactions::One),
    ("clear --user ann", Transactions::Many),
    ("rm many k1 k2 k3", Transactions::One),
];

#[derive(Clone, Copy, PartialEq)]
enum Transactions {
    One,
    Many,
}

/// Returns a store as `export`, `stores` and `limit` show it, without the space that is kept for
/// undo, and the number of the latest operation.
fn state(session: &Session) -> (String, u64) {
    let shown = session
        .shell("ecache export; ecache stores; ecache limit ls --format csv | cut -d, -f 1,2,4");
    assert_eq!(shown.stderr, "");
    let log = session.run("log --limit 1").succeeds();
    let number = log.text().split('\t').next().expect("a line");
    (shown.text().to_owned(), number.parse().expect("a number"))
}

/// Kills each operation, and each undo, at so many moments. Nothing is repaired in between.
fn kill_operations(count: u64, longest: Duration) {
    let entry = |n: u32, value: &str| {
        let user = ["ann", "bob"][n as usize % 2];
        format!(
            r#"{{"store_name":"many","key":"k{n}","policy":"evict","user_id":"{user}","value":"{value}","hits":3}}"#
        ) + "\n"
    };
    let entries = |range: std::ops::Range<u32>, value: &str| -> String {
        range.map(|n| entry(n, value)).collect()
    };
    for (command, transactions) in OPERATIONS {
        let session = Session::new();
        let session = session.with("ECACHE_DB", "store.db");
        for (file, lines) in [
            ("many.jsonl", entries(0..2_000, &"x".repeat(200))),
            ("other.jsonl", entries(1_000..3_000, "another")),
        ] {
            std::fs::write(session.path(file), lines).expect("a file");
        }
        session.run("import many.jsonl -q").succeeds();
        session
            .run("import other.jsonl -q --db other.db")
            .succeeds();
        session
            .run("limit set --user bob --max-entries 9000 -q")
            .succeeds();
        let (before, _) = state(&session);
        session.run(&format!("{command} -q")).succeeds();
        let (done, operation) = state(&session);
        assert_ne!(before, done, "{command}");
        let undo = format!("undo {operation} -q");
        for moment in moments(count, longest) {
            kill_after(session.spawn(&undo), moment);
        }
        // One of them may have come to its end.
        session.run(&undo);
        assert_eq!(state(&session).0, before, "the undo of {command}");
        for moment in moments(count, longest) {
            let (_, last) = state(&session);
            kill_after(session.spawn(command), moment);
            let (now, operation) = state(&session);
            if transactions == Transactions::One {
                assert!(now == before || now == done, "{command} is made or not");
            }
            let is_logged = operation > last;
            assert_eq!(now != before, is_logged, "{command} is logged if made");
            if is_logged {
                session.run("undo -q").succeeds();
                assert_eq!(state(&session).0, before, "{command} is undone");
            }
        }
    }
}

#[test]
fn an_operation_that_is_killed_is_undone_exactly() {
    kill_operations(3, Duration::from_millis(120));
}

#[test]
#[ignore = "takes some minutes"]
fn an_operation_that_is_killed_at_any_of_many_moments_is_undone_exactly() {
    kill_operations(60, Duration::from_millis(250));
}

#[test]
fn a_pipe_that_blocks_does_not_let_the_log_grow() {
    /// The limit that the log is cut back to, and a page of rows on top.
    const BOUND: u64 = 8 << 20;
    let session = Session::new();
    session
        .run_with_input("import - --quiet", lines("many", 20_000).as_bytes())
        .notes("");
    // Its output is not read until the writers are done.
    let mut blocked = session.spawn("ls --fields key,value");
    let mut stdout = BufReader::new(blocked.stdout.take().expect("it was piped"));
    stdout.read_line(&mut String::new()).expect("a line");
    let start = |n: usize| {
        let mut shell = session.program("sh");
        let script = format!(
            "for i in 1 2 3 4 5; do head -c 400000 /dev/zero | ecache set w{n} big --type bytes || exit; done"
        );
        shell
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        shell.spawn().expect("a shell")
    };
    for ran in finish((0..8).map(start).collect()) {
        ran.notes("");
    }
    let log = std::fs::metadata(session.store_folder().join("store.db-wal"))
        .expect("a log")
        .len();
    assert!(
        log < BOUND,
        "16 MB were written over 3 MB, and the log has {log} bytes"
    );
    let rest = stdout.lines().count();
    assert_eq!(rest, 20_000 - 1 + 8, "it goes on where it was");
    assert!(blocked.wait().expect("it ends").success());
}
