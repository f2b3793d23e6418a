//! Dry runs list what would go, and why.

use crate::{filled, shown_before_tips};

#[test]
fn a_dry_run_says_which_entries_would_go_and_why() {
    let session = filled();
    let lines = shown_before_tips(&session, "prune --expired --max-entries 8 -n", 120);
    assert!(lines[0].starts_with("REASON"), "{lines:#?}");
    let of = |reason: &str| lines.iter().filter(|line| line.starts_with(reason)).count();
    assert_eq!(of("expired 21s ago"), 7, "{lines:#?}");
    assert_eq!(of("over --max-entries"), 0, "{lines:#?}");
    assert_eq!(
        lines.last().map(String::as_str),
        Some("would remove 7 entries (70 B)")
    );
    let lines = shown_before_tips(&session, "prune --max-entries 12 -n", 120);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("over --max-entries"))
            .count(),
        2,
        "{lines:#?}"
    );
    let lines = shown_before_tips(&session, "clear --all -n", 80);
    let stores: Vec<&str> = lines
        .iter()
        .take(5)
        .map(|line| line.split("  ").next().unwrap_or_default())
        .collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["STORE", "ENTRIES", "SIZE"]
    );
    assert!(stores.contains(&"python3"), "{lines:#?}");
    // A pipe gets no table with the sentence.
    assert_eq!(session.run("clear --all -n").text(), "");
}
