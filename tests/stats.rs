//! `ecache stats`: what calls came to, compared with numbers known from outside.

mod support;

use serde_json::Value;
use support::Session;

/// Returns one object for each group.
fn stats(session: &Session, options: &str) -> Vec<Value> {
    let ran = session.run(&format!("stats --format jsonl {options}"));
    let lines = ran.succeeds();
    let object = |line| serde_json::from_str(line).expect("an object");
    lines.text().lines().map(object).collect()
}

/// Returns some figures of one group.
fn figures<const COUNT: usize>(group: &Value, names: [&str; COUNT]) -> [u64; COUNT] {
    names.map(|name| {
        group[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} of {group}"))
    })
}

#[test]
fn entries_beyond_a_limit_are_counted_as_evicted() {
    let session = Session::new();
    for (store, key) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")] {
        session
            .shell(&format!("echo {key} | ecache set {store} {key}"))
            .succeeds();
    }
    session.run("rm a 3").succeeds();
    session.run("prune --max-entries 1").succeeds();
    let evictions = |options: &str| -> Vec<u64> {
        let groups = stats(&session, options);
        groups
            .iter()
            .map(|group| figures(group, ["evictions"])[0])
            .collect()
    };
    // The store that is empty now has a row, too.
    assert_eq!(evictions(""), [2, 0]);
    assert_eq!(evictions("--since 1h a"), [2]);
    assert_eq!(evictions("--by user"), [2]);
}
