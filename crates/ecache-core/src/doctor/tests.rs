//! Tests of each check.

use std::collections::BTreeSet;

use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{
    OnConflict, Record, StoreMetadata, StoresBackend, fail_at_refused, no_progress,
};
use crate::filter::Usage;
use crate::key::Key;
use crate::scope::{DEFAULT_COLLECTION, Scopes, StoreAddress};
use crate::transfer::Importer;
use crate::typed_name;

const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

const HASH: &str = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";

fn before(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - hours * 3_600_000)
}

fn entry(store: StoreAddress, key: &str) -> Entry {
    Entry::new(
        store.entry(Key::new(key).expect("a valid key")),
        Kind::Json,
        before(48),
    )
}

fn examination(entries: Vec<(Entry, &str)>, live: Option<&[&str]>) -> Examination {
    let backend = MemoryBackend::new();
    let mut on_refused = fail_at_refused;
    let mut importer = Importer::new(&backend, OnConflict::Fail, &mut on_refused);
    for (mut entry, value) in entries {
        entry.size = value.len() as u64;
        importer
            .add(Record::Entry(Box::new(entry), value.into()))
            .expect("it is written");
    }
    importer.flush().expect("it is written");
    let live = live.map(|live| live.iter().map(|id| Arc::from(*id)).collect());
    examine(
        &backend,
        DEFAULT_COLLECTION,
        &Filter::default(),
        live.as_ref(),
        NOW,
        &mut no_progress,
    )
    .expect("it is read")
}

fn found(examination: &Examination) -> Vec<(&str, u64)> {
    let finding = |finding: &Finding| (finding.check.id(), finding.usage.entries);
    examination.findings.iter().map(finding).collect()
}

#[test]
fn a_healthy_store_has_no_findings() {
    let scopes = Scopes {
        user_id: Some("u".into()),
        ..Scopes::default()
    };
    let with_expiry = Entry {
        expires_at: Some(Timestamp::from_millis(NOW.as_millis() + 1)),
        scopes: scopes.clone(),
        ..entry(StoreAddress::new("s").with_dataset("d"), "a")
    };
    let kept = Entry {
        policy: Policy::Persist,
        scopes,
        ..entry(StoreAddress::new("s"), "b")
    };
    let examination = examination(vec![(with_expiry, "1"), (kept, "2")], Some(&["d"]));
    assert_eq!(found(&examination), []);
    assert_eq!(examination.usage.entries, 2);
}

#[test]
fn finds_entries_by_what_is_known_of_them() {
    let scoped = |scopes| Entry {
        scopes,
        ..entry(StoreAddress::new("s"), "k")
    };
    let prompt = scoped(Scopes {
        prompt_id: Some("p".into()),
        ..Scopes::default()
    });
    let mut user = scoped(Scopes {
        user_id: Some("u".into()),
        ..Scopes::default()
    });
    user.address = StoreAddress::new("t").entry(user.address.key.clone());
    let expired = Entry {
        expires_at: Some(NOW),
        ..entry(StoreAddress::new("s"), "expired")
    };
    let orphan = entry(StoreAddress::new("s").with_dataset("gone"), "o");
    let linked = entry(StoreAddress::new("s").with_dataset("here"), "o");
    let raising = entry(StoreAddress::new("s"), HASH);
    // FiftyOne's stores read entries that the decorator does not.
    let chosen = entry(StoreAddress::new("s"), "chosen");
    let kept = Entry {
        policy: Policy::Persist,
        ..entry(StoreAddress::new("t"), HASH)
    };
    let examination = examination(
        vec![
            (prompt, "1"),
            (user, "1"),
            (expired, "1"),
            (orphan, "1"),
            (linked, "1"),
            (raising, r#"{"_cls": "mine"}"#),
            (chosen, r#"{"_cls": "mine"}"#),
            (kept, r#"{"_cls": "mine"}"#),
        ],
        Some(&["here"]),
    );
    assert_eq!(
        found(&examination),
        [
            ("unreadable", 1),
            ("orphaned", 1),
            ("expired", 1),
            ("endless-prompts", 1),
            ("endless-users", 1)
        ]
    );
    assert_eq!(
        examination.findings[0].reasons,
        [format!(
            r#"key {HASH} in store s: a dict has its own _cls "mine""#
        )]
    );
}

#[test]
fn finds_the_documents_of_stores_whose_datasets_were_deleted() {
    let backend = MemoryBackend::new();
    let metadata = StoreMetadata {
        value: "{}".into(),
        created_at: NOW,
        updated_at: None,
        policy: Policy::Persist,
    };
    let gone = StoreAddress::new("s").with_dataset("gone");
    for store in [
        StoreAddress::new("s"),
        StoreAddress::new("s").with_dataset("here"),
        gone.clone(),
    ] {
        let set = backend.set_metadata(&store, Some(&metadata));
        set.expect("it is written");
    }
    // No dataset ever had an id of another type.
    for id in [typed_name::of_dataset("street"), "bson:0".to_owned()] {
        let other = StoreAddress::new("s").with_dataset(&id);
        let set = backend.set_metadata(&other, Some(&metadata));
        set.expect("it is written");
    }
    let examine = |live: Option<&[&str]>| {
        let live = live.map(|live| live.iter().map(|id| Arc::from(*id)).collect());
        let (live, progress) = (live.as_ref(), &mut no_progress);
        examine(
            &backend,
            DEFAULT_COLLECTION,
            &Filter::default(),
            live,
            NOW,
            progress,
        )
        .expect("it is read")
    };
    assert_eq!(examine(None).findings, []);
    let findings = examine(Some(&["here"])).findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].check, Check::Orphaned);
    assert_eq!(findings[0].usage, Usage::default());
    assert_eq!(findings[0].documents, [gone.document()]);
    assert_eq!(findings[0].datasets(), BTreeSet::from(["gone".into()]));
}

#[test]
fn nothing_is_orphaned_while_the_datasets_are_unknown() {
    let orphan = entry(StoreAddress::new("s").with_dataset("gone"), "o");
    assert_eq!(found(&examination(vec![(orphan, "1")], None)), []);
}

#[test]
fn finds_stores_that_several_functions_use() {
    let of = |function: &str, key| Entry {
        function: Some(function.into()),
        ..entry(StoreAddress::new("shared"), key)
    };
    let command = Entry {
        kind: Kind::Command,
        ..of("/usr/bin/c", "c")
    };
    let two = vec![(of("a", "a"), "1"), (of("b", "b"), "1"), (command, "1")];
    let examination = examination(two, None);
    assert_eq!(found(&examination), [("shared-stores", 3)]);
    assert_eq!(examination.findings[0].reasons, [r#"store "shared": a, b"#]);
}

#[test]
fn finds_versions_that_were_written_before_the_latest() {
    let written = |store: &str, hours| Entry {
        created_at: before(hours),
        updated_at: None,
        ..entry(StoreAddress::new(store), "k")
    };
    let examination = examination(
        vec![
            (written("f#v9", 30), "1"),
            (written("f#v10", 29), "1"),
            (written("f#v8", 40), "1"),
            (written("g#v1", 90), "1"),
            (written("f", 90), "1"),
            // A version in use, and names that are not versions.
            (written("h#v1", 1), "1"),
            (written("h#v2", 2), "1"),
            (written("team#video", 90), "1"),
            (written("team#vision", 30), "1"),
        ],
        None,
    );
    assert_eq!(found(&examination), [("old-versions", 2)]);
    let stores: Vec<_> = examination.findings[0].stores.iter().collect();
    assert_eq!(stores, [&Arc::from("f#v8"), &Arc::from("f#v9")]);
}

#[test]
fn finds_values_that_are_nearly_too_large() {
    let size = usize::try_from(NEAR_LIMIT).expect("it is in memory");
    let large = format!("\"{}\"", "x".repeat(size - 2));
    let small = format!("\"{}\"", "x".repeat(size - 3));
    let entries = vec![
        (entry(StoreAddress::new("s"), "large"), large.as_str()),
        (entry(StoreAddress::new("s"), "small"), small.as_str()),
    ];
    assert_eq!(found(&examination(entries, None)), [("near-limit", 1)]);
}

#[test]
fn an_entry_written_since_is_not_selected() {
    let raising = entry(StoreAddress::new("s"), HASH);
    let examination = examination(vec![(raising.clone(), r#"{"_cls": "mine"}"#)], None);
    let selection = examination.findings[0].selection(NOW);
    assert!(selection.any_of[0].matches(&raising, NOW));
    let fixed = Entry {
        updated_at: Some(NOW),
        ..raising.clone()
    };
    assert!(!selection.any_of[0].matches(&fixed, NOW));
    let kept = Entry {
        policy: Policy::Persist,
        ..raising
    };
    assert!(!selection.any_of[0].matches(&kept, NOW));
}

#[test]
fn the_store_that_grows_fastest_comes_first() {
    let recent = Entry {
        updated_at: Some(before(1)),
        ..entry(StoreAddress::new("new"), "k")
    };
    let old = entry(StoreAddress::new("old"), "k");
    let growth = examination(vec![(old, "1234"), (recent, "12")], None).growth;
    let recent: Vec<_> = growth
        .iter()
        .map(|store| (&*store.store_name, store.recent.bytes, store.usage.bytes))
        .collect();
    assert_eq!(recent, [("new", 2, 2), ("old", 0, 4)]);
}
