//! The columns of all tables: which are shown, what is cut, and that no line is too wide.

use std::collections::{BTreeSet, HashSet};

use unicode_width::UnicodeWidthStr;

use crate::support::Session;
use crate::{filled, shown, shown_before_tips, table};

#[test]
fn no_table_is_wider_than_the_terminal() {
    let session = filled();
    for width in (20..=130).step_by(3).chain([160, 200, 250]) {
        for words in [
            "ls",
            "ls --fields all",
            "stores",
            "stats",
            "stats --by user",
            "top",
            "top --by waste",
            "top --by age",
        ] {
            for line in table(&session, words, width).lines() {
                assert!(line.width() <= width, "{words} at {width}: {line:?}");
                assert_eq!(line, line.trim_end());
            }
        }
    }
}

#[test]
fn the_name_of_the_only_store_is_seen_in_every_table() {
    let session = Session::new();
    for dataset in ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"] {
        let set = format!("set the_only_store k v --dataset {dataset}");
        session.run(&set).notes("");
    }
    session.run("copy @ other.db -q").notes("");
    session.run("set the_only_store k other").notes("");
    session.run("set the_only_store l other").notes("");
    for line in [
        "ls",
        "stores",
        "stats",
        "top",
        "top --by age",
        "top --by waste",
        "prune -n --max-entries 1",
        "diff @ other.db",
    ] {
        let lines = shown(&session, line, 80);
        let is_named = lines.iter().any(|line| line.contains("the_only_store"));
        assert!(is_named, "{line}: {lines:#?}");
    }
}

/// Commands whose first line is the header of a table at every width.
const LINES_WITH_A_HEADER: [&str; 13] = [
    "ls",
    "stats",
    "stores",
    "log",
    "config ls",
    "prune --expired --max-entries 1 -n",
    "ls --sort worth --larger-than 1",
    "ls --sort created --min-hits 0 --unused-for 1ms",
    "top --by waste --unused-for 1ms",
    "stats --by user,store,operator",
    "limit ls",
    "diff @ other.db",
    "stores ls",
];

/// Other commands that print tables or figures.
const OTHER_LINES: [&str; 8] = [
    "ls python3",
    "stats --since 7d",
    "info",
    "prune -n",
    "clear --all -n -q",
    "warm --refresh --all -n -q",
    "doctor",
    "",
];

#[test]
fn nothing_that_a_terminal_shows_is_wider_than_it() {
    let session = filled();
    session.run("copy @ other.db -q").notes("");
    session.run("set persistent k v --policy persist").notes("");
    let limits = "limit set --undo-keep 2d --min-free 1%; \
                  ecache limit set thumbs --user ann --operator @a/b --max-size 1GiB \
                  --max-entries 9 --default-ttl 1d --min-cost 1ms";
    session.shell(&format!("ecache {limits}")).notes("");
    session
        .run("rm python3 9999999999999999999999999999999999999999999999999999999999999999")
        .succeeds();
    for width in (20..=130).step_by(10).chain([79, 81, 200, 250]) {
        for line in LINES_WITH_A_HEADER.iter().chain(&OTHER_LINES) {
            let wide = shown(&session, line, width);
            let header = wide.first().filter(|_| LINES_WITH_A_HEADER.contains(line));
            assert!(
                header.is_none_or(|header| !header.contains('…')),
                "{line:?} at {width}: {header:?}"
            );
            let wide = wide.iter().filter(|line| {
                // Sentences and commands to type are as long as they are; rows have gaps.
                let is_sentence = ["tip: ", "error: ", "warning: "]
                    .iter()
                    .any(|word| line.trim_start().starts_with(word));
                let has_gap = line.trim_start().contains("  ");
                !is_sentence && has_gap && line.width() > usize::from(width)
            });
            let wide: Vec<&String> = wide.collect();
            assert!(wide.is_empty(), "{line:?} at {width}: {wide:#?}");
        }
    }
}

#[test]
fn a_column_that_is_sorted_or_filtered_by_stays_at_every_width() {
    let session = filled();
    for key in ["a", "a key of quite some length, and longer than others"] {
        session
            .run(["set", "a_store_with_24_letters_", key, "v"])
            .notes("");
        session
            .run(["get", "a_store_with_24_letters_", key])
            .prints("v");
    }
    for width in [50, 60, 80, 100, 120, 160] {
        for (options, title) in [
            ("--sort hits", "HITS"),
            ("--sort cost", "COST"),
            ("--sort size", "SIZE"),
            ("--sort created", "CREATED"),
            ("--sort updated", "AGE"),
            ("--sort used", "UNUSED"),
            ("--sort expires", "EXPIRES"),
            ("--sort worth", "WORTH"),
            ("--min-hits 0", "HITS"),
            ("--larger-than 1", "SIZE"),
            ("--smaller-than 1MiB", "SIZE"),
            ("--cost-above 1ms", "COST"),
            ("--older-than 1s", "AGE"),
            ("--newer-than 99y", "AGE"),
            ("--unused-for 1ms", "UNUSED"),
            ("--fresh", "EXPIRES"),
            ("--expired", "EXPIRES"),
            ("--expiring-within 30d", "EXPIRES"),
        ] {
            for command in ["ls", "top"] {
                if command == "top" && options.starts_with("--sort") {
                    continue;
                }
                let table = table(&session, &format!("{command} {options}"), width);
                let header = table.lines().next().expect("a header");
                assert!(header.contains(title), "{options} at {width}: {table}");
                assert!(header.contains("KEY"), "{options} at {width}: {table}");
            }
        }
    }
}

#[test]
fn a_store_name_of_24_letters_is_whole_beside_a_longer_one_and_a_long_key() {
    let session = Session::new();
    session.run("set other k v").notes("");
    session.run("copy @ other.db -q").notes("");
    for store in ["a_store_with_24_letters_", &"a_long_name".repeat(20)] {
        session
            .run(["set", store, &"a long key ".repeat(9), "v"])
            .notes("");
    }
    for line in [
        "ls",
        "ls --sort hits",
        "stats",
        "stores",
        "top",
        "prune --max-entries 0 -n",
        "diff other.db @",
    ] {
        let lines = shown(&session, line, 80);
        let is_whole = lines
            .iter()
            .any(|line| line.contains("a_store_with_24_letters_"));
        assert!(is_whole, "{line}: {lines:#?}");
    }
}

#[test]
fn long_names_give_way_before_numbers() {
    let session = Session::new();
    let long = |name: &str| format!("{name}-with-a-name-of-quite-some-length-and-more");
    for name in ["ann", "bob"] {
        let (store, user) = (long("store"), long(name));
        session
            .run(&format!(
                "set {store} key-of-{name} value --user {user} --operator {user}"
            ))
            .notes("");
        session
            .run(&format!(
                "limit set --user {user} --max-size 1G --max-entries 7 --default-ttl 3d"
            ))
            .notes("");
        session
            .run(&format!(
                "get {store} key-of-{name} --user {user} --operator {user}"
            ))
            .prints("value");
    }
    for (line, titles) in [
        ("stats --by user,store,operator", "ENTRIES SIZE HITS RATE"),
        ("stats --by user,store --since 1d", "HITS RATE"),
        ("limit ls", "LIMIT USED SHARE ENTRIES TTL"),
        (
            "ls --fields store_name,user_id,operator_uri,size,hits",
            "SIZE HITS",
        ),
    ] {
        let table = table(&session, line, 80);
        let mut rows = table.lines();
        let head = rows.next().expect("a header");
        for title in titles.split(' ') {
            assert!(head.contains(title), "{line}: {table}");
        }
        let rows = rows.filter(|row| !row.starts_with("total"));
        let rows: BTreeSet<&str> = rows.collect();
        assert_eq!(rows.len(), 2, "{line}: {table}");
        assert!(rows.iter().all(|row| row.contains('…')), "{line}: {table}");
    }
}

#[test]
fn eighty_columns_show_store_key_age_expiry_and_call() {
    let session = filled();
    for width in [80, 100, 120, 200] {
        let table = table(&session, "ls", width);
        let header = table.lines().next().expect("a header");
        for title in ["STORE", "KEY", "AGE", "EXPIRES", "CALL"] {
            assert!(header.contains(title), "{width}: {header}");
        }
        for name in ["operator::longest_value", "日本語 and 'quotes'"] {
            assert!(table.contains(name), "{width}: {table}");
        }
        for month in ["09", "10", "11"] {
            assert!(
                table.contains(&format!("2026-{month}-01")),
                "{width}: {table}"
            );
        }
        assert!(!table.contains("sesame"), "{table}");
    }
}

#[test]
fn rows_of_different_calls_differ_at_every_width() {
    let session = filled();
    for width in 50..=130 {
        for store in ["python3", "operator::longest_value"] {
            let table = table(&session, &format!("ls {store}"), width);
            let mut calls: Vec<&str> = table
                .lines()
                .skip(1)
                .filter_map(|line| line.rsplit("  ").next())
                .collect();
            let count = calls.len();
            calls.sort_unstable();
            calls.dedup();
            assert_eq!(calls.len(), count, "{width}: {table}");
        }
    }
}

#[test]
fn entries_of_several_datasets_are_told_apart_at_every_width() {
    let session = Session::new();
    let hash = "c".repeat(64);
    let mut lines = String::new();
    for dataset in [
        None,
        Some("6b03de1228195dbc2df5c505"),
        Some("6b03de1228195dbc2df5c682"),
    ] {
        for key in ["cat.jpg", &hash] {
            for store in ["operator::count_values", "thumbs"] {
                let record = serde_json::json!({
                    "store_name": store, "key": key, "dataset_id": dataset,
                    "value": "x", "function": store, "args": [{"a": 1}, "a column of labels"],
                    "cost_ms": 7, "created_at": "2026-11-20T06:00:00.000Z",
                    "expires_at": "2026-11-21T06:00:00.000Z"
                });
                lines.push_str(&format!("{record}\n"));
            }
        }
    }
    let imported = session.run_with_input("import - --quiet", lines.as_bytes());
    imported.notes("");
    for width in [50, 60, 70, 80, 90, 100, 120, 160] {
        for (line, count) in [
            ("ls", 12),
            ("ls --sort size --smaller-than 1MiB", 12),
            ("ls thumbs", 6),
            ("top --by age -L 12", 12),
            ("prune -n", 12),
            ("prune -n --max-entries 2", 10),
            ("stores", 6),
        ] {
            let rows = shown_before_tips(&session, line, width);
            let is_row = |row: &&String| row.contains('…') || row.contains("cat.jpg");
            let is_row = |row: &&String| line == "stores" || is_row(row);
            let rows: Vec<&String> = rows[1..].iter().filter(is_row).take(count).collect();
            let different: HashSet<_> = rows.iter().collect();
            assert_eq!(different.len(), count, "{line} at {width}: {rows:#?}");
            assert!(rows.iter().all(|row| row.width() <= usize::from(width)));
        }
    }
}
