//! Values of options that cannot be meant.

use super::refused;
use crate::support::Session;

#[test]
fn a_unit_behind_a_bare_number_is_no_store() {
    let session = Session::new();
    for (line, option) in [
        ("limit set --max-size 1 KiB", "--max-size"),
        ("limit set --undo-size 1 gb", "--undo-size"),
        ("prune --max-size 500 MB -n", "--max-size"),
        ("clear --larger-than 1 MiB -n", "--larger-than"),
        ("ls --smaller-than 1 B", "--smaller-than"),
    ] {
        let ran = session.run(line);
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
        let says = format!("not the unit of {option}");
        assert!(ran.stderr.contains(&says), "{line}: {ran:?}");
    }
    session.run("limit set --max-size 1 --store KiB").notes("");
}

#[test]
fn a_negative_value_is_told_for_every_option_that_takes_a_value() {
    // Every option of every verb that takes a number, a size, a duration or a time.
    const NUMBERS: [&str; 9] = [
        "N", "COUNT", "SIZE", "DURATION", "TIME", "WHEN", "RATE", "PERCENT", "MOMENT",
    ];
    let session = Session::new();
    let mut options = 0;
    for (verb, help) in helps() {
        for line in help.lines() {
            let Some((names, value)) = line.trim_start().split_once(" <") else {
                continue;
            };
            let Some((value, _)) = value.split_once('>') else {
                continue;
            };
            let Some(option) = names.split(", ").find(|name| name.starts_with("--")) else {
                continue;
            };
            if !NUMBERS.contains(&value) || value == "N" && option == "--version" {
                continue;
            }
            options += 1;
            for number in ["-1", "-5MB"] {
                let line = format!("ecache {verb} {option} {number}");
                let ran = session.shell(&line);
                let error = ran.stderr.lines().next().unwrap_or_default();
                assert!(
                    !ran.stderr.contains("there is no option"),
                    "{line}: {ran:?}"
                );
                assert!(error.contains(&format!("{number:?}")), "{line}: {ran:?}");
                assert!(error.contains(option), "{line}: {ran:?}");
            }
        }
    }
    assert!(options > 60, "{options}");
}

/// Returns the words of each command and its help.
fn helps() -> Vec<(String, String)> {
    let session = Session::new();
    let verbs = [
        "run",
        "warm",
        "why",
        "ls",
        "top",
        "stores",
        "stores ls",
        "stores create",
        "stores set",
        "stats",
        "watch",
        "browse",
        "diff",
        "get",
        "set",
        "edit",
        "has",
        "key",
        "rm",
        "clear",
        "prune",
        "touch",
        "limit set",
        "undo",
        "log",
        "import",
        "export",
        "copy",
        "doctor",
    ];
    let help = |verb: &str| {
        let help = session.run(format!("{verb} --help").as_str()).succeeds();
        (verb.to_owned(), help.text().to_owned())
    };
    verbs.into_iter().map(help).collect()
}

#[test]
fn a_variable_is_one_name() {
    for (value, why) in [
        ("Z=3", "it takes a name alone"),
        ("'Z*'", "a pattern is not expanded; write each name"),
        ("'[AB]'", "a pattern is not expanded; write each name"),
        ("'Z?'", "a pattern is not expanded; write each name"),
    ] {
        for command in ["run", "why", "key"] {
            let code = if command == "run" { 125 } else { 2 };
            let (error, _) = refused(&format!("ecache {command} --env {value} -- true"), code);
            assert!(error.contains(why), "{error}");
        }
    }
}

#[test]
fn a_name_with_a_nul_byte_is_not_printed_as_two() {
    let session = Session::new();
    let entry = r#"{"store_name": "s", "key": "a\u0000b", "value": 1}"#;
    session
        .run_with_input("import -", entry.as_bytes())
        .succeeds();
    let ran = session.run("ls -0");
    assert_eq!((ran.code, ran.text()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("leave out -0"), "{ran:?}");
    session.run("ls --format jsonl").succeeds();
}

#[test]
fn half_of_a_surrogate_pair_is_told_from_a_string() {
    let session = Session::new();
    let entry = r#"{"store_name": "s", "key": "k", "value": 1, "user_id": "\ud800"}"#;
    let ran = session.run_with_input("import -", entry.as_bytes());
    let said = "user_id must be a string, found a string with half of a surrogate pair";
    assert!(ran.stderr.contains(said), "{ran:?}");
}
