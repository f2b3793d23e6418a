//! The doctor's tips on a database of FiftyOne's.

use serde_json::Value;

use super::location;
use super::support::Session;

const STREET: &str = "6b03de1228195dbc2df5c505";
const FIELD: &str = "6b03de1228195dbc2df5c506";

/// Returns a line of `mongoexport`.
fn line(store: &str, dataset: &str, expires: &str) -> String {
    let dataset = match dataset {
        "" => "null".to_owned(),
        id => format!(r#"{{"$oid": "{id}"}}"#),
    };
    let date = r#"{"$date": "2026-11-01T00:00:00Z"}"#;
    format!(
        r#"{{"_id": 1, "store_name": "{store}", "key": "k 0", "value": 1, "dataset_id": {dataset}, "created_at": {date}, "updated_at": {date}, "expires_at": {expires}, "policy": "persist"}}"#
    ) + "\n"
}

/// Returns the lines of all entries but those of one store and dataset.
fn others(session: &Session, store: &str, dataset: Option<&str>) -> Vec<String> {
    let exported = session.run("export --all-collections").succeeds();
    let is_other = |line: &&str| {
        let line: Value = serde_json::from_str(line).expect("a line");
        line["store_name"] != store || line["dataset_id"].as_str() != dataset
    };
    let lines = exported.text().lines().filter(is_other).map(str::to_owned);
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_tip_of_the_doctor_that_names_an_entry_changes_that_one_alone() {
    let later = r#"{"$date": "2199-01-01T00:00:00Z"}"#;
    let before = r#"{"$date": "2026-11-02T00:00:00Z"}"#;
    for (at, (store, dataset, expires)) in [
        ("mine", STREET, later),
        ("mine", "", later),
        ("-x y", FIELD, later),
        ("mine", STREET, before),
    ]
    .into_iter()
    .enumerate()
    {
        for collection in ["execution_store", "other"] {
            let name = format!("tips-{at}-{collection}");
            let session = Session::new().with("ECACHE_DB", &location(&name));
            let mut lines = line(store, dataset, expires);
            for (other_store, other) in [
                ("mine", STREET),
                ("mine", FIELD),
                ("mine", ""),
                ("-x y", ""),
            ] {
                if (other_store, other) != (store, dataset) {
                    lines.push_str(&line(other_store, other, "null"));
                }
            }
            std::fs::write(session.path("lines"), lines).expect("a file");
            for into in ["execution_store", collection] {
                session
                    .run([
                        "import",
                        "lines",
                        "--collection",
                        into,
                        "--on-conflict",
                        "keep",
                    ])
                    .succeeds();
            }
            let found = session.run(["doctor", "--json", "--collection", collection]);
            let found: Vec<Value> = serde_json::from_str(found.text()).expect("an array");
            let is_tip = |found: &&Value| found["check"] == "persist-expiry";
            let tips: Vec<&Value> = found.iter().filter(is_tip).collect();
            assert_eq!(tips.len(), 1, "{found:?}");
            let tip = tips[0]["command"].as_str().expect("a command");
            let id = Some(dataset).filter(|id| !id.is_empty());
            let rest = others(&session, store, id);
            let ran = session.shell(tip);
            assert_eq!(ran.code, 0, "{tip}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("changed 1 entry"),
                "{tip}: {}",
                ran.stderr
            );
            assert_eq!(others(&session, store, id), rest, "{tip}");
        }
    }
}
