//! Filters and collections: every verb has the same, and selects the entries that
//! `Filter::matches` accepts.

#[path = "../support/mod.rs"]
mod support;

mod collections;
mod nothing;
mod table;
mod watch;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use ecache_core::backend::{Condition, Content, Put};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::location::{self, Access};
use ecache_core::scope::StoreAddress;
use ecache_core::value::Kind;
use support::{NOW, Session};
use table::*;

#[test]
fn every_verb_selects_what_its_filter_means() {
    every_verb_selects(&filled());
}

#[cfg(feature = "mongodb")]
#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn every_verb_selects_what_its_filter_means_in_a_database() {
    let server = std::env::var("ECACHE_TEST_MONGODB").expect("tests/mongodb/with names a server");
    let (hosts, options) = server
        .split_once("/?")
        .unwrap_or((server.trim_end_matches('/'), ""));
    let location = format!("{hosts}/filters-{}?{options}", std::process::id());
    every_verb_selects(&filled_by(Session::new().with("ECACHE_DB", &location)));
}

#[test]
fn the_tables_have_every_verb_and_every_option() {
    let session = Session::new();
    let help = session.run("ls --help").succeeds();
    let (_, filters) = help.text().split_once("\nFilter:\n").expect("a section");
    let (filters, _) = filters
        .split_once("\nExamples:\n")
        .expect("another section");
    for word in filters
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
    {
        let is_tested = OPTIONS
            .iter()
            .any(|(option, _)| option.split(' ').any(|w| w == word));
        assert!(is_tested, "{word} is in no row of the table");
    }
    // A manual page for each verb, and for verbs of verbs.
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
    let pages = std::fs::read_dir(manual).expect("the manual");
    let pages = pages.map(|page| page.expect("a page").file_name());
    let verbs: Vec<String> = pages
        .filter_map(|page| {
            let verb = page.to_str()?.strip_prefix("ecache-")?.strip_suffix(".1")?;
            Some(verb.to_owned())
        })
        .filter(|verb| !verb.contains('-'))
        .collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in &verbs {
        let verb = verb.as_str();
        let help = session.run([verb, "--help"]);
        let filters = help.code == 0 && help.text().contains("--smaller-than");
        // The browser needs a terminal, and has a test of its own.
        let is_tested =
            ["watch", "browse"].contains(&verb) || VERBS.iter().any(|tested| tested.name() == verb);
        assert!(!filters || is_tested, "{verb} is in no row of the table");
    }
}

#[test]
fn every_verb_says_which_names_no_entry_has() {
    let session = filled();
    for verb in VERBS {
        if verb.reads_a_file() {
            continue;
        }
        for (option, said) in [
            (
                "--store ech",
                "there is no store \"ech\"\n  tip: did you mean echo?\n",
            ),
            ("--user ana", "no entry has user \"ana\"\n"),
            (
                "--operator @a/bc",
                "no entry has operator \"@a/bc\"\n  tip: did you mean @a/b?\n",
            ),
            ("--operator @b/c", "no entry has operator \"@b/c\"\n"),
            ("--prompt p2", "no entry has prompt \"p2\"\n"),
            (
                "--dataset 6b03de1228195dbc2df5c599",
                "no entry is linked to dataset 6b03",
            ),
        ] {
            let Some(words) = verb.spells(option) else {
                continue;
            };
            let ran = session.run(&words);
            let stderr = &ran.stderr;
            assert!(stderr.contains(said), "{words}: {ran:?}");
            assert!(!stderr.contains("FiftyOne"), "{words}: {ran:?}");
        }
    }
    // A store where FiftyOne may have written says so, too.
    let line = format!(
        "{{\"store_name\": \"theirs\", \"key\": \"{}\", \"value\": 1, \"policy\": \"evict\"}}",
        "a".repeat(64)
    );
    session
        .run_with_input("import - -q", line.as_bytes())
        .notes("");
    let ran = session.run("clear --user ann_ -n");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "warning: no entry has user \"ann_\"; what FiftyOne wrote has no user on record",
            "  tip: name the call: ecache show STORE -a ARG --user ID"
        ],
        "{ran:?}"
    );
    assert_eq!(ran.stderr.matches("warning").count(), 1, "{ran:?}");
}

#[test]
fn a_key_in_the_place_of_a_store_removes_nothing() {
    let session = filled();
    let before = session.run("ls --policy any --fields key");
    for line in [
        "clear s k1",
        "clear s k1 -n",
        "prune s k1",
        "clear --store k1 s",
    ] {
        let ran = session.run(line);
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
        let told = "error: k1 is a key of s, not a store\n  tip: one key: ecache rm s k1 -n; ";
        assert!(ran.stderr.starts_with(told), "{line}: {ran:?}");
    }
    assert_eq!(session.run("ls --policy any --fields key"), before);
    session.run("clear s nosuch -n").succeeds();
}

#[test]
fn conditions_that_no_entry_meets_are_refused() {
    let session = filled();
    for filter in [
        "--larger-than 10 --smaller-than 10",
        "--larger-than 10 --smaller-than 11",
        "--newer-than 1h --older-than 2h",
        "--newer-than 1h --unused-for 1d",
        "--expired --fresh",
        "--expired --expiring-within 1h",
        "--no-expiry --expiring-within 1h",
        "--user=",
        "--dataset=",
        "--glob --operator=",
        "--glob --store [",
        "--kind string",
        "--cost-above 3",
        "--smaller-than few",
        "--larger-than 1 --larger-than 2",
        "--collection other --all-collections",
    ] {
        for verb in [
            "ls",
            "clear -n",
            "prune -n --max-entries 1",
            "stores",
            "import -n lines.jsonl",
        ] {
            if filter == "--cost-above 3" {
                continue;
            }
            let ran = session.run(&format!("{verb} {filter}"));
            assert_eq!(ran.code, 2, "{verb} {filter}: {ran:?}");
            assert!(
                !ran.stderr.is_empty() && ran.stdout.is_empty(),
                "{verb} {filter}: {ran:?}"
            );
        }
    }
    // A window is not a contradiction.
    let window =
        "ls --fields key --larger-than 3 --smaller-than 6 --newer-than 1h --older-than 10m";
    session.run(window).succeeds();
}

#[test]
fn prune_takes_more_than_limits() {
    let session = filled();
    let dry = |words: &str| session.run(&format!("prune -n --collection execution_store {words}"));
    // Without a limit, the expired entries that match the filter go.
    dry("").notes("would remove 1 entry (3 B)\n");
    let nothing = |words, reason| dry(words).notes(&format!("no entry matches: {reason}\n"));
    nothing(
        "--kind text",
        "there are 8 entries; 2 would match, but are not expired",
    );
    nothing(
        "--older-than 1h --user bob",
        "there are 8 entries; 1 would match without --older-than",
    );
    dry("--older-than 1m --user bob").notes("would remove 1 entry (4 B): 3ms at stake\n");
    // An entry of policy `persist` goes if it is asked for.
    dry("--older-than 1h --store s").notes("would remove 2 entries (4 B)\n");
    dry("--older-than 1h --store s --policy any").notes("would remove 3 entries (16 B)\n");
    dry("--older-than 1h --store s --policy persist").notes("would remove 1 entry (12 B)\n");
    dry("--expired --policy any").notes("would remove 1 entry (3 B)\n");
    for words in [
        "--max-size 1 --policy any",
        "--fresh",
        "--no-expiry",
        "--expiring-within 1h",
    ] {
        assert_eq!(dry(words).code, 2, "{words}");
    }
    dry("--no-expiry --older-than 20m --store s").notes("would remove 1 entry (6 B)\n");
}

#[test]
fn a_persistent_entry_stays_until_it_is_expired() {
    let session = filled();
    let path = session.store();
    let backend = location::open(path.as_os_str(), Access::Write);
    let backend = backend.expect("a store");
    let address = StoreAddress::new("s").entry(Key::new("both").expect("a key"));
    let mut entry = Entry::new(address, Kind::Text, after(-3600));
    entry.policy = Policy::Persist;
    entry.expires_at = Some(after(-1800));
    let content = Content::Inline(b"kept".to_vec());
    let put = backend.put(&entry, &content, &Condition::Always.into(), now());
    assert_eq!(put.expect("a write"), Put::Created);
    drop(backend);
    let run = |words: &str| session.run(words);
    let stays = "1 entry (4 B) is persist and would stay; --policy any removes it\n";
    run("clear -n --store s --key both --collection execution_store").notes(&format!(
        "no entry matches: s has 5 entries; 1 would match, but is of policy persist\n{stays}"
    ));
    run("prune -n --policy evict --collection execution_store")
        .notes("would remove 1 entry (3 B)\n");
    let doctor = run("doctor --fail-on none --collection execution_store --format tsv");
    let advice = "ecache prune --expired --collection execution_store";
    assert!(doctor.succeeds().text().contains(advice));
    let fix = "doctor --fix expired --fail-on none --collection execution_store";
    let fixed = run(&format!("{fix} -n")).succeeds();
    assert!(
        fixed
            .stderr
            .ends_with("expired:\nwould remove 2 entries (7 B)\n")
    );
    run("prune -n --collection execution_store").notes("would remove 2 entries (7 B)\n");
    run("prune --expired --collection execution_store").notes("removed 2 entries (7 B)\n");
}

#[test]
fn no_job_runs_in_a_file() {
    let job = r#"{"store_name": "jobs", "key": "j", "created_at": "2026-11-23T02:00:00Z", "policy": "evict", "expires_at": "2099-01-01T00:00:00Z", "kind": "json", "value": {"id": "j", "owner": "ann", "scope": "s", "payload": null, "state": "running", "lease_expires_at": {"$bson": {"$date": "2099-01-01T00:00:00Z"}}, "fencing_token": 1, "cancel_requested": false, "progress": null}}"#;
    let session = Session::new();
    std::fs::write(session.path("job"), job).expect("a file");
    for words in ["prune --max-size 0", "clear --all", "prune --older-than 1h"] {
        for jobs in ["", " --jobs"] {
            session.run("import job").succeeds();
            let ran = session.run(&format!("{words}{jobs}")).succeeds();
            assert!(
                ran.stderr.starts_with("removed 1 entry ("),
                "{words}{jobs}: {ran:?}"
            );
            assert_eq!(ran.stderr.lines().count(), 1, "{words}{jobs}: {ran:?}");
        }
    }
}

#[test]
fn a_miss_of_a_dataset_that_cannot_be_an_id_is_said() {
    let session = filled();
    let note = "warning: no entry is linked to dataset street\n  tip: no dataset has a name here";
    for verb in ["get", "has"] {
        let ran = session.run(&format!("{verb} s k --dataset street"));
        assert_eq!(ran.code, 1, "{verb}: {ran:?}");
        assert!(ran.stderr.starts_with(note), "{verb}: {ran:?}");
        let ran = session.run(&format!("{verb} s k --dataset 6b03de1228195dbc2df5c500"));
        assert_eq!((ran.code, &*ran.stderr), (1, ""), "{verb}");
    }
    session.run("set s k v --dataset street").succeeds();
    for verb in ["get", "has"] {
        let ran = session.run(&format!("{verb} s other --dataset street"));
        assert_eq!((ran.code, &*ran.stderr), (1, ""), "{verb}");
    }
}

#[test]
fn a_dataset_that_nothing_is_known_of_is_said() {
    let session = filled();
    let note = "warning: no entry is linked to dataset street\n  tip: no dataset has a name here";
    for verb in [
        "ls",
        "stats",
        "stores",
        "export",
        "clear -n",
        "prune -n",
        "touch -n --ttl 1d",
    ] {
        let ran = session
            .run(&format!(
                "{verb} --dataset street --dataset 6b03de1228195dbc2df5c501"
            ))
            .succeeds();
        assert!(ran.stderr.contains(note), "{verb}: {ran:?}");
        let ran = session
            .run(&format!("{verb} --dataset 6b03de1228195dbc2df5c501"))
            .succeeds();
        assert!(!ran.stderr.contains("linked"), "{verb}: {ran:?}");
    }
}

#[test]
fn doctor_advises_commands_for_what_it_looked_at() {
    let session = filled();
    let advised = |words: &str| {
        let ran = session.run(&format!("doctor --format jsonl --fail-on none {words}"));
        let rows = ran.text().lines().map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let text = |field: &str| row[field].as_str().expect("a text").to_owned();
            (text("check"), text("command"))
        });
        rows.filter(|(check, _)| check != "growth")
            .collect::<Vec<_>>()
    };
    let pair = |check: &str, command: &str| (check.to_owned(), command.to_owned());
    assert_eq!(
        advised("--store s --older-than 2026-11-23T05:00:00Z"),
        [pair(
            "expired",
            "ecache prune --store s --expired --older-than 2026-11-23T05:00:00.000Z"
        )]
    );
    assert_eq!(advised("--store s2 --dataset 6b03de1228195dbc2df5c501"), []);
    assert_eq!(
        advised("--kind json --user ann"),
        [
            pair(
                "endless-prompts",
                "ecache clear --user ann --prompt '*' --kind json --glob --no-expiry"
            ),
            pair(
                "endless-users",
                "ecache clear --user ann --kind json --glob --no-expiry"
            ),
        ]
    );
    // The fix changes only entries that were found.
    session
        .run("doctor --fix expired --store s2 --fail-on none -q")
        .succeeds();
    assert_eq!(
        session.run("ls --expired --fields key").succeeds().text(),
        "k4\n"
    );
    session
        .run("doctor --fix expired --store s --fail-on none -q")
        .succeeds();
    session.run("ls --expired --fields key").prints("");
}

#[test]
fn a_set_clock_is_the_one_of_the_table() {
    let time = Duration::from_millis(u64::try_from(NOW_MS).expect("after 1970"));
    assert_eq!(NOW, "2026-11-23T06:32:51.000Z");
    assert_eq!(time.as_secs() % 60, 51);
}

#[test]
fn stores_are_arguments_of_every_verb_that_selects_entries() {
    let session = filled();
    for verb in [
        "ls",
        "stats",
        "stores ls",
        "stores",
        "export",
        "clear -n",
        "prune -n --older-than 1m",
        "doctor --fail-on none",
        "warm --refresh -n",
    ] {
        // The command of `warm` leaves room for one.
        let names: &[&str] = if verb.starts_with("warm") {
            &["s"]
        } else {
            &["s", "s s2"]
        };
        for names in names {
            let option = names.replace("s ", "--store s --store ");
            let option = option.strip_prefix("--store ").unwrap_or(&option);
            let by_option = session.run(&format!("{verb} --store {option}"));
            let by_argument = session.run(&format!("{verb} {names}"));
            assert_eq!(by_argument, by_option, "{verb} {names}");
            assert_eq!(by_argument.code, 0, "{verb} {names}: {by_argument:?}");
        }
    }
    let dry = |words: &str| session.run(&format!("touch -n --ttl 1d {words}"));
    assert_eq!(dry("s k1 k2"), dry("--store s --key k1 --key k2"));
    let nothing = "no entry matches: s has 4 entries, none with key nothing\nwarning: there is no key nothing in store s\n  \
                   tip: ecache ls s lists its keys\n";
    let ran = dry("s nothing");
    assert_eq!((&*ran.stderr, ran.code), (nothing, 1));
    // Where an argument is a file, a second one is not a store.
    for words in ["import lines.jsonl s", "copy @ copy.db s"] {
        let ran = session.run(words);
        assert_eq!(ran.code, 2, "{words}");
        assert!(ran.stderr.contains("named with --store here"), "{ran:?}");
    }
}

#[test]
fn nothing_found_is_a_failure_where_that_is_asked_for() {
    let session = filled();
    std::fs::write(session.path("backup.jsonl"), "{}\n").expect("a file");
    for verb in ["ls", "stats", "stores ls", "export"] {
        assert_eq!(session.run(&format!("{verb} s --fail-empty")).code, 0);
        assert_eq!(session.run(&format!("{verb} nothing")).code, 0, "{verb}");
        let ran = session.run(&format!("{verb} nothing --fail-empty"));
        assert_eq!(ran.code, 1, "{verb}: {ran:?}");
    }
    // A misspelt name does not empty a backup.
    let ran = session.run("export -o backup.jsonl thumps");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("backup.jsonl stays as it is") && !ran.stderr.contains("exported"),
        "{ran:?}"
    );
    let kept = std::fs::read(session.path("backup.jsonl")).expect("it is there");
    assert_eq!(kept, b"{}\n");
    session.run("export -o new.jsonl thumps").succeeds();
    assert!(session.path("new.jsonl").exists());
}

#[test]
fn rows_that_end_with_nul_are_not_escaped() {
    let session = Session::new();
    session.run(["set", "odd", "a\tb\n\\c", "x"]).notes("");
    session.run("set odd plain y").notes("");
    let ran = session.run("ls odd -0 --fields key --sort key").succeeds();
    assert_eq!(ran.text(), "a\tb\n\\c\0plain\0");
    // A NUL in a name would make two rows of one.
    let line = r#"{"store_name": "nul", "key": "x\u0000y", "kind": "text", "value": "v"}"#;
    session
        .run_with_input("import - -q", line.as_bytes())
        .notes("");
    let ran = session.run("ls nul -0 --fields key");
    assert_eq!((ran.code, ran.text()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("a name has a NUL byte"), "{ran:?}");
    assert_eq!(
        session.run("ls odd --json"),
        session.run("ls odd --format json")
    );
    assert_eq!(session.run("ls odd --json --format csv").code, 2);
    assert_eq!(
        session.run("stores -0 odd").succeeds().stdout.last(),
        Some(&0)
    );
}

#[test]
fn doctor_removes_nothing_that_its_filter_leaves_out() {
    let session = Session::new();
    session.run("set s gone v --dataset d1").notes("");
    session
        .run("set s state v --dataset d1 --policy persist")
        .notes("");
    session.run("set s there v --dataset d2").notes("");
    std::fs::write(session.path("live"), "d2\n").expect("a file");
    let fix = "doctor --live-datasets live --fix orphaned -q";
    session.run(&format!("{fix} --policy persist"));
    session
        .run("ls --fields key --sort key")
        .prints("gone\nstate\nthere\n");
    session.run(fix);
    session
        .run("ls --fields key --sort key")
        .prints("state\nthere\n");
}
