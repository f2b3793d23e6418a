//! `ecache config` and the file of settings.

mod support;

use std::fs;

use support::{Session, wait_for};

/// Returns a session with these settings.
fn with_settings(text: &str) -> Session {
    let session = Session::new();
    fs::create_dir_all(session.path(".config/ecache")).expect("a folder");
    fs::write(session.path(".config/ecache/config.toml"), text).expect("a file");
    session
}

#[test]
fn an_option_wins_over_a_variable_over_the_file_over_the_default() {
    let session = with_settings("db = \"~/file.db\"\n");
    session.run("set s k v").notes("");
    assert!(session.path("file.db").exists());
    let place = |command: &str, variable: &str| {
        let line = format!("{variable} ecache {command} info --format jsonl");
        let info = session.shell(&line).succeeds().text().to_owned();
        let fact = |name: &str| {
            let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
            info[name].as_str().expect("text").to_owned()
        };
        (
            fact("path").rsplit('/').next().map(str::to_owned),
            fact("path_from"),
        )
    };
    let of = |name: &str, from: &str| (Some(name.to_owned()), from.to_owned());
    assert_eq!(
        place("--db option.db", "ECACHE_DB=variable.db"),
        of("option.db", "--db")
    );
    assert_eq!(
        place("", "ECACHE_DB=variable.db"),
        of("variable.db", "ECACHE_DB")
    );
    assert_eq!(place("", ""), of("file.db", "config.toml"));
    assert_eq!(place("--no-config", ""), of("store.db", "default"));
    assert_eq!(place("", "ECACHE_CONFIG=none"), of("store.db", "default"));
}

#[test]
fn settings_of_run_apply_where_there_is_no_option() {
    let session = with_settings("[run]\nttl = \"1h\"\n[stores.\"ech*\"]\nttl = \"10s\"\n");
    session.run("run -- echo a").succeeds();
    session.run("run --ttl 1d -- echo b").succeeds();
    session.run("run -- printf c").succeeds();
    let listed = session
        .run("ls --fields store_name,expires_at --sort expires")
        .succeeds();
    let expected = "echo\t2026-11-23T06:33:01.000Z\n\
                    printf\t2026-11-23T07:32:51.000Z\n\
                    echo\t2026-11-24T06:32:51.000Z\n";
    assert_eq!(listed.text(), expected);
}

#[test]
fn a_fault_in_the_file_stops_administration_and_not_a_command() {
    let session = with_settings("[run]\ntll = \"1h\"\n");
    let refused = session.run("ls");
    assert_eq!(refused.code, 2, "{refused:?}");
    let named =
        "config.toml, line 2: there is no setting \"run.tll\"\n  tip: did you mean run.ttl?\n";
    assert!(refused.stderr.contains(named), "{refused:?}");
    let ran = session.run("run -- echo a");
    assert_eq!((ran.text(), ran.code), ("a\n", 0), "{ran:?}");
    let strict = session.run("run --strict -- echo a");
    assert_eq!(strict.code, 125, "{strict:?}");
    session.run("config path").succeeds();
    session.run("--no-config ls").succeeds();
    // The collection that such a file may name is another one than the usual.
    let cleared = session.run("clear --all --db other.db");
    assert_eq!(cleared.code, 2, "{cleared:?}");
    let ran = session.run("run --db other.db -- echo a");
    assert_eq!((ran.text(), ran.code), ("a\n", 0), "{ran:?}");
    let session = with_settings("collection = \"\"\n");
    let ran = session.run("run -- echo a");
    assert_eq!((ran.text(), ran.code), ("a\n", 0), "{ran:?}");
    assert_eq!(session.run("stores").code, 2);
}

#[test]
fn a_setting_is_changed_and_the_rest_of_the_file_stays() {
    let session = Session::new();
    session.run("config get run.ttl").prints("none\n");
    session.run("config set run.ttl 1d").notes("");
    session
        .run(["config", "set", "stores.git*.ttl", "5s"])
        .notes("");
    session.run("config get run.ttl").prints("1d\n");
    let path = session.path(".config/ecache/config.toml");
    let text = "[run]\nttl = \"1d\"\n\n[stores.\"git*\"]\nttl = \"5s\"\n";
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
    for refused in [
        "config set run.ttl soon",
        "config set run.tll 1d",
        "config get nothing",
    ] {
        assert_eq!(session.run(refused).code, 2, "{refused}");
    }
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
    session.run("config unset run.ttl").notes("");
    session.run("config get run.ttl").prints("none\n");
    session.run("config get run.stale").ends(1, "");
}

#[test]
fn the_settings_name_datasets() {
    let session = with_settings("[datasets]\nstreet = \"6b03de1228195dbc2df5c505\"\n");
    session.run("set s k v --dataset street").notes("");
    session
        .run("ls --fields dataset_id")
        .prints("6b03de1228195dbc2df5c505\n");
    // Only a terminal shows the names unasked.
    let listed = session.run("ls --format csv").succeeds();
    assert!(!listed.text().contains("dataset_name"), "{listed:?}");
    session
        .run(["ls", "--dataset", "str*", "--glob", "--fields", "key"])
        .prints("k\n");
    session.run("ls --dataset Stret").ends(
        0,
        "warning: no entry is linked to dataset Stret\n  tip: did you mean street?\n",
    );
    session.run("clear --dataset street -q").succeeds();
    session.run("ls").prints("");
}

#[test]
fn the_configured_format_is_that_of_every_list_on_a_terminal() {
    let session = with_settings("format = \"jsonl\"\n");
    session.run("set s k v").notes("");
    for line in [
        "ecache ls",
        "ecache stats",
        "ecache top",
        "ecache stores ls",
        "echo item | ecache warm -n -- true",
    ] {
        let shown = session.shell_on_terminal(line);
        let text = String::from_utf8(shown.bytes).expect("text");
        assert!(text.starts_with('{'), "{line}: {text}");
    }
}

#[test]
fn settings_can_be_listed_beside_a_wrong_one() {
    let session = with_settings("[run]\ntll = \"1h\"\n");
    for line in ["config ls", "info"] {
        let ran = session.run(line);
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
        assert!(ran.text().contains("run.ttl"), "{line}: {ran:?}");
        assert!(
            ran.stderr.contains("config.toml, line 2"),
            "{line}: {ran:?}"
        );
    }
    session.run("config unset run.tll").succeeds();
    session.run("config ls").succeeds();
}

#[test]
fn a_value_that_cannot_work_is_not_set() {
    let session = Session::new();
    for (key, value) in [
        ("ls.fields", "key,sise"),
        ("ls.fields", ""),
        ("db", ""),
        ("datasets.street", "…f5c505"),
        ("datasets.street", ""),
        ("datasets.street", "xyz"),
        ("datasets.street", "6B03DE1228195DBC2DF5C505"),
        ("browse.sort", "created"),
        ("warm.jobs", "0"),
        ("hints", "off"),
    ] {
        let ran = session.run(["config", "set", key, value]);
        assert_eq!(ran.code, 2, "{key} {value:?}: {ran:?}");
        assert!(ran.stderr.contains("\n  tip: "), "{key} {value:?}: {ran:?}");
    }
    session.run("config set ls.fields key,size").succeeds();
    let ran = session.run("config set hints off");
    assert!(ran.stderr.starts_with("error: hints cannot be "), "{ran:?}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line_by_every_verb() {
    for text in ["db = \"x\n", "[run]\nttl = 5\n[run]\n", "= 3\n"] {
        let session = with_settings(text);
        let listed = session.run("config ls");
        assert_eq!(listed.code, 2, "{listed:?}");
        assert!(listed.stderr.contains("config.toml, line "), "{listed:?}");
        for line in [
            "config set run.ttl 1h",
            "config unset run.ttl",
            "config get db",
            "ls",
        ] {
            let ran = session.run(line);
            assert_eq!((ran.code, &ran.stderr), (2, &listed.stderr), "{line}");
        }
    }
}

#[test]
fn a_setting_that_is_not_there_is_not_removed_in_silence() {
    let session = with_settings("dbb = \"x\"\nrun = 5\n");
    let unknown = session.run("config unset nokey");
    assert_eq!(unknown.code, 2, "{unknown:?}");
    let absent = session.run("config unset color");
    assert_eq!(absent.code, 0, "{absent:?}");
    assert!(absent.stderr.starts_with("color is not in "), "{absent:?}");
    let value = session.run("config set run.ttl 1h");
    assert!(
        value.stderr.contains("config unset run removes it"),
        "{value:?}"
    );
    for key in ["run", "dbb"] {
        session.run(["config", "unset", key]).notes("");
    }
    session.run("config ls").succeeds();
}

#[test]
fn a_pager_gets_what_is_long_on_a_terminal_and_nothing_elsewhere() {
    let session = with_settings("pager = \"sed 's/^/| /'\"\n");
    session.run("set thumbs cat.jpg purr").notes("");
    let shown = |line: &str| {
        let shown = session.shell_on_terminal(&format!("ecache {line}; echo $?"));
        String::from_utf8(shown.bytes).expect("text")
    };
    for line in ["ls", "show thumbs cat.jpg", "log"] {
        let text = shown(line);
        let (paged, code) = text.trim_end().rsplit_once('\n').expect("lines");
        assert!(
            paged.lines().all(|line| line.starts_with("| ")),
            "{line}: {text}"
        );
        assert_eq!(code, "0", "{line}");
        let direct = shown(&format!("{line} --no-pager"));
        assert_eq!(
            paged.replace("| ", ""),
            direct.trim_end().replace("\n0", ""),
            "{line}"
        );
    }
    assert!(!shown("stats").contains("| "));
    // An error comes after the pager, and a reader that leaves is not one.
    let text = shown("ls --key '[' --glob");
    assert!(text.starts_with("error: "), "{text}");
    session.run("ls --fields key").prints("cat.jpg\n");
    let session = with_settings("pager = \"true\"\n");
    session.run("set thumbs cat.jpg purr").notes("");
    let shown = session.shell_on_terminal("ecache ls; echo $?");
    assert_eq!(shown.bytes, b"0\n");
    // Without the program, the output is printed all the same.
    let session = with_settings("pager = \"no-such-pager -R\"\n");
    session.run("set thumbs cat.jpg purr").notes("");
    let shown = session.shell_on_terminal("ecache ls; echo $?").bytes;
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains("there is no program no-such-pager"),
        "{shown}"
    );
    assert!(shown.contains("cat.jpg"), "{shown}");
}

#[test]
fn settings_and_limits_that_are_set_are_offered_for_removal() {
    let session = Session::new();
    session.run("set plain k v").succeeds();
    session.run("set bounded k v").succeeds();
    session.run("limit set bounded --max-entries 5").succeeds();
    session
        .run("limit set op* --glob --max-entries 5")
        .succeeds();
    session.run("config set run.ttl 1d").succeeds();
    let unset = session.run(["names", "--", "config", "unset", ""]);
    assert_eq!(unset.text(), "names\nrun.ttl\n");
    // Names are given up after 80 ms, which a busy machine may exceed.
    wait_for("the names of limits", || {
        session.run(["names", "--", "limit", "rm", ""]).text() == "names\nbounded\n"
            && session
                .run(["names", "--", "limit", "rm", "--glob", ""])
                .text()
                == "names\nbounded\nop*\n"
    });
}
