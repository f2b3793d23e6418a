//! Keys as they are printed can be typed again, with their mark.

use std::collections::HashSet;
use std::process::Command;

use unicode_width::UnicodeWidthStr;

use crate::support::{self, Session};
use crate::{filled, shown, shown_before_tips, table};

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
fn keys_that_are_hard_to_show_are_told_apart_and_can_be_pasted() {
    let session = Session::new();
    let keys = [
        "",
        "-",
        " ",
        "a",
        " a",
        "a ",
        "a  b",
        "a\u{a0}b",
        "a\nb",
        "a\\nb",
        "a\\\nb",
        "' a'",
        "$'a\\nb'",
        "it's",
        "\"a\"",
        "C:\\new\\images",
        "\u{301}a",
        "e\u{301}",
        "日本語\u{3000}",
        "אב\u{202e}ג",
        "\u{1b}[2J\u{7}",
        "a\u{200b}b",
    ];
    let long = |key: &&str| format!("{key} street/left camera/2026 {key}");
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let keys: Vec<String> = keys
        .iter()
        .cloned()
        .chain(keys.iter().map(|key| long(&key.as_str())))
        .collect();
    let lines = keys.iter().enumerate().map(|(number, key)| {
        format!(
            "{}\n",
            serde_json::json!({"store_name": "odd", "key": key, "value": number})
        )
    });
    let import = session.run_with_input("import - --quiet", lines.collect::<String>().as_bytes());
    import.notes("");
    for width in [40, 50, 80, 120] {
        let ran = table(&session, "ls odd --fields key,size", width);
        let cells: Vec<&str> = ran
            .lines()
            .skip(1)
            .map(|line| {
                line.trim_end_matches(" B")
                    .trim_end_matches(char::is_numeric)
                    .trim_end()
            })
            .collect();
        assert_eq!(
            cells.iter().collect::<HashSet<_>>().len(),
            keys.len(),
            "{ran}"
        );
        let mut found = HashSet::new();
        for cell in cells {
            let named = |verb: &'static str, key: &str| {
                let hyphens = if key.starts_with("- ") { "--" } else { "" };
                let words = [verb, "--json", "odd", hyphens, key];
                let words = words.iter().enumerate();
                let words = words.filter(|(place, word)| *place != 3 || !word.is_empty());
                let ran = session.run(words.map(|(_, word)| *word).collect::<Vec<_>>());
                assert_eq!(ran.code, 0, "{verb} at {width}: {cell:?}: {ran:?}");
                ran
            };
            let word = if cell.starts_with(['\'', '$']) {
                in_bash(cell)
            } else {
                cell.to_owned()
            };
            let shown = named("show", &word);
            // With its quotes it may be another key.
            if !keys.iter().any(|key| key == cell) {
                assert_eq!(named("show", cell).text(), shown.text());
            }
            named("rm", &word);
            session.run(["undo", "--quiet"]).notes("");
            let shown: serde_json::Value = serde_json::from_str(shown.text()).expect("JSON");
            found.insert(shown["key"].as_str().expect("a key").to_owned());
        }
        assert_eq!(found, keys.iter().cloned().collect(), "{width}");
    }
}

/// Returns the argument that bash makes of a word.
fn in_bash(word: &str) -> String {
    let mut bash = Command::new("bash");
    bash.env("LC_ALL", "C.UTF-8")
        .args(["-c", &format!("printf %s {word}")]);
    let ran = bash.output().expect("bash runs");
    String::from_utf8(ran.stdout).expect("text")
}

#[test]
fn a_pasted_key_names_one_entry_or_an_error_says_what_to_add() {
    let session = filled().with("EDITOR", "false");
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
    let options =
        "\n  tip: add --dataset 6b03de1228195dbc2df5c505 or --dataset 6b03de1228195dbc2df5c682\n";
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
    // A removal takes a prefix only with its mark.
    show("rm python3 99999999").ends(
        1,
        "warning: there is no key 99999999 in store python3\n  tip: did you mean 9999999999999999999999999999999999999999999999999999999999999999? A part of a key ends with its mark\n",
    );
    show("rm python3 99999999… -n").notes("would remove 1 entry (4 B)\n");
    show("rm bbbbbbbbbbbb… -n").notes("would remove 1 entry (1 B)\n");
    show("touch --key bbbbbbbbbbbb… --ttl 1d").notes("changed 1 entry (1 B)\n");
    show("touch bbbbbbbbbbbb… --ttl 2d").notes("changed 1 entry (1 B)\n");
    show("touch …longest_value --ttl 2d -n").succeeds();
    show("touch ffffffff… --ttl 1d").ends(
        2,
        "error: no entry has the key ffffffff…\n  tip: ecache ls shows keys that can be pasted\n",
    );
    // So does an escape: the name is another one.
    session.run(["set", "odd", "a\tb", "v"]).notes("");
    for line in ["rm odd a\\tb", "touch odd a\\tb --ttl 1d", "edit odd a\\tb"] {
        let ran = session.run(line);
        assert_eq!(ran.code, 1, "{line}: {ran:?}");
        let told = "warning: there is no key a\\tb in store odd\n  tip: did you mean $'a\\tb'?\n";
        assert!(ran.stderr.contains(told), "{line}: {ran:?}");
    }
    session.run(["show", "odd", "a\\tb"]).succeeds();
    let why = show("why 999999999999…");
    assert!(why.text().contains("\n  key      9999"), "{why:?}");
    show("rm thumb cat.jpg").ends(1, "warning: there is no store \"thumb\"\n");
    show("rm my_lables x").ends(
        1,
        "warning: there is no store \"my_lables\"\n  tip: did you mean my_labels?\n",
    );
}

#[test]
fn ids_of_one_page_or_message_differ_and_can_be_pasted() {
    let session = Session::new();
    let datasets = ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2ef5c505"];
    let mut lines = String::new();
    for dataset in datasets {
        for key in [
            "cat".to_owned(),
            "5".repeat(64),
            "5".repeat(14) + &"a".repeat(50),
        ] {
            let record = serde_json::json!({
                "store_name": "thumbs", "key": key, "dataset_id": dataset, "value": dataset,
                "user_id": dataset
            });
            lines += &format!("{record}\n");
        }
    }
    std::fs::write(session.path("lines"), lines).expect("a file");
    session.run("import lines").succeeds();
    // In a pipe they are whole.
    let piped = session.run("show thumbs cat");
    let [one, other] = datasets;
    let tip = format!("  tip: add --dataset {one} or --dataset {other}\n");
    assert!(piped.stderr.ends_with(&tip), "{piped:?}");
    let told = |line: &str| shown(&session, line, 100).join("\n");
    let tip = "tip: add --dataset …df5c505 or --dataset …ef5c505";
    assert!(told("show thumbs cat").contains(tip));
    let tip = "tip: name one of …df5c505, …ef5c505";
    assert!(told("show thumbs cat --dataset …f5c505").contains(tip));
    for line in [
        "ls",
        "ls thumbs --fields key,dataset,user",
        "stores",
        "stats --by dataset",
        "stats --by user",
        "why thumbs cat",
    ] {
        assert!(told(line).contains("…df5c505"), "{line}: {}", told(line));
        assert!(!told(line).contains("…f5c505"), "{line}: {}", told(line));
    }
    for name in ["…df5c505", "…ef5c505"] {
        let found = session.run(format!("get thumbs cat --dataset {name}").as_str());
        assert!(found.text().ends_with(&name["…d".len()..]), "{found:?}");
    }
    let keys = told("ls thumbs --dataset …df5c505");
    let whole = ["5".repeat(15) + "…", "5".repeat(14) + "a…"];
    for key in whole {
        assert!(keys.contains(&key), "{keys}");
    }
}
