//! `ecache` alone, and the store that is made where it was named.

use crate::shown;
use crate::support::Session;

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
fn a_link_to_no_file_is_told_from_a_misspelt_name() {
    let session = Session::new();
    std::os::unix::fs::symlink("gone.db", session.path("link.db")).expect("a link");
    let ran = session.run("--db link.db ls");
    assert!(
        ran.stderr.ends_with("link.db, a link to gone.db\n"),
        "{ran:?}"
    );
}
