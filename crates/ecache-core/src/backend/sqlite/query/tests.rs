//! The index that answers each filter, according to SQLite itself.

use std::time::Duration;

use super::*;
use crate::backend::sqlite::format::schema::LARGE;
use crate::backend::sqlite::{Access, SqliteBackend};
use crate::backend::{Condition, Content, WriteBackend};
use crate::entry::{Entry, Policy};
use crate::filter::{DatasetPattern, Freshness, Pattern};
use crate::key::Key;
use crate::scope::{Scopes, StoreAddress};
use crate::value::Kind;

const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

/// Returns a store with two users and two stores, so that names have ids and a store is not the
/// whole file.
fn store(folder: &tempfile::TempDir) -> SqliteBackend {
    let path = folder.path().join("store.db");
    let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
    for name in ["a", "b"] {
        let key = Key::new("k").expect("a valid key");
        let mut entry = Entry::new(StoreAddress::new(name).entry(key), Kind::Text, NOW);
        entry.scopes = Scopes {
            user_id: Some(name.into()),
            operator_uri: Some(name.into()),
            prompt_id: Some(name.into()),
            jwt_sha256: None,
        };
        let content = Content::Inline(Vec::new());
        let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
        put.expect("an entry is written");
    }
    backend
}

/// Returns SQLite's plan of a statement.
fn explain(connection: &Connection, plan: &Plan, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("a statement");
    let range = plan.ranges().first().copied().expect("a range");
    let steps = statement
        .query_map(params_from_iter(plan.bound(range)), |row| row.get(3))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>);
    steps.expect("a query plan").join("; ")
}

fn exactly(name: &str) -> Vec<Pattern> {
    vec![Pattern::exact(name)]
}

/// Filters on each field, and the plan by which their entries are found.
fn filters() -> Vec<(Filter, &'static str)> {
    let any = Filter::default;
    let before = NOW;
    let by_row = "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    vec![
        (any(), by_row),
        (
            Filter {
                stores: exactly("a"),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                datasets: vec![DatasetPattern::Unlinked],
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                policy: Some(Policy::Evict),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                larger_than: Some(5),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                smaller_than: Some(5),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                cost_above: Some(Duration::from_millis(5)),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                kinds: vec![Kind::Text],
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                kinds: vec![Kind::Text, Kind::Command],
                stores: exactly("a"),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                collections: Vec::new(),
                ..any()
            },
            by_row,
        ),
        (
            Filter {
                keys: exactly("k"),
                ..any()
            },
            "SEARCH e USING INDEX entries_key (store=? AND key=?)",
        ),
        (
            Filter {
                users: exactly("a"),
                ..any()
            },
            "SEARCH e USING INDEX entries_user (user=? AND rowid>? AND rowid<?)",
        ),
        (
            Filter {
                users: exactly("a"),
                stores: exactly("a"),
                ..any()
            },
            "SEARCH e USING INDEX entries_user (user=? AND rowid>? AND rowid<?)",
        ),
        (
            Filter {
                operators: exactly("a"),
                ..any()
            },
            "SEARCH e USING INDEX entries_operator (operator=? AND rowid>? AND rowid<?)",
        ),
        (
            Filter {
                prompts: exactly("a"),
                ..any()
            },
            "SEARCH e USING INDEX entries_prompt (prompt=? AND rowid>? AND rowid<?)",
        ),
        (
            Filter {
                prompts: vec![Pattern::exact("a"), Pattern::exact("b")],
                ..any()
            },
            "SEARCH e USING INDEX entries_prompt (prompt=?)",
        ),
        (
            Filter {
                freshness: Some(Freshness::Expired),
                ..any()
            },
            "SEARCH e USING INDEX entries_expiry (store=? AND expires_at<?)",
        ),
        (
            Filter {
                expires_by: Some(before),
                ..any()
            },
            "SEARCH e USING INDEX entries_expiry (store=? AND expires_at>? AND expires_at<?)",
        ),
        (
            Filter {
                larger_than: Some(LARGE),
                ..any()
            },
            "SEARCH e USING INDEX entries_large (store=? AND size>?)",
        ),
        (
            Filter {
                larger_than: Some(LARGE),
                smaller_than: Some(2 * LARGE),
                ..any()
            },
            "SEARCH e USING INDEX entries_large (store=? AND size>? AND size<?)",
        ),
        (
            Filter {
                policy: Some(Policy::Persist),
                ..any()
            },
            "SEARCH e USING INDEX entries_persist (store=? AND rowid>? AND rowid<?)",
        ),
        (
            Filter {
                written_before: Some(before),
                ..any()
            },
            "INDEX 1; SEARCH e USING INDEX entries_written (store=? AND <expr><?); \
             INDEX 2; SEARCH e USING INDEX entries_written (store=? AND <expr>>?)",
        ),
        (
            Filter {
                written_after: Some(before),
                ..any()
            },
            "SEARCH e USING INDEX entries_written (store=? AND <expr>>? AND <expr><?)",
        ),
        (
            Filter {
                unused_since: Some(before),
                ..any()
            },
            "INDEX 1; SEARCH e USING INDEX entries_written (store=? AND <expr><?); \
             INDEX 2; SEARCH e USING INDEX entries_written (store=? AND <expr>>?)",
        ),
    ]
}

#[test]
fn every_filter_is_answered_from_its_index() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = store(&folder);
    let connection = backend.connection().expect("a connection");
    for (filter, expected) in filters() {
        let plan = Plan::new(&connection, &filter, NOW).expect("a plan");
        for columns in [
            "e.id",
            "count(*), coalesce(sum(e.size), 0)",
            "e.id, e.value",
        ] {
            let sql = format!("SELECT {columns} {}", plan.source());
            let steps = explain(&connection, &plan, &sql);
            let covering = expected.replace("USING INDEX", "USING COVERING INDEX");
            let found = steps.contains(expected) || steps.contains(&covering);
            assert!(found, "{filter:?}\n{columns}: {steps}");
            assert!(!steps.contains("SCAN e"), "{steps}");
        }
    }
}

#[test]
fn a_page_is_read_in_order_without_sorting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = store(&folder);
    let connection = backend.connection().expect("a connection");
    for (filter, _) in filters() {
        let plan = Plan::new(&connection, &filter, NOW).expect("a plan");
        if plan.ordered {
            let sql = format!("SELECT e.id, u.hits {} ORDER BY e.id", plan.source());
            let steps = explain(&connection, &plan, &sql);
            assert!(
                steps.contains("rowid>?"),
                "a page begins at its id: {steps}"
            );
            assert!(!steps.contains("TEMP B-TREE"), "{steps}");
        }
    }
}
