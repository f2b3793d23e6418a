//! Tests of the hash of files.

use super::*;

fn hash_files(typed: &OsStr) -> io::Result<[u8; 32]> {
    Files::hash(Path::new("."), typed).map(|files| files.sha256)
}

/// Returns a folder with some files, and a function that hashes a path or pattern in it.
fn tree() -> (tempfile::TempDir, impl Fn(&str) -> Option<[u8; 32]>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    for name in ["src/a.rs", "src/deep/b.rs", "src/c.txt", "src/.hidden.rs"] {
        let file = path.join(name);
        fs::create_dir_all(file.parent().expect("it has one")).expect("a folder");
        fs::write(file, name).expect("a file");
    }
    (folder, move |typed: &str| {
        hash_files(path.join(typed).as_os_str()).ok()
    })
}

#[test]
fn a_folder_is_what_is_in_it() {
    let (folder, hash) = tree();
    let path = folder.path();
    let mut seen = vec![hash("src").expect("a folder")];
    let mut is_new = |what: &str| {
        let now = hash("src").expect("a folder");
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    fs::write(path.join("src/deep/b.rs"), "changed").expect("a file");
    is_new("content");
    fs::rename(path.join("src/a.rs"), path.join("src/z.rs")).expect("a file");
    is_new("a name");
    fs::create_dir(path.join("src/empty")).expect("a folder");
    is_new("an empty folder");
    std::os::unix::fs::symlink("nowhere", path.join("src/link")).expect("a link");
    is_new("a link");
    fs::set_permissions(path.join("src/z.rs"), PermissionsExt::from_mode(0o755)).expect("a mode");
    is_new("a mode");
}

#[test]
fn a_pattern_is_what_matches() {
    let (folder, hash) = tree();
    let before = (hash("src/*.rs"), hash("src/**/*.rs"), hash("*/deep/b.?s"));
    assert!(before.0.is_some() && before.1.is_some() && before.2.is_some());
    fs::write(folder.path().join("src/c.txt"), "changed").expect("a file");
    fs::write(folder.path().join("src/.hidden.rs"), "changed").expect("a file");
    let after = (hash("src/*.rs"), hash("src/**/*.rs"), hash("*/deep/b.?s"));
    assert_eq!(before, after);
    fs::write(folder.path().join("src/deep/b.rs"), "changed").expect("a file");
    assert_eq!(hash("src/*.rs"), before.0);
    assert_ne!(hash("src/**/*.rs"), before.1);
    assert_ne!(hash("src/**"), None);
    assert_eq!(hash("src/*.py"), None, "nothing matches");
    assert_eq!(hash("src/missing"), None);
    // A file whose name is the pattern itself takes precedence over the matches.
    fs::write(folder.path().join("src/*.rs"), "odd").expect("a file");
    assert_eq!(hash("src/*.rs"), Some(Sha256::digest("odd").into()));
}

#[test]
fn pipes_sockets_and_devices_are_not_opened() {
    let (folder, hash) = tree();
    let path = folder.path();
    let before = (hash("src"), hash("src/*"));
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("src/pipe"), mode).expect("a pipe");
    std::os::unix::net::UnixListener::bind(path.join("src/socket")).expect("a socket");
    for (link, target) in [
        ("zero", "/dev/zero"),
        ("full", "/dev/full"),
        ("pipe2", "pipe"),
    ] {
        std::os::unix::fs::symlink(target, path.join("src").join(link)).expect("a link");
    }
    let after = (hash("src"), hash("src/*"));
    assert!(after.0.is_some() && after.1.is_some());
    assert!(before.0 != after.0 && before.1 != after.1, "they count");
    for (name, kind) in [
        ("src/pipe", "pipe"),
        ("src/pipe2", "pipe"),
        ("src/socket", "socket"),
        ("src/zero", "device"),
    ] {
        let error = hash_files(path.join(name).as_os_str()).expect_err(name);
        let wanted = format!("it is a {kind}, not a file or a folder");
        assert_eq!(error.to_string(), wanted);
        let error = file_metadata(&path.join(name)).expect_err(name);
        assert_eq!(error.to_string(), wanted);
        // A caller that checked the file before it was replaced does not wait for it either.
        let mut walk = Walk::new(Depth::Content);
        walk.file(&path.join(name)).expect_err(name);
    }
}

#[test]
fn a_link_that_leads_nowhere_is_where_it_points_to() {
    let (folder, hash) = tree();
    let link = folder.path().join("src/link.rs");
    let mut seen = vec![["src", "src/*.rs", "*/link.rs", "**/*.rs"].map(&hash)];
    assert_eq!(seen[0][2], None, "nothing matches yet");
    for target in ["nowhere", "elsewhere", "a.rs/inside", "link.rs"] {
        std::os::unix::fs::symlink(target, &link).expect("a link");
        let now = ["src", "src/*.rs", "*/link.rs", "**/*.rs"].map(&hash);
        for (index, hash) in now.iter().enumerate() {
            assert!(hash.is_some(), "{target}");
            assert!(seen.iter().all(|seen| seen[index] != *hash), "{target}");
        }
        seen.push(now);
        fs::remove_file(&link).expect("a link");
    }
}

#[test]
fn names_that_are_not_utf_8_are_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_folder = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let hash = |name: &[u8]| hash_files(in_folder(name).as_os_str()).ok();
    fs::create_dir(in_folder(b"d\xff")).expect("a folder");
    fs::write(in_folder(b"d\xff/a\xfe.c"), "1").expect("a file");
    let names: [&[u8]; 5] = [
        b"d\xff",
        b"d\xff/a\xfe.c",
        b"d\xff/*.c",
        b"d?/a\xfe*",
        b"**/*.c",
    ];
    let before = names.map(hash);
    assert!(before.iter().all(Option::is_some), "{before:?}");
    fs::write(in_folder(b"d\xff/a\xfe.c"), "2").expect("a file");
    let after = names.map(hash);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after)
    );
    assert_eq!(hash(b"d\xff/a\xfd*"), None);
    assert_eq!(hash("d\u{fffd}/*".as_bytes()), None);
}
