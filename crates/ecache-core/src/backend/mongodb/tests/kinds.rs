//! Kinds of the values that FiftyOne wrote: one rule, whether a value is read or left on the
//! server.

use mongodb::bson::Bson;

use super::foreign::{addresses, document, insert, not_utf8};
use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{Backend, OnConflict, Row, ScanBackend, Values, fail_at_refused};
use crate::transfer::{FoundRecord, Importer, Records};

/// Returns values with their kinds.
fn values() -> Vec<(&'static str, Bson, Kind)> {
    let bytes = |text: &str| Bson::from(doc! { "_cls": "bytes", "value": text });
    vec![
        ("text", "text".into(), Kind::Text),
        ("empty text", "".into(), Kind::Text),
        ("number", 1.into(), Kind::Json),
        ("null", Bson::Null, Kind::Json),
        ("list", vec![Bson::from("text")].into(), Kind::Json),
        ("symbol", Bson::Symbol("text".into()), Kind::Json),
        ("bytes", bytes("AAE="), Kind::Bytes),
        ("one byte", bytes("AA=="), Kind::Bytes),
        ("no bytes", bytes(""), Kind::Bytes),
        ("long bytes", bytes(&"abc+".repeat(5000)), Kind::Bytes),
        ("no base64", bytes("!!"), Kind::Json),
        ("a line end", bytes("AAE=\n"), Kind::Json),
        ("no padding", bytes("AAE"), Kind::Json),
        ("stray bits", bytes("AAF="), Kind::Json),
        ("not ASCII", bytes("AAEé"), Kind::Json),
        (
            "another order",
            doc! { "value": "AAE=", "_cls": "bytes" }.into(),
            Kind::Json,
        ),
        (
            "one more member",
            doc! { "_cls": "bytes", "value": "AAE=", "x": 1 }.into(),
            Kind::Json,
        ),
        (
            "another class",
            doc! { "_cls": "tuple", "value": "AAE=" }.into(),
            Kind::Json,
        ),
        (
            "a number",
            doc! { "_cls": "bytes", "value": 1 }.into(),
            Kind::Json,
        ),
    ]
}

/// Copies what can be copied.
fn copy(from: &dyn Backend, to: &dyn Backend) {
    let mut refuse = fail_at_refused;
    let mut importer = Importer::new(to, OnConflict::Fail, &mut refuse);
    for found in Records::new(from, &Filter::default(), NOW).expect("a scan") {
        if let FoundRecord::Record(record) = found.expect("a record") {
            importer.add(record).expect("a write");
        }
    }
    importer.flush().expect("a write");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn values_of_fiftyones_have_the_kinds_of_their_copy() {
    for largest in [1, 200 << 10] {
        let backend = TemporaryDatabase::new();
        let filler = document(doc! { "key": "filler", "value": vec!["x".repeat(largest)] });
        insert(&backend, filler);
        let broken = doc! { "_cls": "bytes", "value": "AA~~" };
        insert(
            &backend,
            not_utf8(doc! { "key": "broken", "value": broken }),
        );
        for (key, value, _) in values() {
            insert(&backend, document(doc! { "key": key, "value": value }));
        }
        for values in [Values::Omit, Values::Include] {
            let everything = Scan {
                values,
                ..Scan::new(Filter::default())
            };
            for row in backend.scan(&everything, NOW).expect("a scan") {
                if let Row::Entry(entry, _) = row.expect("a row") {
                    let key = entry.address.key.as_str();
                    let mut known = self::values().into_iter();
                    let kind = known.find_map(|(name, _, kind)| (name == key).then_some(kind));
                    assert_eq!(entry.kind, kind.unwrap_or(Kind::Json), "{key}");
                }
            }
        }
        let copied = MemoryBackend::new();
        copy(&*backend, &copied);
        for kind in [Kind::Text, Kind::Bytes, Kind::Json] {
            let filter = Filter {
                kinds: vec![kind],
                ..Filter::default()
            };
            let keys = |backend: &dyn Backend| {
                let found = addresses(backend, &filter).into_iter();
                let mut keys: Vec<_> = found.map(|found| found.key).collect();
                keys.retain(|key| key.as_str() != "broken");
                keys.sort();
                keys
            };
            assert_eq!(keys(&*backend), keys(&copied), "{kind}");
            let usage = backend.usage(&filter.clone().into(), NOW).expect("a count");
            assert!(usage.entries >= keys(&copied).len() as u64);
            let gone = backend.remove(&filter.into(), NOW, &mut no_progress);
            assert_eq!(gone.expect("a removal"), usage, "{kind}");
        }
        assert_eq!(addresses(&*backend, &Filter::default()), []);
    }
}
