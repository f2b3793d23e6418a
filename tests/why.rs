//! Explanations of why a command or a call is a hit or a miss.

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::{Ran, Session};

/// Creates a program in the session, so that everything reported about it is known.
fn tool(session: &Session, text: &str) {
    let path = session.path("tool");
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn session() -> Session {
    let session = Session::new();
    tool(&session, "#!/bin/sh\necho run >> ran\n");
    session
}

fn why(session: &Session, words: &str) -> Ran {
    session.run(format!("why --stdin none {words}").as_str())
}

/// Checks each line of the output, leaving out the keys, which are hashes.
#[track_caller]
fn explains(ran: &Ran, wanted: &[&str]) {
    assert_eq!(ran.stderr, "");
    let lines: Vec<&str> = ran.text().lines().collect();
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        let keyless: Vec<&str> = line.split(' ').filter(|word| word.len() < 60).collect();
        assert_eq!(keyless.join(" "), *wanted);
    }
}

#[test]
fn a_hit_is_told_with_its_times_and_runs_nothing() {
    let session = session();
    let before = why(&session, "-- ./tool a");
    assert_eq!(before.code, 1);
    explains(
        &before,
        &[
            "miss: this command has not been run",
            "  key      in tool",
            "  store tool has no entries",
        ],
    );
    session
        .run("run --stdin none --ttl 1h -- ./tool a")
        .prints("");
    session.set_clock("2026-11-23T06:42:51.000Z");
    let hit = why(&session, "-- ./tool a");
    assert_eq!(hit.code, 0);
    assert!(
        hit.text()
            .starts_with("hit: 10m old, expires in 50m, took "),
        "{hit:?}"
    );
    assert!(hit.text().contains("\n  key      "), "{hit:?}");
    let ran = std::fs::read(session.path("ran")).expect("it ran");
    assert_eq!(ran, b"run\n");

    session.set_clock("2026-11-23T07:35:51.000Z");
    let expired = why(&session, "-- ./tool a");
    assert_eq!(expired.code, 1);
    assert!(
        expired
            .text()
            .contains("is expired\n  1h3m old, expired 3m ago"),
        "{expired:?}"
    );
}

#[test]
fn a_miss_says_what_differs_from_the_nearest() {
    let session = session();
    session.run("set tool other value").notes("");
    let run = |words: &str| {
        session
            .run(format!("run --stdin none {words}").as_str())
            .succeeds()
    };
    run("-- ./tool a b");
    let miss = |words: &str, differences: &[&str]| {
        let ran = why(&session, &format!("{words} --format json -- ./tool a b"));
        assert_eq!(ran.code, 1, "{words}");
        let told: Value = serde_json::from_str(ran.text()).expect("JSON");
        let found = told["nearest"][0]["differences"]
            .as_array()
            .expect("differences");
        let parts: Vec<&str> = found
            .iter()
            .map(|it| it["part"].as_str().expect("text"))
            .collect();
        assert_eq!(parts, differences, "{words}");
        assert_eq!(told["read"], 2);
    };
    miss("--user ann", &["user"]);
    miss("--cwd", &["folder"]);
    miss(
        "--env HOME --env UNSET",
        &["variable HOME", "variable UNSET"],
    );
    miss("--file tool", &["file tool"]);
    let other = why(&session, "--dataset d1 -- ./tool a c");
    let lines: Vec<&str> = other.text().lines().collect();
    assert_eq!(
        lines[3..],
        [
            "  differs  in argument 2: \"b\" there, \"c\" here",
            "              dataset: nothing there, \"d1\" here",
            "  compared with the 2 latest entries of store tool",
        ]
    );
    // An entry that differs only in the dataset is reported as such.
    let dataset = why(&session, "--dataset d1 -- ./tool a b");
    assert!(
        dataset
            .text()
            .contains("\n  that key is in store tool, just written"),
        "{dataset:?}"
    );
    let collection = why(&session, "--collection c2 -- ./tool a b");
    assert!(
        collection
            .text()
            .contains("in store tool of collection execution_store"),
        "{collection:?}"
    );
}

#[test]
fn a_program_a_variable_or_a_file_that_changed_is_named() {
    let session = session().with("TOKEN", "one");
    std::fs::write(session.path("file"), "one").expect("a file");
    session
        .run("run --stdin none --env TOKEN --file file -- ./tool")
        .prints("");
    std::fs::write(session.path("file"), "another").expect("a file");
    let text = |session: &Session| {
        why(session, "--env TOKEN --file file -- ./tool")
            .text()
            .to_owned()
    };
    assert!(
        text(&session).contains(" file file: differs\n"),
        "{}",
        text(&session)
    );
    let session = session.with("TOKEN", "two");
    assert!(
        text(&session).contains(" variable TOKEN: differs\n"),
        "{}",
        text(&session)
    );
    tool(&session, "#!/bin/sh\necho a later release\n");
    assert!(
        text(&session).contains(" size of the program: "),
        "{}",
        text(&session)
    );
    assert!(!text(&session).contains("two"));
}

#[test]
fn another_standard_input_is_named() {
    let session = session();
    session.run_with_input("run -- cat", b"one").prints("one");
    let ran = session.run_with_input("why -- cat", b"two");
    assert!(ran.text().contains(" standard input: differs\n"), "{ran:?}");
    assert_eq!(session.run_with_input("why -- cat", b"one").code, 0);
    let ran = session.shell("ecache why -- cat < /dev/null");
    assert!(
        ran.text()
            .contains(" standard input: pipe there, /dev/null here\n"),
        "{ran:?}"
    );
    // A command that reads nothing is a hit for any input.
    session
        .shell("(printf one; touch there) | (until test -e there; do sleep 0.01; done; ecache run -- ./tool)")
        .prints("");
    assert_eq!(session.run_with_input("why -- ./tool", b"two").code, 0);
}

#[test]
fn calls_are_explained_as_commands_are() {
    let session = Session::new();
    session
        .run([
            "set", "labels", "-a", "label", "-j", "10", "[1]", "--type", "json",
        ])
        .notes("");
    assert_eq!(session.run("why labels -a label -j 10").code, 0);
    let ran = session.run("why labels -a label -j 11 --user ann");
    explains(
        &ran,
        &[
            "miss: there is no key in store labels",
            "  nearest  just written, never expires",
            "  differs  in argument 2: 10 there, 11 here, 1 more",
            "              user: nothing there, \"ann\" here",
        ],
    );
    let ran = session.run("why labels nothing");
    assert_eq!(
        (ran.code, ran.text()),
        (1, "miss: there is no key nothing in store labels\n")
    );
}

#[test]
fn damage_is_told_and_left_alone() {
    let session = session();
    session.run("run --stdin none -- ./tool").prints("");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    let damage = "UPDATE entries SET value = CAST('x' AS BLOB)";
    assert_eq!(store.execute(damage, ()).expect("a row"), 1);
    drop(store);
    let ran = why(&session, "-- ./tool");
    assert_eq!(ran.code, 1);
    assert!(
        ran.text()
            .ends_with("is damaged; the next run replaces it, `ecache rm` removes it\n"),
        "{ran:?}"
    );
}

#[test]
fn an_undo_is_offered_as_long_as_it_is_possible() {
    let session = Session::new();
    session.run("set s k v").notes("");
    session.run("rm s k").succeeds();
    let tip = "tip: ecache undo 1 brings 1 entry back";
    let ran = session.run("why s k");
    assert!(ran.text().contains(tip), "{ran:?}");
    session.set_clock("2026-11-24T06:33:00.000Z");
    let ran = session.run("why s k");
    assert!(ran.text().contains("removed"), "{ran:?}");
    assert!(!ran.text().contains("undo"), "{ran:?}");
}

/// Commands that change an entry, what `why` says of it then, and the reason in JSON.
const CAUSES: [(&str, &str, &str); 19] = [
    (":", "miss: there is no key k in store s", "missing"),
    (
        "ecache set s k v --ttl 1s; sleep_until 8",
        "miss: key k in store s is expired\n  1h27m old, expired 1h27m ago",
        "expired",
    ),
    (
        "ecache set s k v --ttl 1s; sleep_until 8; ecache prune -q",
        "miss: key k in store s expired 87m ago and was removed by op 1, `ecache prune -q`",
        "expired",
    ),
    (
        "ecache set s k v; ecache rm s k",
        "miss: key k in store s was removed just now by op 1, `ecache rm s k`\n  just written, never expires\n  tip: ecache undo 1 brings 1 entry back",
        "removed",
    ),
    (
        "ecache set s k v --user ann; ecache clear --user ann",
        "miss: key k in store s was cleared just now by op 1, `ecache clear --user ann`\n  just written, never expires\n  tip: ecache undo 1 brings 1 entry back",
        "cleared",
    ),
    (
        "ecache set s k v; ecache set s l v; ecache clear s",
        "miss: key k in store s was cleared just now by op 1, `ecache clear s`\n  just written, never expires\n  tip: ecache undo 1 brings 2 entries back",
        "cleared",
    ),
    (
        "ecache set s k v; ecache clear s --no-undo",
        "miss: key k in store s was cleared just now by op 1, `ecache clear s --no-undo`",
        "cleared",
    ),
    (
        "ecache set s k v; ecache clear s; ecache prune --retired",
        "miss: key k in store s was cleared just now by op 1, `ecache clear s`",
        "cleared",
    ),
    (
        "ecache set s k v; sleep_until 8; ecache prune --older-than 1h -q",
        "miss: key k in store s was pruned just now by op 1, `ecache prune --older-than 1h -q`\n  1h27m old, never expires\n  tip: ecache undo 1 brings 1 entry back",
        "pruned",
    ),
    (
        "ecache set s k v; ecache set s l v; ecache prune --max-entries 1",
        "miss: key k in store s was pruned just now by op 1, `ecache prune --max-entries 1`\n  just written, never expires\n  tip: ecache undo 1 brings 1 entry back",
        "pruned",
    ),
    (
        "ecache limit set s --max-entries 1; ecache set s k v; ecache set s l v",
        "miss: key k in store s was evicted just now by the limit for store=s",
        "evicted",
    ),
    (
        "ecache limit set --max-entries 1; ecache set s k v; ecache rm s k; ecache set t l v",
        "miss: key k in store s was removed, and evicted for good just now by the limit for everything",
        "removed",
    ),
    (
        "ecache limit set --max-entries 1; ecache set s k v; ecache clear s; ecache set t l v",
        "miss: key k in store s was removed, and evicted for good just now by the limit for everything",
        "removed",
    ),
    (
        "ecache set s k v --dataset d1; ecache set s k v --dataset d2; echo d2 > live; ecache prune --orphaned --live-datasets live; scope='--dataset d1'",
        "miss: key k in store s of dataset d1 was removed just now by op 1, `ecache prune --orphaned --live-datasets live`, since its dataset was deleted\n  that key is in store s of dataset d2, just written, never expires",
        "orphaned",
    ),
    (
        "ecache set s k v; ecache stores rename s t",
        "miss: store s was renamed just now by op 1, `ecache stores rename s t`\n  that key is in store t, just written, never expires",
        "renamed",
    ),
    (
        "ecache set s l v; echo '{\"store_name\":\"s\",\"key\":\"k\",\"value\":1,\"policy\":\"evict\"}' | ecache import - -q; ecache undo",
        "miss: key k in store s was removed just now by op 2, `ecache undo`\n  just written, never expires\n  tip: ecache undo 2 brings 1 entry back",
        "removed",
    ),
    (
        "ecache set s k v; echo '{\"store_name\":\"s\",\"key\":\"k\",\"value\":1,\"policy\":\"evict\",\"created_at\":\"2026-11-23T06:00:00Z\",\"expires_at\":\"2026-11-23T06:30:00Z\"}' | ecache import - -q",
        "miss: key k in store s is expired\n  32m51s old, expired 2m51s ago\n  replaced an earlier one just now by op 1, `ecache import - -q`\n  the earlier one: just written, never expires\n  tip: ecache undo 1 brings 1 entry back",
        "expired",
    ),
    (
        "ecache set s k v; echo '{\"store_name\":\"s\",\"key\":\"k\",\"value\":1,\"policy\":\"evict\"}' | ecache import - -q; export ECACHE_TEST_NOW=2026-11-23T08:00:00.000Z; ecache set s k later",
        "hit: just written, never expires\n  key      k in s",
        "hit",
    ),
    (
        "ecache set s k v; ecache clear s; ecache undo",
        "hit: just written, never expires\n  key      k in s",
        "hit",
    ),
];

#[test]
fn each_cause_is_named_with_its_operation() {
    for (done, told, reason) in CAUSES {
        let session = Session::new();
        let clock = "sleep_until() { export ECACHE_TEST_NOW=2026-11-23T0$1:00:00.000Z; }";
        let explain = "ecache why s k $scope; ecache why s k $scope --json";
        let ran = session.shell(&format!(
            "{clock}; {{ :; {done}; }} 2> /dev/null; {explain}"
        ));
        let (text, json) = ran
            .text()
            .trim_end()
            .rsplit_once('\n')
            .expect("two answers");
        assert_eq!((text, &*ran.stderr), (told, ""), "{done}");
        let json: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(json["reason"], reason, "{done}");
        if told.contains("replaced") {
            assert_eq!(json["replaced_by"]["op"], 1, "{done}");
        } else if told.contains(" by op 1,") {
            assert_eq!(json["removed_by"]["op"], 1, "{done}");
        }
    }
}

#[test]
fn nothing_that_is_recorded_acts_on_a_terminal() {
    let session = session();
    session
        .run(["run", "--stdin", "none", "--", "./tool", "\u{1b}[2J"])
        .prints("");
    for format in ["text", "json"] {
        let shown = session.run_on_terminal([
            "why",
            "--stdin",
            "none",
            "--format",
            format,
            "--",
            "./tool",
            "\u{202e}x",
        ]);
        assert!(!shown.bytes.contains(&0x1b), "{shown:?}");
        let text = String::from_utf8(shown.bytes).expect("text");
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn a_result_that_was_not_kept_is_not_said_to_be_of_no_run() {
    let session = session();
    let unkept = "  store tool had 1 miss and has 0 entries: nothing is kept of a failure with \
                  --no-failures, of less time than --min-cost, of more output than --max-output, of \
                  a command that a signal ended, that read a part of its input or from the \
                  terminal, or whose files changed while it ran";
    let explained = |reasons: &[&str]| {
        let first = match reasons {
            [] => "miss: this command has not been run",
            _ => "miss: there is no result of this command, which may have run",
        };
        let first = [first, "  key      in tool"];
        let last = ["  store tool has no entries"];
        explains(
            &why(&session, "-- ./tool a"),
            &[&first, reasons, &last].concat(),
        );
    };
    explained(&[]);
    tool(&session, "#!/bin/sh\nexit 3\n");
    let failed = session.run("run --stdin none --no-failures -- ./tool a");
    assert_eq!(failed.code, 3);
    explained(&[unkept]);
    session.run("limit set tool --min-cost 1h").succeeds();
    session.run("limit set other --min-cost 1h").succeeds();
    session.run("limit set --max-size 1MiB").succeeds();
    explained(&[
        unkept,
        "  the limit for everything keeps nothing larger than 1.0 MiB",
        "  the limit for store tool keeps only what takes 1h or longer",
    ]);
}

#[test]
fn an_empty_variable_is_not_an_unset_one() {
    let session = session();
    session
        .run("run --stdin none --env LANGUAGE -- ./tool a")
        .prints("");
    let why = session.shell("LANGUAGE= ecache why --stdin none --env LANGUAGE -- ./tool a");
    let told = "variable LANGUAGE: not set there, set here";
    assert!(why.text().contains(told), "{}", why.text());
}
