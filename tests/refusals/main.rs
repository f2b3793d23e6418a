//! Mistyped command lines are answered with what to type, and `ecache` alone with a summary.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod help;
mod location;
mod messages;
mod options;
mod summary;
mod values;

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
