//! The picture of the README: a real session on a terminal of 80 columns, as an SVG.
//!
//! `ECACHE_UPDATE_PICTURE=1 cargo test --test picture` renders it again; look at it before you
//! commit it.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anstyle_svg::{Term, WIN10_CONSOLE};

use support::Session;

const COLUMNS: u16 = 80;

/// The lines that a person types.
const TYPED: &[&str] = &[
    "ecache run --ttl 1h -- ./tickets --open      # takes 2 seconds",
    "ecache run --ttl 1h -- ./tickets --open      # takes a millisecond",
    "ecache why -- ./tickets --all",
    "ecache import dump.bson",
    "ecache ls my_labels",
    "ecache clear my_labels --dataset 6b03de1228195dbc2df5c505",
    "ecache undo",
];

/// A program that takes its time.
const TICKETS: &str = "#!/bin/sh\nsleep 2\necho '42 open tickets, the oldest of 2026-11-02'\n";

/// Runs the session, and returns what the terminal shows, with colours.
fn session() -> String {
    let session = Session::new().with("CLICOLOR_FORCE", "1");
    let program = session.path("tickets");
    fs::write(&program, TICKETS).expect("a script");
    let mut executable = session.program("chmod");
    assert!(executable.args(["+x", "tickets"]).status().is_ok());
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fiftyone");
    fs::copy(dump.join("execution_store.bson"), session.path("dump.bson")).expect("a dump");

    let mut shown = String::new();
    for line in TYPED {
        let (command, comment) = line.split_once('#').unwrap_or((line, ""));
        let comment = if comment.is_empty() {
            ""
        } else {
            &line[command.len()..]
        };
        writeln!(
            shown,
            "\x1b[1;32m$\x1b[0m \x1b[1m{command}\x1b[0m\x1b[2m{comment}\x1b[0m"
        )
        .expect("a String takes all");
        let screen = session.shell_on_columns(COLUMNS, command);
        shown += &String::from_utf8_lossy(&screen.bytes);
    }
    shown
}

fn render(shown: &str) -> String {
    let term = Term::new().palette(WIN10_CONSOLE).min_width_px(700);
    // Dim text is not dim by `opacity` where the picture is shown as an image.
    let svg = term
        .render_svg(shown)
        .replace(" opacity: 0.4", " fill-opacity: 0.55");
    svg + "\n"
}

/// Leaves out what differs from run to run: how long something took, and keys, which depend on the
/// program's place and time.
fn without_what_varies(svg: &str) -> String {
    let varies = |word: &&str| {
        let number = word.trim_end_matches(['m', 's']);
        let is_duration = number.len() < word.len() && number.parse::<f64>().is_ok();
        let is_key = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_duration || is_key
    };
    let words = svg.split([' ', '<', '>', ',', '"', '…', '\n']);
    let same: Vec<&str> = words.filter(|word| !varies(word)).collect();
    same.join(" ")
}

#[test]
fn the_picture_shows_what_a_terminal_shows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ecache.svg");
    let drawn = render(&session());
    if std::env::var_os("ECACHE_UPDATE_PICTURE").is_some() {
        fs::write(&path, &drawn).expect("the picture can be written");
        return;
    }
    let kept = fs::read_to_string(&path).expect("the picture is there");
    assert_eq!(without_what_varies(&drawn), without_what_varies(&kept));
}
