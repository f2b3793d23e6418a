//! The output of one command is the input of the next: entries and keys from a list, commands
//! after `--`, and summaries that a script reads.

mod support;

use serde_json::{Value, json};
use support::Session;

/// Creates a session with entries of two stores, of which one is linked to a dataset.
fn filled() -> Session {
    let session = Session::new();
    session.run("set thumbs a 1").notes("");
    session.run("set thumbs b 22 --dataset d1").notes("");
    session.run("set other a 333 --dataset d2").notes("");
    session
        .run("set other kept 4444 --policy persist")
        .notes("");
    session
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(line).collect()
}

#[test]
fn entries_of_any_store_are_read_as_ls_lists_them() {
    let session = filled();
    let ran = session
        .shell("ecache ls --format jsonl | ecache get --entries-from -")
        .succeeds();
    let mut values: Vec<String> = lines(ran.text())
        .iter()
        .map(|line| {
            format!(
                "{} {} {}",
                line["store_name"], line["dataset_id"], line["value"]
            )
        })
        .collect();
    values.sort();
    assert_eq!(
        values,
        [
            r#""other" "d2" "333""#,
            r#""other" null "4444""#,
            r#""thumbs" "d1" "22""#,
            r#""thumbs" null "1""#,
        ]
    );
    let input = br#"{"store_name": "thumbs", "key": "a"}
{"store_name": "thumbs", "key": "a", "dataset_id": "d1"}
"#;
    let ran = session.run_with_input("get --entries-from -", input);
    assert_eq!(ran.code, 1);
    let hits: Vec<Value> = lines(ran.text())
        .iter()
        .map(|line| line["hit"].clone())
        .collect();
    assert_eq!(hits, [json!(true), json!(false)]);
}

#[test]
fn listed_entries_are_removed() {
    let session = filled();
    session
        .shell("ecache ls --format jsonl --smaller-than 4 | ecache rm --entries-from - -n")
        .notes("would remove 3 entries (6 B)\n");
    let ran =
        session.shell("ecache ls --format jsonl --smaller-than 4 | ecache rm --entries-from -");
    assert_eq!(ran.code, 0, "{ran:?}");
    session.run("ls --fields key").prints("kept\n");
    let ran = session.run_with_input("rm other --keys-from -", b"kept\nnothing\n");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("nothing") && ran.stderr.contains("removed 1 entry"),
        "{ran:?}"
    );
    session.run("ls").prints("");
}

#[test]
fn a_list_that_makes_no_sense_removes_nothing() {
    let session = filled();
    let good = r#"{"store_name": "thumbs", "key": "a"}"#;
    for bad in [
        "a",
        "[]",
        "{}",
        r#"{"store_name": "thumbs"}"#,
        r#"{"key": "a"}"#,
        r#"{"store_name": 1, "key": "a"}"#,
        r#"{"store_name": "thumbs", "key": "__store__"}"#,
    ] {
        let input = format!("{good}\n{bad}\n");
        for words in ["rm --entries-from -", "get --entries-from -"] {
            let ran = session.run_with_input(words, input.as_bytes());
            assert_eq!(ran.code, 2, "{words} {bad}: {ran:?}");
            assert!(ran.stderr.contains("line 2"), "{words} {bad}: {ran:?}");
        }
    }
    for words in [
        "rm",
        "rm thumbs",
        "rm --keys-from -",
        "rm thumbs --entries-from -",
        "get",
        "get --keys-from -",
        "get thumbs a --entries-from -",
        "has",
        "show",
    ] {
        let ran = session.run(words);
        assert_eq!(ran.code, 2, "{words}: {ran:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:?}");
    }
    assert_eq!(session.run("ls").succeeds().text().lines().count(), 4);
}

#[test]
fn a_command_names_its_entry() {
    let session = Session::new();
    let command = "--stdin none -- echo hello";
    for verb in ["has", "show", "rm"] {
        assert_eq!(session.run(&format!("{verb} {command}")).code, 1, "{verb}");
    }
    session.run(&format!("run {command}")).prints("hello\n");
    session.run(&format!("has {command}")).succeeds();
    let ran = session.run(&format!("show --json {command}")).succeeds();
    assert_eq!(lines(ran.text())[0]["store_name"], "echo");
    session
        .run(&format!("touch --ttl 1d -n {command}"))
        .notes("would change 1 entry (15 B)\n");
    session.run(&format!("touch --ttl 1d {command}")).succeeds();
    let expiring = session.run("ls --expiring-within 25h --fields store_name");
    expiring.prints("echo\n");
    for other in [
        "--stdin none -- echo other",
        "--user ann --stdin none -- echo hello",
    ] {
        assert_eq!(session.run(&format!("has {other}")).code, 1, "{other}");
        let touched = session.run(&format!("touch --ttl 1d --fail-empty {other}"));
        assert_eq!(touched.code, 1, "{other}");
    }
    assert_eq!(
        session
            .run("touch --ttl 1d --older-than 1h -- echo hello")
            .code,
        2
    );
    let ran = session.run(&format!("rm {command}"));
    assert!(ran.stderr.starts_with("removed 1 entry ("), "{ran:?}");
    assert_eq!(session.run(&format!("has {command}")).code, 1);
}

#[test]
fn an_import_says_what_limits_evicted() {
    let session = Session::new();
    session.run("limit set s --max-entries 2").notes("");
    let lines = |prefix: &str| -> String {
        let line = |number| {
            format!(
                r#"{{"store_name": "s", "key": "{prefix}{number}", "policy": "evict", "value": 1, "created_at": "2026-11-23T06:00:00Z"}}"#
            ) + "\n"
        };
        (0..5).map(line).collect()
    };
    let ran = session.run_with_input("import - -n", lines("a").as_bytes());
    let says = "would import 5 entries (5 new, 0 replaced); limits would evict 3\n";
    assert!(ran.stderr.contains(says), "{ran:?}");
    let ran = session.run_with_input("import -", lines("a").as_bytes());
    let says = "imported 5 entries (5 new, 0 replaced); limits evicted 3\n";
    assert!(ran.stderr.contains(says), "{ran:?}");
    let ran = session.run_with_input("import - --json", lines("b").as_bytes());
    let json: Value = serde_json::from_str(ran.text()).expect("an object");
    assert_eq!(json["evicted"], 5);
    let lines = session.shell_on_columns(120, "ecache stats --color never");
    let lines = String::from_utf8(lines.bytes).expect("text");
    assert!(lines.contains("EVICTED"), "{lines}");
}

#[test]
fn stats_of_a_store_that_only_a_call_named_says_nothing_against_it() {
    let session = Session::new();
    session.run("set other k v").notes("");
    assert_eq!(session.run("get e x").code, 1);
    let ran = session.run("stats e").succeeds();
    assert!(ran.text().starts_with("e\t"), "{ran:?}");
    assert_eq!(ran.stderr, "");
    let ran = session.run("stats f");
    assert!(ran.stderr.contains("there is no store"), "{ran:?}");
}

#[test]
fn summaries_are_one_object() {
    let session = filled();
    std::fs::write(
        session.path("one.jsonl"),
        r#"{"store_name": "s", "key": "k", "created_at": "2026-11-23T06:00:00Z", "policy": "evict", "kind": "text", "value": "x"}"#,
    )
    .expect("a file");
    for (words, expected) in [
        (
            "clear thumbs -n",
            json!({"operation": "clear", "dry_run": true, "entries": 2, "bytes": 3, "stores": 0, "persist_left": 0, "undo_until": null}),
        ),
        (
            "clear --all -n",
            json!({"operation": "clear", "dry_run": true, "entries": 3, "bytes": 6, "stores": 0, "persist_left": 1, "undo_until": null}),
        ),
        (
            "prune --older-than 1d -n",
            json!({"operation": "prune", "dry_run": true, "entries": 0, "bytes": 0, "stores": 0, "persist_left": null, "undo_until": null, "cost_ms": 0, "going": []}),
        ),
        (
            "touch thumbs --ttl 1d",
            json!({"operation": "touch", "dry_run": false, "entries": 2, "bytes": 3, "stores": 0, "persist_left": null, "undo_until": "2026-11-24T06:32:51.000Z"}),
        ),
        (
            "rm thumbs a -n",
            json!({"operation": "rm", "dry_run": true, "entries": 1, "bytes": 1, "stores": 0, "persist_left": null, "undo_until": null}),
        ),
        (
            "rm thumbs nothing",
            json!({"operation": "rm", "dry_run": false, "entries": 0, "bytes": 0, "stores": 0, "persist_left": null, "undo_until": null}),
        ),
        (
            "copy @ copy.jsonl",
            json!({"operation": "copy", "dry_run": false, "entries": 4, "bytes": 10, "stores": 0, "persist_left": null, "undo_until": null}),
        ),
        (
            "import one.jsonl",
            json!({"operation": "import", "dry_run": false, "entries": 1, "bytes": null, "stores": 0, "persist_left": null, "undo_until": "2026-11-24T06:32:51.000Z", "created": 1, "replaced": 0, "kept": 0, "evicted": 0, "left_out": 0}),
        ),
    ] {
        let ran = session.run(&format!("{words} --json"));
        assert_eq!(ran.code == 1, words == "rm thumbs nothing", "{ran:?}");
        let object: Value = serde_json::from_str(ran.text()).expect("an object");
        assert_eq!(object, expected, "{words}");
        // The object takes the place of the sentence.
        let sentence = ["remove", "copied", "imported", "changed"];
        let is_said = sentence.iter().any(|word| ran.stderr.starts_with(word));
        assert!(!is_said, "{words}: {ran:?}");
    }
    // A change whose object cannot be written is not lost from sight.
    for (line, told) in [
        ("touch thumbs --ttl 2d", "touch of 2 entries is done, but "),
        ("clear thumbs", "clear of 2 entries is done, but "),
        ("undo", "operation 4 is undone, but "),
    ] {
        let ran = session.shell(&format!("ecache {line} --json > /dev/full"));
        assert_eq!(ran.code, 3, "{line}: {ran:?}");
        assert!(ran.stderr.contains(told), "{line}: {ran:?}");
    }
    let by_name = session.run("clear thumbs -n --format json");
    assert_eq!(by_name, session.run("clear thumbs -n --json"));
    let removed = session.run("rm thumbs a --json").succeeds();
    let removed: Value = serde_json::from_str(removed.text()).expect("an object");
    assert_eq!(removed["undo_until"], "2026-11-24T06:32:51.000Z");
    session.run("undo").succeeds();
    assert_eq!(session.run("copy @ - --json").code, 2);
    for words in [
        "clear nothing -n",
        "prune -n",
        "touch nothing --ttl 1d",
        "copy @ new.db --store nothing",
        "import one.jsonl --store nothing",
        "warm --refresh --all -n",
    ] {
        assert_eq!(session.run(words).code, 0, "{words}");
        assert_eq!(
            session.run(&format!("{words} --fail-empty")).code,
            1,
            "{words}"
        );
    }
}

#[test]
fn keys_that_ls_ends_with_nul_bytes_are_read_back() {
    let session = Session::new();
    for key in ["a\nb", "back\\nslash", " c"] {
        session.run(["set", "odd", key, "v"]).succeeds();
    }
    let ran = session
        .shell("ecache ls odd -0 --fields key | ecache get odd -0 --keys-from -")
        .succeeds();
    assert_eq!(ran.text().matches("\"hit\":true").count(), 3, "{ran:?}");
    session
        .shell("ecache ls odd -0 --fields key | ecache rm odd --null --keys-from -")
        .succeeds();
    session.run("ls odd --fields key").prints("");
    let ran = session.run_with_input("get odd -0 --keys-from -", b"\xff\0");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(session.run("get odd k -0").code, 2);
}

#[test]
fn entries_whose_keys_begin_with_a_hyphen_go_by_them() {
    support::goes_by_names_with_hyphens(&Session::new());
}

#[test]
fn a_compressed_file_is_refused_with_the_program_that_unpacks_it() {
    let session = filled();
    session.shell("ecache export > lines").succeeds();
    for (pack, unpack) in [("gzip", "zcat"), ("bzip2", "bzcat"), ("xz", "xzcat")] {
        let packed = session.shell(&format!("command -v {pack} && {pack} -c lines > 'a b'"));
        if packed.code != 0 {
            continue;
        }
        let advised = format!("{unpack} 'a b' | ecache import -");
        for line in ["import 'a b' --db new.db", "copy 'a b' new.db"] {
            let ran = session.shell(&format!("ecache {line}"));
            let advised = if line.contains("--db") {
                advised.replace("import", "--db new.db import")
            } else {
                advised.clone()
            };
            let told = format!("error: a b is compressed\n  tip: {advised}\n");
            assert_eq!((ran.code, &*ran.stderr), (2, &*told), "{line}");
        }
        session
            .shell(&format!(
                "export ECACHE_DB=new.db; {advised} -q && rm new.db*"
            ))
            .notes("");
    }
}

#[test]
fn named_things_that_are_not_there_are_said() {
    let session = filled();
    session.shell("ecache export > lines").succeeds();
    for (line, code, told) in [
        ("touch thumbs a --ttl 1h", 0, ""),
        (
            "touch thumbs nokey --ttl 1h",
            1,
            "no key nokey in store thumbs",
        ),
        (
            "touch thumbs a nokey --ttl 1h -n",
            1,
            "no key nokey in store thumbs",
        ),
        ("touch nostore a --ttl 1h", 1, "no store \"nostore\""),
        ("touch --ttl 1h -- echo never", 1, "there is no key "),
        ("stores lst", 0, "there is no verb or store \"lst\""),
        ("touch thumbs --key n* --glob --ttl 1h", 0, ""),
        (
            "import lines --store nosuch",
            0,
            "no entry in lines matches",
        ),
        ("import lines --store thumbs", 0, ""),
        (
            "import lines --store nosuch --fail-empty",
            1,
            "no entry in lines matches",
        ),
    ] {
        let ran = session.run(line);
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        let warnings = ran.stderr.matches("warning: ").count();
        assert_eq!(warnings, usize::from(!told.is_empty()), "{line}: {ran:?}");
        assert!(ran.stderr.contains(told), "{line}: {ran:?}");
    }
}

#[test]
fn nothing_is_left_beside_a_file_that_is_no_store() {
    let session = filled();
    std::fs::write(session.path("text"), "a diary").expect("a file");
    std::fs::create_dir(session.path("folder")).expect("a folder");
    for name in ["text", "folder"] {
        for line in [
            "run -- echo hi",
            "run --refresh -- echo hi",
            "get s k",
            "stats",
            "warm -- echo",
        ] {
            session.shell(&format!("ecache --db {name} {line} < /dev/null"));
        }
        let beside = session.shell(&format!("ls -d {name}*"));
        assert_eq!(beside.text(), format!("{name}\n"));
    }
    session.run("run -- echo hi --db").prints("hi --db\n");
}

#[test]
fn a_bound_of_several_is_dropped() {
    let session = filled();
    let bounds = || {
        let ran = session.run("limit ls --json").succeeds();
        let rows: Value = serde_json::from_str(ran.text()).expect("JSON");
        rows[0]
            .as_object()
            .map(|row| (row["max_bytes"].clone(), row["max_entries"].clone()))
    };
    session
        .run("limit set --max-size 1MiB --max-entries 9 --undo-keep 2d")
        .notes("");
    session
        .run("limit set --undo-keep none --max-size none")
        .notes("");
    assert_eq!(bounds(), Some((Value::Null, json!(9))));
    session.run("limit set --max-entries none").notes("");
    assert_eq!(bounds(), None);
    session.run("undo -q").notes("");
    assert_eq!(bounds(), Some((Value::Null, json!(9))));
}
