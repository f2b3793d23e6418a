//! Tables for people: at every width they fit, and what they print can be used in the next command.

mod support;

use std::collections::BTreeSet;

use support::Session;
use unicode_width::UnicodeWidthStr;

/// Returns a store with entries of every kind, and with names that are hard to show.
fn filled() -> Session {
    let session = Session::new();
    let hash = |digit: char| digit.to_string().repeat(64);
    let mut lines = String::new();
    let mut add = |record: serde_json::Value| lines.push_str(&format!("{record}\n"));
    for month in ["09", "10", "11"] {
        let args = serde_json::json!([
            "report.py",
            "--from",
            format!("2026-{month}-01"),
            "--to",
            format!("2026-{month}-30"),
            "--region",
            "Île-de-France",
            "--group-by",
            "city,week,category",
            "--out",
            "json",
            {}
        ]);
        add(serde_json::json!({
            "store_name": "python3", "key": hash(month.chars().last().expect("a digit")),
            "kind": "command", "value": {"_cls": "bytes", "value": "AgAAAA=="},
            "function": "/usr/bin/python3", "args": args, "cost_ms": 1234,
            "created_at": "2026-11-23T06:00:00.000Z", "expires_at": "2026-12-01T00:00:00.000Z"
        }));
    }
    for (key, column) in [("a", "city"), ("b", "country")] {
        add(serde_json::json!({
            "store_name": "operator::longest_value", "key": hash(key.chars().next().expect("a digit")),
            "value": "x", "function": "operator::longest_value", "args": [{"a": 1}, column],
            "user_id": "ann", "cost_ms": 7, "created_at": "2026-11-20T06:00:00.000Z"
        }));
    }
    for (dataset, key) in [
        ("6b03de1228195dbc2df5c505", 'c'),
        ("6b03de1228195dbc2df5c682", 'c'),
    ] {
        add(serde_json::json!({
            "store_name": "my_labels", "key": hash(key), "dataset_id": dataset,
            "value": ["bird", "señal", "自転車", {"password": "open sesame"}],
            "created_at": "2024-11-23T06:00:00.000Z"
        }));
    }
    for key in [
        "cat.jpg".to_owned(),
        "street/images/2026-11-23/left camera/000123.jpg".to_owned(),
        "street/images/2026-11-23/left camera/000124.jpg".to_owned(),
        "日本語のデータセット、とても長い名前".to_owned(),
        "👩👩👩👩 and e\u{301}e\u{301}".to_owned(),
        "a\u{1b}[2J\u{202e}evil\rover and over again".to_owned(),
        "l".repeat(200),
    ] {
        add(serde_json::json!({
            "store_name": "日本語 and 'quotes'", "key": key, "value": "text of it",
            "created_at": "2026-11-23T06:32:00.000Z", "expires_at": "2026-11-23T06:32:30.000Z"
        }));
    }
    session
        .run_with_input("import - --quiet", lines.as_bytes())
        .notes("");
    session
}

/// Returns a table for a terminal of this width, without colours.
fn table(session: &Session, words: &str, width: usize) -> String {
    let words = format!("{words} --format table");
    let mut command = session.command(&words);
    command.env("COLUMNS", width.to_string());
    let ran = support::run(command, b"");
    assert_eq!(ran.code, 0, "{words}: {ran:?}");
    ran.text().to_owned()
}

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

/// Returns what a terminal of this width shows of a command, a line each.
fn shown(session: &Session, line: &str, width: u16) -> Vec<String> {
    let shown = session.shell_on_columns(width, &format!("ecache {line} --color never"));
    let text = String::from_utf8(shown.bytes).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// Returns what a terminal of this width shows of a command before its tips, a line each.
fn shown_before_tips(session: &Session, line: &str, width: u16) -> Vec<String> {
    let lines = shown(session, line, width).into_iter();
    lines
        .take_while(|line| !line.starts_with("tip: "))
        .collect()
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
const HEADED: [&str; 13] = [
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
        for line in [
            "ls",
            "ls python3",
            "stats",
            "stats --since 7d",
            "stores",
            "log",
            "config ls",
            "info",
            "prune -n",
            "prune --expired --max-entries 1 -n",
            "clear --all -n -q",
            "warm --refresh --all -n -q",
            "doctor",
            "",
            "ls --sort worth --larger-than 1",
            "ls --sort created --min-hits 0 --unused-for 1ms",
            "top --by waste --unused-for 1ms",
            "stats --by user,store,operator",
            "limit ls",
            "diff @ other.db",
            "stores ls",
        ] {
            let wide = shown(&session, line, width);
            let header = wide.first().filter(|_| HEADED.contains(&line));
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

#[test]
fn a_search_that_ends_early_does_not_count_what_it_did_not_read() {
    let session = filled();
    for (limit, footer) in [
        (1, "the first entry that contains \"text\"; -L 0 for all"),
        (3, "the first 3 entries that contain \"text\"; -L 0 for all"),
        (0, "7 of 14 entries contain that"),
    ] {
        let line = format!("ls --value-contains text -L {limit}");
        let lines = shown(&session, &line, 80);
        assert_eq!(lines.last().map(String::as_str), Some(footer), "{lines:#?}");
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
fn a_period_that_begins_within_an_hour_says_what_it_counts() {
    let session = Session::new().with("TZ", "UTC");
    session.run("set s k v").notes("");
    session.run("get s k").prints("v");
    let lines = |line: &str| shown_before_tips(&session, line, 80).join("\n");
    // It is 06:32.
    let whole = "in whole hours: all calls since 2026-11-23 06:00";
    assert!(
        lines("stats --since 10m").ends_with(whole),
        "{}",
        lines("stats --since 10m")
    );
    assert!(!lines("stats --since 1d").contains("whole"));
    assert!(!lines("stats --since 2026-11-23T06:00:00Z").contains("whole"));
    session.set_clock("2027-01-10T00:00:00.000Z");
    session.run("get s k").prints("v");
    let whole = "in whole days: all calls since 2026-11-23 00:00";
    let shown = lines("stats --since 2026-11-23T03:00:00Z");
    assert!(shown.ends_with(whole), "{shown}");
}

#[test]
fn every_table_shows_keys_that_show_finds_again() {
    let session = filled();
    let is_hash = |key: &str| key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    for width in [80, 120, 200] {
        for line in [
            "ls",
            "prune -n",
            "prune --max-entries 1 -n",
            "ls --sort size",
        ] {
            let lines = shown_before_tips(&session, line, width);
            let header = lines.first().expect("a header");
            let start = header.find("KEY").expect("a column of keys");
            let column = |line: &str| {
                let mut taken = 0;
                let rest = line.char_indices().find(|(_, c)| {
                    let before = taken;
                    taken += c.to_string().width();
                    before >= start
                });
                let rest = rest.map_or("", |(at, _)| &line[at..]);
                rest.split("  ").next().unwrap_or_default().to_owned()
            };
            let is_row = |line: &&String| !line.contains(" entries") && !line.starts_with('(');
            let keys: Vec<String> = lines[1..]
                .iter()
                .filter(is_row)
                .map(|line| column(line))
                .collect();
            assert!(keys.len() > 5, "{line} at {width}: {lines:#?}");
            for key in keys {
                // A lone argument is a key only with its mark.
                let found = if key.strip_suffix('…').is_some_and(is_hash) {
                    session.run(["show", &key])
                } else {
                    session.run(["show", "日本語 and 'quotes'", &key])
                };
                let is_ambiguous = found.stderr.contains("has this key in 2 datasets");
                assert!(
                    found.code == 0 || is_ambiguous,
                    "{line} at {width}: {key:?}: {found:?}"
                );
            }
        }
    }
}

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

#[test]
fn shares_have_a_percent_sign_and_the_sum_says_of_how_many() {
    let session = Session::new();
    for _ in 0..3 {
        session.run("run -- echo hi").succeeds();
    }
    session.run("run -- printf x").succeeds();
    let lines = shown_before_tips(&session, "stats", 100);
    assert!(lines[0].contains("HIT RATE"), "{lines:#?}");
    let row = |name: &str| {
        let row = lines.iter().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("no {name}: {lines:#?}"))
            .clone()
    };
    assert!(row("echo").contains("67%"), "{lines:#?}");
    assert!(row("printf").contains(" 0%"), "{lines:#?}");
    assert!(row("total, 2 stores").contains("50%"), "{lines:#?}");
    let lines = shown_before_tips(&session, "stats --since 1d", 100);
    assert!(lines[0].contains("BY TIME"), "{lines:#?}");
}

#[test]
fn a_long_value_ends_after_two_screens_on_a_terminal() {
    let session = Session::new();
    let json = format!("[{}]", vec!["\"an item of some length\""; 500].join(", "));
    session
        .run_with_input("set s long --type json -q", json.as_bytes())
        .notes("");
    // The terminal of a test has 40 lines.
    let lines = shown_before_tips(&session, "show s long", 80);
    assert_eq!(lines.len(), 80, "{lines:#?}");
    let last = lines.last().expect("a line");
    assert!(
        last.contains("more lines (") && last.contains("--all prints them, ecache get s long"),
        "{last}"
    );
    let lines = shown_before_tips(&session, "show s long --all", 80);
    assert!(lines.len() > 500 && lines.last().is_some_and(|line| line == "]"));
    // Another program gets the value as it was stored.
    session.run("get s long").prints(json.clone() + "\n");
    let shown = session.shell_on_columns(80, "ecache get s long --color always");
    let text = String::from_utf8(shown.bytes).expect("text");
    assert!(
        text.contains("\x1b[32m\"an item of some length\"\x1b[0m"),
        "{text:.200}"
    );
}

#[test]
fn a_change_is_a_row_of_a_table_as_it_comes() {
    let session = filled();
    let line = "ecache watch --count 1 -v 2> ready & until grep -qs watching ready; do :; done; \
                ecache set python3 new v -q; wait";
    let shown = session.shell_on_columns(80, line);
    let text = String::from_utf8(shown.bytes).expect("text");
    let header = text.lines().next().unwrap_or_default();
    for title in ["TIME", "EVENT", "KEY"] {
        assert!(header.contains(title), "{text}");
    }
    assert!(text.contains("  created  "), "{text}");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
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
fn the_time_of_the_last_write_is_shown_where_it_is_asked_for() {
    let session = filled();
    for times in ["local", "utc", "iso"] {
        for width in [80, 100, 120] {
            let table = table(&session, &format!("ls --time {times}"), width);
            let header = table.lines().next().expect("a header");
            for title in ["STORE", "KEY", "UPDATED", "CALL"] {
                assert!(header.contains(title), "{times} at {width}: {header}");
            }
        }
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
fn every_key_that_a_table_prints_is_found_again_by_show() {
    let session = filled();
    for width in [40, 60, 80, 100, 120, 250] {
        for store in ["python3", "operator::longest_value", "日本語 and 'quotes'"] {
            let mut command =
                session.command(["ls", store, "--format", "table", "--fields", "key,size"]);
            command.env("COLUMNS", width.to_string());
            let ran = support::run(command, b"");
            let keys = session.run(["ls", store, "--fields", "key"]);
            assert_eq!(ran.text().lines().count(), keys.text().lines().count() + 1);
            for line in ran.text().lines().skip(1) {
                // The size is the last column, `12 B`.
                let key = line
                    .trim_end_matches(" B")
                    .trim_end_matches(char::is_numeric);
                let key = key.trim_end();
                let shown = session.run(["show", store, key]);
                assert_eq!(shown.code, 0, "{width}: {key:?}: {shown:?}");
            }
        }
    }
}

#[test]
fn a_pasted_key_names_one_entry_or_an_error_says_what_to_add() {
    let session = filled();
    let show = |words: &str| session.run(words);
    let found = |words: &str, key: &str| {
        let shown = show(words).succeeds();
        let line = format!("key\t{}\n", key.repeat(64));
        assert!(shown.text().contains(&line), "{words}: {shown:?}");
    };
    // In a store, in any store, by three dots, and without a mark from eight digits on.
    found("show python3 999999999999…", "9");
    found("show 999999999999…", "9");
    found("show python3 9999...", "9");
    found("show python3 99999999", "9");
    found("show …longest_value aaaaaaaaaaaa…", "a");
    show("show python3 9999999").ends(
        1,
        "warning: there is no key 9999999 in store python3\n  tip: ecache ls python3 lists its keys\n",
    );
    show("show ffffffff…").ends(
        2,
        "error: no entry has the key ffffffff…\n  tip: ecache ls shows keys that can be pasted\n",
    );
    // In two datasets.
    let options = "\n  tip: add --dataset …f5c505 or --dataset …f5c682\n";
    show("show my_labels cccccccccccc…").ends(
        2,
        &format!("error: my_labels has this key in 2 datasets{options}"),
    );
    show(&format!("rm my_labels {}", "c".repeat(64))).ends(
        1,
        &format!("warning: my_labels has this key in 2 datasets{options}"),
    );
    found("show my_labels cccccccccccc… --dataset …f5c505", "c");
    show("ls --dataset 6b03… --fields key").ends(
        2,
        "error: 6b03… may be 2 datasets\n  tip: name one of 6b03de1228195dbc2df5c505, 6b03de1228195dbc2df5c682\n",
    );
    show("ls --dataset …nope").ends(
        2,
        "error: there is no dataset …nope\n  tip: name it in full\n",
    );
    assert_eq!(
        show("ls --dataset …f5c505 --fields key").text(),
        "c".repeat(64) + "\n"
    );
    // What removes takes a prefix with its mark alone.
    show("rm python3 99999999").ends(
        1,
        "warning: there is no key 99999999 in store python3\n  tip: did you mean 999999999999…? A part of a key ends with its mark\n",
    );
    show("rm python3 99999999… -n").notes("would remove 1 entry (4 B)\n");
    show("rm bbbbbbbbbbbb… -n").notes("would remove 1 entry (1 B)\n");
    show("touch --key bbbbbbbbbbbb… --ttl 1d").notes("changed 1 entry (1 B)\n");
    let why = show("why 999999999999…");
    assert!(why.text().contains("\n  key      9999"), "{why:?}");
    show("rm thumb cat.jpg").ends(1, "warning: there is no store \"thumb\"\n");
    show("rm my_lables x").ends(
        1,
        "warning: there is no store \"my_lables\"\n  tip: did you mean my_labels?\n",
    );
}

#[test]
fn a_store_that_does_not_exist_is_a_warning_and_with_fail_empty_a_failure() {
    let session = filled();
    let warning = "warning: there is no store \"my_lables\"\n  tip: did you mean my_labels?\n";
    session.run("ls my_lables").notes(warning);
    session.run("ls my_lables --fail-empty").ends(1, warning);
    session.run("ls my_labels --fail-empty").succeeds();
    session.run("ls -n 3").ends(
        2,
        "error: -n is a dry run, and ls changes nothing\n  tip: to list 3 entries: ecache ls -L 3\n",
    );
}

#[test]
fn a_terminal_shows_the_newest_first_and_says_how_many_there_are() {
    let session = filled();
    let shown = session.run_on_terminal("ls -L 2");
    let shown = String::from_utf8(shown.bytes).expect("text");
    assert!(
        shown.ends_with("2 of 14 entries, 196 B, 7 expired\n"),
        "{shown}"
    );
    let shown = session.run_on_terminal("ls my_labels");
    let shown = String::from_utf8(shown.bytes).expect("text");
    assert_eq!(
        shown,
        "KEY            DATASET  SIZE  AGE  EXPIRES  VALUE\n\
         cccccccccccc…  …f5c682  56 B   2y  persist  [\"bird\", \"señal\", \"自転車\", {\"password\": \"***\"}]\n\
         cccccccccccc…  …f5c505  56 B   2y  persist  [\"bird\", \"señal\", \"自転車\", {\"password\": \"***\"}]\n\
         2 entries of my_labels, 112 B\n"
    );
}
