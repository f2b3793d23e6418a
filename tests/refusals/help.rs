//! Help: it needs no store, and the short one fits a screen.

use crate::all_commands;
use crate::support::Session;

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
