//! Files that other users put beside a store, and files that root leaves in a user's folder.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use super::*;

/// A user ID that is neither root nor that of [`Session::unprivileged`].
const OTHER: u32 = 65_533;

/// Returns a store in a folder like `/tmp` and a session that uses it, `None` without root.
fn shared() -> Option<(Session, PathBuf, tempfile::TempDir)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).expect("a mode");
    let store = folder.path().join("store.db");
    let session = Session::unprivileged().with("ECACHE_DB", store.to_str().expect("UTF-8"));
    session.run("set a b c").succeeds();
    Some((session, store, folder))
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn remove(path: &Path) {
    // The path may be a file or a folder.
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
}

/// Replaces a file with something that another user may put in its place.
fn hostile(path: &Path, what: &str) {
    remove(path);
    match what {
        "a named pipe" => support::make_fifo(path),
        "a folder" => fs::create_dir(path).expect("a folder"),
        "a link" => {
            std::os::unix::fs::symlink("/etc/passwd", path).expect("a link");
        }
        _ => fs::write(path, "theirs").expect("a file"),
    }
    std::os::unix::fs::lchown(path, Some(OTHER), Some(OTHER)).expect("root may");
    if what != "a link" {
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(path, mode).expect("a mode");
    }
}

#[test]
fn files_of_others_beside_a_store_are_neither_waited_for_nor_used() {
    let Some((session, store, _folder)) = shared() else {
        return;
    };
    let mut line = 0;
    for suffix in ["-locks", "-flights", "-usage", "-usage-2", "-reserve"] {
        for what in ["a named pipe", "a folder", "a link", "a file"] {
            let path = beside(&store, suffix);
            hostile(&path, what);
            line += 1;
            let line = format!("echo {line}");
            for _ in 0..2 {
                within(Duration::from_secs(60), memoized(&session, &line))
                    .prints(format!("{}\n", &line[5..]));
                let unkeyed = memoized(&session, ": /dev/stdin; echo x");
                within(Duration::from_secs(60), unkeyed).prints("x\n");
            }
            for words in [
                "stats",
                "set a b c",
                "get a b",
                "prune",
                "touch --ttl 1h --store a",
            ] {
                let ran = within(Duration::from_secs(60), session.command(words));
                assert_eq!(ran.code, 0, "{suffix} {what} {words}: {ran:?}");
            }
            if what == "a file" {
                assert_eq!(fs::read(&path).expect("it is there"), b"theirs", "{suffix}");
            }
            remove(&path);
        }
    }
    assert_ne!(fs::read("/etc/passwd").expect("a file"), b"");
}

#[test]
fn a_flight_in_a_folder_of_others_is_not_followed() {
    let Some((session, store, _folder)) = shared() else {
        return;
    };
    let flights = beside(&store, "-flights");
    let line = "echo begun >> begun; while ! test -e go; do sleep 0.01; done; echo done";
    let leader = start(memoized(&session, line));
    wait_for("the leader runs", || session.path("begun").exists());
    wait_for("it is told of", || {
        fs::read_dir(&flights).is_ok_and(|mut files| files.next().is_some())
    });
    let names: Vec<_> = fs::read_dir(&flights)
        .expect("a folder")
        .map(|file| file.expect("a file").file_name())
        .collect();
    fs::rename(&flights, flights.with_extension("away")).expect("it is there");
    hostile(&flights, "a folder");
    for name in names {
        hostile(&flights.join(name), "a named pipe");
    }
    let mut follower = memoized(&session, line);
    follower.stdin(Stdio::null());
    let follower = start(follower);
    fs::write(session.path("go"), "").expect("a file");
    for child in [leader, follower] {
        Ran::from(child.wait_with_output().expect("it ends")).prints("done\n");
    }
}

#[test]
fn locks_of_others_are_not_waited_for() {
    let Some((session, store, _folder)) = shared() else {
        return;
    };
    let path = beside(&store, "-locks");
    hostile(&path, "a file");
    let locks = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .expect("a file");
    // SAFETY: zeros are a valid value of this plain C struct.
    let mut all: libc::flock = unsafe { std::mem::zeroed() };
    all.l_type = libc::F_WRLCK as libc::c_short;
    // SAFETY: the descriptor is open, and the call does not keep the struct.
    let locked =
        unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&locks), libc::F_SETLK, &all) };
    assert_eq!(locked, 0);
    let mut command = session.command("run -v --stdin none -- echo hi");
    command.stdin(Stdio::null());
    let ran = within(Duration::from_secs(60), command);
    assert_eq!((ran.code, ran.text()), (0, "hi\n"));
    assert!(
        ran.stderr
            .contains("-locks is not safe to use: it belongs to another user"),
        "{ran:?}"
    );
    within(
        Duration::from_secs(60),
        session.command("run --stdin none --no-exec -- echo hi"),
    )
    .prints("hi\n");
}

#[test]
fn root_leaves_nothing_in_a_users_folder() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Covers a user without a store and a user with one.
    for has_store in [false, true] {
        let theirs = Session::unprivileged();
        if has_store {
            theirs.run("set a b c").succeeds();
            theirs.run("run --stdin none -- echo hi").succeeds();
        }
        let root = |words: &str| {
            let mut command = Session::new().command(words);
            command.env("HOME", theirs.home()).current_dir("/");
            within(Duration::from_secs(60), command)
        };
        root("run --stdin none -- echo hi").prints("hi\n");
        root("run --stdin none -- echo ho").prints("ho\n");
        for words in [
            "set a b d",
            "get a b",
            "clear --all",
            "warm -- echo {}",
            "import -",
        ] {
            let ran = root(words);
            assert!([0, 1, 3, 5].contains(&ran.code), "{words}: {ran:?}");
        }
        for path in all(theirs.home()) {
            let owner = path.symlink_metadata().expect("it is there").uid();
            assert!(
                owner != 0 || path.ends_with("bin/ecache") || path.ends_with("bin"),
                "{}",
                path.display()
            );
        }
        if has_store {
            theirs.run("get a b").prints("c");
        }
    }
}

/// Returns everything in a folder and below it.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn a_folder_that_others_write_to_is_left_alone() {
    let Some((session, store, folder)) = shared() else {
        return;
    };
    // Another user made the folder first.
    let flights = beside(&store, "-flights");
    fs::create_dir(&flights).expect("a folder");
    chown(&flights, Some(OTHER), Some(OTHER)).expect("root may");
    let before = fs::read_dir(folder.path()).expect("a folder").count();
    memoized_within(&session, "sleep 0.1; echo hi").prints("hi\n");
    assert_eq!(fs::read_dir(&flights).expect("a folder").count(), 0);
    assert!(fs::read_dir(folder.path()).expect("a folder").count() <= before + 4);
}

fn memoized_within(session: &Session, line: &str) -> Ran {
    within(Duration::from_secs(60), memoized(session, line))
}
