//! `limit ls`: a row for each scope.

use crate::shown;
use crate::support::Session;

#[test]
fn limits_are_listed_by_scope_with_a_share_and_all_that_is_set() {
    let session = Session::new();
    for line in [
        "limit set thumbs --max-size 4MiB --max-entries 10",
        "limit set --user ann --dataset 6b03de1228195dbc2df5c505 --min-cost 1s",
        "limit set --max-size 2GiB --min-free 1%",
        "limit set --undo-keep 2d",
        "set thumbs k v",
    ] {
        session.run(line).notes("");
    }
    let lines = shown(&session, "limit ls", 80);
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        words,
        ["SCOPE", "LIMIT", "USED", "SHARE", "ENTRIES", "COST", "FREE"],
        "{lines:#?}"
    );
    let starts = ["all  ", "dataset …f5c505 user ann  ", "store thumbs  "];
    for (line, start) in lines[1..].iter().zip(starts) {
        assert!(line.starts_with(start), "{lines:#?}");
    }
    assert!(
        lines[3].contains(" 10%") && lines[3].contains("1 of 10"),
        "{lines:#?}"
    );
    assert_eq!(
        lines[4..],
        [
            "3 limits; USED has the overhead of entries, and those kept for undo",
            "kept for undo: 0 entries (0 B), for 2d"
        ]
    );
}
