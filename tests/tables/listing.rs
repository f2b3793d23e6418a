//! `ls`: its order, its times, and the line below it.

use crate::{Session, filled, shown, table};

#[test]
fn a_search_that_ends_early_does_not_count_what_it_did_not_read() {
    let session = filled();
    for (limit, footer) in [
        (1, "the first entry that contains \"text\"; -L 0 for all"),
        (3, "the first 3 entries that contain \"text\"; -L 0 for all"),
        (0, "7 of 14 entries contain it"),
    ] {
        let line = format!("ls --value-contains text -L {limit}");
        let lines = shown(&session, &line, 80);
        assert_eq!(lines.last().map(String::as_str), Some(footer), "{lines:#?}");
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

#[test]
fn fields_are_named_by_the_headers_of_the_table_and_listed_with_their_meaning() {
    let session = filled();
    let by_header = session.run("ls --fields STORE,key,Expires,AGE,cost,Call");
    let by_name = session.run("ls --fields store_name,key,expires_at,updated_at,cost_ms,call");
    assert_eq!(by_header, by_name);
    assert!(by_name.text().contains("\tpython3"), "{by_name:?}");
    // Every header of the widest table is one.
    let table = table(&session, "ls --wide", 250);
    let header = table.lines().next().expect("a header");
    for title in header.split_whitespace() {
        let ran = session.run(&format!("ls -L 1 --fields {title}"));
        assert_eq!(ran.code, 0, "{title}: {ran:?}");
    }
    let help = session.run("ls --fields help").succeeds();
    let fields = session.run("ls --json -L 1").succeeds();
    let fields: serde_json::Value = serde_json::from_str(fields.text()).expect("JSON");
    let names = fields[0].as_object().expect("an object").keys();
    for name in names.map(String::as_str).chain(["value", "call"]) {
        let line = help
            .text()
            .lines()
            .find(|line| line.starts_with(&format!("{name}\t")));
        let meaning = line.and_then(|line| line.split('\t').nth(2));
        assert!(
            meaning.is_some_and(|meaning| !meaning.is_empty()),
            "{name}: {help:?}"
        );
    }
    let lines = shown(&session, "ls --fields cost_m", 80);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("hits          HITS")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{lines:#?}"
    );
    let end = [
        "error: there is no field \"cost_m\"",
        "  tip: did you mean cost_ms?",
    ];
    assert!(lines.ends_with(&end.map(str::to_owned)), "{lines:#?}");
}

#[test]
fn a_footer_names_a_dataset_once() {
    let session = Session::new();
    let id = "6b03de1228195dbc2df5c505";
    let name = format!("config set datasets.street {id}");
    session.run(name.as_str()).succeeds();
    for key in ["a", "b"] {
        let set = format!("set lab {key} 1 --dataset street");
        session.run(set.as_str()).succeeds();
    }
    let lines = shown(&session, "ls", 80);
    let footer = "2 entries of lab in street, 2 B; none expires";
    assert!(lines.iter().any(|line| line == footer), "{lines:#?}");
}
