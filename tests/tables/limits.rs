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
    let starts = [
        "everything  ",
        "dataset …f5c505 user ann  ",
        "store thumbs  ",
    ];
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

#[test]
fn a_scope_of_several_names_is_whole_at_every_width() {
    let session = Session::new();
    let limit = "limit set thumbs --user ann --operator @ann/x \
                 --dataset 6b03de1228195dbc2df5c505 --max-size 4MiB --max-entries 9";
    session.run(limit).notes("");
    session.run("limit set --max-size 2GiB").notes("");
    for width in [50, 80, 120, 160] {
        let lines = shown(&session, "limit ls", width);
        let text = lines.join("\n");
        for name in [
            "store thumbs",
            "user ann",
            "operator @ann/x",
            "dataset …f5c505",
        ] {
            assert!(text.contains(name), "{name} at {width}: {text}");
        }
        assert!(text.contains("\neverything  "), "{text}");
        let with_limit = lines.iter().filter(|line| line.contains("4.0 MiB"));
        assert_eq!(with_limit.count(), 1, "{text}");
    }
}
