//! Mistyped command lines are answered with what to type, and `ecache` alone with a summary.

mod support;

use support::{Session, Shown};

/// Returns what a terminal shows.
fn shown(shown: &Shown) -> String {
    String::from_utf8_lossy(&shown.bytes).into_owned()
}

/// Returns the error and the tip of a command line that is refused.
fn refused(line: &str, code: i32) -> (String, String) {
    let ran = Session::new().shell(line);
    assert_eq!(ran.code, code, "{line}: {ran:?}");
    assert!(ran.stdout.is_empty(), "{line}: {ran:?}");
    let mut lines = ran.stderr.lines();
    let error = lines.next().unwrap_or_default().to_owned();
    let tip = lines.next().unwrap_or_default().to_owned();
    (error, tip)
}

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
fn a_limit_for_everything_goes_and_comes_back() {
    let session = Session::new();
    session.run("limit set --max-size 1GiB").notes("");
    let ran = session.run("limit rm --json").succeeds();
    let json: serde_json::Value = serde_json::from_str(ran.text()).expect("an object");
    assert_eq!(json["operation"], "limit rm");
    assert_eq!(json["scope"], "everything");
    let ran = session.run("undo --json").succeeds();
    let json: serde_json::Value = serde_json::from_str(ran.text()).expect("an object");
    assert_eq!(json["operation"], "undo");
    assert_eq!(json["settings"], 1);
}

#[test]
fn a_renaming_says_what_keeps_the_name() {
    let session = Session::new();
    session.run("set thumbs k v").notes("");
    for dataset in ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"] {
        session
            .run(&format!("set thumbs k v --dataset {dataset}"))
            .notes("");
    }
    let ran = session.run("stores rename thumbs pics").succeeds();
    let says = "2 entries of thumbs in 6b03de1228195dbc2df5c505 and 1 more stay\n";
    assert!(ran.stderr.contains(says), "{ran:?}");
    session.run("stores show thumbs").ends(
        1,
        "warning: thumbs is in 2 datasets\n  tip: add --dataset 6b03de1228195dbc2df5c505 or \
         6b03de1228195dbc2df5c682\n",
    );
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
fn an_option_of_another_tool_is_answered_with_the_one_here() {
    for (line, tip) in [
        ("ecache ls --since 1h", "did you mean --newer-than?"),
        ("ecache clear --before 1h", "did you mean --older-than?"),
        ("ecache set s k v --expire 1h", "did you mean --ttl?"),
        (
            "ecache get s k --since 1h",
            "ecache get -h lists what it takes",
        ),
        (
            "ecache show s --since 1h",
            "ecache show -h lists what it takes",
        ),
    ] {
        let (error, told) = refused(line, 2);
        assert!(error.starts_with("error: there is no option --"), "{error}");
        assert_eq!(told, format!("  tip: {tip}"), "{line}");
    }
}

#[test]
fn a_value_that_reads_like_an_option_is_answered_with_the_line_to_type() {
    let (error, tip) = refused("ecache ls --key -5", 2);
    assert_eq!(error, "error: \"-5\" reads like an option");
    assert_eq!(tip, "  tip: ecache ls --key=-5");
}

#[test]
fn a_command_without_dashes_is_answered_with_the_line_to_type() {
    for (line, code, right) in [
        (
            "ecache run curl -s https://x",
            125,
            "ecache run -- curl -s https://x",
        ),
        (
            "ecache run --ttl 10m curl 'a b'",
            125,
            "ecache run --ttl 10m -- curl 'a b'",
        ),
        (
            "ecache run --store curl curl x",
            125,
            "ecache run --store curl -- curl x",
        ),
        (
            "ecache --db x.db run --cwd git log",
            125,
            "ecache --db x.db run --cwd -- git log",
        ),
        (
            "ecache warm -j 4 curl -s {}",
            2,
            "ecache warm -j 4 -- curl -s '{}'",
        ),
        ("ecache warm sort", 2, "ecache warm -- sort"),
        ("ecache key git log", 2, "ecache key -- git log"),
    ] {
        let (error, tip) = refused(line, code);
        assert_eq!(error, "error: the command goes after --", "{line}");
        assert_eq!(tip, format!("  tip: {right}"), "{line}");
    }
}

#[test]
fn there_is_no_shell_after_the_dashes() {
    for (line, right) in [
        (
            "ecache run -- 'curl -s https://x | jq .name'",
            "for a shell line: ecache run -- sh -c 'curl -s https://x | jq .name'",
        ),
        (
            "ecache run -- 'a > b'",
            "for a shell line: ecache run -- sh -c 'a > b'",
        ),
        (
            "ecache run -- LANG=C ls",
            "for a variable: ecache run -- env LANG=C COMMAND",
        ),
        (
            "ecache run -- ll",
            "for an alias, a function or a built-in command of the shell: ecache run -- sh -c 'll …'",
        ),
    ] {
        let (error, tip) = refused(line, 127);
        assert!(
            error.starts_with("ecache: there is no program \""),
            "{line}: {error}"
        );
        assert_eq!(tip, format!("  tip: {right}"), "{line}");
    }
    assert_eq!(refused("ecache run -- ./nothing", 127).1, "");
}

#[test]
fn unknown_commands_are_answered_with_what_is_meant() {
    for (typed, meant) in [
        ("delete", "rm removes keys"),
        ("du", "did you mean stats?"),
        (
            "search thumbs",
            "ls STORE --key 'PATTERN*' --glob finds keys, ls --value-contains",
        ),
        ("rename a b", "did you mean stores rename?"),
        ("list", "did you mean ls?"),
        ("exprot", "did you mean export?"),
        ("xyzzy", "ecache help lists them all"),
        ("help xyzzy", "ecache help lists them all"),
    ] {
        let (error, tip) = refused(&format!("ecache {typed}"), 2);
        assert!(
            error.starts_with("error: there is no command \""),
            "{typed}: {error}"
        );
        assert!(
            tip.starts_with(&format!("  tip: {meant}")),
            "{typed}: {tip}"
        );
    }
}

#[test]
fn a_misspelt_option_is_not_stored_as_a_value() {
    let session = Session::new();
    for (typed, tip) in [
        ("--tll=5s", "did you mean --ttl?"),
        ("--if-absend", "did you mean --if-absent?"),
        ("--file", "did you mean --value-file?"),
    ] {
        let ran = session.run_with_input(&format!("set s k {typed}"), b"value");
        assert_eq!(ran.code, 2, "{typed}");
        assert!(ran.stderr.contains(tip), "{typed}: {ran:?}");
        assert_eq!(session.run("has s k").code, 1, "{typed}");
    }
    // Numbers are values, and so is everything behind the dashes.
    for (typed, value) in [("-5", "-5"), ("-1.5e3", "-1.5e3"), ("-- --ttl", "--ttl")] {
        session.run(&format!("set s k {typed}")).succeeds();
        assert_eq!(session.run("get s k").text(), value, "{typed}");
    }
}

#[test]
fn a_verb_is_answered_by_its_group() {
    for (line, error, tip) in [
        (
            "ecache limit sett",
            "limit has no verb \"sett\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache limit thumbs --max-size 4MiB",
            "limit has no verb \"thumbs\"",
            "ecache limit set thumbs --max-size 4MiB",
        ),
        (
            "ecache limit thumbs --user ann",
            "limit has no verb \"thumbs\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache limit thumbs --max-sice 4MiB",
            "limit has no verb \"thumbs\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache limit set --foo",
            "there is no option --foo",
            "ecache limit set -h lists what it takes",
        ),
        (
            "ecache stores rename --foo",
            "there is no option --foo",
            "ecache stores rename -h lists what it takes",
        ),
    ] {
        let (said, tipped) = refused(line, 2);
        assert_eq!(said, format!("error: {error}"), "{line}");
        assert_eq!(tipped, format!("  tip: {tip}"), "{line}");
    }
    let (error, _) = refused("ecache limit set", 2);
    assert!(
        error.starts_with("error: one of --max-size, --max-entries, "),
        "{error}"
    );
}

#[test]
fn help_and_version_need_no_store() {
    let session = Session::new().with("ECACHE_DB", "/nonexistent/dir/store.db");
    let help = session.run("help").succeeds();
    assert_eq!(help, session.run("--help"));
    assert!(help.text().contains("Look:"), "{help:?}");
    assert_eq!(session.run("help run"), session.run("run --help"));
    assert_eq!(
        session.run("help stores rename"),
        session.run("stores rename --help")
    );
    assert_eq!(session.run("version"), session.run("--version"));
    session.run("info").succeeds();
    session.run("config ls").succeeds();
}

#[test]
fn ecache_alone_tells_where_one_is_on_a_terminal() {
    let session = Session::new();
    let ran = session.run("");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("Usage:"),
        "{ran:?}"
    );
    let empty = session.run_on_terminal("");
    assert_eq!(empty.code, 0);
    assert!(
        shown(&empty).contains("There is no store yet"),
        "{}",
        shown(&empty)
    );
    let lines: Vec<String> = shown(&session.shell_on_columns(80, "ecache"))
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
    assert!(!session.store().exists(), "a look creates nothing");
    session.run("set thumbs a 1").notes("");
    session.run("set other b 22").notes("");
    let filled = session.run_on_terminal("");
    assert_eq!(filled.code, 0);
    assert!(
        shown(&filled).starts_with("2 entries in 2 stores, 3 B "),
        "{}",
        shown(&filled)
    );
    assert!(
        shown(&filled).contains("~/.local/share/ecache/store.db"),
        "{}",
        shown(&filled)
    );
    assert!(
        shown(&filled).contains("largest  other 2 B   thumbs 1 B"),
        "{}",
        shown(&filled)
    );
}

#[test]
fn a_tilde_is_the_home_folder_and_missing_folders_are_made() {
    let session = Session::new();
    let ran = session.run("set s k v --db=~/new/folder/store.db -v");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("created the folder"), "{ran:?}");
    assert!(session.path("new/folder/store.db").is_file());
    let mode = std::fs::metadata(session.path("new")).expect("a folder");
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o700);
    let session = session.with("ECACHE_DB", "~/new/folder/store.db");
    session.run("get s k").prints("v");
    assert!(!session.path("~").exists());
}

#[test]
fn the_short_help_of_run_fits_a_screen() {
    let help = Session::new().run("run -h").succeeds();
    assert!(help.text().lines().count() <= 40, "{}", help.text());
    // The long help has the options that the short one leaves out.
    let long = Session::new().run("run --help").succeeds();
    for option in [
        "--dataset",
        "--user",
        "--jwt-file",
        "--min-cost",
        "--status-fd",
    ] {
        assert!(!help.text().contains(&format!(" {option} ")), "{option}");
        assert!(long.text().contains(&format!(" {option} ")), "{option}");
    }
}

/// Returns the commands and their verbs, as they are typed.
fn all_commands() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
    let pages = std::fs::read_dir(folder).expect("a folder");
    let names = pages.filter_map(|page| {
        let name = page.expect("a file").file_name().into_string().ok()?;
        Some(
            name.strip_prefix("ecache-")?
                .strip_suffix(".1")?
                .replace('-', " "),
        )
    });
    names.collect()
}

#[test]
fn the_short_help_of_every_command_fits_a_screen() {
    let session = Session::new();
    let mut long = Vec::new();
    for command in all_commands() {
        let shown = session.shell_on_columns(80, &format!("ecache {command} -h"));
        let text = String::from_utf8_lossy(&shown.bytes).into_owned();
        let count = text.lines().count();
        if count > 40
            || text
                .lines()
                .any(|line| line.trim_end().chars().count() > 80)
        {
            long.push(format!("{command}, {count} lines:\n{text}"));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn options_of_a_command_stand_under_no_heading_of_others() {
    let session = Session::new();
    for command in all_commands() {
        let help = session.run(format!("{command} --help").as_str()).succeeds();
        let mut heading = "";
        for line in help.text().lines() {
            if line.ends_with(':') && !line.starts_with(' ') {
                heading = line;
            }
            let is_own = [
                "--format ",
                "--json",
                "--dry-run",
                "--reveal",
                "--no-undo",
                "-n,",
            ]
            .iter()
            .any(|own| line.trim_start().starts_with(own) && line.starts_with("   "));
            assert!(
                !is_own || heading == "Options:",
                "{command}: {line} is under {heading}"
            );
        }
    }
}

#[test]
fn an_import_without_a_file_names_standard_input() {
    let (error, tip) = refused("ecache import < /dev/null", 2);
    assert_eq!(error, "error: <FILE> is missing");
    assert_eq!(
        tip,
        "  tip: name a file, or - for standard input: ecache import -"
    );
}

#[test]
fn refusals_are_broken_at_the_width_of_a_terminal() {
    let session = Session::new();
    let long = "none of the orders that entries can have ".repeat(4);
    for words in [
        vec!["ls", "--sort", "nope"],
        vec!["ls", "--sort", &long],
        vec!["ls", "--fields", "nope"],
        vec!["doctor", "--fix", &long],
        vec!["import"],
    ] {
        let told = session.run_on_terminal([&["--color", "never"], &*words].concat());
        assert_eq!(told.code, 2, "{words:?}");
        let text = shown(&told);
        let widths = text.lines().map(|line| line.trim_end().chars().count());
        assert!(widths.max() <= Some(100), "{words:?}:\n{text}");
    }
}
