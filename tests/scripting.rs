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
    assert_eq!(
        lines(ran.text().replace('\n', "").as_str())[0][0]["store_name"],
        "echo"
    );
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
            "copy @ copy.jsonl",
            json!({"operation": "copy", "dry_run": false, "entries": 4, "bytes": 10, "stores": 0, "persist_left": null, "undo_until": null}),
        ),
        (
            "import one.jsonl",
            json!({"operation": "import", "dry_run": false, "entries": 1, "bytes": null, "stores": 0, "persist_left": null, "undo_until": "2026-11-24T06:32:51.000Z", "created": 1, "replaced": 0, "kept": 0}),
        ),
    ] {
        let ran = session.run(&format!("{words} --json")).succeeds();
        let object: Value = serde_json::from_str(ran.text()).expect("an object");
        assert_eq!(object, expected, "{words}");
        // The object takes the place of the sentence.
        let sentence = ["remove", "copied", "imported", "changed"];
        let is_said = sentence.iter().any(|word| ran.stderr.starts_with(word));
        assert!(!is_said, "{words}: {ran:?}");
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
fn entries_whose_keys_begin_with_a_hyphen_go_by_them() {
    support::goes_by_names_with_hyphens(&Session::new());
}
