//! Replays sessions recorded as text: every command, its output and its exit code.
//!
//! ```text
//! # The start of a line tells its meaning; this one is a comment
//! $ ecache get thumbs cat.jpg       a line of shell, run in the home folder
//! > --format json                   its next line
//! meow                              its output; ⇥ is a tab, ␍ a carriage return, ¶ no end of line
//! ! ecache: no such thing           a line of its standard error
//! [1]                               its exit code, if that is not 0
//! @ 2026-11-24T00:00:00.000Z        moves the clock
//! ```
//!
//! The home folder is written `~`. With `ECACHE_UPDATE_TRANSCRIPTS=1` in the environment, a replay
//! rewrites the transcript; read the difference before you commit it.

use std::fmt::Write as _;
use std::path::Path;

use super::{Ran, Session};

/// Replays in a session the transcript in a file of `tests/transcripts`.
///
/// # Panics
/// If anything differs from the transcript.
pub fn replay(session: &Session, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts")
        .join(name);
    let written = std::fs::read_to_string(&path).expect("the transcript is there");
    let seen = play(session, &written);
    if std::env::var_os("ECACHE_UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&path, &seen).expect("the transcript can be written");
    } else if seen != written {
        let same = seen
            .lines()
            .zip(written.lines())
            .take_while(|(a, b)| a == b)
            .count();
        let from = |text: &str| {
            text.lines()
                .skip(same.saturating_sub(3))
                .take(15)
                .fold(String::new(), |lines, line| lines + line + "\n")
        };
        panic!(
            "{name} differs from line {}\n--- written\n{}--- seen\n{}",
            same + 1,
            from(&written),
            from(&seen)
        );
    }
}

/// Runs the commands of a transcript, and returns the new transcript.
fn play(session: &Session, written: &str) -> String {
    let mut seen = String::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        if !is_typed(line) {
            continue;
        }
        writeln!(seen, "{line}").expect("writing to a String does not fail");
        if let Some(time) = line.strip_prefix("@ ") {
            session.set_clock(time);
        }
        if let Some(first) = line.strip_prefix("$ ") {
            let mut command = first.to_owned();
            while let Some(line) = lines.next_if(|line| line.starts_with("> ")) {
                writeln!(seen, "{line}").expect("writing to a String does not fail");
                command = command + "\n" + &line[2..];
            }
            write_down(&session.shell(&command), session.home(), &mut seen);
        }
    }
    seen
}

/// Reports whether a line belongs to the transcript's author and was not printed.
fn is_typed(line: &str) -> bool {
    line.is_empty() || ["# ", "@ ", "$ "].iter().any(|mark| line.starts_with(mark))
}

fn write_down(ran: &Ran, home: &Path, seen: &mut String) {
    let home = home.to_str().expect("temporary folders have plain names");
    let stdout = ran
        .text()
        .replace(home, "~")
        .replace('\t', "⇥")
        .replace('\r', "␍");
    assert!(
        !stdout.lines().any(is_typed),
        "a transcript cannot tell this output from what is typed: {stdout}"
    );
    seen.push_str(&stdout);
    if !stdout.is_empty() && !stdout.ends_with('\n') {
        seen.push_str("¶\n");
    }
    for line in ran.stderr.replace(home, "~").lines() {
        seen.push_str(format!("! {line}").trim_end());
        seen.push('\n');
    }
    if ran.code != 0 {
        seen.push_str(&format!("[{}]\n", ran.code));
    }
}
