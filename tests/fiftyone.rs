//! FiftyOne's own execution store, dumped by a real FiftyOne from a real MongoDB, in every form
//! that MongoDB has for a dump.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use support::{Ran, Session, fingerprints};

/// One store's 53 documents: relaxed, canonical and legacy Extended JSON, and `mongodump`'s BSON.
const DUMPS: [&str; 4] = [
    "execution_store.relaxed.jsonl",
    "execution_store.canonical.jsonl",
    "execution_store.legacy.jsonl",
    "execution_store.bson",
];

const IMPORTED: &str = "imported 52 entries (52 new, 0 replaced) and the metadata of 1 store\n";

/// The dataset "ds1-street".
const STREET: &str = "6b03de1228195dbc2df5c505";

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/fiftyone")
        .join(file)
}

/// Returns a session that has imported FiftyOne's store.
fn imported(dump: &str) -> Session {
    let session = Session::new();
    import(&session, dump).notes(IMPORTED);
    session
}

fn import(session: &Session, dump: &str) -> Ran {
    session.run(["import", data(dump).to_str().expect("a plain name")])
}

/// A call that FiftyOne cached, and the key that it had then.
struct Call {
    store: String,
    key: String,
    dataset: Option<String>,
    /// Arguments of `ecache` that name the call
    words: Vec<String>,
}

fn calls() -> Vec<Call> {
    let facts = std::fs::read(data("facts.json")).expect("the facts are there");
    let facts: Value = serde_json::from_slice(&facts).expect("they are JSON");
    let calls = facts["calls"].as_array().expect("they list calls");
    calls.iter().map(call).collect()
}

fn call(fact: &Value) -> Call {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let store = text(&fact["store"]).expect("a call has a store");
    let dataset = text(&fact["dataset"]);
    let args = text(&fact["args"]).expect("a call has arguments");
    let mut words = vec![store.clone(), "--args".to_owned(), args];
    if let Some(dataset) = &dataset {
        words.extend(["--dataset".to_owned(), dataset.clone()]);
    }
    for (scope, value) in fact["scopes"].as_object().expect("a call has scopes") {
        let flag = match scope.as_str() {
            "user_id" => "--user",
            "operator_uri" => "--operator",
            "prompt_id" => "--prompt",
            other => panic!("no flag for the scope {other}"),
        };
        words.extend([flag.to_owned(), text(value).expect("a scope has a value")]);
    }
    Call {
        store,
        key: text(&fact["key"]).expect("a call has a key"),
        dataset,
        words,
    }
}

/// Reports whether FiftyOne never stored the result: its memory tier ignores the dataset, and
/// returned the value of the first one.
fn was_never_stored(call: &Call) -> bool {
    call.store == "__main__.count_values" && call.dataset.as_deref() != Some(STREET)
}

fn with_verb(verb: &str, words: &[String]) -> Vec<String> {
    [&[verb.to_owned()], words].concat()
}

/// Returns the output of `ls` for all entries, sorted.
fn listing(session: &Session) -> Vec<String> {
    let listing = session
        .run("ls --fields all,value --format jsonl")
        .succeeds();
    let mut lines: Vec<String> = listing.text().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn every_form_of_a_dump_is_told_by_its_content_and_means_the_same() {
    let of_json = listing(&imported(DUMPS[0]));
    assert_eq!(
        of_json.len(),
        52,
        "53 documents, one of which is a store's own"
    );
    let comparable = |listing: &[String]| -> Vec<String> {
        // Extended JSON cannot say that a sample's `{"$date": …}` is a document, and BSON can.
        let lines = listing.iter().filter(|line| !line.contains("first_sample"));
        lines.cloned().collect()
    };
    for dump in DUMPS {
        let expected = listing(&imported(dump));
        assert_eq!(comparable(&expected), comparable(&of_json), "{dump}");
        assert_eq!(comparable(&expected).len(), 52 - 6);
        let is_bson = dump.ends_with(".bson");
        assert!(is_bson || expected == of_json, "{dump}");

        let misnamed = Session::new();
        std::fs::copy(data(dump), misnamed.path("dump.txt")).expect("a copy");
        misnamed.run("import dump.txt").notes(IMPORTED);
        assert_eq!(listing(&misnamed), expected, "{dump}, under another name");

        let piped = Session::new();
        let bytes = std::fs::read(data(dump)).expect("the dump is there");
        piped.run_with_input("import -", &bytes).notes(IMPORTED);
        assert_eq!(listing(&piped), expected, "{dump}, through a pipe");
    }
}

#[test]
fn an_array_of_documents_is_imported_too() {
    let expected = listing(&imported(DUMPS[0]));
    for dump in &DUMPS[..3] {
        let lines = std::fs::read_to_string(data(dump)).expect("the dump is there");
        let array = format!("[\n{}\n]\n", lines.trim_end().replace('\n', ",\n"));
        let session = Session::new();
        session
            .run_with_input("import -", array.as_bytes())
            .notes(IMPORTED);
        assert_eq!(listing(&session), expected, "{dump}");
    }
}

#[test]
fn every_call_is_found_by_its_arguments_under_the_key_that_fiftyone_gave_it() {
    let session = imported("execution_store.bson");
    let calls = calls();
    assert_eq!(calls.len(), 49);
    assert_eq!(
        calls.iter().filter(|call| was_never_stored(call)).count(),
        6
    );
    for call in calls {
        let key = with_verb("key", &call.words[1..]);
        let key: Vec<String> = match key.iter().position(|word| word == "--dataset") {
            // The dataset is not in the key, and `key` takes it all the same.
            Some(at) => [&key[..at], &key[at + 2..]].concat(),
            None => key,
        };
        session.run(key).prints(format!("{}\n", call.key));

        let value = session.run(with_verb("get", &call.words));
        if was_never_stored(&call) {
            value.ends(1, "")
        } else {
            assert!(!value.succeeds().stdout.is_empty(), "{:?}", call.words)
        }
    }
}

#[test]
fn an_entry_expires_when_fiftyone_said_it_would() {
    let session = imported("execution_store.relaxed.jsonl");
    let thumb = format!("get thumbs -j 0 --prompt prompt-1 --dataset {STREET}");
    session.set_clock("2026-11-23T06:32:51.968Z");
    assert_eq!(session.run(&thumb).succeeds().stdout.len(), 64);
    session.set_clock("2026-11-23T06:32:51.969Z");
    session.run(&thumb).ends(1, "");
    session.set_clock("2026-11-23T06:32:53.000Z");
    let missed = calls()
        .into_iter()
        .filter(|call| session.run(with_verb("has", &call.words)).code == 1)
        .filter(|call| !was_never_stored(call));
    let stores: Vec<String> = missed.map(|call| call.store).collect();
    assert_eq!(stores, vec!["thumbs"; 12]);
}

#[test]
fn values_are_what_fiftyone_returned() {
    let session = imported("execution_store.canonical.jsonl");
    let get = |words: &str| session.run(&format!("get {words} --dataset {STREET}"));
    get("panel_state layout").prints(
        "{\"columns\": 3, \"when\": {\"$bson\": {\"$date\": \"2026-03-04T05:06:07.089Z\"}}, \
         \"ref\": {\"$bson\": {\"$oid\": \"65f0c0ffee00000000000001\"}}, \"nan\": NaN, \
         \"big\": 1152921504606846976, \"neg\": -1.5e-09}\n",
    );
    // A cached None is a hit.
    get("panel_state layout.backup").prints("null\n");
    // A string is text, and bytes are bytes.
    get("panel_state render").prints("<svg>…</svg>");
    let thumb = get("thumbs -j 0 --prompt prompt-1").succeeds();
    assert_eq!(thumb.stdout[..4], [0x77, 0x15, 0x2e, 0x2f]);
    // A sample is the dict that FiftyOne's function returned, which is not made of types.
    let bson = imported("execution_store.bson");
    let samples = bson
        .run("ls --store first_sample --fields value")
        .succeeds();
    let text = samples.text();
    assert!(
        text.contains("\"$oid\"") && text.contains("\"$date\""),
        "{text}"
    );
    assert!(!text.contains("$bson"), "{text}");
    session
        .run("get global_stats --args [[\"ds1-street\",\"ds1-indoor\",\"ds1-aerial\"]]")
        .prints("{\"ds1-street\": 97, \"ds1-indoor\": 106, \"ds1-aerial\": 125}\n");
    session.run("get settings theme").prints("dark");
}

#[test]
fn documents_without_a_policy_get_the_one_that_fiftyone_means() {
    let session = imported("execution_store.legacy.jsonl");
    session
        .run("ls --store old_store --fields key,policy,expires_at")
        .prints("a\tpersist\t\nb\tevict\t2099-01-01T00:00:00.000Z\n");
}

#[test]
fn metadata_of_a_store_is_no_entry() {
    let session = imported("execution_store.bson");
    session.run("ls --store described").prints("");
    let stores = session.run("stores --format jsonl").succeeds();
    let described = stores
        .text()
        .lines()
        .find(|line| line.contains("described"));
    assert_eq!(
        described,
        Some(
            "{\"store_name\":\"described\",\"dataset_id\":\"6b03de1228195dbc2df5c682\",\
             \"collection\":\"execution_store\",\"entries\":0,\"size\":0,\
             \"updated_at\":null,\"holds\":null,\"metadata\":{\"author\": \"acme\"}}"
        )
    );
}

#[test]
fn an_export_into_another_store_and_out_again_is_the_same_to_the_byte() {
    for dump in DUMPS {
        let session = imported(dump);
        let first = session.run("export").succeeds().stdout;
        assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 53);
        session
            .run_with_input("import - --db copy.db", &first)
            .notes(IMPORTED);
        session.run("export --db copy.db").prints(&first);
        // An existing entry is replaced by itself.
        session
            .run_with_input("import - --db copy.db", &first)
            .notes("imported 52 entries (0 new, 52 replaced) and the metadata of 1 store\n");
        session.run("export --db copy.db").prints(first);
    }
}

#[test]
fn a_dry_import_says_what_the_import_does_and_leaves_the_store_alone() {
    let session = Session::new();
    let dump = data("execution_store.bson");
    let dump = dump.to_str().expect("a plain name");
    let would = IMPORTED.replace("imported", "would import");
    session.run(["import", "-n", dump]).notes(&would);
    assert!(!session.store().exists());
    session.run("set settings theme light").notes("");
    let before = session.run("export").succeeds().stdout;
    session
        .run(["import", "-n", dump])
        .notes("would import 52 entries (51 new, 1 replaced) and the metadata of 1 store\n");
    session.run("export").prints(before);
    session
        .run(["import", dump])
        .notes("imported 52 entries (51 new, 1 replaced) and the metadata of 1 store\n");
}

#[test]
fn clearing_a_dataset_takes_what_its_dry_run_counts_and_no_more() {
    let session = imported("execution_store.bson");
    let persistent = "2 entries (189 B) are persist and stay; --policy any removes them\n";
    let clear = format!("clear --dataset {STREET}");
    let before = fingerprints(&session.store_folder());
    session.run(&format!("{clear} --dry-run")).notes(&format!(
        "would remove 17 entries (7.7 KiB)\n{}",
        persistent.replace("stay", "would stay")
    ));
    assert_eq!(fingerprints(&session.store_folder()), before);
    session
        .run(&clear)
        .notes(&format!("removed 17 entries (7.7 KiB)\n{persistent}"));
    session
        .run(&format!("ls --dataset {STREET} --fields store_name,key"))
        .prints("panel_state\tlayout\npanel_state\tlayout.backup\n");
    assert_eq!(listing(&session).len(), 52 - 17);
    session.run("clear --all --quiet").notes("");
    session
        .run("ls --fields store_name,key --sort key")
        .prints("old_store\ta\npanel_state\tlayout\npanel_state\tlayout.backup\nsettings\ttheme\n");
}

#[test]
fn pruning_takes_exactly_what_has_expired() {
    let session = imported("execution_store.relaxed.jsonl");
    session
        .run("prune")
        .notes("no entry matches: there are 52 entries, none expired; the next expires in 0s\n");
    session.set_clock("2026-11-23T06:32:53.000Z");
    let expired = session.run("ls --expired --fields store_name").succeeds();
    assert_eq!(expired.text(), "thumbs\n".repeat(12));
    session
        .run("prune -n")
        .notes("would remove 12 entries (768 B)\n");
    session.run("prune").notes("removed 12 entries (768 B)\n");
    session.run("ls --expired").prints("");
    let mut left = BTreeMap::new();
    for line in session
        .run("ls --fields store_name")
        .succeeds()
        .text()
        .lines()
    {
        *left.entry(line.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(left.values().sum::<i32>(), 40);
    assert!(!left.contains_key("thumbs"));
}
