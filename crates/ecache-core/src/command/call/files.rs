//! Hashes the files that a command reads: a file, a folder or a pattern, by content, as one hash.
//!
//! Every look-up reads every byte. The alternative considered was a cache of hashes by a file's
//! inode, size and times. As in git, such a hash is reliable if the time of the last change (ctime,
//! which a program cannot set) is well before the hash was cached, but not if the clock is set
//! back. It would be a second store, with its own locks and full disks, written to by hits, only to
//! save the time of SHA-256 (a millisecond for a megabyte or two). For large inputs `--env` of a
//! version, or a file with their checksums, is the better key.

use std::ffi::OsStr;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::glob::Glob;

/// Returns the SHA-256 of the files that a path or pattern names.
///
/// The hash of a file is that of its content. The hash of a folder covers everything in it and
/// below, in the order of names: names (hidden ones as well), contents, executable bits and link
/// targets; links in it are not followed. The hash of a pattern that names no file itself covers
/// everything that matches, in the same order. A `*` matches neither `/` nor a leading dot, and
/// `**` matches any number of folders. A matching link is followed unless it is dangling.
///
/// Pipes, sockets and devices are never opened: in folders and patterns only their presence counts.
///
/// # Errors
/// Fails if something cannot be read, is neither a file nor a folder, or if nothing exists or
/// matches.
pub fn hash_files(typed: &OsStr) -> io::Result<[u8; 32]> {
    hash_files_in(Path::new("."), typed)
}

/// Works as [`hash_files`] for a path or pattern relative to a folder.
pub(crate) fn hash_files_in(folder: &Path, typed: &OsStr) -> io::Result<[u8; 32]> {
    let path = folder.join(typed);
    match file_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => hash_folder(&path),
        Ok(_) => hash_file(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(typed) => {
            hash_matches(folder, typed)
        }
        Err(error) => Err(error),
    }
}

/// Returns the metadata of a file or folder, following links.
///
/// # Errors
/// Fails if nothing is there, or if it is a pipe, a socket or a device: pipes and sockets can be
/// read only once, and a device may be endless.
pub fn file_metadata(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::metadata(path)?;
    require_file_or_folder(metadata.file_type())?;
    Ok(metadata)
}

fn require_file_or_folder(kind: FileType) -> io::Result<()> {
    let name = if kind.is_file() || kind.is_dir() {
        return Ok(());
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    };
    let message = format!("it is a {name}, not a file or a folder");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    // A pipe may have replaced the file since it was checked: opening it must not wait for a
    // writer.
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    require_file_or_folder(file.metadata()?.file_type())?;
    hash_content(&mut file)
}

fn hash_content(file: &mut File) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hash_folder(folder: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    for path in sorted(folder)? {
        let metadata = path.symlink_metadata()?;
        let (kind, content) = match kind_and_content(&path, &metadata)? {
            (b'f', content) if metadata.permissions().mode() & 0o100 != 0 => (b'x', content),
            other => other,
        };
        let name = path.file_name().unwrap_or_default();
        add(&mut hash, kind, name.as_bytes(), content);
    }
    Ok(hash.finalize().into())
}

/// Returns what a file contributes to the hash of a folder or pattern: a letter for its kind, and
/// the hash of its content.
fn kind_and_content(path: &Path, metadata: &Metadata) -> io::Result<(u8, [u8; 32])> {
    Ok(if metadata.is_dir() {
        (b'd', hash_folder(path)?)
    } else if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        (b'l', Sha256::digest(target.as_os_str().as_bytes()).into())
    } else if metadata.is_file() {
        (b'f', hash_file(path)?)
    } else {
        // Pipes, sockets and devices have no content to hash: only their presence counts.
        (b's', [0; 32])
    })
}

/// Adds a file to a hash. Names contain no NUL, so different folders hash different bytes.
fn add(hash: &mut Sha256, kind: u8, name: &[u8], content: [u8; 32]) {
    hash.update([kind]);
    hash.update(name);
    hash.update([0]);
    hash.update(content);
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn is_pattern(text: &OsStr) -> bool {
    text.as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn hash_matches(folder: &Path, pattern: &OsStr) -> io::Result<[u8; 32]> {
    let (start, rest) = match pattern.as_bytes().strip_prefix(b"/") {
        Some(rest) => (Path::new("/"), rest),
        None => (folder, pattern.as_bytes()),
    };
    let parts = rest.split(|byte| *byte == b'/').map(OsStr::from_bytes);
    let parts: Vec<&OsStr> = parts.filter(|part| !part.is_empty()).collect();
    let mut matches = Vec::new();
    expand(start, &parts, &mut matches)?;
    matches.sort();
    matches.dedup();
    if matches.is_empty() {
        let message = "no file matches this pattern";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let mut hash = Sha256::new();
    for path in matches {
        let metadata = match fs::metadata(&path) {
            // A dangling link is identified by its target.
            Err(error) if is_dangling(&error) => path.symlink_metadata()?,
            metadata => metadata?,
        };
        let (kind, content) = kind_and_content(&path, &metadata)?;
        let name = path.strip_prefix(start).unwrap_or(&path);
        add(&mut hash, kind, name.as_os_str().as_bytes(), content);
    }
    Ok(hash.finalize().into())
}

/// Reports whether a link is dangling: its target is missing, lies below a file, or is part of a
/// loop.
fn is_dangling(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ELOOP)
}

fn expand(folder: &Path, parts: &[&OsStr], matches: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((first, rest)) = parts.split_first() else {
        matches.push(folder.to_owned());
        return Ok(());
    };
    if !is_pattern(first) {
        let path = folder.join(first);
        return match path.symlink_metadata() {
            Ok(_) => expand(&path, rest, matches),
            Err(error) if is_dangling(&error) => Ok(()),
            Err(error) => Err(error),
        };
    }
    let any_depth = *first == "**";
    if any_depth {
        // `**` also matches no folder at all; a trailing one works as `**/*`.
        let last = [*rest.first().unwrap_or(&OsStr::new("*"))];
        expand(folder, if rest.is_empty() { &last } else { rest }, matches)?;
    }
    let pattern = characters(first);
    let glob =
        Glob::new(&pattern).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    for path in sorted(folder)? {
        let name = characters(path.file_name().unwrap_or_default());
        if name.starts_with('.') && !pattern.starts_with('.') || !glob.matches(&name) {
            continue;
        }
        let is_folder = match any_depth {
            // `**` follows no links, which may form a loop.
            true => path.symlink_metadata()?.is_dir(),
            false => path.is_dir(),
        };
        match (any_depth, is_folder) {
            (true, true) => expand(&path, parts, matches)?,
            (true, false) => {}
            (false, _) if rest.is_empty() => matches.push(path),
            (false, true) => expand(&path, rest, matches)?,
            (false, false) => {}
        }
    }
    Ok(())
}

/// Converts a name or a pattern to text. A byte that is not UTF-8 becomes a private-use character,
/// which `*` and `?` match and which otherwise matches only itself.
fn characters(name: &OsStr) -> String {
    const PRIVATE: u32 = 0xF700;
    let mut text = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        let bytes = chunk.invalid().iter();
        text.extend(bytes.filter_map(|byte| char::from_u32(PRIVATE + u32::from(*byte))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
        fs::set_permissions(path.join("src/z.rs"), PermissionsExt::from_mode(0o755))
            .expect("a mode");
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
            hash_file(&path.join(name)).expect_err(name);
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
}
